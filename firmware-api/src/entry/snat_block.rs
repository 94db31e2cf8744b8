//! `snat_block`: exact match on public address, protocol and port / 8; the vport of the instance
//! that owns the block of eight SNAT ports (spec SNAT-10, L-OUT-09). Tells whose a late or unknown
//! packet to a SNAT port is; the flows themselves are in the flow tables.
//!
//! ```text
//!  0  public address (16, IPv4 mapped)   16  block   18  zero (6)
//! 24  CRC   26  vport      28  zero   30  tag
//! ```

use core::net::IpAddr;

use zerocopy::byteorder::{LittleEndian, NetworkEndian, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{ExactEntry, KeyLayout, entry_words, tag};
use crate::{PortId, Protocol, Zone, control, mapped, unmapped};

/// What a SNAT-block entry matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnatBlockKey {
    /// The public address.
    pub address: IpAddr,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The block: SNAT port / 8, 128..=8127.
    pub block: u16,
}

/// A SNAT-block entry.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct SnatBlock {
    address: [u8; 16],
    block: U16<NetworkEndian>,
    zero: [u8; 6],
    crc: U16<LittleEndian>,
    vport: U16<LittleEndian>,
    zero_control: [u8; 2],
    tag: U16<LittleEndian>,
}

entry_words!(SnatBlock, 4, SnatBlock);

impl ExactEntry<4> for SnatBlock {
    const KEY: KeyLayout<4> = KeyLayout {
        mask: [u64::MAX, u64::MAX, 0xffff, control::KEY_MASK],
        hashed: 3,
    };
}

impl SnatBlock {
    /// The entry that gives the block to the instance behind a vport.
    pub fn new(key: SnatBlockKey, vport: PortId) -> Self {
        Self {
            address: mapped(key.address),
            block: key.block.into(),
            zero: [0; 6],
            crc: U16::ZERO,
            vport: vport.into(),
            zero_control: [0; 2],
            tag: tag(Zone::UPLINK, key.protocol).into(),
        }
    }

    /// What it matches.
    pub fn snat_block_key(&self) -> SnatBlockKey {
        SnatBlockKey {
            address: unmapped(self.address),
            protocol: control::protocol(u64::from(self.tag.get()) << 48),
            block: self.block.get(),
        }
    }

    /// The owner's vport, which stays the same while its instance id may change.
    pub fn vport(&self) -> PortId {
        self.vport.get()
    }
}
