//! How full a table is, and what keeping it took.

use firmware_api::TableId;

/// A reading of a table's usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Which table.
    pub table: TableId,
    /// Slots in buckets, or of the array.
    pub capacity: u32,
    /// Slots of the stash.
    pub stash_capacity: u32,
    /// Entries now, those in the stash included.
    pub entries: u32,
    /// The most entries there ever were.
    pub high_water: u32,
    /// Entries in the stash now.
    pub stashed: u32,
    /// The most entries there ever were in the stash.
    pub stash_high_water: u32,
    /// Entries moved to make room, or home from the stash.
    pub displacements: u64,
    /// Entries refused because the table was full.
    pub failures: u64,
}

impl Usage {
    pub(super) const fn new(table: TableId, capacity: u32, stash_capacity: u32) -> Self {
        Self {
            table,
            capacity,
            stash_capacity,
            entries: 0,
            high_water: 0,
            stashed: 0,
            stash_high_water: 0,
            displacements: 0,
            failures: 0,
        }
    }

    pub(super) fn added(&mut self) {
        self.entries += 1;
        self.high_water = self.high_water.max(self.entries);
    }

    pub(super) fn stashed(&mut self) {
        self.stashed += 1;
        self.stash_high_water = self.stash_high_water.max(self.stashed);
    }

    /// Entries per slot in buckets; above 1 when the stash is in use as well.
    pub fn load(&self) -> f64 {
        f64::from(self.entries) / f64::from(self.capacity)
    }
}
