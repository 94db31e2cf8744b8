//! Ports as queues in memory: for tests, replays and drivers with a card in their own process.

use std::collections::VecDeque;

use firmware_api::PortId;

use super::Ports;
use crate::batch::Batch;

/// One queue of frames per port and direction. Buffers are reused.
#[derive(Clone, Debug, Default)]
pub struct MemoryPorts {
    to_card: Vec<VecDeque<Vec<u8>>>,
    from_card: VecDeque<(PortId, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
}

impl MemoryPorts {
    /// Queues of that many ports.
    pub fn new(ports: u16) -> Self {
        Self {
            to_card: vec![VecDeque::new(); ports.into()],
            ..Self::default()
        }
    }

    /// Puts a frame on the wire to a port of the card.
    ///
    /// # Panics
    /// When there is no such port.
    pub fn send(&mut self, port: PortId, frame: &[u8]) {
        let buffer = self.buffer(frame);
        self.to_card[usize::from(port)].push_back(buffer);
    }

    /// Hands over each frame that the card has sent since the last time, in their order.
    pub fn drain(&mut self, mut each: impl FnMut(PortId, &[u8])) {
        while let Some((port, frame)) = self.from_card.pop_front() {
            each(port, &frame);
            self.spare.push(frame);
        }
    }

    /// The frames that the card has sent since the last time.
    pub fn take(&mut self) -> Vec<(PortId, Vec<u8>)> {
        self.from_card.drain(..).collect()
    }

    /// Frames that the card has not taken yet.
    pub fn waiting(&self) -> usize {
        self.to_card.iter().map(VecDeque::len).sum()
    }

    fn buffer(&mut self, frame: &[u8]) -> Vec<u8> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(frame);
        buffer
    }
}

impl Ports for MemoryPorts {
    fn receive(&mut self, port: PortId, batch: &mut Batch) {
        let Some(queue) = self.to_card.get_mut(usize::from(port)) else {
            return;
        };
        while !batch.is_full() {
            let Some(frame) = queue.pop_front() else {
                return;
            };
            batch.push(port, &frame);
            self.spare.push(frame);
        }
    }

    fn transmit(&mut self, port: PortId, frame: &[u8]) -> bool {
        let attached = usize::from(port) < self.to_card.len();
        if attached {
            let buffer = self.buffer(frame);
            self.from_card.push_back((port, buffer));
        }
        attached
    }
}
