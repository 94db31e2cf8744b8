//! The switch as a function of one packet, to be compared with the native pipeline's.

use firmware_api::{Memory, PortId};

use super::Bmv2;
use crate::engine::Engine;
use crate::lookup::Spaces;
use crate::pipeline::{Conditions, Verdict, verdict};

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
        verdict::of(self, spaces, conditions, ingress, frame)
    }
}
