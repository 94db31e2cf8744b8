//! The layouts of the table entries, one file per table.
//!
//! Every entry is a whole number of 64-bit words, little-endian, its control word last
//! ([`crate::control`]; `rule` and `selector` are single words, written atomically). Entries of
//! exact tables say which bits of which words are the key.
//!
//! Write rules: an exact entry is changed by writing the new copy into another slot and then
//! clearing the old one. `backend` and `instance` entries never change while something refers to
//! them: new contents get a new id. In a `port` entry every word is a fact of its own.

pub mod address;
pub mod backend;
pub mod flow;
pub mod frontend;
pub mod instance;
pub mod port;
pub mod return_path;
pub mod rule;
pub mod selector;
pub mod snat_block;

use crate::hash::HashKey;
use crate::{TableId, control};

/// An entry of `N` 64-bit words.
pub trait Entry<const N: usize>: Copy {
    /// The table it belongs to.
    const TABLE: TableId;
    /// The entry as it stands in BAR2, apart from validity, epoch and CRC.
    fn to_words(self) -> [u64; N];
    /// The entry that stands in these words; any words are an entry.
    fn from_words(words: [u64; N]) -> Self;
}

/// Which bits of an exact entry are its key.
#[derive(Clone, Copy, Debug)]
pub struct KeyLayout<const N: usize> {
    /// The key bits of every word; of the last one always [`control::KEY_MASK`].
    pub mask: [u64; N],
    /// How many body words the hash covers. The key bits of the control word are folded into the
    /// upper 16 bits of the last of them, which are not key bits themselves.
    pub hashed: usize,
}

/// An entry that is found by its key.
pub trait ExactEntry<const N: usize>: Entry<N> {
    /// Its key.
    const KEY: KeyLayout<N>;

    /// The key of this entry.
    fn key(self) -> Key<N> {
        Key::of::<Self>(&self.to_words())
    }
}

/// The key bits of an exact entry, all other bits zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key<const N: usize>([u64; N]);

impl<const N: usize> Key<N> {
    /// The key in an entry's words.
    #[inline]
    pub fn of<E: ExactEntry<N>>(words: &[u64; N]) -> Self {
        Self(core::array::from_fn(|i| words[i] & E::KEY.mask[i]))
    }

    /// The flow hash of the key.
    #[inline]
    pub fn hash<E: ExactEntry<N>>(&self, secret: HashKey) -> u64 {
        let mut words = self.0;
        words[E::KEY.hashed - 1] |= words[N - 1];
        secret.hash(&words[..E::KEY.hashed])
    }

    /// Whether a body word of an entry could belong to this key.
    #[inline]
    pub fn matches_word<E: ExactEntry<N>>(&self, index: usize, word: u64) -> bool {
        word & E::KEY.mask[index] == self.0[index]
    }

    /// Whether the words are a valid entry of this key.
    #[inline]
    pub fn matches<E: ExactEntry<N>>(&self, words: &[u64; N]) -> bool {
        control::is_valid(words[N - 1]) && (0..N).all(|i| self.matches_word::<E>(i, words[i]))
    }

    /// The masked words.
    pub const fn words(&self) -> &[u64; N] {
        &self.0
    }
}

macro_rules! entry_words {
    ($entry:ty, $words:literal, $table:ident) => {
        const _: () = assert!(size_of::<$entry>() == $words * 8 && align_of::<$entry>() == 1);

        impl $crate::entry::Entry<$words> for $entry {
            const TABLE: $crate::TableId = $crate::TableId::$table;
            #[inline]
            fn to_words(self) -> [u64; $words] {
                zerocopy::transmute!(self)
            }
            #[inline]
            fn from_words(words: [u64; $words]) -> Self {
                zerocopy::transmute!(words)
            }
        }
    };
}
pub(crate) use entry_words;

/// The control word as an entry declares it: four 16-bit parts, of which the middle two are the
/// entry's own.
pub(crate) fn tag(zone: crate::Zone, protocol: crate::Protocol) -> u16 {
    (control::key(zone, protocol) >> 48) as u16
}

#[cfg(target_endian = "big")]
compile_error!("entries are laid out for little-endian hosts");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Protocol, Zone};
    use core::net::{Ipv4Addr, Ipv6Addr};

    fn layout_is_sound<const N: usize, E: ExactEntry<N>>() {
        let KeyLayout { mask, hashed } = E::KEY;
        assert_eq!(mask[N - 1], control::KEY_MASK, "{}", E::TABLE);
        assert_eq!(
            mask[hashed - 1] & control::KEY_MASK,
            0,
            "{}: folding collides",
            E::TABLE
        );
        assert!(
            mask[hashed..N - 1].iter().all(|m| *m == 0),
            "{}: unhashed key bits",
            E::TABLE
        );
        assert_eq!(E::TABLE.entry_len(), 8 * N as u64);
    }

    #[test]
    fn key_layouts_hash_every_key_bit_once() {
        layout_is_sound::<4, flow::FlowV4>();
        layout_is_sound::<8, flow::FlowV6>();
        layout_is_sound::<4, frontend::FrontendV4>();
        layout_is_sound::<4, frontend::FrontendV6>();
        layout_is_sound::<4, return_path::ReturnPathV4>();
        layout_is_sound::<8, return_path::ReturnPathV6>();
        layout_is_sound::<4, address::Address>();
        layout_is_sound::<4, snat_block::SnatBlock>();
    }

    #[test]
    fn a_flow_entry_is_these_bytes() {
        let entry = flow::FlowV4::new(
            flow::FlowKey {
                zone: Zone::VNET,
                protocol: Protocol::Tcp,
                source: Ipv4Addr::new(10, 0, 0, 4),
                destination: Ipv4Addr::new(198, 51, 100, 7),
                source_port: 8080,
                destination_port: 40000,
            },
            flow::FlowAction {
                flow: 0x123,
                direction: flow::Direction::Return,
                side: flow::Side::Source,
                address: Ipv4Addr::new(203, 0, 113, 10),
                port: 80,
                egress: 0,
            },
        );
        let bytes: [u8; 32] = zerocopy::transmute!(entry);
        #[rustfmt::skip]
        assert_eq!(bytes, [
            10, 0, 0, 4, 198, 51, 100, 7,
            0x1f, 0x90, 0x9c, 0x40, 203, 0, 113, 10,
            0x23, 0x01, 0, 0xc0, 0, 0, 0, 0,
            0, 0, 0, 80, 0, 0, 0x09, 0,
        ]);
        assert_eq!(entry.action().side, flow::Side::Source);
        assert_eq!(entry.flow_key().destination_port, 40000);
    }

    #[test]
    fn a_v6_flow_entry_keeps_what_it_was_given() {
        let key = flow::FlowKey {
            zone: Zone::UPLINK,
            protocol: Protocol::Udp,
            source: Ipv6Addr::LOCALHOST,
            destination: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10),
            source_port: 1,
            destination_port: 65535,
        };
        let action = flow::FlowAction {
            flow: flow::MAX_FLOW_ID,
            direction: flow::Direction::Forward,
            side: flow::Side::Destination,
            address: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 4),
            port: 53,
            egress: 4095,
        };
        let entry = flow::FlowV6::new(key, action);
        assert_eq!((entry.flow_key(), entry.action()), (key, action));
    }
}
