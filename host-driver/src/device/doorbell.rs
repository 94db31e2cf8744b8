//! Table doorbells: telling the card which slots were written. Records collect in the doorbell
//! ring and the card hears of them once per batch; what finds no room becomes one `RESCAN`.

use firmware_api::Memory;
use firmware_api::doorbell::Doorbell;
use firmware_api::register::{DOORBELL_PRODUCER, RESCAN};
use firmware_api::ring::{self, Layout};

use super::Device;

/// The driver's side of the doorbell ring.
#[derive(Debug)]
pub(super) struct DoorbellRing {
    layout: Layout,
    producer: u32,
    published: u32,
}

impl DoorbellRing {
    pub(super) const fn new(layout: Layout) -> Self {
        Self {
            layout,
            producer: 0,
            published: 0,
        }
    }

    fn push(&mut self, rings: &impl Memory, doorbell: Doorbell) -> bool {
        let consumer = self.layout.device_index(rings);
        let words = doorbell.encode();
        match ring::push(rings, self.layout, self.producer, consumer, words, &[]) {
            Ok(Some(producer)) => {
                self.producer = producer;
                true
            }
            Ok(None) | Err(_) => false,
        }
    }
}

impl<M: Memory> Device<M> {
    /// Notes that slots of a table were written; [`Device::publish_doorbells`] tells the card.
    pub fn ring_doorbell(&mut self, doorbell: Doorbell) {
        if let Some(ring) = &mut self.doorbells
            && !ring.push(&self.rings, doorbell)
        {
            self.rescan_due = true;
        }
    }

    /// Makes the card read every table again with the next [`Device::publish_doorbells`].
    pub fn ask_rescan(&mut self) {
        self.rescan_due = true;
    }

    /// Tells the card of the doorbells since the last call.
    pub fn publish_doorbells(&mut self) {
        if let Some(ring) = &mut self.doorbells
            && ring.published != ring.producer
        {
            ring.published = ring.producer;
            self.bar0.store32(DOORBELL_PRODUCER.offset, ring.producer);
        }
        if std::mem::take(&mut self.rescan_due) {
            self.rescans = self.rescans.wrapping_add(1);
            self.bar0.store32(RESCAN.offset, self.rescans);
        }
    }

    /// How often the doorbell ring was too small for a batch.
    pub const fn rescans(&self) -> u32 {
        self.rescans
    }
}
