//! `flow_v4`, `flow_v6`: one direction of a known flow. Exact match on zone, source, destination,
//! protocol and ports; the action translates one side and names the egress and the flow.
//!
//! ```text
//! FlowV4, 32 bytes                          FlowV6, 64 bytes
//!  0  source       4  destination            0  source (16)
//!  8  source port 10  destination port      16  destination (16)
//! 12  new address                           32  source port   34  destination port
//! 16  flow        20  zero                  36  flow
//!                                           40  new address (16)
//! 24  CRC  26 new port  28 egress  30 tag   56  CRC  58 new port  60 egress  62 tag
//!
//! flow   bits 0..30 flow id, bit 30 translate the source (else the destination), bit 31 return
//! ```
//! A flow has two entries, forward and return, that name the same flow id.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use zerocopy::byteorder::{LittleEndian, NetworkEndian, U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{ExactEntry, KeyLayout, entry_words, tag};
use crate::{PortId, Protocol, Zone, control};

/// The highest flow id an entry can name.
pub const MAX_FLOW_ID: u32 = (1 << 30) - 1;
const SOURCE_SIDE: u32 = 1 << 30;
const RETURN: u32 = 1 << 31;

/// Which way a packet of a flow goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the initiator.
    Forward,
    /// To the initiator.
    Return,
}

/// Which address and port the entry replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Source address and source port.
    Source,
    /// Destination address and destination port.
    Destination,
}

/// What a flow entry matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey<A> {
    /// Where the packet comes from.
    pub zone: Zone,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Source address.
    pub source: A,
    /// Destination address.
    pub destination: A,
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
}

impl<A: Into<IpAddr>> FlowKey<A> {
    /// The same key with family-independent addresses.
    pub fn any_family(self) -> FlowKey<IpAddr> {
        FlowKey {
            zone: self.zone,
            protocol: self.protocol,
            source: self.source.into(),
            destination: self.destination.into(),
            source_port: self.source_port,
            destination_port: self.destination_port,
        }
    }
}

/// What a flow entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowAction<A> {
    /// The flow's state block, 0..=[`MAX_FLOW_ID`].
    pub flow: u32,
    /// Whether this is the flow's forward or its return entry.
    pub direction: Direction,
    /// What is replaced.
    pub side: Side,
    /// The new address.
    pub address: A,
    /// The new port.
    pub port: u16,
    /// Where the packet leaves, or [`crate::EGRESS_RECIRCULATE`].
    pub egress: PortId,
}

impl<A: Into<IpAddr>> FlowAction<A> {
    /// The same action with a family-independent address.
    pub fn any_family(self) -> FlowAction<IpAddr> {
        FlowAction {
            flow: self.flow,
            direction: self.direction,
            side: self.side,
            address: self.address.into(),
            port: self.port,
            egress: self.egress,
        }
    }
}

/// Packs flow id, side and direction as the `flow` field has them.
const fn pack(flow: u32, side: Side, direction: Direction) -> u32 {
    let side = match side {
        Side::Source => SOURCE_SIDE,
        Side::Destination => 0,
    };
    let direction = match direction {
        Direction::Forward => 0,
        Direction::Return => RETURN,
    };
    (flow & MAX_FLOW_ID) | side | direction
}

const fn unpack(packed: u32) -> (u32, Side, Direction) {
    let side = if packed & SOURCE_SIDE == 0 {
        Side::Destination
    } else {
        Side::Source
    };
    let direction = if packed & RETURN == 0 {
        Direction::Forward
    } else {
        Direction::Return
    };
    (packed & MAX_FLOW_ID, side, direction)
}

/// An IPv4 flow entry.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct FlowV4 {
    source: [u8; 4],
    destination: [u8; 4],
    source_port: U16<NetworkEndian>,
    destination_port: U16<NetworkEndian>,
    address: [u8; 4],
    flow: U32<LittleEndian>,
    zero: [u8; 4],
    crc: U16<LittleEndian>,
    port: U16<NetworkEndian>,
    egress: U16<LittleEndian>,
    tag: U16<LittleEndian>,
}

entry_words!(FlowV4, 4, FlowV4);

impl ExactEntry<4> for FlowV4 {
    const KEY: KeyLayout<4> = KeyLayout {
        mask: [u64::MAX, 0xffff_ffff, 0, control::KEY_MASK],
        hashed: 2,
    };
}

/// An IPv6 flow entry.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct FlowV6 {
    source: [u8; 16],
    destination: [u8; 16],
    source_port: U16<NetworkEndian>,
    destination_port: U16<NetworkEndian>,
    flow: U32<LittleEndian>,
    address: [u8; 16],
    crc: U16<LittleEndian>,
    port: U16<NetworkEndian>,
    egress: U16<LittleEndian>,
    tag: U16<LittleEndian>,
}

entry_words!(FlowV6, 8, FlowV6);

impl ExactEntry<8> for FlowV6 {
    const KEY: KeyLayout<8> = KeyLayout {
        mask: [
            u64::MAX,
            u64::MAX,
            u64::MAX,
            u64::MAX,
            0xffff_ffff,
            0,
            0,
            control::KEY_MASK,
        ],
        hashed: 5,
    };
}

macro_rules! flow_entry {
    ($entry:ident, $address:ty, $($zero:ident)?) => {
        impl $entry {
            /// The entry of one direction.
            pub fn new(key: FlowKey<$address>, action: FlowAction<$address>) -> Self {
                Self {
                    source: key.source.octets(),
                    destination: key.destination.octets(),
                    source_port: key.source_port.into(),
                    destination_port: key.destination_port.into(),
                    address: action.address.octets(),
                    flow: pack(action.flow, action.side, action.direction).into(),
                    $($zero: [0; 4],)?
                    crc: U16::ZERO,
                    port: action.port.into(),
                    egress: action.egress.into(),
                    tag: tag(key.zone, key.protocol).into(),
                }
            }

            /// What it matches.
            pub fn flow_key(&self) -> FlowKey<$address> {
                let word = u64::from(self.tag.get()) << 48;
                FlowKey {
                    zone: control::zone(word),
                    protocol: control::protocol(word),
                    source: self.source.into(),
                    destination: self.destination.into(),
                    source_port: self.source_port.get(),
                    destination_port: self.destination_port.get(),
                }
            }

            /// What it does.
            #[inline]
            pub fn action(&self) -> FlowAction<$address> {
                let (flow, side, direction) = unpack(self.flow.get());
                FlowAction {
                    flow,
                    direction,
                    side,
                    address: self.address.into(),
                    port: self.port.get(),
                    egress: self.egress.get(),
                }
            }
        }
    };
}

flow_entry!(FlowV4, Ipv4Addr, zero);
flow_entry!(FlowV6, Ipv6Addr,);
