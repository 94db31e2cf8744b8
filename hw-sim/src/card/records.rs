//! The device's end of a ring that the host fills: injects and table doorbells.

use firmware_api::Memory;
use firmware_api::ring::{self, Payload, Words};

use super::error::DriverError;
use super::host_ring::{HostRing, Registers};

/// The consumer of host records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Records {
    ring: HostRing,
}

impl Records {
    /// The ring of those registers.
    pub(super) const fn new(registers: Registers) -> Self {
        Self {
            ring: HostRing::new(registers),
        }
    }

    /// Follows the registers.
    pub(super) fn refresh(
        &mut self,
        bar0: &impl Memory,
        rings: &impl Memory,
    ) -> Result<(), DriverError> {
        self.ring.refresh(bar0, rings)
    }

    /// How far the host has filled the ring.
    pub(super) fn produced(&self, bar0: &impl Memory) -> u32 {
        self.ring.host_index(bar0)
    }

    /// Takes up to `most` records in front of `producer` and shows the host how far it got.
    /// `use_record` returns whether the record makes sense.
    pub(super) fn drain(
        &mut self,
        rings: &impl Memory,
        producer: u32,
        most: usize,
        payload: &mut Payload,
        mut use_record: impl FnMut(Words, &[u8]) -> bool,
    ) -> Result<usize, DriverError> {
        let mut taken = 0;
        while let (true, Some(open)) = (taken < most, self.ring.open()) {
            let found = ring::take(rings, open.layout, open.own, producer, payload);
            let source = self.ring.source();
            match found {
                Ok(None) => break,
                Ok(Some((words, next))) if use_record(words, payload) => {
                    self.ring.advance(next);
                    taken += 1;
                }
                Ok(Some(_)) => {
                    let error = DriverError::Record(source, open.own);
                    return Err(self.ring.fail(error));
                }
                Err(error) => {
                    let error = DriverError::of_ring(source, open.own, error);
                    return Err(self.ring.fail(error));
                }
            }
        }
        if taken > 0 {
            self.ring.publish(rings);
        }
        Ok(taken)
    }
}
