//! The history of numbers: what keeps its id from one configuration to the next.
//!
//! An id belongs to contents that never change under it: a backend's id to its address, port and
//! egress, an instance's to all its facts (new contents, new id), a rule's to its name and where it
//! listens. The rest of a rule is one word and changes atomically; but were a frontend to pass from
//! one rule to another that already stands, its packets would meet what the first one has become.
//!
//! A freed id is used again only when no fresh one is left, and never in the lowering that freed it,
//! so that nothing in flight can mistake it.

mod nat_ports;
mod region;
mod space;

use std::net::IpAddr;

use firmware_api::Family;
use firmware_api::entry::backend::BackendConfig;
use firmware_api::entry::instance::InstanceConfig;
use firmware_api::entry::rule::{MAX_SELECTOR_BASE, RuleId};

pub use region::Region;
pub(crate) use region::Regions;
pub(crate) use space::IdSpace;

use crate::ir::Transport;
use crate::maglev::Identity;

/// How many entries the card's index tables have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of `rule`, at most 65535.
    pub rules: u32,
    /// Of `backend`, at most 65534.
    pub backends: u32,
    /// Of `instance`, at most 65535.
    pub instances: u32,
    /// Of `selector`.
    pub selector_slots: u32,
}

/// What the entry layouts can number.
impl Default for Limits {
    fn default() -> Self {
        Self {
            rules: 65_535,
            backends: 65_534,
            instances: 65_535,
            selector_slots: MAX_SELECTOR_BASE + 1,
        }
    }
}

/// A table of the card is too small for the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the card's `{table}` table has room for {capacity} entries, which is too few")]
pub struct Exhausted {
    /// The table.
    pub table: firmware_api::TableId,
    /// Its entries.
    pub capacity: u32,
}

/// Which rule an id belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RuleKey {
    pub(crate) load_balancer: String,
    /// An inbound NAT rule, which may have a load-balancing rule's name.
    pub(crate) is_nat: bool,
    pub(crate) name: String,
    pub(crate) transport: Transport,
    pub(crate) frontend: (IpAddr, u16),
}

/// Rules that select alike share a selection, so that a client's flows meet the same member
/// through all of them (L-DIST-04).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SelectionKey {
    pub(crate) load_balancer: String,
    pub(crate) pool: String,
    pub(crate) family: Family,
    pub(crate) probe: Option<String>,
}

/// Which identity owns each slot of a selection.
pub(crate) type Owners = Vec<Option<Identity>>;

/// All numbers that are in use, and those that were. Start with [`Ids::new`] on a blank card, and
/// pass the same value to every lowering for that card.
#[derive(Clone, Debug)]
pub struct Ids {
    pub(crate) rules: IdSpace<RuleKey>,
    pub(crate) backends: IdSpace<(String, BackendConfig)>,
    pub(crate) instances: IdSpace<(String, InstanceConfig)>,
    pub(crate) regions: Regions,
    pub(crate) selections: std::collections::BTreeMap<SelectionKey, Owners>,
    nat_ports: nat_ports::NatPorts,
}

impl Ids {
    /// No numbers in use, on a card with tables of these sizes.
    pub fn new(limits: Limits) -> Self {
        use firmware_api::TableId;
        Self {
            rules: IdSpace::new(TableId::Rule, limits.rules.min(65_535)),
            backends: IdSpace::new(TableId::Backend, limits.backends.min(65_534)),
            instances: IdSpace::new(TableId::Instance, limits.instances.min(65_535)),
            regions: Regions::new(limits.selector_slots.min(MAX_SELECTOR_BASE + 1)),
            selections: std::collections::BTreeMap::new(),
            nat_ports: nat_ports::NatPorts::default(),
        }
    }

    /// The selector slots of a rule, if it has any.
    pub fn region(&self, rule: RuleId) -> Option<Region> {
        self.regions.get(rule)
    }
}

impl Default for Ids {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}
