//! The card's tables as the driver keeps them: a shadow of every slot in host memory, placement,
//! ordered writes, doorbells, usage.
//!
//! Write order, the invariant `present_key_never_misses`: an entry is written body first, control
//! word last. A moved or changed entry is copied to another slot, then `TABLE_MOVES` is bumped,
//! then the old slot's control word is cleared. `STASH_USED` covers a stash slot before it is
//! written and until it is cleared. BAR memory is read by [`Audit`] only.
//!
//! Host memory per slot: the entry (32 or 64 bytes) and one byte of [`tags`]; a flow table at 90 %
//! load takes 37 bytes per IPv4 entry and 72 per IPv6 one.

mod audit;
mod dirty;
mod exact;
mod flow;
mod index;
mod search;
mod set;
mod stash;
mod tags;
mod usage;

#[cfg(test)]
mod loom_tests;
#[cfg(test)]
mod tests;

pub use audit::Audit;
pub use exact::{ExactTable, InsertError, RestoreError, TableFull};
pub use flow::FlowEntry;
pub use index::{IndexTable, NoSuchIndex};
pub use set::Tables;
pub use usage::Usage;

use firmware_api::control;

/// The bits of a control word that an entry itself declares: all but validity, epoch and CRC.
const OWN_BITS: u64 = !(control::VALID | control::cleared(u64::MAX) | 0xffff);

/// The words of an entry as they were before [`control::seal`].
fn unseal<const N: usize>(mut words: [u64; N]) -> [u64; N] {
    words[N - 1] &= OWN_BITS;
    words
}
