//! Taking punts: up to a batch at a time, one register write per batch, no allocation.
//!
//! Nothing in the ring is trusted. A record that is not sound costs the records between it and the
//! card's index, which are counted; then the ring goes on.

use firmware_api::Memory;
use firmware_api::punt::Punt;
use firmware_api::register::PUNT_CONSUMER;
use firmware_api::ring::{self, Layout, Payload, RingError};

use crate::device::Device;

/// Records of one batch, with their bytes.
#[derive(Debug)]
pub struct PuntBatch {
    records: Vec<Record>,
    len: usize,
}

#[derive(Debug)]
struct Record {
    punt: Option<Punt>,
    bytes: Payload,
}

impl PuntBatch {
    /// The most records of a batch.
    pub const MAX: usize = 64;

    /// Room for a batch.
    pub fn new() -> Self {
        let record = || Record {
            punt: None,
            bytes: Payload::default(),
        };
        Self {
            records: (0..Self::MAX).map(|_| record()).collect(),
            len: 0,
        }
    }

    /// How many records it holds.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The records in the order of the ring, each with its captured bytes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Punt, &[u8])> {
        self.records[..self.len].iter().map(|record| {
            let punt = record.punt.expect("a record within the length");
            (punt, &record.bytes[..])
        })
    }
}

impl Default for PuntBatch {
    fn default() -> Self {
        Self::new()
    }
}

/// What came through the ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PuntStats {
    /// Records taken.
    pub taken: u64,
    /// Records whose reason is none that this driver knows.
    pub unknown: u64,
    /// Times that a record or an index was not sound.
    pub errors: u64,
    /// Slots skipped on that account.
    pub skipped_slots: u64,
    /// The last of these errors.
    pub last_error: Option<RingError>,
}

/// The driver's side of the punt ring.
#[derive(Debug)]
pub struct PuntRing {
    layout: Layout,
    consumer: u32,
    stats: PuntStats,
}

impl PuntRing {
    /// The ring of a card that was just reset.
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            consumer: 0,
            stats: PuntStats::default(),
        }
    }

    /// Fills `batch` with the records that wait, at most [`PuntBatch::MAX`], and gives their room
    /// in the ring back. Returns how many they are.
    pub fn take<M: Memory>(&mut self, device: &Device<M>, batch: &mut PuntBatch) -> usize {
        let before = self.consumer;
        let producer = self.layout.device_index(device.rings());
        batch.len = 0;
        while let Some(record) = batch.records.get_mut(batch.len) {
            let bytes = &mut record.bytes;
            match ring::take(device.rings(), self.layout, self.consumer, producer, bytes) {
                Ok(None) => break,
                Ok(Some((words, next))) => {
                    self.consumer = next;
                    record.punt = Punt::decode(words).ok();
                    if record.punt.is_some() {
                        batch.len += 1;
                    } else {
                        self.stats.unknown += 1;
                    }
                }
                Err(error) => {
                    self.resynchronise(producer, error);
                    break;
                }
            }
        }
        if self.consumer != before {
            let consumer = PUNT_CONSUMER.offset;
            device.bar0().store32(consumer, self.consumer);
        }
        self.stats.taken += batch.len as u64;
        batch.len
    }

    /// Slots of the ring, and how many of them wait to be taken.
    pub fn fill<M: Memory>(&self, device: &Device<M>) -> (u32, u32) {
        let waiting = self
            .layout
            .device_index(device.rings())
            .wrapping_sub(self.consumer);
        (self.layout.slots(), waiting.min(self.layout.slots()))
    }

    /// What came through the ring so far.
    pub const fn stats(&self) -> PuntStats {
        self.stats
    }

    fn resynchronise(&mut self, producer: u32, error: RingError) {
        self.stats.errors += 1;
        self.stats.last_error = Some(error);
        let skipped = producer.wrapping_sub(self.consumer);
        self.stats.skipped_slots += u64::from(skipped.min(self.layout.slots()));
        self.consumer = producer;
    }
}
