//! The engine: all that the driver knows, stepped by its caller.
//!
//! Time is an argument. The engine's only I/O is the [`Memory`] of the device; sockets, files and
//! clocks belong to the daemon around it. `step` is the packet path: it takes punts, ages flows and
//! rings doorbells, and allocates nothing per packet.

mod active;
mod answer;
mod assess;
mod expire;
mod explain;
mod flows;
mod housekeeping;
mod lookout;
mod metrics;
mod resets;
mod select;
mod start;
mod trace;

pub use active::{Active, OutboundFacts, RuleFacts};
pub use flows::Flows;
pub use metrics::Metrics;
pub use start::{Options, StartError};

use firmware_api::entry::backend::{BackendConfig, BackendId};
use firmware_api::inject::Inject;
use firmware_api::{Memory, PortId, PuntReason};
use std::collections::HashMap;
use std::net::IpAddr;

use crate::apply::{Drains, InForce, Watch};
use crate::device::Device;
use crate::emit::ethernet::Ethernet;
use crate::event::Journal;
use crate::ledger::Ledger;
use crate::link::Link;
use crate::miss::{Ahead, Refusal, Refusals};
use crate::ring::{InjectRing, PuntBatch, PuntRing};
use crate::snat::Allocator;
use crate::table::Tables;

/// Milliseconds for which a lost learn record lets mid-flow packets be adopted.
pub(crate) const LOSS_WINDOW: u64 = 60_000;
/// Milliseconds without a packet after which a UDP flow, or one that no rule governs, ends
/// (spec A-26, IDLE-04).
pub(crate) const DEFAULT_IDLE_TIMEOUT: u32 = 240_000;
/// The most punts of one step.
const PUNT_BUDGET: usize = 256;
/// How many times as much is handled before tables change, while more keeps coming.
const MOST_DRAINS: usize = 64;

/// The driver's core.
#[derive(Debug)]
pub struct Engine<M: Memory> {
    /// What the card is called: `sim`, `shm:/dev/shm/headgate0`.
    name: String,
    started_at: u64,
    pub(crate) now: u64,
    pub(crate) device: Device<M>,
    pub(crate) tables: Tables,
    pub(crate) punts: PuntRing,
    pub(crate) injects: InjectRing,
    /// Room for the punts of one batch; `None` while they are handled.
    batch: Option<PuntBatch>,
    pub(crate) flows: Flows,
    pub(crate) snat: Allocator,
    pub(crate) link: Link,
    pub(crate) active: Active,
    pub(crate) ledger: Ledger,
    pub(crate) journal: Journal,
    pub(crate) lookout: lookout::Lookout,
    /// Driver time zero as milliseconds since 1970; 0 when nobody said.
    pub(crate) epoch: u64,
    /// Punt records handled, by reason.
    pub(crate) punts_taken: [u64; PuntReason::ALL.len()],
    /// What the compiler made of the configuration in force.
    pub(crate) in_force: Option<InForce>,
    pub(crate) watch: Watch,
    pub(crate) drains: Drains,
    /// Backends that were removed, until their numbers are used again.
    pub(crate) retired: HashMap<BackendId, BackendConfig>,
    /// Configurations put in force since start.
    pub(crate) applied: u64,
    /// Diagnostics of the last configuration, if it was refused.
    pub(crate) refused: Vec<String>,
    /// Configurations refused since start.
    pub(crate) refused_count: u64,
    pub(crate) refusals: Refusals,
    /// Driver time at which a lost learn record was last noticed.
    pub(crate) learns_lost_at: Option<u64>,
    pub(crate) housekeeping: housekeeping::Housekeeping,
    pub(crate) expiry: expire::Expiry,
    /// Room for one frame that the driver makes.
    pub(crate) scratch: Vec<u8>,
    /// The learn records of the batch in hand.
    pub(crate) ahead: Ahead,
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Punt records handled.
    pub punts: usize,
    /// Flows removed.
    pub expired: usize,
    /// Synthetic packets given to the card.
    pub traces: usize,
}

impl Work {
    /// Whether there was nothing to do.
    pub fn is_idle(self) -> bool {
        self == Self::default()
    }
}

impl<M: Memory> Engine<M> {
    /// Does what is due at `now` milliseconds of driver time.
    pub fn step(&mut self, now: u64) -> Work {
        self.now = self.now.max(now);
        if self.is_gone() {
            self.assess_health();
            return Work::default();
        }
        let punts = self.take_punts();
        let expired = self.expire_flows();
        self.keep_house();
        let traces = self.send_traces();
        self.ring_doorbells();
        Work {
            punts,
            expired,
            traces,
        }
    }

    /// Whether the card's registers read all ones.
    pub(crate) fn is_gone(&self) -> bool {
        self.housekeeping.gone
    }

    /// Handles what the card punted by the tables as they are, before they change.
    pub(crate) fn drain_punts(&mut self) {
        for _ in 0..MOST_DRAINS {
            if self.take_punts() == 0 {
                return;
            }
        }
    }

    fn take_punts(&mut self) -> usize {
        let Some(mut batch) = self.batch.take() else {
            return 0;
        };
        let mut taken = 0;
        while taken < PUNT_BUDGET && self.punts.take(&self.device, &mut batch) > 0 {
            self.read_learns(&batch);
            for (punt, frame) in batch.iter() {
                self.on_punt(&punt, frame);
            }
            taken += batch.len();
        }
        self.batch = Some(batch);
        taken
    }

    /// Tells the device of everything written since the last time: tables before injects, so that a
    /// packet given back meets its entries.
    pub(crate) fn ring_doorbells(&mut self) {
        self.tables.flush(&mut self.device);
        self.injects.ring(&self.device);
    }

    pub(crate) fn inject(&mut self, inject: Inject, frame: &[u8]) -> Result<(), Refusal> {
        self.injects
            .push(&self.device, inject, frame)
            .map_err(|_| Refusal::InjectRingFull)
    }

    /// The Ethernet header of a frame that the driver sends out of a port.
    pub(crate) fn ethernet(&self, port: PortId, to: IpAddr) -> Option<Ethernet> {
        let facts = self.active.port(port)?;
        Some(Ethernet {
            destination: if to.is_ipv4() {
                facts.peer_mac_v4
            } else {
                facts.peer_mac_v6
            },
            source: facts.own_mac,
            vlan: facts.vlan,
        })
    }
}
