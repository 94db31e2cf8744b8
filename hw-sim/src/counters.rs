//! The card's counters: plain numbers that are written to BAR0 once per round.

use firmware_api::register::{
    DROPS_BY_REASON, HELD_FRAMES, INJECTED_FRAMES, PUNTS_BY_REASON, PUNTS_LOST, REPROCESSED_FRAMES,
    RX_FRAMES, TX_FRAMES,
};
use firmware_api::{DropReason, Memory, PuntReason};

use crate::pipeline::Conditions;

/// What happened to frames since the last reset.
///
/// Always `rx + reprocessed + injected == tx + held + drops`. Traced frames are in none of these:
/// each is a record of reason `trace`, written or lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames received.
    pub rx: u64,
    /// Frames sent.
    pub tx: u64,
    /// Packets held by a punt record.
    pub held: u64,
    /// Packets that the driver gave back to the pipeline.
    pub reprocessed: u64,
    /// Packets that the driver made.
    pub injected: u64,
    /// Dropped packets by reason.
    pub drops: [u64; DropReason::ALL.len()],
    /// Records written to the punt ring by reason.
    pub punts: [u64; PuntReason::ALL.len()],
    /// Records that found no room in the punt ring, by reason.
    pub punts_lost: [u64; PuntReason::ALL.len()],
}

impl Counters {
    /// Counts frames that came under these conditions. Traced ones count as their records do.
    #[inline]
    pub(crate) const fn came(&mut self, conditions: Conditions, frames: usize) {
        match conditions {
            Conditions { trace: true, .. } => {}
            Conditions {
                reprocess: true, ..
            } => self.reprocessed += frames as u64,
            _ => self.rx += frames as u64,
        }
    }

    /// Counts a dropped packet.
    #[inline]
    pub fn drop(&mut self, reason: DropReason) {
        self.drops[reason as usize] += 1;
    }

    /// Counts a record that was, or was not, written to the punt ring.
    pub(crate) fn punt(&mut self, reason: PuntReason, written: bool) {
        let counters = if written {
            &mut self.punts
        } else {
            &mut self.punts_lost
        };
        counters[reason as usize] += 1;
    }

    /// Whether every frame that came is accounted for.
    pub fn balance(&self) -> bool {
        self.rx + self.reprocessed + self.injected
            == self.tx + self.held + self.drops.iter().sum::<u64>()
    }

    /// Writes all of them to their registers.
    pub fn publish(&self, bar0: &impl Memory) {
        bar0.store64(RX_FRAMES.offset, self.rx);
        bar0.store64(TX_FRAMES.offset, self.tx);
        bar0.store64(HELD_FRAMES.offset, self.held);
        bar0.store64(REPROCESSED_FRAMES.offset, self.reprocessed);
        bar0.store64(INJECTED_FRAMES.offset, self.injected);
        for (register, values) in [
            (DROPS_BY_REASON, &self.drops[..]),
            (PUNTS_BY_REASON, &self.punts[..]),
            (PUNTS_LOST, &self.punts_lost[..]),
        ] {
            for (index, value) in (0..).zip(values) {
                bar0.store64(register.at(index), *value);
            }
        }
    }

    /// Reads all of them from their registers.
    pub fn read(bar0: &impl Memory) -> Self {
        Self {
            rx: bar0.load64(RX_FRAMES.offset),
            tx: bar0.load64(TX_FRAMES.offset),
            held: bar0.load64(HELD_FRAMES.offset),
            reprocessed: bar0.load64(REPROCESSED_FRAMES.offset),
            injected: bar0.load64(INJECTED_FRAMES.offset),
            drops: std::array::from_fn(|i| bar0.load64(DROPS_BY_REASON.at(i as u64))),
            punts: std::array::from_fn(|i| bar0.load64(PUNTS_BY_REASON.at(i as u64))),
            punts_lost: std::array::from_fn(|i| bar0.load64(PUNTS_LOST.at(i as u64))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory;
    use firmware_api::register::BAR0_LEN;

    #[test]
    fn published_counters_read_back() {
        let bar0 = memory::anonymous(BAR0_LEN).expect("memory");
        let mut counters = Counters {
            rx: 3,
            tx: 1,
            held: 1,
            ..Counters::default()
        };
        counters.drop(DropReason::DriverRefused);
        counters.punt(PuntReason::Echo, true);
        counters.punt(PuntReason::Echo, false);
        counters.publish(&bar0);
        assert_eq!(Counters::read(&bar0), counters);
        assert!(counters.balance());
    }
}
