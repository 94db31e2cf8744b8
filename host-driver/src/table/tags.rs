//! One byte per slot: 0 when it is free, else eight bits of the key's hash that the bucket numbers
//! do not depend on. A bucket's tags are one cache line where its entries are four to sixteen, so
//! almost every question about a bucket is answered without touching the entries.

use std::ops::Range;

/// The tag of a free slot.
pub(super) const FREE: u8 = 0;

/// The tag of a used slot whose key has that hash.
#[inline]
pub(super) fn of(hash: u64) -> u8 {
    let mixed = (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
    mixed.max(1)
}

/// The tags of a table.
#[derive(Debug)]
pub(super) struct Tags(Vec<u8>);

impl Tags {
    pub(super) fn new(slots: u32) -> Self {
        Self(vec![FREE; slots as usize])
    }

    #[inline]
    pub(super) fn get(&self, slot: u32) -> u8 {
        self.0[slot as usize]
    }

    /// Brings the tags around a slot into the cache: a load whose value nobody waits for.
    #[inline]
    pub(super) fn prefetch(&self, slot: u32) {
        std::hint::black_box(self.0[slot as usize]);
    }

    #[inline]
    pub(super) fn set(&mut self, slot: u32, tag: u8) {
        self.0[slot as usize] = tag;
    }

    #[inline]
    fn slice(&self, slots: Range<u32>) -> &[u8] {
        &self.0[slots.start as usize..slots.end as usize]
    }

    /// The slots that hold the tag.
    #[inline]
    pub(super) fn holding(&self, slots: Range<u32>, tag: u8) -> impl Iterator<Item = u32> {
        let first = slots.start;
        let tags = self.slice(slots).iter().enumerate();
        tags.filter_map(move |(i, found)| (*found == tag).then_some(first + i as u32))
    }

    /// The first free slot.
    #[inline]
    pub(super) fn free(&self, slots: Range<u32>) -> Option<u32> {
        self.holding(slots, FREE).next()
    }

    /// How many slots are free.
    #[inline]
    pub(super) fn count_free(&self, slots: Range<u32>) -> usize {
        self.holding(slots, FREE).count()
    }

    /// The used slots.
    pub(super) fn used(&self) -> impl Iterator<Item = u32> {
        let tags = self.0.iter().enumerate();
        tags.filter_map(|(slot, tag)| (*tag != FREE).then_some(slot as u32))
    }
}
