//! The lab's addresses: who is where, in both families.
//!
//! ```text
//! client 198.51.100.2 ──┐                         ┌─ v1 ── b1 10.0.0.4 (web-1)
//!                     router ── up0 ─ switch ─────┼─ v2 ── b2 10.0.0.5 (web-2)
//! internet 192.0.2.2,3 ─┘    (hw-sim, host-driver)├─ v3 ── b3 10.0.0.6 (web-3)
//!                                                 └─ vh ── host0 168.63.129.16 (in switch)
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use firmware_api::Family;
use flow_compiler::ir::{PLATFORM_V4, PLATFORM_V6};

/// Both families, in the order the tests take them.
pub const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// How many backends the lab has.
pub const BACKENDS: usize = 3;

/// The uplink's own MAC, which is also the gateway's on every vport.
pub const UPLINK_MAC: &str = "02:00:00:00:01:00";
/// The MAC of the host's own vport.
pub const HOST_MAC: &str = "02:00:00:00:00:10";

/// What every rule is reached by.
pub fn frontend(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(203, 0, 113, 10).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10).into(),
    }
}

/// A port of the frontend.
pub fn service(family: Family, port: u16) -> SocketAddr {
    SocketAddr::new(frontend(family), port)
}

/// The client's only address.
pub fn client(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(198, 51, 100, 2).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0xc, 0, 0, 0, 0, 2).into(),
    }
}

/// The two addresses of the Internet host.
pub fn internet(family: Family) -> [IpAddr; 2] {
    match family {
        Family::V4 => [2, 3].map(|last| Ipv4Addr::new(192, 0, 2, last).into()),
        Family::V6 => [2, 3].map(|last| Ipv6Addr::new(0x2001, 0xdb8, 0xe, 0, 0, 0, 0, last).into()),
    }
}

/// Where probes come from.
pub fn prober(family: Family) -> IpAddr {
    match family {
        Family::V4 => PLATFORM_V4.into(),
        Family::V6 => PLATFORM_V6.into(),
    }
}

/// The own address of a backend, counted from 0.
pub fn backend(index: usize, family: Family) -> IpAddr {
    let last = 4 + index as u16;
    match family {
        Family::V4 => Ipv4Addr::new(10, 0, 0, last as u8).into(),
        Family::V6 => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last).into(),
    }
}

/// The name of a backend, counted from 0.
pub fn backend_name(index: usize) -> String {
    format!("web-{}", index + 1)
}

/// The MAC of a backend, counted from 0.
pub fn backend_mac(index: usize) -> String {
    format!("02:00:00:00:00:{:02x}", 4 + index)
}
