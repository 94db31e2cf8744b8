//! The switch as a function of one packet, to be compared with the native pipeline's.

use firmware_api::{DropReason, Memory, PortId};

use super::{Bmv2, LOST};
use crate::Batch;
use crate::engine::Engine;
use crate::lookup::Spaces;
use crate::pipeline::{Conditions, Outcome, Recorder, Verdict};

impl Bmv2 {
    /// Takes the tables of BAR2 as they are now; for whoever rings no doorbells.
    ///
    /// Returns whether the switch forwards.
    pub fn load<M: Memory>(&mut self, spaces: Spaces<'_, M>) -> bool {
        self.rescan();
        self.advance(spaces, 0)
    }

    /// Runs one frame that came in on a port, as if the punt ring had room without end. Tables are
    /// those of the last [`Bmv2::load`] or doorbell.
    pub fn process<M: Memory>(
        &mut self,
        spaces: Spaces<'_, M>,
        conditions: Conditions,
        ingress: PortId,
        frame: &[u8],
    ) -> Verdict {
        let mut batch = Batch::default();
        batch.push(ingress, frame);
        let mut recorder = Recorder::default();
        let before = self.counters.drops;
        self.run(spaces, conditions, &mut batch, &mut recorder);
        self.complete(spaces, &mut recorder);
        let Recorder { sent, mut records } = recorder;
        let held = records
            .iter()
            .position(|record| !record.punt.reason.is_copy())
            .map(|i| records.remove(i));
        let outcome = match (sent, held) {
            (Some((egress, frame)), _) => Outcome::Forward { egress, frame },
            (None, Some(record)) => Outcome::Held(record),
            (None, None) => {
                let mut reasons = DropReason::ALL.iter();
                let dropped = |reason: &&DropReason| {
                    self.counters.drops[**reason as usize] > before[**reason as usize]
                };
                Outcome::Drop(reasons.find(dropped).copied().unwrap_or(LOST))
            }
        };
        Verdict {
            outcome,
            copies: records,
        }
    }
}
