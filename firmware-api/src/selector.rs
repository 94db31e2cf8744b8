//! Which slot of the `selector` table a new flow takes: P4 `crc32` over the tuple that the rule's
//! hash mode names, modulo the rule's selection size.
//!
//! The CRC is CRC-32/ISO-HDLC, as BMv2's `crc32`: reflected 0x04c11db7, initial and final value
//! `0xffff_ffff`. The input is the fields in the order source address, destination address,
//! protocol, source port, destination port, each in network byte order, none padded.

/// What of the packet decides the backend (spec L-DIST-01..03).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum HashMode {
    /// Addresses, protocol and ports: `loadDistribution: Default`.
    FiveTuple = 0,
    /// Addresses only, whatever rule, protocol and port: `SourceIP`.
    TwoTuple = 1,
    /// Addresses and protocol: `SourceIPProtocol`.
    ThreeTuple = 2,
}

/// [`HashMode::hash`] or [`HashMode::symmetric_hash`].
pub type SelectorHash = fn(HashMode, &[u8], &[u8], u8, [u8; 4]) -> u32;

impl HashMode {
    /// The mode of a two-bit code; the unused code is [`HashMode::FiveTuple`].
    pub const fn from_code(code: u8) -> Self {
        match code & 3 {
            1 => Self::TwoTuple,
            2 => Self::ThreeTuple,
            _ => Self::FiveTuple,
        }
    }

    /// The selector hash. Addresses are 4 or 16 bytes; `ports` is source then destination port in
    /// network byte order; `protocol` is the IP protocol number.
    pub fn hash(self, source: &[u8], destination: &[u8], protocol: u8, ports: [u8; 4]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(source);
        hasher.update(destination);
        match self {
            Self::TwoTuple => {}
            Self::ThreeTuple => hasher.update(&[protocol]),
            Self::FiveTuple => {
                let [a, b, c, d] = ports;
                hasher.update(&[protocol, a, b, c, d]);
            }
        }
        hasher.finalize()
    }

    /// The selector hash of both directions of a flow: the lower of its two ends, by address and
    /// then port, stands in the place of the source (L-HA-08).
    pub fn symmetric_hash(
        self,
        source: &[u8],
        destination: &[u8],
        protocol: u8,
        ports: [u8; 4],
    ) -> u32 {
        let [a, b, c, d] = ports;
        if (source, [a, b]) <= (destination, [c, d]) {
            self.hash(source, destination, protocol, ports)
        } else {
            self.hash(destination, source, protocol, [c, d, a, b])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: [u8; 4] = [198, 51, 100, 7];
    const FRONTEND: [u8; 4] = [203, 0, 113, 10];
    const PORTS: [u8; 4] = [0x9c, 0x40, 0, 80];

    /// CRC-32 bit by bit, as the catalogue defines it.
    fn slow_crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |c, _| {
                (c >> 1) ^ ((c & 1) * 0xedb8_8320)
            })
        })
    }

    #[test]
    fn the_crc_is_the_catalogues() {
        assert_eq!(slow_crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(
            HashMode::TwoTuple.hash(b"1234", b"56789", 6, PORTS),
            0xcbf4_3926
        );
    }

    #[test]
    fn l_ha_08_a_symmetric_hash_is_that_of_one_direction_for_both() {
        let [a, b, c, d] = PORTS;
        for mode in [
            HashMode::FiveTuple,
            HashMode::TwoTuple,
            HashMode::ThreeTuple,
        ] {
            let there = mode.symmetric_hash(&CLIENT, &FRONTEND, 6, PORTS);
            let back = mode.symmetric_hash(&FRONTEND, &CLIENT, 6, [c, d, a, b]);
            assert_eq!(there, back);
            assert_eq!(there, mode.hash(&CLIENT, &FRONTEND, 6, PORTS));
            let to_itself = mode.symmetric_hash(&CLIENT, &CLIENT, 6, PORTS);
            assert_eq!(to_itself, mode.hash(&CLIENT, &CLIENT, 6, [c, d, a, b]));
            let from_itself = mode.symmetric_hash(&CLIENT, &CLIENT, 6, [c, d, a, b]);
            assert_eq!(from_itself, to_itself);
        }
    }

    #[test]
    fn each_mode_hashes_its_tuple_and_no_more() {
        let tuple = [198, 51, 100, 7, 203, 0, 113, 10, 6, 0x9c, 0x40, 0, 80];
        let hash = |mode: HashMode| mode.hash(&CLIENT, &FRONTEND, 6, PORTS);
        assert_eq!(hash(HashMode::FiveTuple), slow_crc32(&tuple));
        assert_eq!(hash(HashMode::ThreeTuple), slow_crc32(&tuple[..9]));
        assert_eq!(hash(HashMode::TwoTuple), slow_crc32(&tuple[..8]));
    }
}
