//! An engine as a function of one packet: for tests, oracles and explanations.

use firmware_api::punt::Punt;
use firmware_api::{DropReason, Memory, PortId};

use super::{Conditions, Outlet, Pipeline};
use crate::Batch;
use crate::engine::Engine;
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
    /// It was traced: what would have become of it.
    Traced(Record),
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

/// Runs one frame through an engine, as if the punt ring had room without end.
pub(crate) fn of<E: Engine, M: Memory>(
    engine: &mut E,
    spaces: Spaces<'_, M>,
    conditions: Conditions,
    ingress: PortId,
    frame: &[u8],
) -> Verdict {
    let mut batch = Batch::default();
    batch.push(ingress, frame);
    let mut recorder = Recorder::default();
    let before = engine.counters().drops;
    engine.run(spaces, conditions, &mut batch, &mut recorder);
    engine.complete(spaces, &mut recorder);
    let Recorder { sent, mut records } = recorder;
    let mut all = records.iter();
    let held = all.position(|record| !record.punt.reason.is_copy());
    let outcome = if conditions.trace {
        Outcome::Traced(records.remove(0))
    } else if let Some((egress, frame)) = sent {
        Outcome::Forward { egress, frame }
    } else if let Some(held) = held {
        Outcome::Held(records.remove(held))
    } else {
        let drops = engine.counters().drops.iter().zip(before);
        let mut reasons = DropReason::ALL.iter().zip(drops);
        let dropped = reasons.find(|(_, (after, before))| *after > before);
        Outcome::Drop(*dropped.expect("every frame is counted").0)
    };
    Verdict {
        outcome,
        copies: records,
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
        of(self, spaces, conditions, ingress, frame)
    }
}
