//! Internet checksums: whole (RFC 1071) and incremental (RFC 1624 equation 3).

/// The folded ones' complement sum of the bytes, an odd tail padded with zero; not inverted.
#[inline]
pub fn sum(bytes: &[u8]) -> u16 {
    let mut total = 0u64;
    let mut chunks = bytes.chunks_exact(4);
    for chunk in &mut chunks {
        total += u64::from(u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]));
    }
    let mut tail = [0; 4];
    tail[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    fold(total + u64::from(u32::from_be_bytes(tail)))
}

/// Folds a sum of 16- or 32-bit words to 16 bits.
#[inline]
pub const fn fold(mut total: u64) -> u16 {
    while total >> 16 != 0 {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

/// What replacing bytes does to a checksum that covers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delta(u64);

impl Delta {
    /// Replaces `old` by `new`, which begin at an even offset of the covered data.
    #[must_use]
    #[inline]
    pub fn replace(self, old: &[u8], new: &[u8]) -> Self {
        Self(self.0 + u64::from(!sum(old)) + u64::from(sum(new)))
    }

    /// The checksum field after the replacements.
    #[inline]
    pub const fn apply(self, checksum: u16) -> u16 {
        !fold(self.0 + (!checksum) as u64)
    }

    /// As [`Delta::apply`] for a UDP checksum over IPv4: 0 means none and stays, and a result of
    /// 0 is written as `0xffff` (RFC 768).
    #[inline]
    pub const fn apply_udp(self, checksum: u16) -> u16 {
        if checksum == 0 {
            return 0;
        }
        match self.apply(checksum) {
            0 => 0xffff,
            other => other,
        }
    }
}

/// The checksum field of a TCP, UDP or ICMPv6 segment: pseudo-header and segment, the segment's own
/// checksum field being zero. Addresses are 4 or 16 bytes.
pub fn transport(source: &[u8], destination: &[u8], protocol: u8, segment: &[u8]) -> u16 {
    let total = u64::from(sum(source))
        + u64::from(sum(destination))
        + u64::from(protocol)
        + segment.len() as u64
        + u64::from(sum(segment));
    !fold(total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(
            sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
            0xddf2
        );
    }

    proptest! {
        #[test]
        fn incremental_equals_whole(
            mut data in proptest::collection::vec(any::<u8>(), 8..64),
            new: [u8; 4], at in 0usize..2,
        ) {
            // All-zero data is the one case in which ones' complement has two names for zero.
            prop_assume!(data[4..].iter().any(|b| *b != 0) || new.iter().any(|b| *b != 0));
            data[7] |= 1;
            let before = !sum(&data);
            let delta = Delta::default().replace(&data[2 * at..2 * at + 4], &new);
            data[2 * at..2 * at + 4].copy_from_slice(&new);
            prop_assert_eq!(delta.apply(before), !sum(&data));
        }
    }
}
