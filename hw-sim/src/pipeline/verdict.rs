//! The pipeline as a function of one packet: for tests, oracles and explanations.

use firmware_api::punt::Punt;
use firmware_api::{DropReason, Memory, PortId};

use super::{Conditions, Fate, Outlet, Pipeline};
use crate::Batch;
use crate::lookup::Spaces;

/// What becomes of one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Of the frame itself.
    pub outcome: Outcome,
    /// Records that told the driver of it: `learn`, `teardown`.
    pub copies: Vec<Record>,
}

/// What becomes of the frame itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It left.
    Forward {
        /// By this port.
        egress: PortId,
        /// As these bytes.
        frame: Vec<u8>,
    },
    /// It was dropped.
    Drop(DropReason),
    /// The driver holds it.
    Held(Record),
}

/// A punt record and its captured bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it says.
    pub punt: Punt,
    /// The captured bytes.
    pub bytes: Vec<u8>,
}

/// An outlet that keeps what one frame became.
#[derive(Default)]
pub(crate) struct Recorder {
    /// The frame that left, and its port.
    pub sent: Option<(PortId, Vec<u8>)>,
    /// Punt records, in their order.
    pub records: Vec<Record>,
}

impl Outlet for Recorder {
    fn transmit(&mut self, port: PortId, frame: &[u8]) -> bool {
        self.sent = Some((port, frame.to_vec()));
        true
    }

    fn punt(&mut self, punt: &Punt, bytes: &[u8]) -> bool {
        let (punt, bytes) = (*punt, bytes.to_vec());
        self.records.push(Record { punt, bytes });
        true
    }
}

impl Pipeline {
    /// Runs one frame that came in on a port, as if the punt ring had room without end.
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
        let mut last = None;
        self.run_each(spaces, conditions, &mut batch, &mut recorder, |fate| {
            last = Some(fate);
        });
        let Recorder { sent, mut records } = recorder;
        let outcome = match last.expect("the batch had a frame") {
            Fate::Sent(_) => {
                let (egress, frame) = sent.expect("a frame was sent");
                Outcome::Forward { egress, frame }
            }
            Fate::Dropped(reason) => Outcome::Drop(reason),
            Fate::Held => Outcome::Held(records.pop().expect("a record holds the frame")),
        };
        Verdict {
            outcome,
            copies: records,
        }
    }
}
