//! The stores of an exact table, in their order: an entry's body first and its control word last,
//! `TABLE_MOVES` before the old copy of a moved entry is cleared, `STASH_USED` around the stash.

use firmware_api::entry::ExactEntry;
use firmware_api::register::{STASH_USED, TABLE_MOVES};
use firmware_api::{Memory, control};

use super::ExactTable;
use crate::device::Device;
use crate::table::tags;

impl<const N: usize, E: ExactEntry<N>> ExactTable<N, E> {
    #[inline]
    pub(super) fn write<M: Memory>(
        &mut self,
        device: &Device<M>,
        slot: u32,
        words: [u64; N],
        hash: u64,
    ) {
        self.write_slot(device, slot, words, tags::of(hash));
    }

    /// Writes an entry into a free slot, its control word last.
    #[inline]
    pub(super) fn write_slot<M: Memory>(
        &mut self,
        device: &Device<M>,
        slot: u32,
        words: [u64; N],
        tag: u8,
    ) {
        let shadow = &mut self.shadow[slot as usize];
        *shadow = control::seal(words, shadow[N - 1]);
        let at = self.info.at(slot);
        for (i, word) in shadow.iter().enumerate() {
            device.bar2().store64(at + 8 * i as u64, *word);
        }
        self.tags.set(slot, tag);
        self.dirty.mark(slot);
    }

    /// Frees a slot.
    #[inline]
    pub(super) fn clear<M: Memory>(&mut self, device: &Device<M>, slot: u32) {
        self.clear_control(device, slot);
        self.tags.set(slot, tags::FREE);
        if self.stash.contains(slot) {
            self.usage.stashed -= 1;
            if self.stash.release(slot) {
                self.store_stash_used(device);
            }
        }
    }

    #[inline]
    pub(super) fn clear_control<M: Memory>(&mut self, device: &Device<M>, slot: u32) {
        let control = &mut self.shadow[slot as usize][N - 1];
        *control = control::cleared(*control);
        let at = self.info.at(slot) + 8 * (N as u64 - 1);
        device.bar2().store64(at, *control);
        self.dirty.mark(slot);
    }

    pub(super) fn bump_moves<M: Memory>(&mut self, device: &Device<M>) {
        self.moves = self.moves.wrapping_add(1);
        let at = TABLE_MOVES.at(E::TABLE as u64);
        device.bar0().store32(at, self.moves);
    }

    pub(super) fn store_stash_used<M: Memory>(&self, device: &Device<M>) {
        let at = STASH_USED.at(E::TABLE as u64);
        device.bar0().store32(at, self.stash.used());
    }
}
