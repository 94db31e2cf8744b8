//! The card's counters, read in one go for people and metrics; never on the packet path.

use firmware_api::register::{self, DROPS_BY_REASON, PUNTS_BY_REASON, PUNTS_LOST, Register};
use firmware_api::{DropReason, Memory, PuntReason};

/// A reading of every counter of the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Frames received on all ports.
    pub received: u64,
    /// Frames sent on all ports.
    pub sent: u64,
    /// Packets taken out of the pipeline into a punt record.
    pub held: u64,
    /// Held packets that the driver gave back.
    pub reprocessed: u64,
    /// Packets that the driver made and the device sent.
    pub injected: u64,
    drops: [u64; DropReason::ALL.len()],
    punts: [u64; PuntReason::ALL.len()],
    lost: [u64; PuntReason::ALL.len()],
}

impl Counters {
    pub(super) fn read(bar0: &impl Memory) -> Self {
        let single = |register: Register| bar0.load64(register.offset);
        Self {
            received: single(register::RX_FRAMES),
            sent: single(register::TX_FRAMES),
            held: single(register::HELD_FRAMES),
            reprocessed: single(register::REPROCESSED_FRAMES),
            injected: single(register::INJECTED_FRAMES),
            drops: read_array(bar0, DROPS_BY_REASON),
            punts: read_array(bar0, PUNTS_BY_REASON),
            lost: read_array(bar0, PUNTS_LOST),
        }
    }

    /// Packets dropped for the reason.
    pub const fn dropped(&self, reason: DropReason) -> u64 {
        self.drops[reason as usize]
    }

    /// Packets dropped for any reason.
    pub fn dropped_total(&self) -> u64 {
        self.drops
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Records written to the punt ring for the reason.
    pub const fn punted(&self, reason: PuntReason) -> u64 {
        self.punts[reason as usize]
    }

    /// Records that found the punt ring full.
    pub const fn lost(&self, reason: PuntReason) -> u64 {
        self.lost[reason as usize]
    }
}

fn read_array<const N: usize>(bar0: &impl Memory, register: Register) -> [u64; N] {
    std::array::from_fn(|i| bar0.load64(register.at(i as u64)))
}
