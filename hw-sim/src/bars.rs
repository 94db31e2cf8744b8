//! The three spaces that driver and card share: BAR0, BAR2 and host ring memory; in this process,
//! or as the files `bar0`, `bar2` and `rings` of a directory.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firmware_api::register::{BAR0_LEN, GONE};
use firmware_api::{Memory, register};

use crate::config::{CardConfig, ConfigError, Layout};
use crate::memory::{self, Mapping, SimMemory};

/// The spaces of one card. Clones share them.
#[derive(Clone, Debug)]
pub struct Bars {
    /// The register file.
    pub bar0: Arc<SimMemory>,
    /// Table memory and flow state.
    pub bar2: Arc<SimMemory>,
    /// Host memory that holds rings and harvest buffers.
    pub rings: Arc<SimMemory>,
    tables: Arc<Mapping>,
    directory: Option<Arc<Directory>>,
}

/// Why a card's memory cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BarsError {
    /// A size is out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Another process runs a card in the directory.
    #[error("{0} holds the memory of a running card; stop it, or choose another directory")]
    Live(PathBuf),
    /// The memory cannot be had.
    #[error("{what}: {error}")]
    Io {
        /// The file, or what else was wanted.
        what: String,
        /// Why not.
        error: io::Error,
    },
}

impl Bars {
    /// Zeroed spaces in this process.
    ///
    /// # Errors
    /// When a size is out of range or memory is short.
    pub fn anonymous(config: &CardConfig) -> Result<Self, BarsError> {
        Self::from_maps(config, |name, len| {
            memory::map_anonymous(len).map_err(|error| BarsError::Io {
                what: format!("{len} bytes of memory for {name}"),
                error,
            })
        })
    }

    /// Zeroed spaces in files of a directory, which is made when it is missing. What a card that
    /// is no longer running left there is replaced; its driver then reads that card as gone.
    ///
    /// # Errors
    /// When a card is running there, a size is out of range, or a file cannot be made.
    pub fn create_dir(path: &Path, config: &CardConfig) -> Result<Self, BarsError> {
        config.validate()?;
        let directory = Directory::claim(path)?;
        let mut bars = Self::from_maps(config, |name, len| {
            let file = path.join(name);
            memory::map_new_file(&file, len).map_err(in_file(&file))
        })?;
        bars.directory = Some(Arc::new(directory));
        Ok(bars)
    }

    /// The spaces of a card that another process runs in the directory.
    ///
    /// # Errors
    /// When the files cannot be mapped.
    pub fn open_dir(path: &Path) -> Result<Self, BarsError> {
        let map = |name: &str| {
            let file = path.join(name);
            memory::map_file(&file).map_err(in_file(&file))
        };
        Ok(Self::from_mappings(
            &map("bar0")?,
            map("bar2")?,
            &map("rings")?,
        ))
    }

    fn from_maps(
        config: &CardConfig,
        map: impl Fn(&str, u64) -> Result<Arc<Mapping>, BarsError>,
    ) -> Result<Self, BarsError> {
        let layout = Layout::new(config)?;
        let bar0 = map("bar0", BAR0_LEN)?;
        let bar2 = map("bar2", layout.len)?;
        let rings = map("rings", config.ring_memory & !7)?;
        Ok(Self::from_mappings(&bar0, bar2, &rings))
    }

    fn from_mappings(bar0: &Arc<Mapping>, bar2: Arc<Mapping>, rings: &Arc<Mapping>) -> Self {
        Self {
            bar0: Arc::new(memory::region(bar0)),
            bar2: Arc::new(memory::region(&bar2)),
            rings: Arc::new(memory::region(rings)),
            tables: bar2,
            directory: None,
        }
    }

    /// The directory that holds the files of a card that this process runs.
    pub fn directory(&self) -> Option<&Path> {
        self.directory
            .as_ref()
            .map(|directory| directory.path.as_path())
    }

    /// Clears BAR2.
    pub(crate) fn clear_tables(&self) {
        self.tables.clear();
    }

