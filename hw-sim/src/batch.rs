//! Frames on their way through the card: buffers that are allocated once and reused.

use firmware_api::{MAX_FRAME, PortId};

/// Frames of one batch.
pub const BATCH: usize = 64;
/// Room before a received frame, for a VLAN tag and to keep addresses aligned.
const HEADROOM: usize = 10;
/// Room for a received frame: one byte more than the card takes, so that longer ones are seen.
const ROOM: usize = MAX_FRAME + 1;

/// One frame in its buffer.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Frame {
    bytes: [u8; (HEADROOM + ROOM).next_multiple_of(64) + 56],
    start: u16,
    len: u16,
    /// Where it came in.
    pub ingress: PortId,
    /// The tag of a trace.
    pub(crate) tag: u32,
}

impl Default for Frame {
    fn default() -> Self {
        Self {
            bytes: [0; _],
            start: HEADROOM as u16,
            len: 0,
            ingress: 0,
            tag: 0,
        }
    }
}

impl Frame {
    /// The frame, from the Ethernet header on.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        let start = usize::from(self.start);
        &self.bytes[start..start + usize::from(self.len)]
    }

    /// The frame, to be changed in place.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let start = usize::from(self.start);
        &mut self.bytes[start..start + usize::from(self.len)]
    }

    /// Moves the frame's start so that the byte at `old` stands at `new`: room for another link
    /// header. At most four bytes are added.
    #[inline]
    pub(crate) fn move_start(&mut self, old: u16, new: u16) {
        self.start = self.start + old - new;
        self.len = self.len + new - old;
    }

    fn receive(&mut self, ingress: PortId, read: impl FnOnce(&mut [u8]) -> Option<usize>) -> bool {
        let Some(len) = read(&mut self.bytes[HEADROOM..HEADROOM + ROOM]) else {
            return false;
        };
        self.start = HEADROOM as u16;
        self.len = len.min(ROOM) as u16;
        self.ingress = ingress;
        self.tag = 0;
        true
    }
}

/// Up to [`BATCH`] frames.
#[derive(Debug)]
pub struct Batch {
    frames: Box<[Frame]>,
    len: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            frames: vec![Frame::default(); BATCH].into_boxed_slice(),
            len: 0,
        }
    }
}

impl Batch {
    /// How many frames it holds.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether no frame fits any more.
    pub const fn is_full(&self) -> bool {
        self.len == BATCH
    }

    /// Forgets the frames.
    pub const fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds a frame that came in on the port; `false` when the batch is full.
    #[inline]
    pub fn push(&mut self, ingress: PortId, frame: &[u8]) -> bool {
        self.receive(ingress, |buffer| {
            let len = frame.len().min(buffer.len());
            buffer[..len].copy_from_slice(&frame[..len]);
            Some(len)
        })
    }

    /// Adds a frame to be traced as if it had come in on the port; `false` when the batch is full.
    pub(crate) fn push_traced(&mut self, ingress: PortId, tag: u32, frame: &[u8]) -> bool {
        let added = self.push(ingress, frame);
        if let Some(frame) = self.frames_mut().last_mut() {
            frame.tag = tag;
        }
        added
    }

    /// Adds the frame that `read` writes into the buffer it is given, which has room for one byte
    /// more than the longest frame; `read` returns the length, or `None` when there is no frame.
    /// Returns whether a frame was added.
    pub fn receive(
        &mut self,
        ingress: PortId,
        read: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> bool {
        let added = self
            .frames
            .get_mut(self.len)
            .is_some_and(|frame| frame.receive(ingress, read));
        self.len += usize::from(added);
        added
    }

    /// The frames.
    pub fn frames(&self) -> &[Frame] {
        &self.frames[..self.len]
    }

    /// The frames, to be changed in place.
    pub fn frames_mut(&mut self) -> &mut [Frame] {
        &mut self.frames[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_longer_than_the_card_takes_keeps_one_byte_more() {
        let mut batch = Batch::default();
        assert!(batch.push(3, &vec![7; MAX_FRAME + 100]));
        assert_eq!(batch.frames()[0].bytes().len(), MAX_FRAME + 1);
        assert_eq!(batch.frames()[0].ingress, 3);
    }

    #[test]
    fn a_full_batch_takes_no_more() {
        let mut batch = Batch::default();
        assert!(!batch.receive(0, |_| None));
        for _ in 0..BATCH {
            assert!(batch.push(0, &[1]));
        }
        assert!(batch.is_full() && !batch.push(0, &[1]));
        batch.clear();
        assert!(batch.is_empty() && batch.push(0, &[1]));
    }

    #[test]
    fn the_link_header_grows_and_shrinks_by_a_tag() {
        let mut batch = Batch::default();
        batch.push(0, &[1, 2, 3, 4, 5, 6]);
        let frame = &mut batch.frames_mut()[0];
        frame.move_start(2, 6);
        assert_eq!(frame.bytes()[6..], [3, 4, 5, 6]);
        frame.move_start(6, 2);
        assert_eq!(frame.bytes(), [1, 2, 3, 4, 5, 6]);
    }
}
