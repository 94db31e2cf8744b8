//! The device's end of the punt ring.

use firmware_api::Memory;
use firmware_api::punt::Punt;
use firmware_api::ring;

use super::error::DriverError;
use super::host_ring::{HostRing, PUNT};

/// The producer of punt records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Punts {
    ring: HostRing,
    /// The host's index when it was last read.
    consumer: u32,
    /// Records are written that the host does not see yet.
    unpublished: bool,
    error: Option<DriverError>,
}

impl Default for Punts {
    fn default() -> Self {
        Self {
            ring: HostRing::new(PUNT),
            consumer: 0,
            unpublished: false,
            error: None,
        }
    }
}

impl Punts {
    /// Follows the registers.
    pub(super) fn refresh(
        &mut self,
        bar0: &impl Memory,
        rings: &impl Memory,
    ) -> Result<(), DriverError> {
        self.ring.refresh(bar0, rings)?;
        self.consumer = self.ring.host_index(bar0);
        Ok(())
    }

    /// Writes a record; `false` when there is no room, or no ring.
    pub(super) fn push(
        &mut self,
        bar0: &impl Memory,
        rings: &impl Memory,
        punt: &Punt,
        bytes: &[u8],
    ) -> bool {
        let words = punt.encode();
        for consumer_is_fresh in [false, true] {
            let Some(open) = self.ring.open() else {
                return false;
            };
            if consumer_is_fresh {
                self.consumer = self.ring.host_index(bar0);
            }
            match ring::push(rings, open.layout, open.own, self.consumer, words, bytes) {
                Ok(Some(next)) => {
                    self.ring.advance(next);
                    self.unpublished = true;
                    return true;
                }
                Ok(None) => {}
                Err(error) => {
                    let error = DriverError::of_ring(self.ring.source(), open.own, error);
                    self.error = Some(self.ring.fail(error));
                }
            }
        }
        false
    }

    /// Shows the host what was written since the last time; whether there was anything.
    pub(super) fn publish(&mut self, rings: &impl Memory) -> Result<bool, DriverError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let published = std::mem::take(&mut self.unpublished);
        if published {
            self.ring.publish(rings);
        }
        Ok(published)
    }
}
