//! The facts that the link layer is built from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use firmware_api::PortId;
use firmware_api::entry::port::Mac;

/// All of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// Port 0.
    pub uplink: Uplink,
    /// The addresses that are reached through the uplink's MAC: frontends, then 1:1 addresses.
    pub answered: Vec<IpAddr>,
    /// The other ports.
    pub vports: Vec<Vport>,
}

/// The uplink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uplink {
    /// Its own MAC.
    pub mac: Mac,
    /// 802.1Q VLAN id; 0 = untagged.
    pub vlan: u16,
    /// Its own IPv4 address.
    pub address_v4: Option<Ipv4Addr>,
    /// Its own IPv6 address; a link-local one it always has.
    pub address_v6: Option<Ipv6Addr>,
    /// Where IPv4 goes.
    pub next_hop_v4: Option<NextHop<Ipv4Addr>>,
    /// Where IPv6 goes.
    pub next_hop_v6: Option<NextHop<Ipv6Addr>>,
}

/// Where packets go that leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextHop<A> {
    /// To this MAC, which is never asked for.
    Static(Mac),
    /// To the station that has the address.
    Resolve(A),
}

/// A port that faces an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vport {
    /// Its number.
    pub port: PortId,
    /// The gateway's MAC, which is the port's own.
    pub gateway_mac: Mac,
    /// 802.1Q VLAN id; 0 = untagged.
    pub vlan: u16,
    /// The instance's MAC.
    pub instance_mac: Mac,
    /// The instance's own addresses.
    pub addresses: Vec<IpAddr>,
}
