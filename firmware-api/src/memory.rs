//! The seam between driver and device: 64-bit and 32-bit accesses to a bounded space.
//!
//! A BAR of a real card, a file shared with another process, memory of this process and the
//! fault-injecting or recording memories of tests are all [`Memory`]. Accesses are single and
//! never torn; a store is visible no later than any store that follows it (x86 and PCIe posted
//! writes both keep that order), and a load sees everything stored before the value it returns.

use core::sync::atomic::{AtomicU64, Ordering};

/// A space of naturally aligned 32- and 64-bit words. Offsets are in bytes.
///
/// # Panics
/// Every access panics when it is out of bounds or not aligned to its width: offsets are computed
/// from validated geometry, so such an access is a bug, never input.
pub trait Memory {
    /// Bytes of the space.
    fn len(&self) -> u64;
    /// Whether the space is empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Reads 64 bits.
    fn load64(&self, at: u64) -> u64;
    /// Writes 64 bits.
    fn store64(&self, at: u64, value: u64);
    /// Reads 32 bits.
    fn load32(&self, at: u64) -> u32;
    /// Writes 32 bits.
    fn store32(&self, at: u64, value: u32);
    /// Clears the bits of `mask` in a write-one-to-clear register.
    ///
    /// On a card this is a plain write of the mask; plain memory has to do the card's part.
    fn clear_bits32(&self, at: u64, mask: u32);
    /// Hints that the cache line at the offset is about to be read. Out of range is ignored.
    fn prefetch(&self, _at: u64) {}

    /// Reads `N` consecutive 64-bit words.
    fn load_words<const N: usize>(&self, at: u64) -> [u64; N] {
        core::array::from_fn(|i| self.load64(at + 8 * i as u64))
    }

    /// Copies bytes out of the space; `at` is 8-byte aligned, the tail word may be partial.
    fn copy_out(&self, at: u64, out: &mut [u8]) {
        for (i, chunk) in out.chunks_mut(8).enumerate() {
            let word = self.load64(at + 8 * i as u64).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }

    /// Copies bytes into the space; `at` is 8-byte aligned, the tail word is padded with zeros.
    fn copy_in(&self, at: u64, bytes: &[u8]) {
        for (i, chunk) in bytes.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.store64(at + 8 * i as u64, u64::from_le_bytes(word));
        }
    }
}

impl<M: Memory + ?Sized> Memory for &M {
    fn len(&self) -> u64 {
        (**self).len()
    }
    fn load64(&self, at: u64) -> u64 {
        (**self).load64(at)
    }
    fn store64(&self, at: u64, value: u64) {
        (**self).store64(at, value);
    }
    fn load32(&self, at: u64) -> u32 {
        (**self).load32(at)
    }
    fn store32(&self, at: u64, value: u32) {
        (**self).store32(at, value);
    }
    fn clear_bits32(&self, at: u64, mask: u32) {
        (**self).clear_bits32(at, mask);
    }
    fn prefetch(&self, at: u64) {
        (**self).prefetch(at);
    }
}

/// How often a space was accessed, and how many bytes were written.
#[derive(Debug, Default)]
pub struct AccessCounts {
    reads: AtomicU64,
    writes: AtomicU64,
    bytes_written: AtomicU64,
}

/// A reading of [`AccessCounts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accesses {
    /// Loads.
    pub reads: u64,
    /// Stores.
    pub writes: u64,
    /// Bytes stored.
    pub bytes_written: u64,
}

impl core::ops::Sub for Accesses {
    type Output = Self;
    fn sub(self, earlier: Self) -> Self {
        Self {
            reads: self.reads - earlier.reads,
            writes: self.writes - earlier.writes,
            bytes_written: self.bytes_written - earlier.bytes_written,
        }
    }
}

/// A memory that counts its accesses: what a PCIe analyser would show of one BAR.
///
/// One thread accesses it; the counts may be read from any.
#[derive(Debug, Default)]
pub struct Counted<M> {
    inner: M,
    counts: AccessCounts,
}

impl<M> Counted<M> {
    /// Wraps a memory with counts of zero.
    pub fn new(inner: M) -> Self {
        Self {
            inner,
            counts: AccessCounts::default(),
        }
    }

    /// The counts so far.
    pub fn accesses(&self) -> Accesses {
        Accesses {
            reads: self.counts.reads.load(Ordering::Relaxed),
            writes: self.counts.writes.load(Ordering::Relaxed),
            bytes_written: self.counts.bytes_written.load(Ordering::Relaxed),
        }
    }

    /// The memory behind the counts.
    pub fn inner(&self) -> &M {
        &self.inner
    }

    fn count_read(&self) {
        bump(&self.counts.reads, 1);
    }

    fn count_write(&self, bytes: u64) {
        bump(&self.counts.writes, 1);
        bump(&self.counts.bytes_written, bytes);
    }
}

/// Adds without a locked instruction: there is one writer.
fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed) + by, Ordering::Relaxed);
}

impl<M: Memory> Memory for Counted<M> {
    fn len(&self) -> u64 {
        self.inner.len()
    }
    fn load64(&self, at: u64) -> u64 {
        self.count_read();
        self.inner.load64(at)
    }
    fn store64(&self, at: u64, value: u64) {
        self.count_write(8);
        self.inner.store64(at, value);
    }
    fn load32(&self, at: u64) -> u32 {
        self.count_read();
        self.inner.load32(at)
    }
    fn store32(&self, at: u64, value: u32) {
        self.count_write(4);
        self.inner.store32(at, value);
    }
    fn clear_bits32(&self, at: u64, mask: u32) {
        self.count_write(4);
        self.inner.clear_bits32(at, mask);
    }
    fn prefetch(&self, at: u64) {
        self.inner.prefetch(at);
    }
}
