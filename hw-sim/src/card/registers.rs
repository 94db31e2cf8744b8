//! The device's side of BAR0: identity, capabilities, status, events and the error latch.

use firmware_api::register::{self, Access, Register};
use firmware_api::{Memory, TableId};

use super::error::DriverError;
use crate::config::Layout;

/// Gives every register its value after a reset, and the capabilities theirs. `CONTROL` stays the
/// host's.
pub fn reset(bar0: &impl Memory, layout: &Layout) {
    for register in register::ALL {
        let is_control = register.offset == register::CONTROL.offset;
        let is_status = register.offset == register::STATUS.offset;
        if !is_control && !is_status {
            for index in 0..register.count {
                store(bar0, register, index, register.reset);
            }
        }
    }
    store(bar0, &register::PORT_COUNT, 0, layout.ports.into());
    store(bar0, &register::FLOW_COUNT, 0, layout.flows.into());
    store(bar0, &register::FLOW_STATE_OFFSET, 0, layout.flow_state);
    for id in TableId::ALL {
        let (table, index) = (layout.table(*id), *id as u64);
        store(bar0, &register::TABLE_OFFSET, index, table.offset);
        store(
            bar0,
            &register::TABLE_GEOMETRY,
            index,
            table.geometry.encode(),
        );
    }
}

fn store(bar0: &impl Memory, register: &Register, index: u64, value: u64) {
    if register.width == 8 {
        bar0.store64(register.at(index), value);
    } else {
        bar0.store32(register.at(index), value as u32);
    }
}

/// Every register by name, in the order of their offsets, as the host reads them.
pub fn read_all(bar0: &impl Memory) -> impl Iterator<Item = Reading> {
    register::ALL.iter().flat_map(move |register| {
        (0..register.count).map(move |index| {
            let at = register.at(index);
            let value = if register.width == 8 {
                bar0.load64(at)
            } else {
                bar0.load32(at).into()
            };
            Reading {
                name: register.name,
                index: (register.count > 1).then_some(index),
                access: register.access,
                value,
            }
        })
    })
}

/// The value of one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Its name.
    pub name: &'static str,
    /// Which element of an array.
    pub index: Option<u64>,
    /// What the host may do with it.
    pub access: Access,
    /// Its value.
    pub value: u64,
}

/// Sets bits of `EVENT_CAUSE`.
///
/// The host only ever clears bits: when it does so in between, the worst is an event seen twice.
pub fn raise(bar0: &impl Memory, events: u32) {
    let at = register::EVENT_CAUSE.offset;
    let before = bar0.load32(at);
    if before & events != events {
        bar0.store32(at, before | events);
    }
}

/// The error latch: it keeps the first error until the host clears it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorLatch {
    clear: u32,
    latched: bool,
}

impl ErrorLatch {
    /// Latches an error, unless one is latched already.
    pub fn set(&mut self, bar0: &impl Memory, error: DriverError) {
        tracing::warn!(%error, "the driver made an error");
        if !self.latched {
            self.latched = true;
            bar0.store64(register::ERROR_LATCH.offset, error.encode());
        }
        raise(bar0, register::EVENT_ERROR);
    }

    /// Follows `ERROR_CLEAR`.
    pub fn refresh(&mut self, bar0: &impl Memory) {
        let clear = bar0.load32(register::ERROR_CLEAR.offset);
        if clear != self.clear {
            *self = Self {
                clear,
                latched: false,
            };
            bar0.store64(register::ERROR_LATCH.offset, register::ERROR_NONE);
        }
    }
}
