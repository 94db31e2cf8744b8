//! All tables of a card, and flow pairs.
//!
//! A pair is atomic: its return entry is written before its forward entry and removed after it, so
//! whenever a packet can leave by the forward entry, its answer can come back. A pair that does
//! not fit leaves nothing behind.

use std::net::IpAddr;

use firmware_api::entry::address::Address;
use firmware_api::entry::backend::Backend;
use firmware_api::entry::flow::{FlowAction, FlowKey, FlowV4, FlowV6};
use firmware_api::entry::frontend::{FrontendV4, FrontendV6};
use firmware_api::entry::instance::Instance;
use firmware_api::entry::port::Port;
use firmware_api::entry::return_path::{ReturnPathV4, ReturnPathV6};
use firmware_api::entry::rule::Rule;
use firmware_api::entry::selector::Selector;
use firmware_api::entry::snat_block::SnatBlock;
use firmware_api::hash::HashKey;
use firmware_api::{Memory, TableId};

use super::{Audit, ExactTable, FlowEntry, IndexTable, InsertError, Usage};
use crate::device::{Capabilities, Device};

/// Entries prefetched in one go: both of every punt of a batch.
const PREFETCH: usize = 128;

/// Every table of a card.
#[derive(Debug)]
#[expect(
    missing_docs,
    reason = "the fields are the tables of `TableId`, by their names"
)]
pub struct Tables {
    pub port: IndexTable<4, Port>,
    pub flow_v4: ExactTable<4, FlowV4>,
    pub flow_v6: ExactTable<8, FlowV6>,
    pub frontend_v4: ExactTable<4, FrontendV4>,
    pub frontend_v6: ExactTable<4, FrontendV6>,
    pub rule: IndexTable<1, Rule>,
    pub selector: IndexTable<1, Selector>,
    pub backend: IndexTable<4, Backend>,
    pub return_path_v4: ExactTable<4, ReturnPathV4>,
    pub return_path_v6: ExactTable<8, ReturnPathV6>,
    pub instance: IndexTable<8, Instance>,
    pub address: ExactTable<4, Address>,
    pub snat_block: ExactTable<4, SnatBlock>,
}

/// Evaluates `$body` for every table, in the order of their numbers.
macro_rules! each {
    ($tables:expr, |$table:ident| $body:expr) => {
        each!(@ $tables, $table $body; port flow_v4 flow_v6 frontend_v4 frontend_v6 rule selector
            backend return_path_v4 return_path_v6 instance address snat_block)
    };
    (@ $tables:expr, $table:ident $body:expr; $($name:ident)*) => {{
        let Self { $($name,)* } = $tables;
        [$({ let $table = $name; $body },)*]
    }};
}

impl Tables {
    /// The tables of a card that was just reset and has that secret.
    pub fn new(capabilities: &Capabilities, secret: HashKey) -> Self {
        let info = |id| *capabilities.table(id);
        Self {
            port: IndexTable::new(info(TableId::Port)),
            flow_v4: ExactTable::new(info(TableId::FlowV4), secret),
            flow_v6: ExactTable::new(info(TableId::FlowV6), secret),
            frontend_v4: ExactTable::new(info(TableId::FrontendV4), secret),
            frontend_v6: ExactTable::new(info(TableId::FrontendV6), secret),
            rule: IndexTable::new(info(TableId::Rule)),
            selector: IndexTable::new(info(TableId::Selector)),
            backend: IndexTable::new(info(TableId::Backend)),
            return_path_v4: ExactTable::new(info(TableId::ReturnPathV4), secret),
            return_path_v6: ExactTable::new(info(TableId::ReturnPathV6), secret),
            instance: IndexTable::new(info(TableId::Instance)),
            address: ExactTable::new(info(TableId::Address), secret),
            snat_block: ExactTable::new(info(TableId::SnatBlock), secret),
        }
    }

    /// Tells the device what was written since the last call: once per batch.
    pub fn flush<M: Memory>(&mut self, device: &mut Device<M>) {
        each!(self, |table| table.ring_doorbells(device));
        device.publish_doorbells();
    }

    /// Reads a few entries of every table back; returns slots that do not hold what they should.
    pub fn audit<M: Memory>(&self, device: &Device<M>, audit: &mut Audit) -> Vec<(TableId, u32)> {
        let found = each!(self, |table| table.audit(device, audit));
        found.into_iter().flatten().collect()
    }

