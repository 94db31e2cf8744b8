//! The card as the driver sees it: two BARs and ring memory, identified and validated.
//!
//! Everything above this layer can rely on: the card speaks our contract, every table and the flow
//! state lie inside BAR2 and apart, and no access below reads a BAR unless its name says so
//! ([`Device::counters`], [`Device::status`], [`Device::heartbeat`], …).

mod capabilities;
mod counters;
mod doorbell;
mod error;
mod harvest;
mod map;
mod open;
mod rings;
mod shared;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
pub(crate) mod loom_memory;
#[cfg(test)]
mod tests;

pub use capabilities::{Capabilities, TABLES, TableInfo};
pub use counters::Counters;
pub use error::{DeviceError, Part};
pub use harvest::{Harvest, HarvestError};
pub use map::Mapping;
pub use open::{open_pci, open_shm, random_hash_key};
pub use rings::{PacketRings, RingSizes};
pub use shared::Shared;

use std::time::Duration;

use firmware_api::hash::HashKey;
use firmware_api::memory::{Accesses, Counted};
use firmware_api::register::{
    self, ABI_VERSION_VALUE, CONTROL_ENABLE, CONTROL_RESET, GONE, MAGIC_VALUE, STATUS_DRIVERLESS,
    STATUS_ENGINE_DOWN, STATUS_READY, STATUS_RESET_DONE,
};
use firmware_api::{Memory, flow_state};

use doorbell::DoorbellRing;
use harvest::HarvestBuffer;

/// A card.
#[derive(Debug)]
pub struct Device<M> {
    bar0: Counted<M>,
    bar2: Counted<M>,
    rings: M,
    capabilities: Capabilities,
    heartbeat: u32,
    rescans: u32,
    rescan_due: bool,
    doorbells: Option<DoorbellRing>,
    harvest: Option<HarvestBuffer>,
}

/// What the card says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// It is able to run.
    pub ready: bool,
    /// It misses the driver's heartbeat: misses go by hash alone.
    pub driverless: bool,
    /// The forwarding engine behind the BARs died and is being restarted.
    pub engine_down: bool,
    /// The card's clock, milliseconds, wrapping.
    pub tick: u32,
    /// The first error since the latch was cleared, 0 if none: `register::ERROR_*` in the low byte.
    pub error: u64,
}

/// How often each space was accessed by the driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceAccesses {
    /// Registers.
    pub bar0: Accesses,
    /// Table memory.
    pub bar2: Accesses,
}

impl std::ops::Sub for DeviceAccesses {
    type Output = Self;
    fn sub(self, earlier: Self) -> Self {
        Self {
            bar0: self.bar0 - earlier.bar0,
            bar2: self.bar2 - earlier.bar2,
        }
    }
}

impl<M: Memory> Device<M> {
    /// The card behind these spaces; changes nothing on it.
    ///
    /// # Errors
    /// When they are not a Headgate card's, or the card claims what no card can be.
    pub fn open(bar0: M, bar2: M, rings: M) -> Result<Self, DeviceError> {
        open::check_sizes(&bar0, &bar2)?;
        identify(&bar0)?;
        let capabilities = Capabilities::read(&bar0, bar2.len())?;
        Ok(Self {
            bar0: Counted::new(bar0),
            bar2: Counted::new(bar2),
            rings,
            capabilities,
            heartbeat: 0,
            rescans: 0,
            rescan_due: false,
            doorbells: None,
            harvest: None,
        })
    }

    /// What the card can hold and where.
    pub const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Registers.
    #[inline]
    pub const fn bar0(&self) -> &Counted<M> {
        &self.bar0
    }

    /// Table memory.
    #[inline]
    pub const fn bar2(&self) -> &Counted<M> {
        &self.bar2
    }

    /// Host memory that the card reaches.
    #[inline]
    pub const fn rings(&self) -> &M {
        &self.rings
    }

    /// How often each BAR was accessed since the card was opened.
    pub fn accesses(&self) -> DeviceAccesses {
        DeviceAccesses {
            bar0: self.bar0.accesses(),
            bar2: self.bar2.accesses(),
        }
    }

    /// Makes the card forget every table, counter and ring. `wait` is called while the card is at
    /// it; it returns whether to go on waiting.
    ///
    /// # Errors
    /// When `wait` gave up, or the card is gone.
    pub fn reset(&mut self, mut wait: impl FnMut() -> bool) -> Result<(), DeviceError> {
        let control = register::CONTROL.offset;
        self.bar0.store32(control, 0);
        self.wait_reset_done(false, &mut wait)?;
        self.bar0.store32(control, CONTROL_RESET);
        self.wait_reset_done(true, &mut wait)?;
        self.bar0.store32(control, 0);
        self.rescans = 0;
        self.rescan_due = false;
        self.doorbells = None;
        self.harvest = None;
        Ok(())
    }

