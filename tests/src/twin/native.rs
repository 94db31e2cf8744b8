//! The native pipeline as a twin.

use firmware_api::flow_state::FlowState;
use firmware_api::punt::Punt;
use firmware_api::{DropReason, PortId};
use hw_sim::counters::Counters;
use hw_sim::pipeline::{Conditions, Outcome, Outlet, Pipeline};
use hw_sim::{Batch, Verdict};

use super::{Tables, Twin};
use crate::rows::State;

/// The native pipeline over a card's memory.
pub struct Native {
    tables: Tables,
    pipeline: Pipeline,
}

impl Default for Native {
    fn default() -> Self {
        let tables = Tables::default();
        let pipeline = Pipeline::new(tables.layout().clone());
        Self { tables, pipeline }
    }
}

impl Twin for Native {
    fn name(&self) -> &'static str {
        "the native pipeline"
    }

    fn load(&mut self, state: &State) {
        self.tables.load(state);
        self.pipeline.reset();
    }

    fn process(&mut self, conditions: Conditions, ingress: PortId, frame: &[u8]) -> Verdict {
        let spaces = self.tables.spaces();
        self.pipeline.process(spaces, conditions, ingress, frame)
    }

    fn with_full_ring(
        &mut self,
        conditions: Conditions,
        ingress: PortId,
        frame: &[u8],
    ) -> Option<Verdict> {
        let before = self.pipeline.counters.drops;
        let mut batch = Batch::default();
        batch.push(ingress, frame);
        let mut outlet = FullRing::default();
        let spaces = self.tables.spaces();
        self.pipeline
            .run(spaces, conditions, &mut batch, &mut outlet);
        let dropped = || {
            let drops = self.pipeline.counters.drops;
            let counted =
                |reason: &&DropReason| drops[**reason as usize] > before[**reason as usize];
            *DropReason::ALL
                .iter()
                .find(counted)
                .expect("it was dropped")
        };
        let outcome = match outlet.sent {
            Some((egress, frame)) => Outcome::Forward { egress, frame },
            None => Outcome::Drop(dropped()),
        };
        Some(Verdict {
            outcome,
            copies: Vec::new(),
        })
    }

    fn flow_state(&mut self, flow: u32) -> FlowState {
        let at = self.tables.layout().flow_state(flow);
        at.map_or_else(FlowState::default, |at| {
            FlowState::load(&*self.tables.bars().bar2, at)
        })
    }

    fn counters(&mut self) -> Counters {
        self.pipeline.counters
    }
}

/// A punt ring without room, and a wire that takes everything.
#[derive(Default)]
struct FullRing {
    sent: Option<(PortId, Vec<u8>)>,
}

impl Outlet for FullRing {
    fn transmit(&mut self, port: PortId, frame: &[u8]) -> bool {
        self.sent = Some((port, frame.to_vec()));
        true
    }

    fn punt(&mut self, _punt: &Punt, _bytes: &[u8]) -> bool {
        false
    }
}
