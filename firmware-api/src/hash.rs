//! The flow hash: SipHash-1-3 (Aumasson and Bernstein, 2012) over the key words of an entry.
//!
//! Keyed and non-linear, so that somebody who chooses addresses and ports cannot fill one bucket;
//! additions, rotations and exclusive-ors only, so that it pipelines in hardware.

/// The secret of the flow hash, from the registers `HASH_KEY_0` and `HASH_KEY_1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashKey(pub u64, pub u64);

impl HashKey {
    /// SipHash-1-3 of the words' bytes, each word little-endian.
    #[inline]
    pub fn hash(self, words: &[u64]) -> u64 {
        let mut s = [
            self.0 ^ 0x736f_6d65_7073_6575,
            self.1 ^ 0x646f_7261_6e64_6f6d,
            self.0 ^ 0x6c79_6765_6e65_7261,
            self.1 ^ 0x7465_6462_7974_6573,
        ];
        for &word in words {
            s[3] ^= word;
            round(&mut s);
            s[0] ^= word;
        }
        let tail = (words.len() as u64 * 8) << 56;
        s[3] ^= tail;
        round(&mut s);
        s[0] ^= tail;
        s[2] ^= 0xff;
        round(&mut s);
        round(&mut s);
        round(&mut s);
        s[0] ^ s[1] ^ s[2] ^ s[3]
    }
}

#[inline]
fn round(s: &mut [u64; 4]) {
    s[0] = s[0].wrapping_add(s[1]);
    s[1] = s[1].rotate_left(13) ^ s[0];
    s[0] = s[0].rotate_left(32);
    s[2] = s[2].wrapping_add(s[3]);
    s[3] = s[3].rotate_left(16) ^ s[2];
    s[0] = s[0].wrapping_add(s[3]);
    s[3] = s[3].rotate_left(21) ^ s[0];
    s[2] = s[2].wrapping_add(s[1]);
    s[1] = s[1].rotate_left(17) ^ s[2];
    s[2] = s[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher as _;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Vectors of the algorithm's reference for the byte string 00 01 02 …
    #[test]
    fn known_answers() {
        let key = HashKey(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        let words: Vec<u64> = (0..8u8)
            .map(|w| u64::from_le_bytes(std::array::from_fn(|i| w * 8 + i as u8)))
            .collect();
        assert_eq!(key.hash(&[]), 0xabac_0158_050f_c4dc);
        assert_eq!(key.hash(&words[..1]), 0x3690_9511_8d29_9a8e);
        assert_eq!(key.hash(&words[..5]), 0xc1d2_3632_99e4_1531);
    }

    proptest! {
        #[test]
        fn agrees_with_an_independent_implementation(
            k0: u64, k1: u64, words in proptest::collection::vec(any::<u64>(), 0..9),
        ) {
            let mut judge = siphasher::sip::SipHasher13::new_with_keys(k0, k1);
            for word in &words {
                judge.write(&word.to_le_bytes());
            }
            prop_assert_eq!(HashKey(k0, k1).hash(&words), judge.finish());
        }
    }
}
