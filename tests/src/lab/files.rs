//! What the two programs share with the lab, in a directory of shared memory, and their command
//! lines, which name it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use firmware_api::register;
use tempfile::TempDir;

use super::Config;

/// The card's ports by number: interfaces of the switch's namespace.
const PORTS: [&str; 5] = ["up0", "v1", "v2", "v3", "vh"];

/// The directory; it goes away with its owner.
#[derive(Debug)]
pub(super) struct Files(TempDir);

impl Files {
    /// Makes it, with the configuration in it.
    pub(super) fn create(prefix: &str, config: &Config) -> io::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix(prefix)
            .tempdir_in("/dev/shm")?;
        let files = Self(directory);
        files.write_config(config)?;
        Ok(files)
    }

    /// Replaces the configuration.
    pub(super) fn write_config(&self, config: &Config) -> io::Result<()> {
        let new = self.0.path().join("headgate.yaml.new");
        fs::write(&new, config.to_yaml())?;
        fs::rename(new, self.0.path().join("headgate.yaml"))
    }

    /// Where a program's output goes.
    pub(super) fn log(&self, program: &str) -> PathBuf {
        self.0.path().join(format!("{program}.log"))
    }

    /// The path of the driver's socket.
    pub(super) fn socket(&self) -> String {
        self.path("driver.sock")
    }

    /// How `hw-sim` is started.
    pub(super) fn card_arguments(&self, engine: &str, scale: &str) -> Vec<String> {
        let mut arguments = words(&["run", "--dir", &self.path("card")]);
        for (port, interface) in PORTS.iter().enumerate() {
            arguments.extend(words(&["--port", &format!("{port}={interface}")]));
        }
        arguments.extend(words(&["--time-scale", scale]));
        arguments.extend(words(&["--engine", engine]));
        arguments
    }

    /// How `host-driver` is started.
    pub(super) fn driver_arguments(&self, scale: &str) -> Vec<String> {
        let device = format!("shm:{}", self.path("card"));
        let config = self.path("headgate.yaml");
        let mut arguments = words(&["run", "--config", &config, "--device", &device]);
        arguments.extend(words(&["--socket", &self.socket(), "--time-scale", scale]));
        arguments
    }

    /// Waits until the card has said what it is, or a while: then the driver will say what is
    /// wrong.
    pub(super) fn await_card(&self, at_most: Duration) {
        let bar0 = self.path("card/bar0");
        let magic = || {
            let mut bytes = [0; 8];
            File::open(&bar0)?.read_exact_at(&mut bytes, register::MAGIC.offset)?;
            Ok::<_, io::Error>(u64::from_le_bytes(bytes))
        };
        let deadline = Instant::now() + at_most;
        while Instant::now() < deadline && magic().ok() != Some(register::MAGIC_VALUE) {
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
