//! Table doorbells: which slots the driver wrote ([`crate::ring`] carries them, without payload).
//!
//! ```text
//!  8  table (u8)  9  zero  12  first slot (u32)
//! 16  count (u32)  20  zero
//! ```
//! The device may cache table contents until the doorbell that names them and must not after it.
//! When the doorbell ring is full the driver changes the `RESCAN` register instead.

use crate::ring::Words;
use crate::table::TableId;

/// Slots of one table that were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doorbell {
    /// The table.
    pub table: TableId,
    /// The first slot.
    pub first: u32,
    /// How many slots from there on.
    pub count: u32,
}

/// A record that names a table that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownTable(pub u8);

impl Doorbell {
    /// As the ring carries it.
    pub fn encode(self) -> Words {
        [
            self.table as u64 | u64::from(self.first) << 32,
            u64::from(self.count),
            0,
        ]
    }

    /// From the ring.
    ///
    /// # Errors
    /// When the table's number is unknown. Slots are checked by the reader, who has the geometry.
    pub fn decode(words: Words) -> Result<Self, UnknownTable> {
        let number = words[0] as u8;
        let table = *TableId::ALL
            .get(number as usize)
            .ok_or(UnknownTable(number))?;
        Ok(Self {
            table,
            first: (words[0] >> 32) as u32,
            count: words[1] as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doorbell_survives_the_ring() {
        let bell = Doorbell {
            table: TableId::SnatBlock,
            first: 1 << 27,
            count: 64,
        };
        assert_eq!(Doorbell::decode(bell.encode()), Ok(bell));
        assert_eq!(Doorbell::decode([200, 0, 0]), Err(UnknownTable(200)));
    }
}
