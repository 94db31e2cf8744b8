//! `address`: exact match on zone and destination; which instance owns the address.
//!
//! In zone uplink it is a 1:1 public address, and the destination is translated to the instance's
//! own (spec OUT-03, L-OUT-02). In zone vnet it is the instance's own address, and the packet is
//! delivered as it is: traffic between vports.
//!
//! ```text
//!  0  destination (16, IPv4 mapped)   16  zero (8)   24  CRC   26  instance   28  zero   30  tag
//! ```

use core::net::IpAddr;

use zerocopy::byteorder::{LittleEndian, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{ExactEntry, KeyLayout, entry_words, instance::InstanceId, tag};
use crate::{Protocol, Zone, control, mapped, unmapped};

/// What an address entry matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressKey {
    /// Where the packet comes from.
    pub zone: Zone,
    /// Its destination.
    pub destination: IpAddr,
}

/// An address entry.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Address {
    destination: [u8; 16],
    zero: [u8; 8],
    crc: U16<LittleEndian>,
    instance: U16<LittleEndian>,
    zero_control: [u8; 2],
    tag: U16<LittleEndian>,
}

entry_words!(Address, 4, Address);

impl ExactEntry<4> for Address {
    const KEY: KeyLayout<4> = KeyLayout {
        mask: [u64::MAX, u64::MAX, 0, control::KEY_MASK],
        hashed: 3,
    };
}

impl Address {
    /// The entry that gives the address to an instance.
    pub fn new(key: AddressKey, instance: InstanceId) -> Self {
        Self {
            destination: mapped(key.destination),
            zero: [0; 8],
            crc: U16::ZERO,
            instance: instance.into(),
            zero_control: [0; 2],
            tag: tag(key.zone, Protocol::None).into(),
        }
    }

    /// What it matches.
    pub fn address_key(&self) -> AddressKey {
        AddressKey {
            zone: control::zone(u64::from(self.tag.get()) << 48),
            destination: unmapped(self.destination),
        }
    }

    /// The owner.
    pub fn instance(&self) -> InstanceId {
        self.instance.get()
    }
}
