//! `selector`: which backend a selection slot names. Index = rule's base + hash % size.
//! One 64-bit word per slot: bits 0..16 backend id, bit 63 valid; not valid = no backend.

use zerocopy::byteorder::{LittleEndian, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{backend::BackendId, entry_words};
use crate::control;

/// A selection slot.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Selector(U64<LittleEndian>);

entry_words!(Selector, 1, Selector);

impl Selector {
    /// The slot that names a backend, or none.
    pub fn new(backend: Option<BackendId>) -> Self {
        Self(
            backend
                .map_or(0, |id| u64::from(id) | control::VALID)
                .into(),
        )
    }

    /// The backend of the slot.
    pub fn backend(&self) -> Option<BackendId> {
        control::is_valid(self.0.get()).then_some(self.0.get() as BackendId)
    }
}
