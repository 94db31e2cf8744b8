//! An index table: an array whose index is the key.
//!
//! Single-word entries (`rule`, `selector`) change in one store. Of a `port` only the words that
//! differ are written, each by itself. Other entries (`backend`, `instance`) must not change while
//! something refers to them; if one is changed all the same it is cleared in between, so that no
//! packet meets half of each.

use std::marker::PhantomData;

use firmware_api::entry::Entry;
use firmware_api::{Memory, TableId, control};

use super::audit::Audit;
use super::dirty::{self, Dirty};
use super::unseal;
use super::usage::Usage;
use crate::device::{Device, TableInfo};

/// An index beyond the end of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("table {table} has {entries} entries, none of index {index}")]
pub struct NoSuchIndex {
    /// Which table.
    pub table: TableId,
    /// The index.
    pub index: u32,
    /// Entries of the table.
    pub entries: u32,
}

/// An index table.
#[derive(Debug)]
pub struct IndexTable<const N: usize, E> {
    info: TableInfo,
    shadow: Vec<[u64; N]>,
    dirty: Dirty,
    usage: Usage,
    entry: PhantomData<E>,
}

impl<const N: usize, E: Entry<N>> IndexTable<N, E> {
    /// The table of a card that was just reset.
    ///
    /// # Panics
    /// When the capability is another table's.
    pub fn new(info: TableInfo) -> Self {
        assert_eq!(info.id, E::TABLE, "a table's own capability");
        let entries = info.geometry.slots();
        Self {
            info,
            shadow: vec![[0; N]; entries as usize],
            dirty: Dirty::new(),
            usage: Usage::new(info.id, entries, 0),
            entry: PhantomData,
        }
    }

    /// Writes an entry. An entry that is there already stays as it is, epoch included.
    ///
    /// # Errors
    /// When the table is shorter.
    pub fn set<M: Memory>(
        &mut self,
        device: &Device<M>,
        index: u32,
        entry: E,
    ) -> Result<(), NoSuchIndex> {
        let old = self.words(index)?;
        let words = entry.to_words();
        let was_valid = control::is_valid(old[N - 1]);
        if N == 1 {
            self.store(device, index, old, words);
        } else if !was_valid || unseal(old) != unseal(words) {
            let in_place = E::TABLE == TableId::Port;
            if was_valid && !in_place {
                self.store_control(device, index, control::cleared(old[N - 1]));
            }
            self.store(device, index, old, control::seal(words, old[N - 1]));
        }
        let is_valid = control::is_valid(self.shadow[index as usize][N - 1]);
        self.count(was_valid, is_valid);
        Ok(())
    }

    /// Makes an entry invalid.
    ///
    /// # Errors
    /// When the table is shorter.
    pub fn clear<M: Memory>(&mut self, device: &Device<M>, index: u32) -> Result<(), NoSuchIndex> {
        let old = self.words(index)?;
        let was_valid = control::is_valid(old[N - 1]);
        if was_valid {
            let cleared = if N == 1 {
                0
            } else {
                control::cleared(old[N - 1])
            };
            self.store_control(device, index, cleared);
        }
        self.count(was_valid, false);
        Ok(())
    }

    /// The valid entry of an index.
    pub fn get(&self, index: u32) -> Option<E> {
        let words = *self.shadow.get(index as usize)?;
        control::is_valid(words[N - 1]).then(|| Self::entry(words))
    }

    /// Every valid entry with its index.
    pub fn entries(&self) -> impl Iterator<Item = (u32, E)> {
        (0..)
            .zip(&self.shadow)
            .filter(|(_, words)| control::is_valid(words[N - 1]))
            .map(|(index, words)| (index, Self::entry(*words)))
    }

    /// How many entries the table can have.
    pub fn len(&self) -> u32 {
        self.shadow.len() as u32
    }

    /// Whether the table can have no entries; no card's table is so short.
    pub fn is_empty(&self) -> bool {
        self.shadow.is_empty()
    }

    /// Reads a few entries back; returns a slot that does not hold what it should.
    pub fn audit<M: Memory>(
        &self,
        device: &Device<M>,
        audit: &mut Audit,
    ) -> Option<(TableId, u32)> {
        audit.table(device, &self.info, &self.shadow)
    }

    /// How full the table is.
    pub const fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Tells the device which entries were written since the last call;
    /// [`Device::publish_doorbells`] completes it.
    pub fn ring_doorbells<M: Memory>(&mut self, device: &mut Device<M>) {
        dirty::ring(&mut self.dirty, E::TABLE, device);
    }

    /// Takes over what an index of a running card holds, without writing to the card. Returns
    /// whether it is whole; a torn entry is taken as invalid.
    ///
    /// # Errors
    /// When the table is shorter.
    pub fn restore(&mut self, index: u32, mut words: [u64; N]) -> Result<bool, NoSuchIndex> {
        let old = self.words(index)?;
        let valid = control::is_valid(words[N - 1]);
        let whole = N == 1 || !valid || control::is_intact(&words);
        if !whole {
            words[N - 1] = control::cleared(words[N - 1]);
        }
        self.shadow[index as usize] = words;
        self.count(control::is_valid(old[N - 1]), valid && whole);
        Ok(whole)
    }

    /// Single words have neither epoch nor CRC: they are the entry.
    fn entry(words: [u64; N]) -> E {
        E::from_words(if N == 1 { words } else { unseal(words) })
    }

    fn words(&self, index: u32) -> Result<[u64; N], NoSuchIndex> {
        let words = self.shadow.get(index as usize);
        words.copied().ok_or_else(|| NoSuchIndex {
            table: E::TABLE,
            index,
            entries: self.len(),
        })
    }

    /// Writes the words that differ from `old`, the control word last.
    fn store<M: Memory>(&mut self, device: &Device<M>, index: u32, old: [u64; N], new: [u64; N]) {
        let at = self.info.at(index);
        for (i, word) in new.iter().enumerate() {
            if *word != old[i] {
                device.bar2().store64(at + 8 * i as u64, *word);
            }
        }
        if new != old {
            self.shadow[index as usize] = new;
            self.dirty.mark(index);
        }
    }

    fn store_control<M: Memory>(&mut self, device: &Device<M>, index: u32, control: u64) {
        let at = self.info.at(index) + 8 * (N as u64 - 1);
        device.bar2().store64(at, control);
        self.shadow[index as usize][N - 1] = control;
        self.dirty.mark(index);
    }

    fn count(&mut self, was_valid: bool, is_valid: bool) {
        match (was_valid, is_valid) {
            (false, true) => self.usage.added(),
            (true, false) => self.usage.entries -= 1,
            _ => {}
        }
    }
}
