//! The P4 program in BMv2 as a twin, behind the same kind of memory.

use firmware_api::PortId;
use firmware_api::flow_state::FlowState;
use hw_sim::bmv2::{Start, Switch};
use hw_sim::counters::Counters;
use hw_sim::pipeline::Conditions;
use hw_sim::{Bmv2, Engine as _, Verdict};

use super::{Tables, Twin, card, is_on_path};
use crate::rows::State;

/// A switch and the tables that it forwards by.
pub struct Bmv2Twin {
    tables: Tables,
    engine: Bmv2,
    /// What it had counted when tables were last loaded.
    counted: Counters,
}

impl Bmv2Twin {
    /// Starts a switch.
    ///
    /// # Errors
    /// Why there can be none on this machine.
    ///
    /// # Panics
    /// When there is one and it does not start.
    pub fn start() -> Result<Self, String> {
        let start = Start::default();
        let name = start.switch.display().to_string();
        if !is_on_path(&name) {
            return Err(format!("{name} is not on PATH"));
        }
        let engine = Bmv2::new(&card(), Switch::Start(start));
        Ok(Self {
            tables: Tables::default(),
            engine: engine.unwrap_or_else(|error| panic!("{error}")),
            counted: Counters::default(),
        })
    }
}

impl Twin for Bmv2Twin {
    fn name(&self) -> &'static str {
        "BMv2"
    }

    fn load(&mut self, state: &State) {
        for bell in self.tables.load(state) {
            self.engine.written(bell);
        }
        assert!(
            self.engine.advance(self.tables.spaces(), 0),
            "the switch is down"
        );
        self.counted = *self.engine.counters();
    }

    fn process(&mut self, conditions: Conditions, ingress: PortId, frame: &[u8]) -> Verdict {
        let spaces = self.tables.spaces();
        self.engine.process(spaces, conditions, ingress, frame)
    }

    fn flow_state(&mut self, flow: u32) -> FlowState {
        let spaces = self.tables.spaces();
        assert!(
            self.engine.harvest_states(spaces, [flow].into_iter()),
            "the switch is down"
        );
        let at = self.tables.layout().flow_state(flow);
        at.map_or_else(FlowState::default, |at| FlowState::load(spaces.bar2, at))
    }

    fn counters(&mut self) -> Counters {
        since(self.engine.counters(), &self.counted)
    }
}

/// What was counted since then.
fn since(now: &Counters, then: &Counters) -> Counters {
    Counters {
        rx: now.rx - then.rx,
        tx: now.tx - then.tx,
        held: now.held - then.held,
        reprocessed: now.reprocessed - then.reprocessed,
        injected: now.injected - then.injected,
        drops: std::array::from_fn(|i| now.drops[i] - then.drops[i]),
        punts: std::array::from_fn(|i| now.punts[i] - then.punts[i]),
        punts_lost: std::array::from_fn(|i| now.punts_lost[i] - then.punts_lost[i]),
    }
}
