//! Ring memory: how the rings and the harvest buffer share it, and telling the card.

use firmware_api::harvest::{Command, MAX_ACTIVITY, MAX_STATES};
use firmware_api::ring::Layout;
use firmware_api::{Memory, register};

use super::Device;
use super::doorbell::DoorbellRing;
use super::error::DeviceError;
use super::harvest::HarvestBuffer;

/// Slots of the rings, powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingSizes {
    /// Packets and headers from the card.
    pub punt: u32,
    /// Packets to the card.
    pub inject: u32,
    /// Table doorbells to the card.
    pub doorbell: u32,
}

impl Default for RingSizes {
    /// 5 MiB together.
    fn default() -> Self {
        Self {
            punt: 16_384,
            inject: 8192,
            doorbell: 16_384,
        }
    }
}

/// Where the packet rings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketRings {
    /// Packets and headers from the card.
    pub punt: Layout,
    /// Packets to the card.
    pub inject: Layout,
}

impl RingSizes {
    /// Bytes of ring memory that the rings and the harvest buffer of a card take.
    pub fn bytes(&self, flow_count: u32) -> u64 {
        let rings = [self.punt, self.inject, self.doorbell].map(Layout::bytes);
        rings.iter().sum::<u64>() + harvest_len(flow_count)
    }
}

/// Bytes that serve every harvest command.
fn harvest_len(flow_count: u32) -> u64 {
    let activity = Command::Activity {
        first: 0,
        count: flow_count.min(MAX_ACTIVITY),
    };
    let states = Command::States { count: MAX_STATES };
    let len = activity.buffer_len().max(states.buffer_len());
    len.next_multiple_of(64)
}

impl<M: Memory> Device<M> {
    /// Lays the rings and the harvest buffer out from the start of ring memory and tells the card.
    /// Once after a reset, before the card is enabled.
    ///
    /// # Errors
    /// When there is no such memory or not enough of it.
    pub fn set_up_rings(&mut self, sizes: RingSizes) -> Result<PacketRings, DeviceError> {
        if self.rings.is_empty() {
            return Err(DeviceError::NoRingMemory);
        }
        let flow_count = self.capabilities.flow_count;
        let (needed, available) = (sizes.bytes(flow_count), self.rings.len());
        if needed > available {
            return Err(DeviceError::RingMemory { needed, available });
        }
        let mut base = 0;
        let mut place = |slots| {
            let layout =
                Layout::new(base, slots, available).ok_or(DeviceError::RingSlots(slots))?;
            base += Layout::bytes(slots);
            layout.set_device_index(&self.rings, 0);
            Ok(layout)
        };
        let (punt, inject) = (place(sizes.punt)?, place(sizes.inject)?);
        let doorbell = place(sizes.doorbell)?;
        let harvest_len = harvest_len(flow_count) as u32;
        self.tell_ring(punt, register::PUNT_BASE, register::PUNT_SLOTS);
        self.tell_ring(inject, register::INJECT_BASE, register::INJECT_SLOTS);
        self.tell_ring(doorbell, register::DOORBELL_BASE, register::DOORBELL_SLOTS);
        self.bar0.store64(register::HARVEST_BASE.offset, base);
        let len = register::HARVEST_LEN.offset;
        self.bar0.store32(len, harvest_len);
        self.rings.store64(base, 0);
        self.doorbells = Some(DoorbellRing::new(doorbell));
        self.harvest = Some(HarvestBuffer::new(base));
        Ok(PacketRings { punt, inject })
    }

    /// The base first: a ring exists as soon as it has slots.
    fn tell_ring(&self, layout: Layout, base: register::Register, slots: register::Register) {
        self.bar0.store64(base.offset, layout.base());
        self.bar0.store32(slots.offset, layout.slots());
    }
}
