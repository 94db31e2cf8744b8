//! `return_path_v4`, `return_path_v6`: exact match on zone, a backend's address, protocol and port;
//! the action is the frontend that its replies have to come from. Serves replies whose flow entry
//! is not installed yet, and the driverless mode.
//!
//! ```text
//! ReturnPathV4, 32 bytes                  ReturnPathV6, 64 bytes
//!  0  source        4  source port         0  source (16)
//!  6  zero (2)                            16  source port  18  zero (6)
//!  8  frontend     12  zero (12)          24  frontend (16)
//! 24  CRC  26 frontend port               40  zero (16)
//! 28  flags        30  tag                56  CRC  58 frontend port  60 flags 62 tag
//!
//! flags, little-endian   bit 0  the frontend is an internal one   bit 1  serves fragments
//! ```

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use zerocopy::byteorder::{LittleEndian, NetworkEndian, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{ExactEntry, KeyLayout, entry_words, tag};
use crate::{Protocol, Zone, control};

/// What a return-path entry matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReturnPathKey<A> {
    /// Where the backend is: [`Zone::VNET`].
    pub zone: Zone,
    /// The source of the reply: the backend's address, or the frontend's with floating IP.
    pub source: A,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The backend port; 0 = any (HA ports), looked up second.
    pub port: u16,
}

/// What the reply's source becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReturnPathAction<A> {
    /// The frontend's address.
    pub address: A,
    /// The frontend's port; 0 = keep the port (HA ports).
    pub port: u16,
    /// The frontend is internal: nothing leaves by the uplink in its name.
    pub internal: bool,
    /// It serves fragments too (HA ports, spec A-17).
    pub fragments: bool,
}

const INTERNAL: u16 = 1;
const FRAGMENTS: u16 = 2;

impl<A> ReturnPathAction<A> {
    const fn flags(&self) -> u16 {
        (if self.internal { INTERNAL } else { 0 }) | (if self.fragments { FRAGMENTS } else { 0 })
    }
}

impl<A: Into<IpAddr>> ReturnPathAction<A> {
    /// The same action with a family-independent address.
    pub fn any_family(self) -> ReturnPathAction<IpAddr> {
        ReturnPathAction {
            address: self.address.into(),
            port: self.port,
            internal: self.internal,
            fragments: self.fragments,
        }
    }
}

/// An IPv4 return-path entry.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct ReturnPathV4 {
    source: [u8; 4],
    source_port: U16<NetworkEndian>,
    zero: [u8; 2],
    address: [u8; 4],
    zero_body: [u8; 12],
    crc: U16<LittleEndian>,
    port: U16<NetworkEndian>,
    flags: U16<LittleEndian>,
    tag: U16<LittleEndian>,
}

entry_words!(ReturnPathV4, 4, ReturnPathV4);

impl ExactEntry<4> for ReturnPathV4 {
    const KEY: KeyLayout<4> = KeyLayout {
        mask: [0xffff_ffff_ffff, 0, 0, control::KEY_MASK],
        hashed: 1,
    };
}

/// An IPv6 return-path entry.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct ReturnPathV6 {
    source: [u8; 16],
    source_port: U16<NetworkEndian>,
    zero: [u8; 6],
    address: [u8; 16],
    zero_body: [u8; 16],
    crc: U16<LittleEndian>,
    port: U16<NetworkEndian>,
    flags: U16<LittleEndian>,
    tag: U16<LittleEndian>,
}

entry_words!(ReturnPathV6, 8, ReturnPathV6);

impl ExactEntry<8> for ReturnPathV6 {
    const KEY: KeyLayout<8> = KeyLayout {
        mask: [u64::MAX, u64::MAX, 0xffff, 0, 0, 0, 0, control::KEY_MASK],
        hashed: 3,
    };
}

macro_rules! return_path_entry {
    ($entry:ident, $address:ty) => {
        impl $entry {
            /// The entry that gives replies from `key` the source `action`.
            pub fn new(key: ReturnPathKey<$address>, action: ReturnPathAction<$address>) -> Self {
                Self {
                    source: key.source.octets(),
                    source_port: key.port.into(),
                    zero: Default::default(),
                    address: action.address.octets(),
                    zero_body: Default::default(),
                    crc: U16::ZERO,
                    port: action.port.into(),
                    flags: action.flags().into(),
                    tag: tag(key.zone, key.protocol).into(),
                }
            }

            /// An entry of that key, for lookups, which regard nothing else.
            pub fn of_key(key: ReturnPathKey<$address>) -> Self {
                let action = ReturnPathAction {
                    address: key.source,
                    port: 0,
                    internal: false,
                    fragments: false,
                };
                Self::new(key, action)
            }

            /// What it matches.
            pub fn return_path_key(&self) -> ReturnPathKey<$address> {
                let word = u64::from(self.tag.get()) << 48;
                ReturnPathKey {
                    zone: control::zone(word),
                    source: self.source.into(),
                    protocol: control::protocol(word),
                    port: self.source_port.get(),
                }
            }

            /// What it does.
            pub fn action(&self) -> ReturnPathAction<$address> {
                ReturnPathAction {
                    address: self.address.into(),
                    port: self.port.get(),
                    internal: self.flags.get() & INTERNAL != 0,
                    fragments: self.flags.get() & FRAGMENTS != 0,
                }
            }
        }
    };
}

return_path_entry!(ReturnPathV4, Ipv4Addr);
return_path_entry!(ReturnPathV6, Ipv6Addr);
