//! The tables against a naive list, and every prefix of their writes against the device's lookup.

mod card;
mod index;
mod oracle;
mod pair;
mod write_order;

use firmware_api::entry::ExactEntry;

/// An entry whose key differs from that of variant 0 in one bit per variant (variant 0: none), and
/// whose action is the number.
fn entry<const N: usize, E: ExactEntry<N>>(variant: usize, action: u32) -> E {
    let mask = E::KEY.mask;
    let base = 0x0a00_0001_c633_6407_u64;
    let mut words: [u64; N] = std::array::from_fn(|i| base.rotate_left(8 * i as u32) & mask[i]);
    if let Some(flip) = variant.checked_sub(1) {
        let bits: u32 = mask.iter().map(|word| word.count_ones()).sum();
        let mut nth = flip as u32 * 101 % bits;
        for (word, mut mask) in words.iter_mut().zip(mask) {
            if nth >= mask.count_ones() {
                nth -= mask.count_ones();
                continue;
            }
            for _ in 0..nth {
                mask &= mask - 1;
            }
            *word ^= 1 << mask.trailing_zeros();
            break;
        }
    }
    words[N - 1] |= u64::from(action) << 16;
    E::from_words(words)
}

/// The number in [`entry`].
fn action<const N: usize, E: ExactEntry<N>>(entry: E) -> u32 {
    (entry.to_words()[N - 1] >> 16) as u32
}

/// What the random tests do to one key.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Insert(usize, u32),
    Replace(usize, u32),
    Put(usize, u32),
    Remove(usize),
}

fn operations(
    variants: usize,
    count: usize,
) -> impl proptest::strategy::Strategy<Value = Vec<Operation>> {
    use proptest::prelude::*;
    let key = 0..variants;
    let one = prop_oneof![
        4 => (key.clone(), any::<u32>()).prop_map(|(k, a)| Operation::Insert(k, a)),
        1 => (key.clone(), any::<u32>()).prop_map(|(k, a)| Operation::Replace(k, a)),
        1 => (key.clone(), any::<u32>()).prop_map(|(k, a)| Operation::Put(k, a)),
        2 => key.prop_map(Operation::Remove),
    ];
    prop::collection::vec(one, count)
}
