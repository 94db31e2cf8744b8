//! `frontend_v4`, `frontend_v6`: exact match on zone, destination, protocol and destination port;
//! port 0 is an HA-ports frontend and is looked up second (spec L-HA-02). The action balances by a
//! rule, forwards to the one backend of an inbound NAT rule, or has the driver answer pings: that is
//! for protocol ICMP, whose only port is 0.
//!
//! ```text
//! FrontendV4, 32 bytes             FrontendV6, 32 bytes
//!  0  destination   4  port         0  destination (16)
//!  6  zero (2)                     16  port   18  zero (6)
//!  8  zero (8)                     24  CRC    26  rule   28  target   30  tag
//! 16  zero (8)
//! 24  CRC  26 rule  28 target  30 tag
//!
//! target   0 = balance; n + 1 = port_forward to backend n; 0xffff = answer_echo
//! ```
//! The whole action is in the control word, so it changes in one write.

use core::net::{Ipv4Addr, Ipv6Addr};

use zerocopy::byteorder::{LittleEndian, NetworkEndian, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{ExactEntry, KeyLayout, backend::BackendId, entry_words, rule::RuleId, tag};
use crate::{Protocol, Zone, control};

/// What a frontend entry matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrontendKey<A> {
    /// [`Zone::UPLINK`] for public frontends, [`Zone::VNET`] for internal ones.
    pub zone: Zone,
    /// The frontend's address.
    pub destination: A,
    /// TCP, UDP or ICMP.
    pub protocol: Protocol,
    /// The frontend port; 0 = any (HA ports), and the only one of ICMP.
    pub port: u16,
}

/// What a frontend entry does with a new flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrontendAction {
    /// Select a backend by the rule's hash.
    Balance(RuleId),
    /// Forward to the one backend of an inbound NAT rule (NATR-01).
    PortForward(BackendId, RuleId),
    /// Have the driver answer echo requests (L-ICMP-01).
    AnswerEcho,
}

const ANSWER_ECHO: u16 = u16::MAX;

impl FrontendAction {
    /// The rule, where there is one.
    pub const fn rule(self) -> Option<RuleId> {
        match self {
            Self::Balance(rule) | Self::PortForward(_, rule) => Some(rule),
            Self::AnswerEcho => None,
        }
    }

    const fn fields(self) -> (RuleId, u16) {
        match self {
            Self::Balance(rule) => (rule, 0),
            Self::PortForward(backend, rule) => (rule, backend + 1),
            Self::AnswerEcho => (0, ANSWER_ECHO),
        }
    }

    const fn from_fields(rule: RuleId, target: u16) -> Self {
        match target {
            0 => Self::Balance(rule),
            ANSWER_ECHO => Self::AnswerEcho,
            n => Self::PortForward(n - 1, rule),
        }
    }
}

/// An IPv4 frontend entry.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct FrontendV4 {
    destination: [u8; 4],
    port: U16<NetworkEndian>,
    zero: [u8; 18],
    crc: U16<LittleEndian>,
    rule: U16<LittleEndian>,
    target: U16<LittleEndian>,
    tag: U16<LittleEndian>,
}

entry_words!(FrontendV4, 4, FrontendV4);

impl ExactEntry<4> for FrontendV4 {
    const KEY: KeyLayout<4> = KeyLayout {
        mask: [0xffff_ffff_ffff, 0, 0, control::KEY_MASK],
        hashed: 1,
    };
}

/// An IPv6 frontend entry.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct FrontendV6 {
    destination: [u8; 16],
    port: U16<NetworkEndian>,
    zero: [u8; 6],
    crc: U16<LittleEndian>,
    rule: U16<LittleEndian>,
    target: U16<LittleEndian>,
    tag: U16<LittleEndian>,
}

entry_words!(FrontendV6, 4, FrontendV6);

impl ExactEntry<4> for FrontendV6 {
    const KEY: KeyLayout<4> = KeyLayout {
        mask: [u64::MAX, u64::MAX, 0xffff, control::KEY_MASK],
        hashed: 3,
    };
}

macro_rules! frontend_entry {
    ($entry:ident, $address:ty) => {
        impl $entry {
            /// The entry that does `action` with new flows to `key`.
            pub fn new(key: FrontendKey<$address>, action: FrontendAction) -> Self {
                let (rule, target) = action.fields();
                Self {
                    destination: key.destination.octets(),
                    port: key.port.into(),
                    zero: Default::default(),
                    crc: U16::ZERO,
                    rule: rule.into(),
                    target: target.into(),
                    tag: tag(key.zone, key.protocol).into(),
                }
            }

            /// What it matches.
            pub fn frontend_key(&self) -> FrontendKey<$address> {
                let word = u64::from(self.tag.get()) << 48;
                FrontendKey {
                    zone: control::zone(word),
                    destination: self.destination.into(),
                    protocol: control::protocol(word),
                    port: self.port.get(),
                }
            }

            /// What it does.
            pub fn action(&self) -> FrontendAction {
                FrontendAction::from_fields(self.rule.get(), self.target.get())
            }
        }
    };
}

frontend_entry!(FrontendV4, Ipv4Addr);
frontend_entry!(FrontendV6, Ipv6Addr);
