//! A space that driver and simulator hold together in one process.

use std::sync::Arc;

use firmware_api::Memory;

/// A memory behind an `Arc`.
#[derive(Debug)]
pub struct Shared<M>(pub Arc<M>);

impl<M> Clone for Shared<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> From<Arc<M>> for Shared<M> {
    fn from(memory: Arc<M>) -> Self {
        Self(memory)
    }
}

impl<M: Memory> Memory for Shared<M> {
    fn len(&self) -> u64 {
        self.0.len()
    }
    #[inline]
    fn load64(&self, at: u64) -> u64 {
        self.0.load64(at)
    }
    #[inline]
    fn store64(&self, at: u64, value: u64) {
        self.0.store64(at, value);
    }
    #[inline]
    fn load32(&self, at: u64) -> u32 {
        self.0.load32(at)
    }
    #[inline]
    fn store32(&self, at: u64, value: u32) {
        self.0.store32(at, value);
    }
    fn clear_bits32(&self, at: u64, mask: u32) {
        self.0.clear_bits32(at, mask);
    }
    #[inline]
    fn prefetch(&self, at: u64) {
        self.0.prefetch(at);
    }
}