    /// Makes every register read as that of a card that is gone.
    pub fn gone(&self) {
        set_gone(&self.bar0);
    }
}

fn set_gone(bar0: &SimMemory) {
    for register in register::ALL {
        for index in 0..register.count {
            if register.width == 8 {
                bar0.store64(register.at(index), GONE);
            } else {
                bar0.store32(register.at(index), GONE as u32);
            }
        }
    }
}

/// Locks a directory's lock file. A card that ends removes the file, so the one locked may no
/// longer be the one in the directory: then the next one is tried.
fn lock(directory: &Path) -> Result<File, BarsError> {
    let path = directory.join("lock");
    loop {
        let lock = File::create(&path).map_err(in_file(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(BarsError::Live(directory.to_owned())),
            Err(fs::TryLockError::Error(error)) => return Err(in_file(&path)(error)),
        }
        let locked = lock.metadata().map_err(in_file(&path))?.ino();
        if fs::metadata(&path).is_ok_and(|there| there.ino() == locked) {
            return Ok(lock);
        }
    }
}

/// A directory with a card's files, locked while the card lives and emptied behind it.
#[derive(Debug)]
struct Directory {
    path: PathBuf,
    /// It did not exist before, and goes with the card.
    made: bool,
    _lock: File,
}

const FILES: [&str; 3] = ["bar0", "bar2", "rings"];

fn in_file(path: &Path) -> impl Fn(io::Error) -> BarsError {
    move |error| BarsError::Io {
        what: path.display().to_string(),
        error,
    }
}

impl Directory {
    fn claim(path: &Path) -> Result<Self, BarsError> {
        let made = !path.exists();
        fs::create_dir_all(path).map_err(in_file(path))?;
        let directory = Self {
            path: path.to_owned(),
            made,
            _lock: lock(path)?,
        };
        directory.clean();
        Ok(directory)
    }

    /// Unlinks the files. Whoever has them mapped keeps memory that reads as a card that is gone.
    fn clean(&self) {
        if let Ok(bar0) = memory::file(&self.path.join("bar0"), 0, false)
            && bar0.len() >= BAR0_LEN
        {
            set_gone(&bar0);
        }
        for name in FILES {
            let _ = fs::remove_file(self.path.join(name));
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.clean();
        let _ = fs::remove_file(self.path.join("lock"));
        if self.made {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> CardConfig {
        CardConfig {
            flows: 64,
            ring_memory: 65_536,
            ..CardConfig::default()
        }
    }

    #[test]
    fn a_live_card_is_not_overwritten_and_a_dead_one_reads_as_gone() {
        let temp = tempfile::tempdir().expect("a directory");
        let path = temp.path().join("card");
        let card = Bars::create_dir(&path, &small()).expect("creates");
        assert!(matches!(
            Bars::create_dir(&path, &small()),
            Err(BarsError::Live(_))
        ));
        let driver = Bars::open_dir(&path).expect("opens");
        card.bar0.store64(register::MAGIC.offset, 5);
        assert_eq!(driver.bar0.load64(register::MAGIC.offset), 5);
        drop(card);
        assert_eq!(driver.bar0.load64(register::MAGIC.offset), GONE);
        assert!(!path.exists());
        assert!(temp.path().exists());
    }

    #[test]
    fn the_files_of_a_killed_card_are_replaced() {
        let temp = tempfile::tempdir().expect("a directory");
        for name in FILES {
            fs::write(temp.path().join(name), vec![1; BAR0_LEN as usize]).expect("writes");
        }
        let orphan = Bars::open_dir(temp.path()).expect("opens");
        let card = Bars::create_dir(temp.path(), &small()).expect("creates");
        assert_eq!(orphan.bar0.load64(0), GONE);
        assert_eq!(card.bar0.load64(0), 0);
        drop((orphan, card));
        let left = fs::read_dir(temp.path()).expect("it stays").count();
        assert_eq!(left, 0, "files of the card");
    }
}
