//! Rings in host memory: one producer, one consumer, free-running indices.
//!
//! ```text
//! base + 0    u32 index that the device writes (punt: producer; inject, doorbell: consumer)
//! base + 64   slots of 128 bytes; a record takes as many consecutive slots as it needs
//!
//! record      0  sequence (u32) = index of its first slot      4  CRC-32 of the rest
//!             8  three words of the record's own; the last holds the payload's length in its
//!                upper half: bits 32..48 length on the wire, 48..64 bytes captured
//!            32  captured bytes, wrapping at the end of the ring
//! ```
//! The host's index is a register, so neither side ever reads the other's memory over PCIe.
//! Neither side trusts an index, a length or a byte of the other: [`take`] checks all of them.

use crate::memory::Memory;

/// Bytes before the first slot.
pub const HEADER_LEN: u64 = 64;
/// Bytes of a slot.
pub const SLOT_LEN: u64 = 128;
/// Bytes of a record before its payload.
pub const DESCRIPTOR_LEN: u64 = 32;
/// Payload bytes that fit a record of one slot: every header that a learn or teardown copies.
pub const ONE_SLOT_PAYLOAD: usize = (SLOT_LEN - DESCRIPTOR_LEN) as usize;

/// Where a ring is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    base: u64,
    slots: u32,
}

/// A record's own three words.
pub type Words = [u64; 3];

/// Why a record or an index of the other side cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingError {
    /// The other side's index is further ahead than the ring is long.
    Index {
        /// The index found.
        found: u32,
        /// Our own index.
        own: u32,
    },
    /// The record at our index has another sequence number.
    Sequence {
        /// The number found.
        found: u32,
        /// The index it should be.
        expected: u32,
    },
    /// The record claims more bytes than were produced or than a frame has.
    Length {
        /// The bytes claimed.
        captured: u16,
    },
    /// The record's CRC is wrong.
    Crc {
        /// The record's index.
        index: u32,
    },
}

impl core::fmt::Display for RingError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Index { found, own } => {
                write!(
                    f,
                    "index {found} of the other side is beyond the ring, own index {own}"
                )
            }
            Self::Sequence { found, expected } => {
                write!(f, "record has sequence number {found}, expected {expected}")
            }
            Self::Length { captured } => write!(f, "record claims {captured} captured bytes"),
            Self::Crc { index } => write!(f, "record {index} has a wrong CRC"),
        }
    }
}

impl core::error::Error for RingError {}

impl Layout {
    /// A ring of `slots` (a power of two, 16..=2^20) at `base` (64-byte aligned), inside a memory
    /// of `memory_len` bytes; `None` when it is not.
    pub fn new(base: u64, slots: u32, memory_len: u64) -> Option<Self> {
        let sane =
            slots.is_power_of_two() && (16..=1 << 20).contains(&slots) && base.is_multiple_of(64);
        let layout = Self { base, slots };
        (sane && base.checked_add(layout.len())? <= memory_len).then_some(layout)
    }

    /// Bytes of a ring with that many slots.
    pub const fn bytes(slots: u32) -> u64 {
        HEADER_LEN + slots as u64 * SLOT_LEN
    }

    const fn len(&self) -> u64 {
        Self::bytes(self.slots)
    }

    /// Where it begins.
    pub const fn base(&self) -> u64 {
        self.base
    }

    /// How many slots it has.
    pub const fn slots(&self) -> u32 {
        self.slots
    }

    /// The index that the device wrote.
    pub fn device_index(&self, memory: &impl Memory) -> u32 {
        memory.load32(self.base)
    }

    /// Publishes the device's index.
    pub fn set_device_index(&self, memory: &impl Memory, index: u32) {
        memory.store32(self.base, index);
    }

    /// The address of byte `offset` behind the start of slot `index`; wraps.
    fn at(&self, index: u32, offset: u64) -> u64 {
        let ring = u64::from(self.slots) * SLOT_LEN;
        let start = u64::from(index & (self.slots - 1)) * SLOT_LEN;
        self.base + HEADER_LEN + (start + offset) % ring
    }
}

/// Slots that a record of so many captured bytes takes.
pub const fn slots_for(captured: usize) -> u32 {
    ((DESCRIPTOR_LEN + captured as u64).div_ceil(SLOT_LEN)) as u32
}

/// Writes a record at `producer` and returns the index behind it, or `None` when the ring is full.
/// The caller publishes the index. `consumer` is the other side's index.
///
/// # Errors
/// When `consumer` is ahead of `producer` or more than the ring behind it.
pub fn push(
    memory: &impl Memory,
    layout: Layout,
    producer: u32,
    consumer: u32,
    words: Words,
    payload: &[u8],
) -> Result<Option<u32>, RingError> {
    let used = producer.wrapping_sub(consumer);
    if used > layout.slots {
        return Err(RingError::Index {
            found: consumer,
            own: producer,
        });
    }
    let needed = slots_for(payload.len());
    if needed > layout.slots - used {
        return Ok(None);
    }
    for (i, word) in words.iter().enumerate() {
        memory.store64(layout.at(producer, 8 + 8 * i as u64), *word);
    }
    for (i, chunk) in payload.chunks(8).enumerate() {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        let at = layout.at(producer, DESCRIPTOR_LEN + 8 * i as u64);
        memory.store64(at, u64::from_le_bytes(word));
    }
    let head = u64::from(producer) | u64::from(crc(&words, payload)) << 32;
    memory.store64(layout.at(producer, 0), head);
    Ok(Some(producer.wrapping_add(needed)))
}

