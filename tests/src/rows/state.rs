//! What stands in the tables, whoever wrote it: the compiler, or a row.

use std::collections::BTreeMap;

use firmware_api::{PortId, TableId};
use flow_compiler::ids::{Ids, Limits};
use flow_compiler::ir::Ir;
use flow_compiler::lower::{Live, Lowered, lower};
use flow_compiler::source::Source;
use flow_compiler::tables::STATIC_TABLES;

use super::entry::{Entry, Pattern};
use crate::twin::card;

/// The entries of every table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    entries: BTreeMap<(TableId, Vec<u128>), Entry>,
}

/// What a port writes into the link header of the frames it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The card's address on the port.
    pub own: [u8; 6],
    /// Who gets IPv4 frames.
    pub peer_v4: [u8; 6],
    /// Who gets IPv6 frames.
    pub peer_v6: [u8; 6],
    /// The VLAN id, 0 when untagged.
    pub vlan: u16,
}

impl Link {
    /// On both sides of a port that is not there.
    pub const NOWHERE: Self = Self {
        own: [2, 0, 0, 0, 0, 0x98],
        peer_v4: [2, 0, 0, 0, 0, 0x99],
        peer_v6: [2, 0, 0, 0, 0, 0x99],
        vlan: 0,
    };
}

/// The tables of a configuration, every backend healthy.
///
/// # Panics
/// When the card is too small.
pub fn lowered(ir: &Ir) -> Lowered {
    let mut ids = Ids::new(Limits {
        rules: card().rules,
        backends: card().backends,
        instances: card().instances,
        selector_slots: card().selector,
    });
    lower(ir, &mut ids, Live::ALL_UP).expect("the card is large enough")
}

/// What a configuration means.
///
/// # Errors
/// Why it is refused.
pub fn compiled(text: &str) -> Result<Ir, String> {
    flow_compiler::compile(&Source::new("row.yaml", text))
        .map(|compiled| compiled.ir)
        .map_err(|rejected| format!("{:?}", rejected.0))
}

impl State {
    /// The entries that the compiler made.
    pub fn of(lowered: &Lowered) -> Self {
        let entries = STATIC_TABLES.map(|table| lowered.tables.entries(table));
        entries
            .iter()
            .flatten()
            .filter_map(Entry::of_static)
            .collect()
    }

    /// Puts an entry where its keys are, over what was there.
    pub fn insert(&mut self, entry: Entry) {
        self.entries
            .insert((entry.table, entry.keys.clone()), entry);
    }

    /// Removes the entries that a pattern means; returns how many.
    pub fn remove(&mut self, pattern: &Pattern) -> usize {
        let before = self.entries.len();
        self.entries.retain(|_, entry| !pattern.matches(entry));
        before - self.entries.len()
    }

    /// Every entry.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.values()
    }

    /// The entries of a table.
    pub fn of_table(&self, table: TableId) -> impl Iterator<Item = &Entry> {
        self.entries().filter(move |entry| entry.table == table)
    }

    /// The entry with those keys.
    pub fn get(&self, table: TableId, keys: &[u128]) -> Option<&Entry> {
        self.entries.get(&(table, keys.to_vec()))
    }

    /// The flows that entries name, each once.
    pub fn flows(&self) -> Vec<u32> {
        let entries = self.entries();
        let mut flows: Vec<u32> = entries
            .filter_map(|entry| entry.parameter("flow"))
            .map(|flow| flow as u32)
            .collect();
        flows.sort_unstable();
        flows.dedup();
        flows
    }

    /// The link header of a port.
    pub fn link(&self, port: PortId) -> Link {
        let Some(entry) = self.get(TableId::Port, &[port.into()]) else {
            return Link::NOWHERE;
        };
        let number = |name| entry.parameter(name).expect("every port has it");
        let mac = |name| std::array::from_fn(|i| (number(name) >> (40 - 8 * i)) as u8);
        Link {
            own: mac("own_mac"),
            peer_v4: mac("peer_mac_v4"),
            peer_v6: mac("peer_mac_v6"),
            vlan: number("vlan") as u16,
        }
    }
}

impl FromIterator<Entry> for State {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let mut state = Self::default();
        for entry in entries {
            state.insert(entry);
        }
        state
    }
}
