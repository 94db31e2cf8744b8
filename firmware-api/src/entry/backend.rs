//! `backend`: where a backend is. Index = backend id.
//!
//! ```text
//!  0  address (16, IPv4 mapped)   16  zero (8)   24  CRC   26  port   28  egress   30  tag
//! ```

use core::net::IpAddr;

use zerocopy::byteorder::{LittleEndian, NetworkEndian, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{entry_words, tag};
use crate::{PortId, Protocol, Zone, mapped, unmapped};

/// Index of a backend, 0..=65533.
pub type BackendId = u16;

/// The facts of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendConfig {
    /// The new destination: the instance's address, or the frontend's with floating IP.
    pub address: IpAddr,
    /// The new destination port; 0 = keep the port (HA ports).
    pub port: u16,
    /// The vport that leads to the instance.
    pub egress: PortId,
}

/// A backend entry.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Backend {
    address: [u8; 16],
    zero: [u8; 8],
    crc: U16<LittleEndian>,
    port: U16<NetworkEndian>,
    egress: U16<LittleEndian>,
    tag: U16<LittleEndian>,
}

entry_words!(Backend, 4, Backend);

impl Backend {
    /// The entry of a backend.
    pub fn new(config: BackendConfig) -> Self {
        Self {
            address: mapped(config.address),
            zero: [0; 8],
            crc: U16::ZERO,
            port: config.port.into(),
            egress: config.egress.into(),
            tag: tag(Zone::VNET, Protocol::None).into(),
        }
    }

    /// The facts.
    pub fn config(&self) -> BackendConfig {
        BackendConfig {
            address: unmapped(self.address),
            port: self.port.get(),
            egress: self.egress.get(),
        }
    }
}
