//! The stash: a few slots that the device searches one by one, for keys whose buckets are full.
//! The device searches only the first `STASH_USED` of them, so low slots are taken first.

use std::ops::Range;

/// Which hashes stand in the stash.
#[derive(Debug)]
pub(super) struct Stash {
    slots: Range<u32>,
    /// By stash slot: the hash of its key, while it is used.
    hashes: Vec<Option<u64>>,
    /// How many slots the device searches.
    used: u32,
}

impl Stash {
    pub(super) fn new(slots: Range<u32>) -> Self {
        Self {
            hashes: vec![None; slots.len()],
            slots,
            used: 0,
        }
    }

    /// The slots that the device searches.
    #[inline]
    pub(super) const fn used(&self) -> u32 {
        self.used
    }

    #[inline]
    pub(super) fn contains(&self, slot: u32) -> bool {
        self.slots.contains(&slot)
    }

    /// The used slots with their hashes.
    #[inline]
    pub(super) fn entries(&self) -> impl Iterator<Item = (u32, u64)> {
        let used = self.hashes[..self.used as usize].iter().enumerate();
        used.filter_map(|(i, hash)| Some((self.slots.start + i as u32, (*hash)?)))
    }

    /// The lowest free slot.
    pub(super) fn free(&self) -> Option<u32> {
        let free = self.hashes.iter().position(Option::is_none)?;
        Some(self.slots.start + free as u32)
    }

    /// Takes a slot; returns whether the device has to search further than before.
    pub(super) fn take(&mut self, slot: u32, hash: u64) -> bool {
        let index = slot - self.slots.start;
        self.hashes[index as usize] = Some(hash);
        let raised = index >= self.used;
        self.used = self.used.max(index + 1);
        raised
    }

    /// Gives a slot back; returns whether the device has to search less far than before.
    pub(super) fn release(&mut self, slot: u32) -> bool {
        self.hashes[(slot - self.slots.start) as usize] = None;
        let before = self.used;
        let last = self.hashes.iter().rposition(Option::is_some);
        self.used = last.map_or(0, |last| last as u32 + 1);
        self.used != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_searches_no_further_than_the_last_used_slot() {
        let mut stash = Stash::new(100..103);
        assert!(stash.take(100, 1) && stash.take(101, 2) && stash.take(102, 3));
        assert_eq!(stash.free(), None);
        assert!(!stash.release(101), "a hole is searched on");
        assert_eq!(stash.free(), Some(101));
        assert!(stash.release(102));
        assert_eq!(
            (stash.used(), stash.entries().collect::<Vec<_>>()),
            (1, vec![(100, 1)])
        );
        assert!(!stash.take(101, 4) || stash.used() == 2);
    }
}
