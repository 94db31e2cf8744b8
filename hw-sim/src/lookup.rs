//! Lookups in the tables of BAR2, while a driver writes them.
//!
//! An exact lookup searches two buckets and the stash. It never mixes two entries (the control
//! word is read again behind the body) and never misses a present key (a miss counts only when
//! `TABLE_MOVES` stood still meanwhile; ARCHITECTURE.md, write order).

use firmware_api::control::is_valid;
use firmware_api::entry::{Entry, ExactEntry, Key};
use firmware_api::hash::HashKey;
use firmware_api::{Memory, register};

use crate::config::{Layout, Table};

/// How often a slot, or a whole lookup, is read again when the driver changed it meanwhile. A
/// driver that writes as fast as it can changes a slot once or twice in that time; the bound is
/// for one that would never stop.
const ATTEMPTS: usize = 16;

/// The memory that a pipeline reads.
#[derive(Debug)]
pub struct Spaces<'a, M> {
    /// Registers.
    pub bar0: &'a M,
    /// Tables and flow state.
    pub bar2: &'a M,
}

impl<M> Clone for Spaces<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Spaces<'_, M> {}

/// Finds the entry of a key.
pub fn find<const N: usize, E: ExactEntry<N>>(
    spaces: Spaces<'_, impl Memory>,
    table: &Table,
    secret: HashKey,
    key: &Key<N>,
) -> Option<[u64; N]> {
    find_hashed::<N, E>(spaces, table, key.hash::<E>(secret), key)
}

/// As [`find`], given the hash of the key.
#[inline]
pub fn find_hashed<const N: usize, E: ExactEntry<N>>(
    spaces: Spaces<'_, impl Memory>,
    table: &Table,
    hash: u64,
    key: &Key<N>,
) -> Option<[u64; N]> {
    for _ in 0..ATTEMPTS {
        let moves = spaces.bar0.load32(table.moves);
        let found = search::<N, E>(spaces, table, hash, key);
        if found.is_some() || spaces.bar0.load32(table.moves) == moves {
            return found;
        }
    }
    None
}

#[inline]
fn search<const N: usize, E: ExactEntry<N>>(
    spaces: Spaces<'_, impl Memory>,
    table: &Table,
    hash: u64,
    key: &Key<N>,
) -> Option<[u64; N]> {
    let geometry = table.geometry;
    for bucket in geometry.buckets(hash) {
        let first = geometry.first_slot(bucket);
        for slot in first..first + u32::from(geometry.ways) {
            if let Some(words) = read::<N, E>(spaces.bar2, table, slot, key) {
                return Some(words);
            }
        }
    }
    let used = spaces.bar0.load32(table.stash_used);
    let used = used.min(u32::from(geometry.stash));
    let first = geometry.bucket_slots();
    (first..first + used).find_map(|slot| read::<N, E>(spaces.bar2, table, slot, key))
}

/// The entry in a slot, when it is the key's.
#[inline]
fn read<const N: usize, E: ExactEntry<N>>(
    bar2: &impl Memory,
    table: &Table,
    slot: u32,
    key: &Key<N>,
) -> Option<[u64; N]> {
    let at = table.offset + u64::from(slot) * (8 * N as u64);
    if !key.matches_word::<E>(0, bar2.load64(at)) {
        return None;
    }
    let control_at = at + 8 * (N as u64 - 1);
    for _ in 0..ATTEMPTS {
        let control = bar2.load64(control_at);
        let mut words: [u64; N] = bar2.load_words(at);
        words[N - 1] = control;
        if bar2.load64(control_at) == control {
            return key.matches::<E>(&words).then_some(words);
        }
    }
    None
}

/// Brings the buckets of a hash into the cache.
#[inline]
pub fn prefetch<const N: usize>(spaces: Spaces<'_, impl Memory>, table: &Table, hash: u64) {
    const LINE: u64 = 64;
    let entry = 8 * N as u64;
    let bucket_len = u64::from(table.geometry.ways) * entry;
    for bucket in table.geometry.buckets(hash) {
        let at = table.offset + u64::from(bucket) * bucket_len;
        for line in 0..bucket_len.div_ceil(LINE) {
            spaces.bar2.prefetch(at + line * LINE);
        }
    }
}

/// All tables of a card, as one pipeline run sees them.
#[derive(Debug)]
pub struct Tables<'a, M> {
    /// Where they are.
    pub spaces: Spaces<'a, M>,
    /// What stands where.
    pub layout: &'a Layout,
    /// The secret of the flow hash.
    pub secret: HashKey,
}

impl<'a, M: Memory> Tables<'a, M> {
    /// Reads the secret; a driver sets it before it enables the card.
    pub fn new(spaces: Spaces<'a, M>, layout: &'a Layout) -> Self {
        let key = |r: register::Register| spaces.bar0.load64(r.offset);
        Self {
            spaces,
            layout,
            secret: HashKey(key(register::HASH_KEY_0), key(register::HASH_KEY_1)),
        }
    }

    /// The entry of an exact table that has the key of `like`.
    pub fn exact<const N: usize, E: ExactEntry<N>>(&self, like: E) -> Option<E> {
        let table = self.layout.table(E::TABLE);
        find::<N, E>(self.spaces, table, self.secret, &like.key()).map(E::from_words)
    }

    /// The words of a row of an index table, valid or not; `None` beyond its end.
    #[inline]
    pub fn row<const N: usize, E: Entry<N>>(&self, index: u32) -> Option<[u64; N]> {
        let table = self.layout.table(E::TABLE);
        let at = table.offset + u64::from(index) * (8 * N as u64);
        (index < table.geometry.rows).then(|| self.spaces.bar2.load_words(at))
    }

    /// The valid entry of an index table.
    #[inline]
    pub fn valid<const N: usize, E: Entry<N>>(&self, index: u32) -> Option<E> {
        self.row::<N, E>(index)
            .filter(|words| is_valid(words[N - 1]))
            .map(E::from_words)
    }
}

#[cfg(test)]
mod tests;
