//! Memory whose interesting words are loom's atomics, with the ordering of a mapped region.

use std::collections::BTreeMap;
use std::sync::Arc;

use firmware_api::Memory;
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::device::Mapping;

/// How a word is accessed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Width {
    /// 32 bits.
    Half,
    /// 64 bits.
    Whole,
}

#[derive(Debug)]
enum Word {
    Half(AtomicU32),
    Whole(AtomicU64),
}

/// A memory of which the words that are both written and read concurrently are loom's; the rest
/// never changes, or is accessed by one side only. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct LoomMemory {
    rest: Arc<Mapping>,
    live: Arc<BTreeMap<u64, Word>>,
}

impl LoomMemory {
    pub(crate) fn new(rest: Arc<Mapping>, live: impl IntoIterator<Item = (u64, Width)>) -> Self {
        let word = |(at, width)| match width {
            Width::Half => (at, Word::Half(AtomicU32::new(0))),
            Width::Whole => (at, Word::Whole(AtomicU64::new(0))),
        };
        Self {
            rest,
            live: Arc::new(live.into_iter().map(word).collect()),
        }
    }
}

impl Memory for LoomMemory {
    fn len(&self) -> u64 {
        self.rest.len()
    }
    fn load64(&self, at: u64) -> u64 {
        match self.live.get(&at) {
            Some(Word::Whole(word)) => word.load(Ordering::Acquire),
            Some(Word::Half(_)) => panic!("a half word at {at:#x} read whole"),
            None => self.rest.load64(at),
        }
    }
    fn store64(&self, at: u64, value: u64) {
        match self.live.get(&at) {
            Some(Word::Whole(word)) => word.store(value, Ordering::Release),
            Some(Word::Half(_)) => panic!("a half word at {at:#x} written whole"),
            None => self.rest.store64(at, value),
        }
    }
    fn load32(&self, at: u64) -> u32 {
        match self.live.get(&at) {
            Some(Word::Half(word)) => word.load(Ordering::Acquire),
            Some(Word::Whole(_)) => panic!("a whole word at {at:#x} read by half"),
            None => self.rest.load32(at),
        }
    }
    fn store32(&self, at: u64, value: u32) {
        match self.live.get(&at) {
            Some(Word::Half(word)) => word.store(value, Ordering::Release),
            Some(Word::Whole(_)) => panic!("a whole word at {at:#x} written by half"),
            None => self.rest.store32(at, value),
        }
    }
    fn clear_bits32(&self, at: u64, mask: u32) {
        self.rest.clear_bits32(at, mask);
    }
}
