//! The Headgate device contract.
//!
//! Everything that host and card must agree on bit for bit, declared once: registers, tables, entry
//! layouts, rings, hashes, packet parsing and the numbers of every drop and punt reason.
//! No policy, no I/O, no allocation; `unsafe` only in [`region`].
//!
//! Byte order: addresses, ports and packet headers are in network order; every other number is
//! little-endian, as PCIe is.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod control;
pub mod doorbell;
pub mod entry;
pub mod flow_state;
pub mod geometry;
pub mod harvest;
pub mod hash;
pub mod inject;
pub mod memory;
pub mod packet;
pub mod punt;
pub mod reason;
pub mod region;
pub mod register;
pub mod ring;
pub mod schema;
pub mod selector;
pub mod table;
pub mod trace;

pub use memory::Memory;
pub use reason::{DropReason, PuntReason};
pub use table::TableId;

/// The virtual network's or the uplink's side of the card: the first part of every lookup key.
///
/// Public addresses exist in [`Zone::UPLINK`], instances' own addresses in [`Zone::VNET`]; flows are
/// told apart by the zone of the port that their packets come from. Range 0..=31 (five bits of the
/// control word).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Zone(u8);

impl Zone {
    /// The side that faces the physical network.
    pub const UPLINK: Self = Self(0);
    /// The side that faces the instances.
    pub const VNET: Self = Self(1);
    /// Instances that send packets of others: what is steered through one comes from two vports
    /// with the same 5-tuple, and is two flow keys.
    pub const FORWARD: Self = Self(2);

    /// The zone of that number; only the low five bits exist on the card.
    pub const fn new(number: u8) -> Self {
        Self(number & 0x1f)
    }

    /// The number, 0..=31.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The zone whose frontends, return paths and addresses a packet from here meets.
    #[must_use]
    pub const fn network(self) -> Self {
        match self {
            Self::FORWARD => Self::VNET,
            zone => zone,
        }
    }
}

/// The transport protocols a lookup key can name (three bits of the control word).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Protocol {
    /// No transport protocol is part of this key.
    None = 0,
    /// TCP, IP protocol 6.
    Tcp = 1,
    /// UDP, IP protocol 17.
    Udp = 2,
    /// ICMP (1) on IPv4, ICMPv6 (58) on IPv6.
    Icmp = 3,
}

impl Protocol {
    /// The three-bit code's protocol; unknown codes are [`Protocol::None`].
    pub const fn from_code(code: u8) -> Self {
        match code & 7 {
            1 => Self::Tcp,
            2 => Self::Udp,
            3 => Self::Icmp,
            _ => Self::None,
        }
    }

    /// The IP protocol number in the family, 0 for [`Protocol::None`].
    pub const fn ip_number(self, family: Family) -> u8 {
        match (self, family) {
            (Self::None, _) => 0,
            (Self::Tcp, _) => 6,
            (Self::Udp, _) => 17,
            (Self::Icmp, Family::V4) => 1,
            (Self::Icmp, Family::V6) => 58,
        }
    }
}

/// The IP version of a packet, key or address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A port of the card: 0 is the first uplink, vports follow. Range 0..[`MAX_PORTS`].
pub type PortId = u16;

/// How many ports a card can have at the most (the `port` table's largest size).
pub const MAX_PORTS: u16 = 4096;

/// The egress number that sends a packet through the pipeline again, as if it had just come in on
/// the uplink: a virtual machine that reaches a public frontend of this very card (spec A-15).
pub const EGRESS_RECIRCULATE: PortId = 0xfffe;

/// The longest Ethernet frame the card takes, in bytes, without frame check sequence.
pub const MAX_FRAME: usize = 9216;

/// An IP address as every table stores it: 16 bytes, IPv4 as `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2).
pub fn mapped(address: core::net::IpAddr) -> [u8; 16] {
    match address {
        core::net::IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        core::net::IpAddr::V6(v6) => v6.octets(),
    }
}

/// The inverse of [`mapped`].
pub fn unmapped(octets: [u8; 16]) -> core::net::IpAddr {
    core::net::Ipv6Addr::from(octets).to_canonical()
}

/// The port that faces the physical network; every other port is a vport.
pub const UPLINK_PORT: PortId = 0;
