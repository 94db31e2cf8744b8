//! Inject records: packets that the driver gives to the device ([`crate::ring`] carries them).
//!
//! ```text
//!  8  kind (u8: 0 transmit, 1 reprocess)  9  zero  10  port (u16)  12  zero
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
}

/// A record with an unknown kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKind(pub u8);

impl Inject {
    /// As the ring carries it, for a frame of `length` bytes.
    pub fn encode(self, length: u16) -> Words {
        let (kind, port) = match self {
            Self::Transmit(port) => (0, port),
            Self::Reprocess(port) => (1, port),
        };
        let length = u64::from(length);
        [kind | u64::from(port) << 16, 0, length << 32 | length << 48]
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
            other => Err(UnknownKind(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_survive_the_ring() {
        for inject in [Inject::Transmit(4095), Inject::Reprocess(0)] {
            assert_eq!(Inject::decode(inject.encode(60)), Ok(inject));
        }
        assert_eq!(Inject::decode([9, 0, 0]), Err(UnknownKind(9)));
    }
}
