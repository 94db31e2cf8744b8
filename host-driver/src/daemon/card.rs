//! The card that a driver runs on: one in this process, or one that is there already.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use firmware_api::MAX_PORTS;
use hw_sim::ports::MemoryPorts;
use hw_sim::{Bars, Card, CardConfig, SimMemory};

use super::error::RunError;
use crate::device::{Device, Shared};
use crate::probe::Clock;

/// Where the card is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A simulated card in this process.
    Sim,
    /// The files of a simulated card in another process.
    Shm(PathBuf),
    /// A PCI function, by address.
    Pci(String),
}

impl FromStr for DeviceKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "sim" => Ok(Self::Sim),
            Some(("shm", directory)) if !directory.is_empty() => Ok(Self::Shm(directory.into())),
            Some(("pci", address)) if !address.is_empty() => Ok(Self::Pci(address.into())),
            _ => Err("there is sim, shm:DIR (a running hw-sim), and pci:ADDRESS".into()),
        }
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sim => f.write_str("sim"),
            Self::Shm(directory) => write!(f, "shm:{}", directory.display()),
            Self::Pci(address) => write!(f, "pci:{address}"),
        }
    }
}

/// A card in this process and the driver's view of it.
///
/// # Errors
/// When it cannot be that large.
pub fn embedded(flows: Option<u32>) -> Result<(Card, Device<Shared<SimMemory>>), RunError> {
    let default = CardConfig::default();
    let config = CardConfig {
        flows: flows.unwrap_or(default.flows),
        ports: MAX_PORTS,
        ..default
    };
    config.validate()?;
    let bars = Bars::anonymous(&config)?;
    let card = Card::new(bars.clone(), &config)?;
    let device = Device::open(Shared(bars.bar0), Shared(bars.bar2), Shared(bars.rings))?;
    Ok((card, device))
}

/// Rounds without work before the thread sleeps.
const SPINS: u32 = 64;
/// How long it sleeps then.
const NAP: Duration = Duration::from_micros(500);

/// A thread that polls a card without external ports, until it is dropped.
#[derive(Debug)]
pub struct CardThread {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl CardThread {
    /// Starts polling.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(mut card: Card, clock: Clock) -> Result<Self, RunError> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let poll = move || {
            let mut ports = MemoryPorts::new(0);
            let mut idle = 0;
            while !stopped.load(Ordering::Relaxed) {
                idle = if card.poll(clock.now_ms(), &mut ports).is_idle() {
                    idle + 1
                } else {
                    0
                };
                if idle < SPINS {
                    std::hint::spin_loop();
                } else {
                    idle = SPINS;
                    thread::sleep(NAP);
                }
            }
        };
        let thread = thread::Builder::new().name("card".into()).spawn(poll);
        let thread = Some(thread.map_err(RunError::io("a thread for the card"))?);
        Ok(Self { stop, thread })
    }
}

impl Drop for CardThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A panic of the card has been reported by its thread.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_kinds_read_back_as_written() {
        for text in ["sim", "shm:/dev/shm/headgate0", "pci:0000:3b:00.0"] {
            let kind: DeviceKind = text.parse().expect(text);
            assert_eq!(kind.to_string(), text);
        }
        for text in ["", "simulator", "shm", "shm:", "pci:", "usb:1"] {
            let error = text.parse::<DeviceKind>().expect_err(text);
            assert!(error.contains("shm:DIR"), "{error}");
        }
    }
}
