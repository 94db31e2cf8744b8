//! What the device says of a traced frame ([`crate::inject::Inject::Trace`]): what would have become
//! of it, had it come in on that port.
//!
//! A trace takes the same way as any frame, with the same lookups, hash and translation. At its end
//! the device writes one punt record and nothing else happens: no other record, no change of flow
//! state or activity, no count but `PUNTS_BY_REASON` or `PUNTS_LOST` of `trace`. The record:
//!
//! ```text
//! ingress        the port; EGRESS_RECIRCULATE when it went through the pipeline a second time
//! rule, backend  as the learn record of that pass would name them
//! flow hash      the trace's tag
//! flow id        the verdict: 24..32 0 leaves, 1 dropped, 2 held   16..24 the reason's number
//!                             0..16 the egress port
//! length         of the frame as it would leave
//! bytes          its headers as they would leave; none when it would not
//! ```
//! What lies behind the pipeline is not asked: an egress port that takes no more, a punt ring without room.

use crate::PortId;
use crate::reason::{DropReason, PuntReason};

/// What would become of a traced frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It would leave by that port.
    Leaves(PortId),
    /// It would be dropped.
    Dropped(DropReason),
    /// The driver would get it.
    Held(PuntReason),
}

/// A verdict that has no meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownVerdict(pub u32);

impl Verdict {
    /// As the record carries it in place of a flow id.
    pub const fn encode(self) -> u32 {
        match self {
            Self::Leaves(port) => port as u32,
            Self::Dropped(reason) => 1 << 24 | (reason as u32) << 16,
            Self::Held(reason) => 2 << 24 | (reason as u32) << 16,
        }
    }

    /// From the record.
    ///
    /// # Errors
    /// When a number is unknown, or a field is not zero that has to be.
    pub fn decode(word: u32) -> Result<Self, UnknownVerdict> {
        let [low, high, number, kind] = word.to_le_bytes();
        let verdict = match (kind, number, PortId::from_le_bytes([low, high])) {
            (0, 0, port) => Some(Self::Leaves(port)),
            (1, number, 0) => DropReason::from_number(number).map(Self::Dropped),
            (2, number, 0) => PuntReason::from_number(number).map(Self::Held),
            _ => None,
        };
        verdict.ok_or(UnknownVerdict(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_survives_the_record() {
        let drops = DropReason::ALL.iter().map(|r| Verdict::Dropped(*r));
        let punts = PuntReason::ALL.iter().map(|r| Verdict::Held(*r));
        let ports = [0, 1, PortId::MAX].map(Verdict::Leaves);
        for verdict in drops.chain(punts).chain(ports) {
            assert_eq!(Verdict::decode(verdict.encode()), Ok(verdict));
        }
        for word in [0x0001_0000, 0x01ff_0000, 0x0101_0001, 0x02ff_0000, u32::MAX] {
            assert_eq!(Verdict::decode(word), Err(UnknownVerdict(word)));
        }
    }
}
