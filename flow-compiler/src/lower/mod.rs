//! From the meaning of a configuration to the logical entries of the card's static tables.
//!
//! Public frontends are reached from zone uplink only, internal ones from zone vnet only (FWD-08).
//! A member without an address of the frontend's family does not take part in the rule.

mod link;
mod return_path;
mod rule;
mod selection;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use firmware_api::entry::backend::{BackendConfig, BackendId};
use firmware_api::entry::instance::{InstanceConfig, InstanceId};
use firmware_api::entry::rule::RuleId;

use crate::ids::{Exhausted, Ids, RuleKey, SelectionKey};
use crate::ir::{InstanceIndex, Ir, ProbeTarget};
use crate::mac::MacAddr;
use crate::names::{InstanceName, Names, RuleName, RuleRef};
use crate::tables::Tables;
use return_path::ReturnPaths;
use selection::Selection;

/// What only the running system knows.
#[derive(Clone, Copy)]
pub struct Live<'a> {
    /// Whether a probe finds its target up.
    pub is_up: &'a dyn Fn(&ProbeTarget) -> bool,
    /// The Ethernet address of a next hop that ARP or neighbour discovery has found.
    pub next_hop_mac: &'a dyn Fn(IpAddr) -> Option<MacAddr>,
}

impl Live<'static> {
    /// Every probe finds its target up, no next hop has been found yet.
    pub const ALL_UP: Self = Self {
        is_up: &|_| true,
        next_hop_mac: &|_| None,
    };
}

/// Tables, and what their numbers mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lowered {
    /// The entries.
    pub tables: Tables,
    /// What their numbers mean.
    pub names: Names,
}

/// The table entries of a configuration.
///
/// `ids` carries the numbers from one lowering to the next; after an error it must be discarded for
/// the value it had before.
///
/// # Errors
/// When a table of the card is too small.
pub fn lower(ir: &Ir, ids: &mut Ids, live: Live<'_>) -> Result<Lowered, Exhausted> {
    let mut lowering = Lowering {
        ir,
        ids,
        live,
        lowered: Lowered::default(),
        return_paths: ReturnPaths::default(),
        selections: BTreeMap::new(),
        used: Used::default(),
    };
    lowering.add_ports();
    lowering.add_balancers()?;
    lowering.add_instances()?;
    Ok(lowering.finish())
}

/// The keys whose ids are in use.
#[derive(Default)]
struct Used {
    rules: BTreeSet<RuleKey>,
    backends: BTreeSet<(String, BackendConfig)>,
    instances: BTreeSet<(String, InstanceConfig)>,
    balancing: BTreeSet<RuleId>,
}

/// A lowering in the making.
struct Lowering<'l> {
    ir: &'l Ir,
    ids: &'l mut Ids,
    live: Live<'l>,
    lowered: Lowered,
    return_paths: ReturnPaths,
    selections: BTreeMap<SelectionKey, Selection>,
    used: Used,
}

impl Lowering<'_> {
    fn finish(self) -> Lowered {
        let Self {
            ir,
            ids,
            mut lowered,
            return_paths,
            selections,
            used,
            ..
        } = self;
        return_paths.write(ir.settings, &mut lowered.tables);
        ids.rules.retain(&used.rules);
        ids.backends.retain(&used.backends);
        ids.instances.retain(&used.instances);
        ids.regions.retain(|rule| used.balancing.contains(&rule));
        ids.selections = selections
            .into_iter()
            .map(|(key, s)| (key, s.owners))
            .collect();
        lowered
    }

    fn instance_name(&self, index: InstanceIndex) -> InstanceName {
        InstanceName {
            name: self.ir.instance(index).name.clone(),
            instance: index,
        }
    }

    fn rule_id(&mut self, key: RuleKey, rule: RuleRef) -> Result<RuleId, Exhausted> {
        let id = self.ids.rules.id(&key)?;
        let name = format!("{}/{}", key.load_balancer, key.name);
        self.lowered.names.rules.insert(id, RuleName { name, rule });
        self.used.rules.insert(key);
        Ok(id)
    }

    fn instance_id(
        &mut self,
        index: InstanceIndex,
        config: InstanceConfig,
    ) -> Result<InstanceId, Exhausted> {
        let name = self.instance_name(index);
        let key = (name.name.clone(), config);
        let id = self.ids.instances.id(&key)?;
        self.lowered.names.instances.insert(id, name);
        self.lowered.tables.instance.insert(id, config);
        self.used.instances.insert(key);
        Ok(id)
    }

    /// The backend of an instance at a destination; rules that send there share it.
    fn backend_id(
        &mut self,
        index: InstanceIndex,
        address: IpAddr,
        port: u16,
    ) -> Result<BackendId, Exhausted> {
        let config = BackendConfig {
            address,
            port,
            egress: self.ir.instance(index).vport,
        };
        let name = self.instance_name(index);
        let key = (name.name.clone(), config);
        let id = self.ids.backends.id(&key)?;
        self.lowered.names.backends.insert(id, name);
        self.lowered.tables.backend.insert(id, config);
        self.used.backends.insert(key);
        Ok(id)
    }
}
