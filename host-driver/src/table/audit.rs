//! Reading entries back: does the card hold what the driver wrote? A few slots of every table at a
//! time, in turn. The only reads of table memory there are.

use firmware_api::{Memory, TableId, control};

use crate::device::{Device, TableInfo};

/// Entries of a table that are read back in one go.
const READ: u32 = 4;
/// Slots of a table that are looked at for entries in one go.
const LOOKED_AT: u32 = 4_096;

/// How far the audit is, and what it found.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    next: [u32; TableId::ALL.len()],
    /// Entries read back.
    pub read: u64,
    /// Of these, entries that were not what the driver wrote.
    pub drifted: u64,
}

impl Audit {
    /// Reads a few entries of a table back; returns a slot that does not hold what it should.
    pub(super) fn table<const N: usize, M: Memory>(
        &mut self,
        device: &Device<M>,
        info: &TableInfo,
        shadow: &[[u64; N]],
    ) -> Option<(TableId, u32)> {
        let slots = shadow.len() as u32;
        let next = &mut self.next[info.id as usize];
        let (mut read, mut found) = (0, None);
        for _ in 0..LOOKED_AT.min(slots) {
            if read == READ {
                break;
            }
            let slot = *next % slots;
            *next = slot + 1;
            let words = &shadow[slot as usize];
            if !control::is_valid(words[N - 1]) {
                continue;
            }
            read += 1;
            if device.bar2().load_words::<N>(info.at(slot)) != *words {
                self.drifted += 1;
                found = Some((info.id, slot));
            }
        }
        self.read += u64::from(read);
        found
    }
}
