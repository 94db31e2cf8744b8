//! What a driver can get wrong, as the error latch tells it.

use firmware_api::register::{
    ERROR_BAD_HARVEST, ERROR_BAD_INDEX, ERROR_BAD_RECORD, ERROR_BAD_RING,
};
use firmware_api::ring::RingError;

/// Which of the host's structures is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Source {
    /// The punt ring.
    Punt = 1,
    /// The inject ring.
    Inject = 2,
    /// The table-doorbell ring.
    Doorbell = 3,
    /// The harvest buffer.
    Harvest = 4,
}

/// An error of the driver; the ring concerned stops until the next reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// Base, size or both do not lie in ring memory.
    #[error("{0:?}: not inside ring memory")]
    Ring(Source),
    /// The host's index is beyond the ring.
    #[error("{0:?}: index {1} is beyond the ring")]
    Index(Source, u32),
    /// A record is not sound.
    #[error("{0:?}: record {1} is not sound")]
    Record(Source, u32),
    /// A harvest command asks for what there is not.
    #[error("harvest command {0} names flows that do not exist")]
    Harvest(u32),
}

impl DriverError {
    /// As `ERROR_LATCH` carries it: code, source, and the index or command number.
    pub fn encode(self) -> u64 {
        let word = |code: u64, source: Source, detail: u32| {
            code | (source as u64) << 8 | u64::from(detail) << 32
        };
        match self {
            Self::Ring(source) => word(ERROR_BAD_RING, source, 0),
            Self::Index(source, index) => word(ERROR_BAD_INDEX, source, index),
            Self::Record(source, index) => word(ERROR_BAD_RECORD, source, index),
            Self::Harvest(command) => word(ERROR_BAD_HARVEST, Source::Harvest, command),
        }
    }

    /// What a ring error at `own` means.
    pub(super) fn of_ring(source: Source, own: u32, error: RingError) -> Self {
        match error {
            RingError::Index { found, .. } => Self::Index(source, found),
            _ => Self::Record(source, own),
        }
    }
}
