//! What has to change from one set of tables to another, in an order that leaves no hole.
//!
//! At every prefix, each entry refers only to entries that exist, and a frontend that exists before
//! and after forwards (`apply_has_no_hole`): new entries come bottom-up (what is referred to first),
//! then changed ones, then deletions top-down. Safe for tables of one history of [`Ids`]: a number
//! is never taken from one thing and given to another in the same step.
//!
//! [`Ids`]: crate::ids::Ids

use std::collections::BTreeMap;

use firmware_api::TableId;

use crate::tables::{Entry, Tables};

/// One change of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The key is new.
    Insert(Entry),
    /// The key has new contents.
    Update {
        /// What was there.
        from: Entry,
        /// What comes.
        to: Entry,
    },
    /// The key is gone.
    Delete(Entry),
}

impl Change {
    /// The table it concerns.
    pub const fn table(&self) -> TableId {
        match self {
            Self::Insert(entry) | Self::Delete(entry) | Self::Update { to: entry, .. } => {
                entry.table()
            }
        }
    }

    /// Makes the change.
    pub fn apply(&self, tables: &mut Tables) {
        match self {
            Self::Insert(entry) | Self::Update { to: entry, .. } => tables.insert(*entry),
            Self::Delete(entry) => tables.remove(entry),
        }
    }
}

/// What is referred to before what refers to it; frontends, where packets come in, last.
const BOTTOM_UP: [TableId; 10] = [
    TableId::Backend,
    TableId::Selector,
    TableId::Rule,
    TableId::Instance,
    TableId::Address,
    TableId::Port,
    TableId::ReturnPathV4,
    TableId::ReturnPathV6,
    TableId::FrontendV4,
    TableId::FrontendV6,
];

/// The changes that make `new` of `old`, in their order.
pub fn diff(old: &Tables, new: &Tables) -> Vec<Change> {
    let mut inserts = Vec::new();
    let mut updates = Vec::new();
    let mut deletes = Vec::new();
    for table in BOTTOM_UP {
        let mut gone = Vec::new();
        compare(table, old, new, |change| match change {
            Change::Insert(_) => inserts.push(change),
            Change::Update { .. } => updates.push(change),
            Change::Delete(_) => gone.push(change),
        });
        deletes.push(gone);
    }
    let deletes = deletes.into_iter().rev().flatten();
    inserts.into_iter().chain(updates).chain(deletes).collect()
}

/// Notes what differs in one table.
fn compare(table: TableId, old: &Tables, new: &Tables, note: impl FnMut(Change)) {
    match table {
        TableId::Port => step(&old.port, &new.port, Entry::Port, note),
        TableId::FrontendV4 => step(&old.frontend_v4, &new.frontend_v4, Entry::FrontendV4, note),
        TableId::FrontendV6 => step(&old.frontend_v6, &new.frontend_v6, Entry::FrontendV6, note),
        TableId::Rule => step(&old.rule, &new.rule, Entry::Rule, note),
        TableId::Selector => step(&old.selector, &new.selector, Entry::Selector, note),
        TableId::Backend => step(&old.backend, &new.backend, Entry::Backend, note),
        TableId::ReturnPathV4 => {
            step(
                &old.return_path_v4,
                &new.return_path_v4,
                Entry::ReturnPathV4,
                note,
            );
        }
        TableId::ReturnPathV6 => {
            step(
                &old.return_path_v6,
                &new.return_path_v6,
                Entry::ReturnPathV6,
                note,
            );
        }
        TableId::Instance => step(&old.instance, &new.instance, Entry::Instance, note),
        TableId::Address => step(&old.address, &new.address, Entry::Address, note),
        TableId::FlowV4 | TableId::FlowV6 | TableId::SnatBlock => {}
    }
}

/// Walks two sorted tables in step.
fn step<K: Ord + Copy, V: Eq + Copy>(
    old: &BTreeMap<K, V>,
    new: &BTreeMap<K, V>,
    entry: fn(K, V) -> Entry,
    mut note: impl FnMut(Change),
) {
    let mut old = old.iter().peekable();
    for (key, value) in new {
        while let Some((gone, was)) = old.next_if(|(before, _)| *before < key) {
            note(Change::Delete(entry(*gone, *was)));
        }
        let to = entry(*key, *value);
        match old.next_if(|(same, _)| *same == key) {
            Some((_, was)) if was == value => {}
            Some((_, was)) => note(Change::Update {
                from: entry(*key, *was),
                to,
            }),
            None => note(Change::Insert(to)),
        }
    }
    old.for_each(|(gone, was)| note(Change::Delete(entry(*gone, *was))));
}