    fn wait_reset_done(
        &self,
        wanted: bool,
        wait: &mut impl FnMut() -> bool,
    ) -> Result<(), DeviceError> {
        loop {
            let status = self.bar0.load32(register::STATUS.offset);
            if status == GONE as u32 {
                return Err(DeviceError::Gone);
            }
            if (status & STATUS_RESET_DONE != 0) == wanted {
                return Ok(());
            }
            if !wait() {
                return Err(DeviceError::ResetTimeout);
            }
        }
    }

    /// Sets the secret of the flow hash; before any entry is written.
    pub fn set_hash_key(&mut self, key: HashKey) {
        self.bar0.store64(register::HASH_KEY_0.offset, key.0);
        self.bar0.store64(register::HASH_KEY_1.offset, key.1);
    }

    /// The secret that the card has: for a driver that adopts a running card.
    pub fn hash_key(&self) -> HashKey {
        let half = |register: register::Register| self.bar0.load64(register.offset);
        HashKey(half(register::HASH_KEY_0), half(register::HASH_KEY_1))
    }

    /// Lets the pipeline take packets, or stops it.
    pub fn enable(&mut self, on: bool) {
        let control = if on { CONTROL_ENABLE } else { 0 };
        self.bar0.store32(register::CONTROL.offset, control);
    }

    /// Whether the pipeline is let take packets.
    pub fn is_enabled(&self) -> bool {
        let control = self.bar0.load32(register::CONTROL.offset);
        control & (CONTROL_ENABLE | CONTROL_RESET) == CONTROL_ENABLE
    }

    /// How long the card waits for a heartbeat before it runs driverless.
    pub fn set_heartbeat_timeout(&mut self, timeout: Duration) {
        let millis = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        let timeout = register::HEARTBEAT_TIMEOUT.offset;
        self.bar0.store32(timeout, millis);
    }

    /// Shows the card that the driver lives, and finds out whether the card does: one write, one
    /// read.
    ///
    /// # Errors
    /// When the card is gone; nothing more should be written to it.
    pub fn heartbeat(&mut self) -> Result<(), DeviceError> {
        if self.is_gone() {
            return Err(DeviceError::Gone);
        }
        self.heartbeat = self.heartbeat.wrapping_add(1);
        let heartbeat = register::HEARTBEAT.offset;
        self.bar0.store32(heartbeat, self.heartbeat);
        Ok(())
    }

    /// Whether the registers read all ones.
    pub fn is_gone(&self) -> bool {
        self.bar0.load64(register::MAGIC.offset) == GONE
    }

    /// What the card says of itself.
    pub fn status(&self) -> Status {
        let bits = self.bar0.load32(register::STATUS.offset);
        Status {
            ready: bits & STATUS_READY != 0,
            driverless: bits & STATUS_DRIVERLESS != 0,
            engine_down: bits & STATUS_ENGINE_DOWN != 0,
            tick: self.bar0.load32(register::TICK.offset),
            error: self.bar0.load64(register::ERROR_LATCH.offset),
        }
    }

    /// Clears the error latch.
    pub fn clear_error(&mut self) {
        let at = register::ERROR_CLEAR.offset;
        let changed = self.bar0.load32(at).wrapping_add(1);
        self.bar0.store32(at, changed);
    }

    /// The card's counters.
    pub fn counters(&self) -> Counters {
        Counters::read(&self.bar0)
    }

    /// Blanks a flow's state block: before its entries are written.
    ///
    /// # Panics
    /// When the card has no such flow.
    #[inline]
    pub fn blank_flow_state(&self, flow: u32) {
        flow_state::blank(&self.bar2, self.capabilities.flow_state_at(flow));
    }
}

fn identify(bar0: &impl Memory) -> Result<(), DeviceError> {
    match bar0.load64(register::MAGIC.offset) {
        MAGIC_VALUE => {}
        GONE => return Err(DeviceError::Gone),
        found => return Err(DeviceError::NotHeadgate { found }),
    }
    let found = bar0.load32(register::ABI_VERSION.offset);
    // A newer minor version only adds to what this driver knows.
    if found >> 16 != ABI_VERSION_VALUE >> 16 || found < ABI_VERSION_VALUE {
        return Err(DeviceError::Version { found });
    }
    Ok(())
}