    /// How full every table is, in the order of their numbers.
    pub fn usage(&self) -> [Usage; TableId::ALL.len()] {
        [
            *self.port.usage(),
            *self.flow_v4.usage(),
            *self.flow_v6.usage(),
            *self.frontend_v4.usage(),
            *self.frontend_v6.usage(),
            *self.rule.usage(),
            *self.selector.usage(),
            *self.backend.usage(),
            *self.return_path_v4.usage(),
            *self.return_path_v6.usage(),
            *self.instance.usage(),
            *self.address.usage(),
            *self.snat_block.usage(),
        ]
    }

    /// Brings what the installation, lookup or removal of these entries touches into the cache:
    /// once per batch of punts, before the first of them is dealt with. Changes nothing.
    pub fn prefetch<M: Memory>(&self, device: &Device<M>, entries: &[FlowEntry]) {
        for entries in entries.chunks(PREFETCH) {
            let mut hashes = [0; PREFETCH];
            // First all tags, then all slots: the misses of each step overlap.
            for (hash, entry) in hashes.iter_mut().zip(entries) {
                *hash = match entry {
                    FlowEntry::V4(entry) => self.flow_v4.prefetch_tags(*entry),
                    FlowEntry::V6(entry) => self.flow_v6.prefetch_tags(*entry),
                };
            }
            for (hash, entry) in hashes.iter().zip(entries) {
                match entry {
                    FlowEntry::V4(_) => self.flow_v4.prefetch_slot(device, *hash),
                    FlowEntry::V6(_) => self.flow_v6.prefetch_slot(device, *hash),
                }
            }
        }
    }

    /// Installs both entries of a flow, whose state block is blanked first.
    ///
    /// # Errors
    /// When one of the keys is there already or has no room; then neither entry is installed.
    ///
    /// # Panics
    /// When the card has no flow of that id.
    #[inline]
    pub fn install_pair<M: Memory>(
        &mut self,
        device: &Device<M>,
        forward: FlowEntry,
        reverse: FlowEntry,
    ) -> Result<(), InsertError> {
        device.blank_flow_state(forward.flow());
        self.insert_flow(device, reverse)?;
        self.insert_flow(device, forward).inspect_err(|_| {
            self.remove_flow(device, reverse);
        })
    }

    /// Removes both entries of a flow, given their keys. Returns whether both were there.
    #[inline]
    pub fn remove_pair<M: Memory>(
        &mut self,
        device: &Device<M>,
        forward: FlowKey<IpAddr>,
        reverse: FlowKey<IpAddr>,
    ) -> bool {
        let mut remove = |key| {
            let like = FlowEntry::like(key)?;
            self.remove_flow(device, like)
        };
        let (forward, reverse) = (remove(forward), remove(reverse));
        forward.is_some() && reverse.is_some()
    }

    /// The installed action of a key.
    #[inline]
    pub fn flow(&self, key: FlowKey<IpAddr>) -> Option<FlowAction<IpAddr>> {
        match FlowEntry::like(key)? {
            FlowEntry::V4(like) => Some(self.flow_v4.get(like)?.action().any_family()),
            FlowEntry::V6(like) => Some(self.flow_v6.get(like)?.action().any_family()),
        }
    }

    /// Every installed flow entry.
    pub fn flows(&self) -> impl Iterator<Item = FlowEntry> {
        let v4 = self.flow_v4.entries().map(|(_, e)| FlowEntry::V4(e));
        let v6 = self.flow_v6.entries().map(|(_, e)| FlowEntry::V6(e));
        v4.chain(v6)
    }

    fn insert_flow<M: Memory>(
        &mut self,
        device: &Device<M>,
        entry: FlowEntry,
    ) -> Result<(), InsertError> {
        match entry {
            FlowEntry::V4(entry) => self.flow_v4.insert(device, entry),
            FlowEntry::V6(entry) => self.flow_v6.insert(device, entry),
        }
    }

    fn remove_flow<M: Memory>(&mut self, device: &Device<M>, like: FlowEntry) -> Option<FlowEntry> {
        match like {
            FlowEntry::V4(like) => self.flow_v4.remove(device, like).map(FlowEntry::V4),
            FlowEntry::V6(like) => self.flow_v6.remove(device, like).map(FlowEntry::V6),
        }
    }
}
