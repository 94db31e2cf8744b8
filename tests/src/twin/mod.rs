//! One pipeline, twice: whatever runs packets over the tables of a card. Twins may never disagree.

mod bmv2;
mod memory;
mod native;
mod trace;

use firmware_api::PortId;
use firmware_api::flow_state::FlowState;
use firmware_api::hash::HashKey;
use hw_sim::CardConfig;
use hw_sim::Verdict;
use hw_sim::counters::Counters;
use hw_sim::pipeline::Conditions;

use crate::rows::State;
pub use bmv2::Bmv2Twin;
pub use memory::Tables;
pub use native::Native;
pub use trace::{foretells, trace};

/// The card that every twin is: as large as the program in `p4/`, with fewer ports.
pub fn card() -> CardConfig {
    CardConfig {
        ports: 16,
        ring_memory: 1 << 20,
        ..CardConfig::bmv2()
    }
}

/// The secret of the flow hash.
pub const SECRET: HashKey = HashKey(1, 2);

/// A pipeline over tables.
pub trait Twin {
    /// What it is called in messages.
    fn name(&self) -> &'static str;

    /// Puts these entries into its tables and no others; forgets flows and counters.
    fn load(&mut self, state: &State);

    /// Runs a frame that came in on a port.
    fn process(&mut self, conditions: Conditions, ingress: PortId, frame: &[u8]) -> Verdict;

    /// As [`Twin::process`] while the punt ring has no room; `None` when the twin has no such ring.
    fn with_full_ring(
        &mut self,
        _conditions: Conditions,
        _ingress: PortId,
        _frame: &[u8],
    ) -> Option<Verdict> {
        None
    }

    /// What it knows of a flow.
    fn flow_state(&mut self, flow: u32) -> FlowState;

    /// What it counted.
    fn counters(&mut self) -> Counters;
}

/// Whether a program is on `PATH`.
pub fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
