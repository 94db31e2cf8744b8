//! Taking over a table that stands on a running card.

use firmware_api::entry::{ExactEntry, Key};
use firmware_api::{Memory, TableId, control};

use super::ExactTable;
use crate::device::Device;
use crate::table::tags;

/// Why words found on a card cannot be adopted into a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The CRC is wrong: the entry was being written.
    #[error("table {0}, slot {1}: the entry is not whole")]
    Torn(TableId, u32),
    /// No lookup of the key would find it there.
    #[error("table {0}, slot {1}: the entry's key does not belong there")]
    Misplaced(TableId, u32),
    /// The key stands in another slot already: the entry was being moved.
    #[error("table {0}, slot {1}: the entry's key stands in slot {2} as well")]
    Duplicate(TableId, u32, u32),
}

impl<const N: usize, E: ExactEntry<N>> ExactTable<N, E> {
    /// Takes over what a slot of a running card holds, without writing to the card.
    ///
    /// # Errors
    /// When no lookup could have found the entry, or it stands in another slot as well. The slot
    /// is then known to be used by nobody: clear it or write over it.
    pub fn restore(&mut self, slot: u32, words: [u64; N]) -> Result<(), RestoreError> {
        // Even a refused entry's epoch must differ from that of the next write.
        self.shadow[slot as usize][N - 1] = control::cleared(words[N - 1]);
        if !control::is_valid(words[N - 1]) {
            return Ok(());
        }
        if !control::is_intact(&words) {
            return Err(RestoreError::Torn(E::TABLE, slot));
        }
        let key = Key::of::<E>(&words);
        let hash = key.hash::<E>(self.secret);
        let stashed = self.stash.contains(slot);
        let buckets = self.info.geometry.buckets(hash);
        if !stashed && !buckets.iter().any(|b| self.slots_of(*b).contains(&slot)) {
            return Err(RestoreError::Misplaced(E::TABLE, slot));
        }
        if let Some(other) = self.find(hash, &key) {
            return Err(RestoreError::Duplicate(E::TABLE, slot, other));
        }
        self.shadow[slot as usize] = words;
        self.tags.set(slot, tags::of(hash));
        if stashed {
            self.stash.take(slot, hash);
            self.usage.stashed();
        }
        self.usage.added();
        Ok(())
    }

    /// Clears a slot that [`ExactTable::restore`] refused.
    ///
    /// # Panics
    /// When an entry is in use there.
    pub fn discard<M: Memory>(&mut self, device: &Device<M>, slot: u32) {
        assert_eq!(self.tags.get(slot), tags::FREE, "an entry in use");
        self.bump_moves(device);
        self.clear_control(device, slot);
    }

    /// Takes over the registers of a running card: before anything is written to it. The device
    /// searches as far as the restored entries need.
    pub fn restore_registers<M: Memory>(&mut self, device: &Device<M>, moves: u32) {
        self.moves = moves;
        self.store_stash_used(device);
    }
}
