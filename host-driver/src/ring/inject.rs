//! Giving packets to the card: records collect in the ring, one doorbell per batch.

use firmware_api::inject::Inject;
use firmware_api::register::INJECT_PRODUCER;
use firmware_api::ring::{self, Layout, RingError};
use firmware_api::{MAX_FRAME, Memory};

use crate::device::Device;

/// Why a packet was not taken; the caller keeps or drops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InjectError {
    /// The card has not taken enough of the earlier packets yet.
    #[error("the inject ring is full")]
    Full,
    /// No frame is that long.
    #[error("a frame of {0} bytes; the card takes {MAX_FRAME}")]
    TooLong(usize),
    /// The card's index cannot be.
    #[error("inject ring: {0}")]
    Ring(RingError),
}

/// The driver's side of the inject ring.
#[derive(Debug)]
pub struct InjectRing {
    layout: Layout,
    producer: u32,
    published: u32,
    sent: u64,
    refused: u64,
}

impl InjectRing {
    /// The ring of a card that was just reset.
    pub const fn new(layout: Layout) -> Self {
        Self {
            layout,
            producer: 0,
            published: 0,
            sent: 0,
            refused: 0,
        }
    }

    /// Puts a frame into the ring; [`InjectRing::ring`] tells the card.
    ///
    /// # Errors
    /// When there is no room, or the frame is too long.
    pub fn push<M: Memory>(
        &mut self,
        device: &Device<M>,
        inject: Inject,
        frame: &[u8],
    ) -> Result<(), InjectError> {
        let pushed = self.try_push(device, inject, frame);
        match pushed {
            Ok(()) => self.sent += 1,
            Err(_) => self.refused += 1,
        }
        pushed
    }

    /// Tells the card of the frames since the last call: once per batch.
    pub fn ring<M: Memory>(&mut self, device: &Device<M>) {
        if self.published != self.producer {
            self.published = self.producer;
            let producer = INJECT_PRODUCER.offset;
            device.bar0().store32(producer, self.producer);
        }
    }

    /// Slots of the ring, and how many of them the card did not take yet.
    pub fn fill<M: Memory>(&self, device: &Device<M>) -> (u32, u32) {
        let taken = self.layout.device_index(device.rings());
        let waiting = self.producer.wrapping_sub(taken);
        (self.layout.slots(), waiting.min(self.layout.slots()))
    }

    /// Frames put into the ring.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Frames that were not taken.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    fn try_push<M: Memory>(
        &mut self,
        device: &Device<M>,
        inject: Inject,
        frame: &[u8],
    ) -> Result<(), InjectError> {
        if frame.len() > MAX_FRAME {
            return Err(InjectError::TooLong(frame.len()));
        }
        let rings = device.rings();
        let words = inject.encode(frame.len() as u16);
        let consumer = self.layout.device_index(rings);
        let pushed = ring::push(rings, self.layout, self.producer, consumer, words, frame);
        self.producer = pushed
            .map_err(InjectError::Ring)?
            .ok_or(InjectError::Full)?;
        Ok(())
    }
}
