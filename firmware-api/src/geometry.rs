//! The shape of a table in BAR2, and where a key may stand in it.
//!
//! ```text
//! TABLE_GEOMETRY  bits 0..32   entries of an index table, or buckets of an exact one (power of two)
//!                 bits 32..40  ways of a bucket (0 = index table)
//!                 bits 40..56  slots of the stash
//! ```
//! Slots of an exact table are numbered bucket by bucket, way by way; the stash follows.

/// The shape of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Entries of an index table, buckets of an exact one.
    pub rows: u32,
    /// Ways of a bucket, 1..=16; 0 for an index table.
    pub ways: u8,
    /// Slots of the stash, searched associatively.
    pub stash: u16,
}

impl Geometry {
    /// An array of entries.
    pub const fn index(entries: u32) -> Self {
        Self {
            rows: entries,
            ways: 0,
            stash: 0,
        }
    }

    /// A hash table; `buckets` must be a power of two.
    ///
    /// # Panics
    /// When `buckets` is not a power of two or `ways` is not in 1..=16.
    pub const fn exact(buckets: u32, ways: u8, stash: u16) -> Self {
        assert!(buckets.is_power_of_two() && ways >= 1 && ways <= 16);
        Self {
            rows: buckets,
            ways,
            stash,
        }
    }

    /// The smallest hash table of that many ways with at least `capacity` slots in buckets.
    pub const fn for_capacity(capacity: u32, ways: u8, stash: u16) -> Self {
        Self::exact(
            capacity.div_ceil(ways as u32).next_power_of_two(),
            ways,
            stash,
        )
    }

    /// As the register says it.
    pub const fn encode(self) -> u64 {
        self.rows as u64 | (self.ways as u64) << 32 | (self.stash as u64) << 40
    }

    /// From the register; `None` when no table can have that shape.
    pub const fn decode(register: u64) -> Option<Self> {
        let rows = register as u32;
        let ways = (register >> 32) as u8;
        let stash = (register >> 40) as u16;
        let fits = if ways == 0 {
            stash == 0
        } else {
            let slots = rows as u64 * ways as u64 + stash as u64;
            ways <= 16 && rows.is_power_of_two() && slots <= u32::MAX as u64
        };
        if register >> 56 != 0 || rows == 0 || rows > 1 << 28 || !fits {
            return None;
        }
        Some(Self { rows, ways, stash })
    }

    /// Slots in buckets: the capacity at 100 % load.
    pub const fn bucket_slots(self) -> u32 {
        if self.ways == 0 {
            self.rows
        } else {
            self.rows * self.ways as u32
        }
    }

    /// All slots, stash included.
    pub const fn slots(self) -> u32 {
        self.bucket_slots() + self.stash as u32
    }

    /// The two buckets in which a key of that hash may stand; never the same bucket unless the
    /// table has only one.
    #[inline]
    pub const fn buckets(self, hash: u64) -> [u32; 2] {
        let mask = self.rows - 1;
        let first = hash as u32 & mask;
        let second = (hash >> 32) as u32 & mask;
        if first == second {
            [first, second ^ (1 & mask)]
        } else {
            [first, second]
        }
    }

    /// The first slot of a bucket.
    #[inline]
    pub const fn first_slot(self, bucket: u32) -> u32 {
        bucket * self.ways as u32
    }

    /// The slots of the stash.
    pub const fn stash_slots(self) -> core::ops::Range<u32> {
        self.bucket_slots()..self.slots()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_register_carries_the_geometry(log in 0u32..28, ways in 1u8..=16, stash: u16) {
            let geometry = Geometry::exact(1 << log, ways, stash);
            prop_assert_eq!(Geometry::decode(geometry.encode()), Some(geometry));
        }

        #[test]
        fn nothing_trusted_a_decoded_geometry_is_sane(register: u64) {
            if let Some(g) = Geometry::decode(register) {
                prop_assert!(g.rows > 0 && g.rows <= 1 << 28 && g.ways <= 16);
                prop_assert!(g.slots() >= g.rows);
            }
        }

        #[test]
        fn the_two_buckets_differ(log in 1u32..28, hash: u64) {
            let [a, b] = Geometry::exact(1 << log, 8, 0).buckets(hash);
            prop_assert!(a != b && a < 1 << log && b < 1 << log);
        }
    }

    #[test]
    fn nothing_trusted_more_slots_than_numbers_are_refused() {
        let register = |ways: u64| 1 << 28 | ways << 32;
        assert!(Geometry::decode(register(15)).is_some());
        assert_eq!(Geometry::decode(register(16)), None);
    }

    #[test]
    fn a_table_of_one_bucket_works() {
        assert_eq!(Geometry::exact(1, 4, 2).buckets(u64::MAX), [0, 0]);
        assert_eq!(
            Geometry::for_capacity(100, 8, 16),
            Geometry::exact(16, 8, 16)
        );
    }
}
