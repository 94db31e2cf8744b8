//! Inject records: packets that the driver gives to the device ([`crate::ring`] carries them).
//!
//! ```text
//!  8  kind (u8: 0 transmit, 1 reprocess, 2 trace)  9  zero  10  port (u16)  12  tag (u32), else zero
//! 16  zero (12)  28  length (u16)  30  length again (u16)
//! 32  the whole frame
//! ```

use crate::PortId;
use crate::ring::Words;

/// What the device does with an injected frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inject {
    /// Sends it out of the port as it is.
    Transmit(PortId),
    /// Runs it through the pipeline as if it had come in on the port: a held packet whose entries
    /// are installed now. If it misses again it is dropped (`reprocess_miss`), never punted twice.
    Reprocess(PortId),
    /// Runs it through the pipeline as if it had come in on the port, and sends, holds and drops
    /// nothing: what would become of it is told by a punt record ([`crate::trace`]).
    Trace {
        /// Where it would come in.
        port: PortId,
        /// The driver's own name for it; the record has it.
        tag: u32,
    },
}

/// A record with an unknown kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKind(pub u8);

impl Inject {
    /// As the ring carries it, for a frame of `length` bytes.
    pub fn encode(self, length: u16) -> Words {
        let (kind, port, tag) = match self {
            Self::Transmit(port) => (0, port, 0),
            Self::Reprocess(port) => (1, port, 0),
            Self::Trace { port, tag } => (2, port, tag),
        };
        let length = u64::from(length);
        let first = kind | u64::from(port) << 16 | u64::from(tag) << 32;
        [first, 0, length << 32 | length << 48]
    }

    /// From the ring.
    ///
    /// # Errors
    /// When the kind's number is unknown.
    pub fn decode(words: Words) -> Result<Self, UnknownKind> {
        let port = (words[0] >> 16) as PortId;
        match words[0] as u8 {
            0 => Ok(Self::Transmit(port)),
            1 => Ok(Self::Reprocess(port)),
            2 => Ok(Self::Trace {
                port,
                tag: (words[0] >> 32) as u32,
            }),
            other => Err(UnknownKind(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_the_ring() {
        let (port, tag) = (7, 0xdead_beef);
        let trace = Inject::Trace { port, tag };
        for inject in [Inject::Transmit(4095), Inject::Reprocess(0), trace] {
            assert_eq!(Inject::decode(inject.encode(60)), Ok(inject));
        }
        assert_eq!(Inject::decode([9, 0, 0]), Err(UnknownKind(9)));
    }
}
