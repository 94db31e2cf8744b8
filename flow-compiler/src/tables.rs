//! The logical entries of the card's static tables: what each holds, not where in BAR2.
//!
//! The dynamic tables (flows, SNAT blocks) are the driver's.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use firmware_api::entry::Entry as _;
use firmware_api::entry::address::{Address, AddressKey};
use firmware_api::entry::backend::{Backend, BackendConfig, BackendId};
use firmware_api::entry::frontend::{FrontendAction, FrontendKey, FrontendV4, FrontendV6};
use firmware_api::entry::instance::{Instance, InstanceConfig, InstanceId};
use firmware_api::entry::port::{Port, PortConfig};
use firmware_api::entry::return_path::{
    ReturnPathAction, ReturnPathKey, ReturnPathV4, ReturnPathV6,
};
use firmware_api::entry::rule::{Rule, RuleConfig, RuleId};
use firmware_api::entry::selector::Selector;
use firmware_api::schema::P4Entry;
use firmware_api::{PortId, TableId, control};

/// The entries of every static table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// What each port is.
    pub port: BTreeMap<PortId, PortConfig>,
    /// IPv4 frontends.
    pub frontend_v4: BTreeMap<FrontendKey<Ipv4Addr>, FrontendAction>,
    /// IPv6 frontends.
    pub frontend_v6: BTreeMap<FrontendKey<Ipv6Addr>, FrontendAction>,
    /// How rules select.
    pub rule: BTreeMap<RuleId, RuleConfig>,
    /// Which backend each selection slot names.
    pub selector: BTreeMap<u32, BackendId>,
    /// Where backends are.
    pub backend: BTreeMap<BackendId, BackendConfig>,
    /// Sources of replies from IPv4 backends.
    pub return_path_v4: BTreeMap<ReturnPathKey<Ipv4Addr>, ReturnPathAction<Ipv4Addr>>,
    /// Sources of replies from IPv6 backends.
    pub return_path_v6: BTreeMap<ReturnPathKey<Ipv6Addr>, ReturnPathAction<Ipv6Addr>>,
    /// Instances and their ways out.
    pub instance: BTreeMap<InstanceId, InstanceConfig>,
    /// Owners of addresses.
    pub address: BTreeMap<AddressKey, InstanceId>,
}

/// One entry of some static table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Of `port`.
    Port(PortId, PortConfig),
    /// Of `frontend_v4`.
    FrontendV4(FrontendKey<Ipv4Addr>, FrontendAction),
    /// Of `frontend_v6`.
    FrontendV6(FrontendKey<Ipv6Addr>, FrontendAction),
    /// Of `rule`.
    Rule(RuleId, RuleConfig),
    /// Of `selector`.
    Selector(u32, BackendId),
    /// Of `backend`.
    Backend(BackendId, BackendConfig),
    /// Of `return_path_v4`.
    ReturnPathV4(ReturnPathKey<Ipv4Addr>, ReturnPathAction<Ipv4Addr>),
    /// Of `return_path_v6`.
    ReturnPathV6(ReturnPathKey<Ipv6Addr>, ReturnPathAction<Ipv6Addr>),
    /// Of `instance`.
    Instance(InstanceId, InstanceConfig),
    /// Of `address`.
    Address(AddressKey, InstanceId),
}

impl Entry {
    /// The table it belongs to.
    pub const fn table(&self) -> TableId {
        match self {
            Self::Port(..) => TableId::Port,
            Self::FrontendV4(..) => TableId::FrontendV4,
            Self::FrontendV6(..) => TableId::FrontendV6,
            Self::Rule(..) => TableId::Rule,
            Self::Selector(..) => TableId::Selector,
            Self::Backend(..) => TableId::Backend,
            Self::ReturnPathV4(..) => TableId::ReturnPathV4,
            Self::ReturnPathV6(..) => TableId::ReturnPathV6,
            Self::Instance(..) => TableId::Instance,
            Self::Address(..) => TableId::Address,
        }
    }

    /// The entry as a P4 program has it; `None` for a port that is off.
    pub fn to_p4(&self) -> Option<P4Entry> {
        fn sealed<const N: usize>(entry: impl firmware_api::entry::Entry<N>) -> [u64; N] {
            control::seal(entry.to_words(), 0)
        }
        let of = |index, words: &[u64]| P4Entry::of(self.table(), index, words);
        match *self {
            Self::Port(port, config) => of(port.into(), &sealed(Port::new(config))),
            Self::FrontendV4(key, action) => of(0, &sealed(FrontendV4::new(key, action))),
            Self::FrontendV6(key, action) => of(0, &sealed(FrontendV6::new(key, action))),
            Self::Rule(id, config) => of(id.into(), &Rule::new(config).to_words()),
            Self::Selector(slot, id) => of(slot, &Selector::new(Some(id)).to_words()),
            Self::Backend(id, config) => of(id.into(), &sealed(Backend::new(config))),
            Self::ReturnPathV4(key, action) => of(0, &sealed(ReturnPathV4::new(key, action))),
            Self::ReturnPathV6(key, action) => of(0, &sealed(ReturnPathV6::new(key, action))),
            Self::Instance(id, config) => of(id.into(), &sealed(Instance::new(config))),
            Self::Address(key, id) => of(0, &sealed(Address::new(key, id))),
        }
    }
}

