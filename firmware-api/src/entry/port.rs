//! `port`: what a port of the card is. Index = port number.
//!
//! ```text
//!  0  own MAC (6)        6  VLAN id (0 = untagged)
//!  8  IPv4 peer MAC (6) 14  zero
//! 16  IPv6 peer MAC (6) 22  zero
//! 24  CRC   26  instance   28  kind   30  tag (zone)
//! ```
//! Frames leave with the own MAC as source and the peer's as destination: on an uplink the next
//! hop's, on a vport the instance's. Each word may be replaced by itself while the port is in use.

use zerocopy::byteorder::{LittleEndian, NetworkEndian, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{entry_words, instance::InstanceId, tag};
use crate::{Protocol, Zone, control};

/// An Ethernet address.
pub type Mac = [u8; 6];

/// What a port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortKind {
    /// Takes and sends nothing.
    Off,
    /// Faces the physical network.
    Uplink,
    /// Faces one instance.
    Vport(InstanceId),
}

/// The facts of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortConfig {
    /// What it is.
    pub kind: PortKind,
    /// The zone its packets come from: [`Zone::FORWARD`] when the instance forwards for others.
    pub zone: Zone,
    /// The source of frames that leave here.
    pub own_mac: Mac,
    /// The destination of IPv4 frames that leave here.
    pub peer_mac_v4: Mac,
    /// The destination of IPv6 frames that leave here.
    pub peer_mac_v6: Mac,
    /// 802.1Q VLAN id of the port's frames, 1..=4094; 0 = untagged.
    pub vlan: u16,
}

/// A port entry.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Port {
    own_mac: [u8; 6],
    vlan: U16<NetworkEndian>,
    peer_mac_v4: [u8; 6],
    zero_v4: [u8; 2],
    peer_mac_v6: [u8; 6],
    zero_v6: [u8; 2],
    crc: U16<LittleEndian>,
    instance: U16<LittleEndian>,
    kind: U16<LittleEndian>,
    tag: U16<LittleEndian>,
}

entry_words!(Port, 4, Port);

const UPLINK: u16 = 1;
const VPORT: u16 = 2;

impl Port {
    /// The entry of a port.
    pub fn new(config: PortConfig) -> Self {
        let (kind, instance) = match config.kind {
            PortKind::Off => (0, 0),
            PortKind::Uplink => (UPLINK, 0),
            PortKind::Vport(instance) => (VPORT, instance),
        };
        Self {
            own_mac: config.own_mac,
            vlan: config.vlan.into(),
            peer_mac_v4: config.peer_mac_v4,
            zero_v4: [0; 2],
            peer_mac_v6: config.peer_mac_v6,
            zero_v6: [0; 2],
            crc: U16::ZERO,
            instance: instance.into(),
            kind: kind.into(),
            tag: tag(config.zone, Protocol::None).into(),
        }
    }

    /// The facts.
    pub fn config(&self) -> PortConfig {
        PortConfig {
            kind: match self.kind.get() {
                UPLINK => PortKind::Uplink,
                VPORT => PortKind::Vport(self.instance.get()),
                _ => PortKind::Off,
            },
            zone: control::zone(u64::from(self.tag.get()) << 48),
            own_mac: self.own_mac,
            peer_mac_v4: self.peer_mac_v4,
            peer_mac_v6: self.peer_mac_v6,
            vlan: self.vlan.get(),
        }
    }
}
