//! Bounded access to memory that another process or a card changes at the same time.
//!
//! The only place of the workspace that dereferences such memory: every access is one atomic
//! operation on a checked address, so no reference to shared data ever exists.
#![expect(
    unsafe_code,
    reason = "shared memory is accessed through raw pointers, here only"
)]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::Memory;

/// A mapped space and what keeps it mapped.
#[derive(Debug)]
pub struct Region<Owner> {
    base: NonNull<u8>,
    len: u64,
    _owner: Owner,
}

// SAFETY: all accesses through `base` are atomic; moving the region moves only the pointer and the
// owner, and the owner is `Send` itself.
unsafe impl<Owner: Send> Send for Region<Owner> {}
// SAFETY: as above; `&Region` gives atomic accesses only and never touches the owner.
unsafe impl<Owner: Sync> Sync for Region<Owner> {}

impl<Owner> Region<Owner> {
    /// Takes charge of `len` bytes at `base`.
    ///
    /// # Safety
    /// `base..base + len` must be valid for reads and writes for as long as `owner` lives, be
    /// aligned to 8 bytes, and be accessed by nobody other than through atomics or other processes.
    ///
    /// # Panics
    /// When `base` is null or not aligned to 8 bytes.
    pub unsafe fn from_raw(base: *mut u8, len: usize, owner: Owner) -> Self {
        let base = NonNull::new(base).expect("a mapping is never null");
        assert_eq!(base.as_ptr() as usize % 8, 0, "a mapping is 8-byte aligned");
        Self {
            base,
            len: len as u64,
            _owner: owner,
        }
    }

    fn address<T>(&self, at: u64) -> *mut T {
        let size = size_of::<T>() as u64;
        assert!(
            at.is_multiple_of(size) && at < self.len && self.len - at >= size,
            "access of {size} bytes at {at:#x} in a space of {:#x}",
            self.len
        );
        // SAFETY: the assertion keeps `at..at + size` inside the mapping that `from_raw` promised.
        unsafe { self.base.as_ptr().add(at as usize).cast() }
    }

    fn word64(&self, at: u64) -> &AtomicU64 {
        // SAFETY: `address` is in bounds and aligned to 8, the mapping outlives `&self`, and the
        // promise of `from_raw` excludes non-atomic accesses.
        unsafe { AtomicU64::from_ptr(self.address(at)) }
    }

    fn word32(&self, at: u64) -> &AtomicU32 {
        // SAFETY: as `word64`, aligned to 4. Mixed-size atomic accesses to the same bytes happen
        // only where a 32-bit register pair is never read as 64 bits (register table).
        unsafe { AtomicU32::from_ptr(self.address(at)) }
    }
}

impl<Owner> Memory for Region<Owner> {
    fn len(&self) -> u64 {
        self.len
    }
    #[inline]
    fn load64(&self, at: u64) -> u64 {
        self.word64(at).load(Ordering::Acquire)
    }
    #[inline]
    fn store64(&self, at: u64, value: u64) {
        self.word64(at).store(value, Ordering::Release);
    }
    #[inline]
    fn load32(&self, at: u64) -> u32 {
        self.word32(at).load(Ordering::Acquire)
    }
    #[inline]
    fn store32(&self, at: u64, value: u32) {
        self.word32(at).store(value, Ordering::Release);
    }
    fn clear_bits32(&self, at: u64, mask: u32) {
        self.word32(at).fetch_and(!mask, Ordering::AcqRel);
    }
    #[inline]
    fn prefetch(&self, at: u64) {
        #[cfg(target_arch = "x86_64")]
        if at < self.len {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: the address is inside the mapping, and a prefetch has no architectural effect.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(self.base.as_ptr().add(at as usize).cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = at;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::boxed::Box;
    use std::vec;

    use super::*;

    /// Zeroed memory of this process.
    pub(crate) fn memory(len: usize) -> Region<()> {
        let words: &'static mut [u64] = Box::leak(vec![0u64; len / 8].into_boxed_slice());
        // SAFETY: the leaked allocation lives for ever, is aligned to 8 and has no other user.
        unsafe { Region::from_raw(words.as_mut_ptr().cast(), len, ()) }
    }

    #[test]
    fn words_and_bytes_are_little_endian_views_of_the_same_memory() {
        let memory = memory(32);
        memory.store64(8, 0x0807_0605_0403_0201);
        memory.store32(16, 0x0c0b_0a09);
        let mut bytes = [0; 11];
        memory.copy_out(8, &mut bytes);
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        memory.copy_in(24, &[9, 8, 7]);
        assert_eq!(memory.load32(24), 0x0007_0809);
        memory.clear_bits32(24, 0xff);
        assert_eq!(memory.load32(24), 0x0007_0800);
    }

    #[test]
    #[should_panic(expected = "access of 8 bytes at 0x20 in a space of 0x20")]
    fn nothing_trusted_out_of_bounds_panics_instead_of_reading() {
        memory(32).load64(32);
    }

    #[test]
    #[should_panic(expected = "access of 4 bytes at 0x2")]
    fn nothing_trusted_misaligned_panics() {
        memory(32).load32(2);
    }
}
