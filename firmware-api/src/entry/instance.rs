//! `instance`: an instance's addresses and its ways out. Index = instance id.
//!
//! ```text
//!  0  address v6 (16)        16  public v6 (16)
//! 32  address v4   36  public v4
//! 40  ways out: v4 TCP, v4 UDP, v6 TCP, v6 UDP (one byte each)
//! 44  vport   46  flags   48  next hop v4   50  next hop v6   52  zero (4)
//! 56  CRC     58  zero (4)   62  tag
//!
//! flags  bit 0  serves a floating-IP rule      bit 3  next hop v4 is one
//!        bit 1  forwards packets of others     bit 4  next hop v6 is one
//!        bit 2  is the platform
//! ```
//! An address of all zeros is none. A 1:1 way out holds for every protocol of its family.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use zerocopy::byteorder::{LittleEndian, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::rule::RuleId;
use super::{entry_words, tag};
use crate::{Family, PortId, Protocol, Zone};

/// Index of an instance.
pub type InstanceId = u16;

/// How an instance reaches public destinations (spec L-OUT-01).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum WayOut {
    /// Not at all.
    #[default]
    None = 0,
    /// Its 1:1 public address; ports stay.
    OneToOne = 1,
    /// A SNAT port, which the driver allocates.
    Snat = 2,
}

impl WayOut {
    const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::OneToOne,
            2 => Self::Snat,
            _ => Self::None,
        }
    }
}

/// The facts of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceConfig {
    /// Its IPv4 address.
    pub address_v4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    pub address_v6: Option<Ipv6Addr>,
    /// Its 1:1 public IPv4 address.
    pub public_v4: Option<Ipv4Addr>,
    /// Its 1:1 public IPv6 address.
    pub public_v6: Option<Ipv6Addr>,
    /// Ways out for IPv4 TCP, IPv4 UDP, IPv6 TCP, IPv6 UDP.
    pub ways_out: [WayOut; 4],
    /// The vport that leads to it.
    pub vport: PortId,
    /// It may answer from the frontend addresses of its floating-IP rules (`return_path`).
    pub floating_ip: bool,
    /// It may send packets whose source is not its own (`ipForwarding`).
    pub ip_forwarding: bool,
    /// It has an address from which the service itself asks and answers (L-PRB-11).
    pub platform: bool,
    /// The rule through whose members its IPv4 flows go.
    pub next_hop_v4: Option<RuleId>,
    /// The rule through whose members its IPv6 flows go.
    pub next_hop_v6: Option<RuleId>,
}

impl InstanceConfig {
    /// The way out for new flows of that family and protocol. Other protocols than TCP and UDP
    /// leave by a 1:1 address or not at all (PROT-02).
    pub fn way_out(&self, family: Family, protocol: Protocol) -> WayOut {
        let one_to_one = match family {
            Family::V4 => self.public_v4.is_some(),
            Family::V6 => self.public_v6.is_some(),
        };
        let first = if family == Family::V4 { 0 } else { 2 };
        match protocol {
            _ if one_to_one => WayOut::OneToOne,
            Protocol::Tcp => self.ways_out[first],
            Protocol::Udp => self.ways_out[first + 1],
            Protocol::None | Protocol::Icmp => WayOut::None,
        }
    }

    /// The rule through whose members its flows of a family go.
    pub const fn next_hop(&self, family: Family) -> Option<RuleId> {
        match family {
            Family::V4 => self.next_hop_v4,
            Family::V6 => self.next_hop_v6,
        }
    }

    /// Whether packets for it may be steered through a next hop. What is for the platform or for
    /// an instance that forwards is not: it would not come back the way it went.
    pub const fn is_steered_to(&self) -> bool {
        !self.platform && !self.ip_forwarding
    }
}

/// An instance entry.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Instance {
    address_v6: [u8; 16],
    public_v6: [u8; 16],
    address_v4: [u8; 4],
    public_v4: [u8; 4],
    ways_out: [u8; 4],
    vport: U16<LittleEndian>,
    flags: U16<LittleEndian>,
    next_hop_v4: U16<LittleEndian>,
    next_hop_v6: U16<LittleEndian>,
    zero: [u8; 4],
    crc: U16<LittleEndian>,
    zero_control: [u8; 4],
    tag: U16<LittleEndian>,
}

entry_words!(Instance, 8, Instance);

const FLOATING_IP: u16 = 1;
const IP_FORWARDING: u16 = 1 << 1;
const PLATFORM: u16 = 1 << 2;
const STEERS_V4: u16 = 1 << 3;
const STEERS_V6: u16 = 1 << 4;

fn some_v4(octets: [u8; 4]) -> Option<Ipv4Addr> {
    (octets != [0; 4]).then(|| octets.into())
}

fn some_v6(octets: [u8; 16]) -> Option<Ipv6Addr> {
    (octets != [0; 16]).then(|| octets.into())
}

impl Instance {
    /// The entry of an instance.
    pub fn new(config: InstanceConfig) -> Self {
        let flags = [
            (config.floating_ip, FLOATING_IP),
            (config.ip_forwarding, IP_FORWARDING),
            (config.platform, PLATFORM),
            (config.next_hop_v4.is_some(), STEERS_V4),
            (config.next_hop_v6.is_some(), STEERS_V6),
        ];
        let flags = flags.iter().filter(|(is_set, _)| *is_set);
        Self {
            address_v6: config.address_v6.map_or([0; 16], |a| a.octets()),
            public_v6: config.public_v6.map_or([0; 16], |a| a.octets()),
            address_v4: config.address_v4.map_or([0; 4], |a| a.octets()),
            public_v4: config.public_v4.map_or([0; 4], |a| a.octets()),
            ways_out: config.ways_out.map(|w| w as u8),
            vport: config.vport.into(),
            flags: flags.fold(0, |all, (_, bit)| all | bit).into(),
            next_hop_v4: config.next_hop_v4.unwrap_or(0).into(),
            next_hop_v6: config.next_hop_v6.unwrap_or(0).into(),
            zero: [0; 4],
            crc: U16::ZERO,
            zero_control: [0; 4],
            tag: tag(Zone::VNET, Protocol::None).into(),
        }
    }

    /// Whether the address is its own; all zeros never is.
    pub fn owns(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => !v4.is_unspecified() && self.address_v4 == v4.octets(),
            IpAddr::V6(v6) => !v6.is_unspecified() && self.address_v6 == v6.octets(),
        }
    }

    /// The facts.
    pub fn config(&self) -> InstanceConfig {
        let has = |flag| self.flags.get() & flag != 0;
        InstanceConfig {
            address_v4: some_v4(self.address_v4),
            address_v6: some_v6(self.address_v6),
            public_v4: some_v4(self.public_v4),
            public_v6: some_v6(self.public_v6),
            ways_out: self.ways_out.map(WayOut::from_code),
            vport: self.vport.get(),
            floating_ip: has(FLOATING_IP),
            ip_forwarding: has(IP_FORWARDING),
            platform: has(PLATFORM),
            next_hop_v4: has(STEERS_V4).then(|| self.next_hop_v4.get()),
            next_hop_v6: has(STEERS_V6).then(|| self.next_hop_v6.get()),
        }
    }
}
