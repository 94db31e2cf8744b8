//! Tests of the allocator as a whole.

mod model;
mod properties;
mod vectors;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;

/// The n-th IPv4 public address.
fn public_v4(n: u8) -> IpAddr {
    Ipv4Addr::new(203, 0, 113, n).into()
}

/// The n-th IPv6 public address.
fn public_v6(n: u16) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n).into()
}

/// A flow of `instance` from its port `sport` to the n-th remote host.
fn flow(instance: u32, protocol: Protocol, sport: u16, host: u16, dport: u16) -> Flow {
    let inside = Endpoint::new(Ipv4Addr::from_bits(0x0a00_0000 + instance), sport);
    let remote = Endpoint::new(Ipv4Addr::from_bits(0xc612_0000 + u32::from(host)), dport);
    Flow {
        instance: InstanceId(instance),
        protocol,
        inside,
        remote,
    }
}

/// As `flow`, over IPv6.
fn flow_v6(instance: u32, protocol: Protocol, sport: u16, host: u16, dport: u16) -> Flow {
    let v6 = |net, n| Ipv6Addr::new(net, 0, 0, 0, 0, 0, 0, n);
    let inside = Endpoint::new(v6(0xfd00, instance as u16), sport);
    let remote = Endpoint::new(v6(0x2001, host), dport);
    Flow {
        instance: InstanceId(instance),
        protocol,
        inside,
        remote,
    }
}

fn share(instance: u32, protocol: Protocol, addresses: &[(IpAddr, u32)]) -> Share {
    let addresses = addresses
        .iter()
        .map(|&(address, ports)| Quota { address, ports })
        .collect();
    Share {
        instance: InstanceId(instance),
        protocol,
        addresses,
    }
}

/// `members` instances with `ports` of both protocols each on one address.
fn even(members: u32, ports: u32) -> Plan {
    let shares = (0..members)
        .flat_map(|n| Protocol::ALL.map(|protocol| share(n, protocol, &[(public_v4(1), ports)])))
        .collect();
    Plan {
        shares,
        reserved: Vec::new(),
    }
}

/// An allocator with `plan`.
fn with(plan: Plan) -> Allocator {
    let mut allocator = Allocator::default();
    let changes = allocator.configure(plan).expect("the plan is sound");
    assert!(changes.revoked.is_empty() && changes.lost.is_empty());
    allocator
}
