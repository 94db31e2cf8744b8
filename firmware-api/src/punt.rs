//! Punt records: what the device tells the driver about a packet ([`crate::ring`] carries them).
//!
//! ```text
//!  8  reason  9  zero  10  ingress port (u16)  12  timestamp (u32, device tick)
//! 16  rule (u16)  18  backend (u16)  20  flow hash (u32)
//! 24  flow id (u32)  28  length on the wire (u16)  30  captured (u16)
//! 32  the captured bytes, from the Ethernet header on
//! ```
//! `0xffff` as rule or backend, and `0xffff_ffff` as flow id, mean none. A `trace` record has the
//! trace's tag in place of the flow hash, and its verdict in place of the flow id ([`crate::trace`]).

use crate::PortId;
use crate::entry::backend::BackendId;
use crate::entry::rule::RuleId;
use crate::reason::PuntReason;
use crate::ring::Words;

/// A punt record without its captured bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Punt {
    /// Why.
    pub reason: PuntReason,
    /// Where the packet came in; [`EGRESS_RECIRCULATE`](crate::EGRESS_RECIRCULATE) when it went
    /// through the pipeline a second time.
    pub ingress: PortId,
    /// The device tick, milliseconds.
    pub timestamp: u32,
    /// The rule that forwarded it.
    pub rule: Option<RuleId>,
    /// The backend it was forwarded to.
    pub backend: Option<BackendId>,
    /// The low half of the flow hash of its key (trace: the tag).
    pub flow_hash: u32,
    /// The flow whose entry it hit (teardown; trace: the verdict).
    pub flow: Option<u32>,
    /// Bytes of the frame on the wire.
    pub length: u16,
    /// Bytes of it in the record.
    pub captured: u16,
}

/// A record with an unknown reason number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownReason(pub u8);

impl Punt {
    /// As the ring carries it.
    pub fn encode(&self) -> Words {
        let none16 = u64::from(u16::MAX);
        [
            self.reason as u64 | u64::from(self.ingress) << 16 | u64::from(self.timestamp) << 32,
            self.rule.map_or(none16, u64::from)
                | self.backend.map_or(none16, u64::from) << 16
                | u64::from(self.flow_hash) << 32,
            u64::from(self.flow.unwrap_or(u32::MAX))
                | u64::from(self.length) << 32
                | u64::from(self.captured) << 48,
        ]
    }

    /// From the ring.
    ///
    /// # Errors
    /// When the reason's number is not one of [`PuntReason`].
    pub fn decode(words: Words) -> Result<Self, UnknownReason> {
        let some16 = |word: u64| Some(word as u16).filter(|id| *id != u16::MAX);
        let number = words[0] as u8;
        Ok(Self {
            reason: PuntReason::from_number(number).ok_or(UnknownReason(number))?,
            ingress: (words[0] >> 16) as PortId,
            timestamp: (words[0] >> 32) as u32,
            rule: some16(words[1]),
            backend: some16(words[1] >> 16),
            flow_hash: (words[1] >> 32) as u32,
            flow: Some(words[2] as u32).filter(|id| *id != u32::MAX),
            length: (words[2] >> 32) as u16,
            captured: (words[2] >> 48) as u16,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_the_ring() {
        let punt = Punt {
            reason: PuntReason::Teardown,
            ingress: 7,
            timestamp: 0xdead_beef,
            rule: Some(3),
            backend: None,
            flow_hash: 0x1234_5678,
            flow: Some(99),
            length: 1514,
            captured: 96,
        };
        assert_eq!(Punt::decode(punt.encode()), Ok(punt));
        assert_eq!(Punt::decode([0xff, 0, 0]), Err(UnknownReason(0xff)));
    }
}
