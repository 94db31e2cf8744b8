//! Mapped spaces of a card: the driver's only unsafe code.
#![expect(unsafe_code, reason = "a mapping becomes a bounded region, here only")]

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use firmware_api::Memory;
use firmware_api::region::Region;
use memmap2::{MmapOptions, MmapRaw};

/// A space of a card: a mapped file, or nothing.
#[derive(Debug)]
pub struct Mapping(Option<Region<MmapRaw>>);

impl Mapping {
    /// Maps a whole file, shared, for reading and writing.
    pub(super) fn file(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        if file.metadata()?.len() == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "is empty"));
        }
        Ok(Self::of(MmapRaw::map_raw(&file)?))
    }

    /// Zeroed memory of this process.
    pub fn anonymous(len: usize) -> io::Result<Self> {
        Ok(Self::of(MmapOptions::new().len(len).map_anon()?.into()))
    }

    /// A space of no bytes.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    fn of(map: MmapRaw) -> Self {
        #[cfg(target_os = "linux")]
        // Without huge pages every access to a large table misses the TLB too. A mapping that
        // cannot have them works all the same.
        let _ = map.advise(memmap2::Advice::HugePage);
        let (base, len) = (map.as_mut_ptr(), map.len());
        // SAFETY: `base..base + len` is the mapping that `map` owns: page-aligned, readable and
        // writable, and mapped until the region drops `map`, whose address a move does not change.
        // `MmapRaw` hands out raw pointers only, and no other copy of this one exists, so this
        // process accesses the bytes through the region's atomics alone.
        Self(Some(unsafe { Region::from_raw(base, len, map) }))
    }

    #[inline]
    fn region(&self) -> &Region<MmapRaw> {
        self.0.as_ref().expect("no access to a space of no bytes")
    }
}

impl Memory for Mapping {
    fn len(&self) -> u64 {
        self.0.as_ref().map_or(0, Memory::len)
    }
    #[inline]
    fn load64(&self, at: u64) -> u64 {
        self.region().load64(at)
    }
    #[inline]
    fn store64(&self, at: u64, value: u64) {
        self.region().store64(at, value);
    }
    #[inline]
    fn load32(&self, at: u64) -> u32 {
        self.region().load32(at)
    }
    #[inline]
    fn store32(&self, at: u64, value: u32) {
        self.region().store32(at, value);
    }
    fn clear_bits32(&self, at: u64, mask: u32) {
        self.region().clear_bits32(at, mask);
    }
    #[inline]
    fn prefetch(&self, at: u64) {
        self.region().prefetch(at);
    }
}
