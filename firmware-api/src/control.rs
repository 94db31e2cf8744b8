//! The control word: the last eight bytes of every table entry, written last.
//!
//! ```text
//! bit  63     62..56   55..51   50..48     47..16        15..0
//!      valid  epoch    zone     protocol   entry's own   CRC
//! ```
//! `zone` and `protocol` belong to the key. `epoch` counts the writes of the slot, so that two
//! equal control words around a read mean that the body between them was one entry's. The CRC is
//! the low half of the CRC-32 (IEEE 802.3) of the whole entry with this field as zero; it is
//! checked when a driver adopts a running card, not per packet. An IPv6 flow entry fills its
//! 64 bytes to the last bit, which is why half of the CRC has to do.

use crate::{Protocol, Zone};

/// The entry is in use.
pub const VALID: u64 = 1 << 63;
/// The bits of the control word that are part of the key: zone and protocol.
pub const KEY_MASK: u64 = 0x00ff << 48;
const EPOCH_SHIFT: u32 = 56;
const EPOCH_MASK: u64 = 0x7f << EPOCH_SHIFT;
const CRC_MASK: u64 = 0xffff;

/// The key bits of a control word.
pub const fn key(zone: Zone, protocol: Protocol) -> u64 {
    ((zone.number() as u64) << 51) | ((protocol as u64) << 48)
}

/// The zone that a control word names.
pub const fn zone(word: u64) -> Zone {
    Zone::new((word >> 51) as u8)
}

/// The protocol that a control word names.
pub const fn protocol(word: u64) -> Protocol {
    Protocol::from_code((word >> 48) as u8)
}

/// Whether the entry is in use.
pub const fn is_valid(word: u64) -> bool {
    word & VALID != 0
}

/// The slot's write count, modulo 128.
pub const fn epoch(word: u64) -> u8 {
    ((word & EPOCH_MASK) >> EPOCH_SHIFT) as u8
}

/// Completes an entry for writing: valid, with the epoch that follows `previous` and its CRC.
///
/// `previous` is the control word that the slot held before, valid or not.
pub fn seal<const N: usize>(mut words: [u64; N], previous: u64) -> [u64; N] {
    let next_epoch = (u64::from(epoch(previous)) + 1) << EPOCH_SHIFT & EPOCH_MASK;
    words[N - 1] = (words[N - 1] & !(EPOCH_MASK | CRC_MASK)) | VALID | next_epoch;
    words[N - 1] |= u64::from(crc(&words));
    words
}

/// The control word that marks a slot free and keeps its epoch.
pub const fn cleared(previous: u64) -> u64 {
    previous & EPOCH_MASK
}

/// Whether an entry read back is valid and whole.
pub fn is_intact<const N: usize>(words: &[u64; N]) -> bool {
    is_valid(words[N - 1]) && words[N - 1] & CRC_MASK == u64::from(crc(words))
}

fn crc<const N: usize>(words: &[u64; N]) -> u16 {
    let mut hasher = crc32fast::Hasher::new();
    for word in &words[..N - 1] {
        hasher.update(&word.to_le_bytes());
    }
    hasher.update(&(words[N - 1] & !CRC_MASK).to_le_bytes());
    hasher.finalize() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_entries_are_intact_and_any_flipped_bit_is_seen() {
        let words = [1, 2, 3, key(Zone::VNET, Protocol::Udp) | 0x1234_5678 << 16];
        let sealed = seal(words, 0);
        assert!(is_intact(&sealed));
        assert_eq!(
            (zone(sealed[3]), protocol(sealed[3])),
            (Zone::VNET, Protocol::Udp)
        );
        for bit in 0..256 {
            let mut torn = sealed;
            torn[bit / 64] ^= 1 << (bit % 64);
            assert!(!is_intact(&torn), "bit {bit}");
        }
    }

    #[test]
    fn every_write_of_a_slot_has_another_epoch() {
        let first = seal([7, 0], 0);
        let second = seal([7, 0], cleared(first[1]));
        assert_ne!(first[1], second[1]);
        assert!(!is_valid(cleared(second[1])));
        assert_eq!(epoch(seal([7, 0], EPOCH_MASK)[1]), 0, "the epoch wraps");
    }
}
