//! An exact table: a bucketed cuckoo table that the driver places and the device only looks up.
//!
//! A key may stand in two buckets, or in the stash. A new key goes to the bucket with more room;
//! when both are full, entries move on to their other buckets by the shortest chain there is; when
//! there is none within reach, the stash takes it. See the module above for the write order.

mod restore;
mod write;

use std::marker::PhantomData;
use std::ops::Range;

use firmware_api::entry::{ExactEntry, Key};
use firmware_api::geometry::Geometry;
use firmware_api::hash::HashKey;
use firmware_api::{Memory, TableId};

pub use restore::RestoreError;

use super::audit::Audit;
use super::dirty::{self, Dirty};
use super::search::Search;
use super::stash::Stash;
use super::tags::{self, Tags};
use super::unseal;
use super::usage::Usage;
use crate::device::{Device, TableInfo};

/// A table has no room for a key; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("table {table} is full: {entries} entries in {capacity} slots, and no way to make room")]
pub struct TableFull {
    /// Which table.
    pub table: TableId,
    /// Entries in it.
    pub entries: u32,
    /// Slots, stash included.
    pub capacity: u32,
}

/// Why an entry was not inserted; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InsertError {
    /// There is an entry of that key.
    #[error("table {0} has an entry of that key")]
    Present(TableId),
    /// There is no room.
    #[error(transparent)]
    Full(#[from] TableFull),
}

/// An exact table.
#[derive(Debug)]
pub struct ExactTable<const N: usize, E> {
    info: TableInfo,
    secret: HashKey,
    /// What BAR2 holds, slot by slot. Free slots keep their epoch.
    shadow: Vec<[u64; N]>,
    tags: Tags,
    stash: Stash,
    search: Search,
    /// What the register `TABLE_MOVES` holds.
    moves: u32,
    dirty: Dirty,
    usage: Usage,
    entry: PhantomData<E>,
}

impl<const N: usize, E: ExactEntry<N>> ExactTable<N, E> {
    /// The table of a card that was just reset.
    ///
    /// # Panics
    /// When the capability is another table's.
    pub fn new(info: TableInfo, secret: HashKey) -> Self {
        assert_eq!(info.id, E::TABLE, "a table's own capability");
        let Geometry { ways, stash, .. } = info.geometry;
        assert!(ways > 0, "an exact table");
        let slots = info.geometry.slots();
        Self {
            info,
            secret,
            shadow: vec![[0; N]; slots as usize],
            tags: Tags::new(slots),
            stash: Stash::new(info.geometry.stash_slots()),
            search: Search::new(),
            moves: 0,
            dirty: Dirty::new(),
            usage: Usage::new(info.id, info.geometry.bucket_slots(), stash.into()),
            entry: PhantomData,
        }
    }

    /// Adds an entry whose key is not there yet.
    ///
    /// # Errors
    /// When the key is there, or there is no room.
    pub fn insert<M: Memory>(&mut self, device: &Device<M>, entry: E) -> Result<(), InsertError> {
        let words = entry.to_words();
        let key = Key::of::<E>(&words);
        let hash = key.hash::<E>(self.secret);
        if self.find(hash, &key).is_some() {
            return Err(InsertError::Present(E::TABLE));
        }
        let slot = self.make_room(device, hash)?;
        self.write(device, slot, words, hash);
        self.usage.added();
        Ok(())
    }

    /// Gives a key that is there a new action: the new entry first, then the old one goes.
    /// Returns the old entry, or `None` and changes nothing when the key is not there.
    ///
    /// # Errors
    /// When there is no room for both for a moment.
    pub fn replace<M: Memory>(
        &mut self,
        device: &Device<M>,
        entry: E,
    ) -> Result<Option<E>, TableFull> {
        let words = entry.to_words();
        let key = Key::of::<E>(&words);
        let hash = key.hash::<E>(self.secret);
        let Some(old) = self.find(hash, &key) else {
            return Ok(None);
        };
        let before = unseal(self.shadow[old as usize]);
        if before != unseal(words) {
            let slot = self.make_room(device, hash)?;
            // Making room may have moved the old entry.
            let old = self.find(hash, &key).expect("a moved entry is present");
            self.write(device, slot, words, hash);
            self.bump_moves(device);
            self.clear(device, old);
            self.fill_from_stash(device, old);
        }
        Ok(Some(E::from_words(before)))
    }

