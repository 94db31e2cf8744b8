//! A ring in host memory, as the device sees it: where the registers say it is, if they say sense.
//!
//! A ring opens, at index 0, when its size register is not 0 or when base or size change. A ring
//! that is wrong in any way stays shut until the next reset.

use firmware_api::Memory;
use firmware_api::register::{self, Register};
use firmware_api::ring::Layout;

use super::error::{DriverError, Source};

/// The registers of one ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registers {
    /// Whose they are.
    pub source: Source,
    base: Register,
    slots: Register,
    index: Register,
}

/// The punt ring.
pub(super) const PUNT: Registers = Registers {
    source: Source::Punt,
    base: register::PUNT_BASE,
    slots: register::PUNT_SLOTS,
    index: register::PUNT_CONSUMER,
};

/// The inject ring.
pub(super) const INJECT: Registers = Registers {
    source: Source::Inject,
    base: register::INJECT_BASE,
    slots: register::INJECT_SLOTS,
    index: register::INJECT_PRODUCER,
};

/// The table-doorbell ring.
pub(super) const DOORBELL: Registers = Registers {
    source: Source::Doorbell,
    base: register::DOORBELL_BASE,
    slots: register::DOORBELL_SLOTS,
    index: register::DOORBELL_PRODUCER,
};

/// A ring and the device's index in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostRing {
    registers: Registers,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed,
    Open(Open),
    Broken,
}

/// An open ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    /// Where it is.
    pub layout: Layout,
    /// The device's index.
    pub own: u32,
}

impl HostRing {
    /// A ring that is not open yet.
    pub(super) const fn new(registers: Registers) -> Self {
        Self {
            registers,
            state: State::Closed,
        }
    }

    /// Reads base and size, and opens, moves or closes the ring when they changed.
    pub(super) fn refresh(
        &mut self,
        bar0: &impl Memory,
        rings: &impl Memory,
    ) -> Result<(), DriverError> {
        let slots = bar0.load32(self.registers.slots.offset);
        let base = bar0.load64(self.registers.base.offset);
        let changing = bar0.load32(self.registers.slots.offset) != slots;
        match self.state {
            _ if changing => return Ok(()),
            State::Broken => return Ok(()),
            _ if slots == 0 => {
                self.state = State::Closed;
                return Ok(());
            }
            State::Open(Open { layout, .. })
                if (layout.base(), layout.slots()) == (base, slots) =>
            {
                return Ok(());
            }
            _ => {}
        }
        let Some(layout) = Layout::new(base, slots, rings.len()) else {
            return Err(self.fail(DriverError::Ring(self.registers.source)));
        };
        layout.set_device_index(rings, 0);
        self.state = State::Open(Open { layout, own: 0 });
        Ok(())
    }

    /// The ring, if it is usable.
    #[inline]
    pub(super) const fn open(&self) -> Option<Open> {
        match self.state {
            State::Open(open) => Some(open),
            State::Closed | State::Broken => None,
        }
    }

    /// The host's index.
    pub(super) fn host_index(&self, bar0: &impl Memory) -> u32 {
        bar0.load32(self.registers.index.offset)
    }

    /// Moves the device's index; the host does not see it yet.
    pub(super) fn advance(&mut self, own: u32) {
        if let State::Open(open) = &mut self.state {
            open.own = own;
        }
    }

    /// Shows the host the device's index.
    pub(super) fn publish(&self, rings: &impl Memory) {
        if let State::Open(Open { layout, own }) = self.state {
            layout.set_device_index(rings, own);
        }
    }

    /// Shuts the ring until the next reset.
    pub(super) fn fail(&mut self, error: DriverError) -> DriverError {
        self.state = State::Broken;
        error
    }

    /// Whose ring it is.
    pub(super) const fn source(&self) -> Source {
        self.registers.source
    }
}