/// Reads the record at `consumer` into `payload` (cleared first) and returns its words and the
/// index behind it, or `None` when the ring is empty. `producer` is the other side's index.
///
/// # Errors
/// When the other side's index or record is not sound; the caller goes on at `producer`.
pub fn take(
    memory: &impl Memory,
    layout: Layout,
    consumer: u32,
    producer: u32,
    payload: &mut Payload,
) -> Result<Option<(Words, u32)>, RingError> {
    let ready = producer.wrapping_sub(consumer);
    if ready > layout.slots {
        return Err(RingError::Index {
            found: producer,
            own: consumer,
        });
    }
    if ready == 0 {
        return Ok(None);
    }
    let head = memory.load64(layout.at(consumer, 0));
    if head as u32 != consumer {
        return Err(RingError::Sequence {
            found: head as u32,
            expected: consumer,
        });
    }
    let words: Words =
        core::array::from_fn(|i| memory.load64(layout.at(consumer, 8 + 8 * i as u64)));
    let captured = (words[2] >> 48) as u16;
    let slots = slots_for(captured as usize);
    if slots > ready || captured as usize > crate::MAX_FRAME {
        return Err(RingError::Length { captured });
    }
    payload.len = captured as usize;
    for (i, chunk) in payload.bytes[..captured as usize].chunks_mut(8).enumerate() {
        let word = memory.load64(layout.at(consumer, DESCRIPTOR_LEN + 8 * i as u64));
        chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
    }
    if crc(&words, payload) != (head >> 32) as u32 {
        return Err(RingError::Crc { index: consumer });
    }
    Ok(Some((words, consumer.wrapping_add(slots))))
}

fn crc(words: &Words, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    let words: [[u8; 8]; 3] = words.map(u64::to_le_bytes);
    hasher.update(words.as_flattened());
    hasher.update(payload);
    hasher.finalize()
}

/// The captured bytes of a record; reused from record to record.
#[derive(Clone, Debug)]
pub struct Payload {
    bytes: [u8; crate::MAX_FRAME],
    len: usize,
}

impl Default for Payload {
    fn default() -> Self {
        Self {
            bytes: [0; crate::MAX_FRAME],
            len: 0,
        }
    }
}

impl core::ops::Deref for Payload {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl core::ops::DerefMut for Payload {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::region::tests::memory;

    const LEN: usize = Layout::bytes(16) as usize;

    fn length_words(len: usize) -> Words {
        [1, 2, (len as u64) << 48 | 3]
    }

    #[test]
    fn records_come_out_as_they_went_in_across_the_wrap() {
        let memory = memory(LEN);
        let layout = Layout::new(0, 16, LEN as u64).expect("fits");
        let (mut producer, mut consumer) = (u32::MAX - 20, u32::MAX - 20);
        let mut payload = Payload::default();
        for round in 0..40u8 {
            let sent = std::vec![round; usize::from(round) * 20];
            let words = length_words(sent.len());
            producer = push(&memory, layout, producer, consumer, words, &sent)
                .unwrap()
                .unwrap();
            let (found, next) = take(&memory, layout, consumer, producer, &mut payload)
                .unwrap()
                .unwrap();
            assert_eq!((found, &payload[..]), (words, &sent[..]));
            consumer = next;
        }
        assert_eq!(
            take(&memory, layout, consumer, producer, &mut payload),
            Ok(None)
        );
    }

    #[test]
    fn a_full_ring_refuses_and_overwrites_nothing() {
        let memory = memory(LEN);
        let layout = Layout::new(0, 16, LEN as u64).expect("fits");
        let mut producer = 0;
        for _ in 0..16 {
            producer = push(&memory, layout, producer, 0, length_words(0), &[])
                .unwrap()
                .unwrap();
        }
        assert_eq!(
            push(&memory, layout, producer, 0, length_words(0), &[]),
            Ok(None)
        );
        assert!(
            take(&memory, layout, 0, producer, &mut Payload::default())
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn nothing_trusted_broken_rings_are_not_laid_out() {
        assert!(Layout::new(0, 16, LEN as u64 - 1).is_none());
        assert!(Layout::new(8, 16, u64::MAX).is_none());
        assert!(Layout::new(!63, 16, u64::MAX).is_none());
        assert!(Layout::new(0, 24, u64::MAX).is_none());
    }

    proptest! {
        #[test]
        fn nothing_trusted_any_bytes_are_refused_or_read_in_bounds(
            noise in proptest::collection::vec(any::<u64>(), LEN / 8),
            own in any::<u32>(), other in any::<u32>(), plausible: bool,
        ) {
            let memory = memory(LEN);
            for (i, word) in noise.iter().enumerate() {
                memory.store64(8 * i as u64, *word);
            }
            let layout = Layout::new(0, 16, LEN as u64).expect("fits");
            let other = if plausible { own.wrapping_add(other % 17) } else { other };
            let _ = take(&memory, layout, own, other, &mut Payload::default());
            let _ = push(&memory, layout, own, other, [0; 3], &[1, 2, 3]);
        }

        #[test]
        fn nothing_trusted_a_flipped_bit_is_seen(bit in 0usize..(32 + 40) * 8) {
            let memory = memory(LEN);
            let layout = Layout::new(0, 16, LEN as u64).expect("fits");
            let sent = [0x5a; 40];
            let end = push(&memory, layout, 0, 0, length_words(40), &sent).unwrap().unwrap();
            let at = HEADER_LEN + (bit / 64 * 8) as u64;
            memory.store64(at, memory.load64(at) ^ 1 << (bit % 64));
            prop_assert!(take(&memory, layout, 0, end, &mut Payload::default()).is_err());
        }
    }
}
