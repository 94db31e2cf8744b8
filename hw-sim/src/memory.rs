//! The card's memory: mapped, zero at first, shared by `Arc` inside a process and by file between
//! processes.
#![expect(
    unsafe_code,
    reason = "a mapping becomes a bounded region, and is cleared as a whole, here only"
)]

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;

use firmware_api::Memory;
use firmware_api::region::Region;
use memmap2::{Advice, MmapOptions, MmapRaw, UncheckedAdvice};

/// A mapped space of the card.
pub type SimMemory = Region<Arc<Mapping>>;

/// A mapping: what keeps a [`SimMemory`] alive.
#[derive(Debug)]
pub struct Mapping {
    map: MmapRaw,
    /// A file's memory, which other processes may map too.
    shared: bool,
}

/// Zeroed memory of this process.
pub fn anonymous(len: u64) -> io::Result<SimMemory> {
    Ok(region(&map_anonymous(len)?))
}

/// The memory of a file: with `create` a new one of `len` zero bytes, else an existing one.
pub fn file(path: &Path, len: u64, create: bool) -> io::Result<SimMemory> {
    let mapping = if create {
        map_new_file(path, len)?
    } else {
        map_file(path)?
    };
    Ok(region(&mapping))
}

pub(crate) fn map_anonymous(len: u64) -> io::Result<Arc<Mapping>> {
    let len = usize::try_from(len).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    let map = MmapOptions::new().len(len).map_anon()?.into();
    Ok(Arc::new(Mapping { map, shared: false }))
}

pub(crate) fn map_new_file(path: &Path, len: u64) -> io::Result<Arc<Mapping>> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)?;
    file.set_len(len)?;
    let map = MmapRaw::map_raw(&file)?;
    Ok(Arc::new(Mapping { map, shared: true }))
}

pub(crate) fn map_file(path: &Path) -> io::Result<Arc<Mapping>> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    if file.metadata()?.len() == 0 {
        let message = format!("{} is empty: not a card's memory", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let map = MmapRaw::map_raw(&file)?;
    Ok(Arc::new(Mapping { map, shared: true }))
}

pub(crate) fn region(mapping: &Arc<Mapping>) -> SimMemory {
    // Random accesses to tables of gigabytes: with pages of 4 KiB each would miss the TLB.
    // Where huge pages are not to be had the memory works all the same.
    let _ = mapping.map.advise(Advice::HugePage);
    let (base, len) = (mapping.map.as_mut_ptr(), mapping.map.len());
    // SAFETY: the mapping covers `base..base + len`, is page-aligned, readable and writable, and
    // lives as long as the `Arc` that the region owns. Nobody holds a reference into it: `Mapping`
    // gives none, and regions access it by atomics only.
    unsafe { Region::from_raw(base, len, Arc::clone(mapping)) }
}

impl Mapping {
    /// Makes every byte zero, and gives the pages back to the system where it can.
    pub(crate) fn clear(self: &Arc<Self>) {
        let advice = if self.shared {
            UncheckedAdvice::Remove
        } else {
            UncheckedAdvice::DontNeed
        };
        // SAFETY: the advice turns the bytes of the mapping into zeros, which accessors see as
        // they see the stores of another process; no reference into the mapping exists.
        if unsafe { self.map.unchecked_advise(advice) }.is_err() {
            let memory = region(self);
            for at in (0..memory.len()).step_by(8) {
                memory.store64(at, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_maps_of_a_file_are_one_memory() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("bar");
        let device = file(&path, 8192, true).expect("creates");
        let driver = file(&path, 0, false).expect("opens");
        driver.store64(8, 7);
        assert_eq!((device.load64(8), device.len()), (7, 8192));
        assert!(file(&path, 8192, true).is_err(), "never overwrites");
    }

    #[test]
    fn clearing_leaves_zeros_in_private_and_shared_memory() {
        let dir = tempfile::tempdir().expect("a directory");
        for mapping in [
            map_anonymous(8192).expect("maps"),
            map_new_file(&dir.path().join("bar"), 8192).expect("maps"),
        ] {
            let memory = region(&mapping);
            memory.store64(4096, 7);
            mapping.clear();
            assert_eq!(memory.load64(4096), 0);
            memory.store64(4096, 8);
            assert_eq!(memory.load64(4096), 8);
        }
    }
}