/// The static tables, from the packet's first to its last.
pub const STATIC_TABLES: [TableId; 10] = [
    TableId::Port,
    TableId::FrontendV4,
    TableId::FrontendV6,
    TableId::Rule,
    TableId::Selector,
    TableId::Backend,
    TableId::ReturnPathV4,
    TableId::ReturnPathV6,
    TableId::Instance,
    TableId::Address,
];

fn entries<K: Copy, V: Copy>(table: &BTreeMap<K, V>, entry: fn(K, V) -> Entry) -> Vec<Entry> {
    table
        .iter()
        .map(|(key, value)| entry(*key, *value))
        .collect()
}

impl Tables {
    /// The entries of a table in the order of their keys; none for a dynamic table.
    pub fn entries(&self, table: TableId) -> Vec<Entry> {
        match table {
            TableId::Port => entries(&self.port, Entry::Port),
            TableId::FrontendV4 => entries(&self.frontend_v4, Entry::FrontendV4),
            TableId::FrontendV6 => entries(&self.frontend_v6, Entry::FrontendV6),
            TableId::Rule => entries(&self.rule, Entry::Rule),
            TableId::Selector => entries(&self.selector, Entry::Selector),
            TableId::Backend => entries(&self.backend, Entry::Backend),
            TableId::ReturnPathV4 => entries(&self.return_path_v4, Entry::ReturnPathV4),
            TableId::ReturnPathV6 => entries(&self.return_path_v6, Entry::ReturnPathV6),
            TableId::Instance => entries(&self.instance, Entry::Instance),
            TableId::Address => entries(&self.address, Entry::Address),
            TableId::FlowV4 | TableId::FlowV6 | TableId::SnatBlock => Vec::new(),
        }
    }

    /// How many entries a table has; none for a dynamic table.
    pub fn len(&self, table: TableId) -> usize {
        match table {
            TableId::Port => self.port.len(),
            TableId::FrontendV4 => self.frontend_v4.len(),
            TableId::FrontendV6 => self.frontend_v6.len(),
            TableId::Rule => self.rule.len(),
            TableId::Selector => self.selector.len(),
            TableId::Backend => self.backend.len(),
            TableId::ReturnPathV4 => self.return_path_v4.len(),
            TableId::ReturnPathV6 => self.return_path_v6.len(),
            TableId::Instance => self.instance.len(),
            TableId::Address => self.address.len(),
            TableId::FlowV4 | TableId::FlowV6 | TableId::SnatBlock => 0,
        }
    }

    /// Puts an entry where its key is, over what was there.
    pub fn insert(&mut self, entry: Entry) {
        match entry {
            Entry::Port(key, value) => drop(self.port.insert(key, value)),
            Entry::FrontendV4(key, value) => drop(self.frontend_v4.insert(key, value)),
            Entry::FrontendV6(key, value) => drop(self.frontend_v6.insert(key, value)),
            Entry::Rule(key, value) => drop(self.rule.insert(key, value)),
            Entry::Selector(key, value) => drop(self.selector.insert(key, value)),
            Entry::Backend(key, value) => drop(self.backend.insert(key, value)),
            Entry::ReturnPathV4(key, value) => drop(self.return_path_v4.insert(key, value)),
            Entry::ReturnPathV6(key, value) => drop(self.return_path_v6.insert(key, value)),
            Entry::Instance(key, value) => drop(self.instance.insert(key, value)),
            Entry::Address(key, value) => drop(self.address.insert(key, value)),
        }
    }

    /// Removes what is at an entry's key.
    pub fn remove(&mut self, entry: &Entry) {
        match entry {
            Entry::Port(key, _) => drop(self.port.remove(key)),
            Entry::FrontendV4(key, _) => drop(self.frontend_v4.remove(key)),
            Entry::FrontendV6(key, _) => drop(self.frontend_v6.remove(key)),
            Entry::Rule(key, _) => drop(self.rule.remove(key)),
            Entry::Selector(key, _) => drop(self.selector.remove(key)),
            Entry::Backend(key, _) => drop(self.backend.remove(key)),
            Entry::ReturnPathV4(key, _) => drop(self.return_path_v4.remove(key)),
            Entry::ReturnPathV6(key, _) => drop(self.return_path_v6.remove(key)),
            Entry::Instance(key, _) => drop(self.instance.remove(key)),
            Entry::Address(key, _) => drop(self.address.remove(key)),
        }
    }
}