    /// Inserts or replaces; returns the old entry if there was one.
    ///
    /// # Errors
    /// When there is no room.
    pub fn put<M: Memory>(&mut self, device: &Device<M>, entry: E) -> Result<Option<E>, TableFull> {
        match self.insert(device, entry) {
            Ok(()) => Ok(None),
            Err(InsertError::Full(full)) => Err(full),
            Err(InsertError::Present(_)) => self.replace(device, entry),
        }
    }

    /// Removes the entry that has the key of `like` and returns it.
    pub fn remove<M: Memory>(&mut self, device: &Device<M>, like: E) -> Option<E> {
        let key = like.key();
        let slot = self.find(key.hash::<E>(self.secret), &key)?;
        let entry = self.entry(slot);
        self.clear(device, slot);
        self.usage.entries -= 1;
        self.fill_from_stash(device, slot);
        Some(entry)
    }

    /// The entry that has the key of `like`.
    pub fn get(&self, like: E) -> Option<E> {
        let key = like.key();
        let slot = self.find(key.hash::<E>(self.secret), &key)?;
        Some(self.entry(slot))
    }

    /// Every entry with its slot, in the order of the slots.
    pub fn entries(&self) -> impl Iterator<Item = (u32, E)> {
        self.tags.used().map(|slot| (slot, self.entry(slot)))
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

    /// Where the table stands and its shape.
    pub const fn info(&self) -> &TableInfo {
        &self.info
    }

    /// Tells the device which slots were written since the last call;
    /// [`Device::publish_doorbells`] completes it.
    pub fn ring_doorbells<M: Memory>(&mut self, device: &mut Device<M>) {
        dirty::ring(&mut self.dirty, E::TABLE, device);
    }

    /// The hash of the key of `like`, having asked for what [`ExactTable::prefetch_slot`] reads.
    #[inline]
    pub(super) fn prefetch_tags(&self, like: E) -> u64 {
        let hash = like.key().hash::<E>(self.secret);
        for bucket in self.info.geometry.buckets(hash) {
            self.tags.prefetch(self.info.geometry.first_slot(bucket));
        }
        hash
    }

    /// Asks for the slot that a lookup or removal of the hash's key would read, and for the one that
    /// an insertion would write.
    #[inline]
    pub(super) fn prefetch_slot<M: Memory>(&self, device: &Device<M>, hash: u64) {
        let tag = tags::of(hash);
        let buckets = self.info.geometry.buckets(hash);
        let mut slots = buckets
            .into_iter()
            .flat_map(|b| self.tags.holding(self.slots_of(b), tag));
        let slot = slots.next().or_else(|| self.free_slot(buckets));
        if let Some(slot) = slot {
            std::hint::black_box(self.shadow[slot as usize][N - 1]);
            device.bar2().prefetch(self.info.at(slot));
        }
    }

    /// The slots of a bucket.
    #[inline]
    fn slots_of(&self, bucket: u32) -> Range<u32> {
        let first = self.info.geometry.first_slot(bucket);
        first..first + u32::from(self.info.geometry.ways)
    }

    fn entry(&self, slot: u32) -> E {
        E::from_words(unseal(self.shadow[slot as usize]))
    }

    /// The slot of a key.
    #[inline]
    fn find(&self, hash: u64, key: &Key<N>) -> Option<u32> {
        let tag = tags::of(hash);
        for bucket in self.info.geometry.buckets(hash) {
            for slot in self.tags.holding(self.slots_of(bucket), tag) {
                if key.matches::<E>(&self.shadow[slot as usize]) {
                    return Some(slot);
                }
            }
        }
        let mut stash = self.stash.entries();
        stash.find_map(|(slot, stashed)| {
            let found = stashed == hash && key.matches::<E>(&self.shadow[slot as usize]);
            found.then_some(slot)
        })
    }

    /// A free slot for a key of that hash. Moves entries if need be; in the stash, the device
    /// searches it from now on.
    fn make_room<M: Memory>(&mut self, device: &Device<M>, hash: u64) -> Result<u32, TableFull> {
        let roots = self.info.geometry.buckets(hash);
        if let Some(slot) = self.free_slot(roots) {
            return Ok(slot);
        }
        if let Some(slot) = self.displace(device, roots) {
            return Ok(slot);
        }
        let Some(slot) = self.stash.free() else {
            self.usage.failures += 1;
            return Err(TableFull {
                table: E::TABLE,
                entries: self.usage.entries,
                capacity: self.info.geometry.slots(),
            });
        };
        if self.stash.take(slot, hash) {
            self.store_stash_used(device);
        }
        self.usage.stashed();
        Ok(slot)
    }

    /// A free slot of the emptier bucket.
    #[inline]
    fn free_slot(&self, buckets: [u32; 2]) -> Option<u32> {
        let [first, second] = buckets.map(|bucket| self.slots_of(bucket));
        let emptier = if self.tags.count_free(second.clone()) > self.tags.count_free(first.clone())
        {
            second
        } else {
            first
        };
        self.tags.free(emptier)
    }

    /// Frees a slot of one of two full buckets.
    fn displace<M: Memory>(&mut self, device: &Device<M>, roots: [u32; 2]) -> Option<u32> {
        let mut search = std::mem::take(&mut self.search);
        let mut next = search.run(
            roots,
            |bucket| self.slots_of(bucket),
            |bucket, slot| {
                let other = self.other_bucket(slot, bucket);
                (other, self.tags.free(self.slots_of(other)))
            },
        );
        let mut freed = None;
        while let Some(step) = next {
            self.relocate(device, step.from, step.to);
            freed = Some(step.from);
            next = search.after(step);
        }
        self.search = search;
        freed
    }

    fn hash_of(&self, slot: u32) -> u64 {
        Key::of::<E>(&self.shadow[slot as usize]).hash::<E>(self.secret)
    }

    /// The other bucket in which the entry of a slot may stand.
    #[inline]
    fn other_bucket(&self, slot: u32, bucket: u32) -> u32 {
        let [first, second] = self.info.geometry.buckets(self.hash_of(slot));
        if first == bucket { second } else { first }
    }

    /// Moves an entry into a free slot of a bucket: it exists twice before it exists once.
    fn relocate<M: Memory>(&mut self, device: &Device<M>, from: u32, to: u32) {
        let tag = self.tags.get(from);
        self.write_slot(device, to, self.shadow[from as usize], tag);
        self.bump_moves(device);
        self.clear(device, from);
        self.usage.displacements += 1;
    }

    /// After `freed` became free: brings an entry that may stand in its bucket home from the stash.
    #[inline]
    fn fill_from_stash<M: Memory>(&mut self, device: &Device<M>, freed: u32) {
        if self.stash.used() == 0 || self.stash.contains(freed) {
            return;
        }
        let bucket = freed / u32::from(self.info.geometry.ways);
        let geometry = self.info.geometry;
        let mut stashed = self.stash.entries();
        let homesick = stashed.find(|(_, hash)| geometry.buckets(*hash).contains(&bucket));
        drop(stashed);
        if let Some((slot, hash)) = homesick {
            let words = self.shadow[slot as usize];
            self.write_slot(device, freed, words, tags::of(hash));
            self.bump_moves(device);
            self.clear(device, slot);
            self.usage.displacements += 1;
        }
    }
}
