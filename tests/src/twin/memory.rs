//! The tables of a card's memory, written entry by entry: a driver without a driver's order.

use std::collections::BTreeMap;

use firmware_api::control::{self, is_valid};
use firmware_api::doorbell::Doorbell;
use firmware_api::entry::ExactEntry;
use firmware_api::entry::address::Address;
use firmware_api::entry::flow::{FlowV4, FlowV6};
use firmware_api::entry::frontend::{FrontendV4, FrontendV6};
use firmware_api::entry::return_path::{ReturnPathV4, ReturnPathV6};
use firmware_api::entry::snat_block::SnatBlock;
use firmware_api::register::{HASH_KEY_0, HASH_KEY_1};
use firmware_api::{Memory, TableId, flow_state};
use hw_sim::config::Layout;
use hw_sim::lookup::Spaces;
use hw_sim::{Bars, SimMemory};

use super::{SECRET, card};
use crate::rows::{Entry, State};

/// A card's memory and what stands where in its tables.
pub struct Tables {
    bars: Bars,
    layout: Layout,
    state: State,
    slots: BTreeMap<(TableId, Vec<u128>), u32>,
}

impl Default for Tables {
    fn default() -> Self {
        let bars = Bars::anonymous(&card()).expect("memory");
        bars.bar0.store64(HASH_KEY_0.offset, SECRET.0);
        bars.bar0.store64(HASH_KEY_1.offset, SECRET.1);
        Self {
            bars,
            layout: Layout::new(&card()).expect("a sound card"),
            state: State::default(),
            slots: BTreeMap::new(),
        }
    }
}

impl Tables {
    /// What stands where.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The card's memory.
    pub const fn bars(&self) -> &Bars {
        &self.bars
    }

    /// What a pipeline reads.
    pub fn spaces(&self) -> Spaces<'_, SimMemory> {
        Spaces {
            bar0: &self.bars.bar0,
            bar2: &self.bars.bar2,
        }
    }

    /// Writes what differs from the tables as they are, and blanks the state of every flow; returns
    /// the doorbells of what was written and of every flow entry.
    ///
    /// # Panics
    /// When an entry finds no slot.
    pub fn load(&mut self, state: &State) -> Vec<Doorbell> {
        let mut bells = Vec::new();
        let mut ring = |table, first| {
            let count = 1;
            bells.push(Doorbell {
                table,
                first,
                count,
            });
        };
        let old = std::mem::replace(&mut self.state, state.clone());
        for flow in old.flows().into_iter().chain(state.flows()) {
            if let Some(at) = self.layout.flow_state(flow) {
                flow_state::blank(&*self.bars.bar2, at);
            }
        }
        for entry in old.entries() {
            if state.get(entry.table, &entry.keys).is_none() {
                let slot = self.slots.remove(&(entry.table, entry.keys.clone()));
                let slot = slot.expect("every entry has a slot");
                self.clear(entry.table, slot);
                ring(entry.table, slot);
            }
        }
        for entry in state.entries() {
            let was = old.get(entry.table, &entry.keys);
            if was != Some(entry) {
                self.write(entry);
            }
            let is_flow = matches!(entry.table, TableId::FlowV4 | TableId::FlowV6);
            if was != Some(entry) || is_flow {
                ring(entry.table, self.slots[&(entry.table, entry.keys.clone())]);
            }
        }
        bells
    }

    fn write(&mut self, entry: &Entry) {
        let words = entry.words();
        let key = (entry.table, entry.keys.clone());
        let slot = self.slots.get(&key).copied();
        let slot = slot.or_else(|| self.free_slot(entry, &words));
        let slot = slot.unwrap_or_else(|| panic!("no slot for {entry}"));
        self.slots.insert(key, slot);
        let at = self.at(entry.table, slot);
        for (word, at) in words.iter().zip((at..).step_by(8)) {
            self.bars.bar2.store64(at, *word);
        }
    }

    fn clear(&self, table: TableId, slot: u32) {
        let control = self.control_at(table, slot);
        let cleared = control::cleared(self.bars.bar2.load64(control));
        self.bars.bar2.store64(control, cleared);
    }

    fn at(&self, table: TableId, slot: u32) -> u64 {
        self.layout.table(table).offset + u64::from(slot) * table.entry_len()
    }

    fn control_at(&self, table: TableId, slot: u32) -> u64 {
        self.at(table, slot) + table.entry_len() - 8
    }

    fn free_slot(&self, entry: &Entry, words: &[u64]) -> Option<u32> {
        let table = self.layout.table(entry.table);
        let geometry = table.geometry;
        if let Some(index) = entry.index() {
            return (index < geometry.rows).then_some(index);
        }
        let is_free = |slot: &u32| {
            let control = self.control_at(entry.table, *slot);
            !is_valid(self.bars.bar2.load64(control))
        };
        let mut slots = geometry
            .buckets(hash(entry.table, words))
            .into_iter()
            .flat_map(|bucket| {
                let first = geometry.first_slot(bucket);
                first..first + u32::from(geometry.ways)
            });
        slots.find(is_free).or_else(|| {
            let slot = geometry.stash_slots().find(is_free)?;
            let used = slot - geometry.bucket_slots() + 1;
            let used = used.max(self.bars.bar0.load32(table.stash_used));
            self.bars.bar0.store32(table.stash_used, used);
            Some(slot)
        })
    }
}

fn hash(table: TableId, words: &[u64]) -> u64 {
    fn of<const N: usize, E: ExactEntry<N>>(words: &[u64]) -> u64 {
        let words: [u64; N] = words.try_into().expect("as many");
        E::from_words(words).key().hash::<E>(SECRET)
    }
    match table {
        TableId::FlowV4 => of::<4, FlowV4>(words),
        TableId::FlowV6 => of::<8, FlowV6>(words),
        TableId::FrontendV4 => of::<4, FrontendV4>(words),
        TableId::FrontendV6 => of::<4, FrontendV6>(words),
        TableId::ReturnPathV4 => of::<4, ReturnPathV4>(words),
        TableId::ReturnPathV6 => of::<8, ReturnPathV6>(words),
        TableId::Address => of::<4, Address>(words),
        TableId::SnatBlock => of::<4, SnatBlock>(words),
        TableId::Port
        | TableId::Rule
        | TableId::Selector
        | TableId::Backend
        | TableId::Instance => 0,
    }
}
