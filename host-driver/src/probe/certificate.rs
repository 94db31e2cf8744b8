//! What a probe reads of an X.509 certificate: how it is signed, and the key in it.
//!
//! Everything else in it (names, dates, extensions) says who the backend is, which a probe does not
//! ask. So certificates of version 1 and with extensions that nobody knows are read as well.

/// The universal and context tags on the way to what is read.
mod tag {
    pub(super) const BIT_STRING: u8 = 0x03;
    pub(super) const OBJECT: u8 = 0x06;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const CONTEXT_0: u8 = 0xa0;
}

/// Object identifiers of signatures over SHA-256, SHA-384, SHA-512 or what is as strong.
const STRONG: [&[u8]; 11] = [
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", // sha256WithRSAEncryption
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", // sha384WithRSAEncryption
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", // sha512WithRSAEncryption
    b"\x2a\x86\x48\xce\x3d\x04\x03\x02",     // ecdsa-with-SHA256
    b"\x2a\x86\x48\xce\x3d\x04\x03\x03",     // ecdsa-with-SHA384
    b"\x2a\x86\x48\xce\x3d\x04\x03\x04",     // ecdsa-with-SHA512
    b"\x2b\x65\x70",                         // Ed25519
    b"\x2b\x65\x71",                         // Ed448
    b"\x60\x86\x48\x01\x65\x03\x04\x03\x11", // ML-DSA-44
    b"\x60\x86\x48\x01\x65\x03\x04\x03\x12", // ML-DSA-65
    b"\x60\x86\x48\x01\x65\x03\x04\x03\x13", // ML-DSA-87
];
/// RSASSA-PSS names its hash in its parameters.
const RSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
/// SHA-256, SHA-384, SHA-512.
const STRONG_HASHES: [&[u8]; 3] = [
    b"\x60\x86\x48\x01\x65\x03\x04\x02\x01",
    b"\x60\x86\x48\x01\x65\x03\x04\x02\x02",
    b"\x60\x86\x48\x01\x65\x03\x04\x02\x03",
];

/// The parts of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Certificate<'a> {
    signature_algorithm: &'a [u8],
    /// Algorithm and parameters of its key.
    pub(super) key_algorithm: &'a [u8],
    /// Its key.
    pub(super) key: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads DER; `None` when it is no certificate.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut certificate = Der(Der(der).take(tag::SEQUENCE)?);
        let mut body = Der(certificate.take(tag::SEQUENCE)?);
        if body.next_is(tag::CONTEXT_0) {
            body.skip()?; // version
        }
        for _serial_signature_issuer_validity_subject in 0..5 {
            body.skip()?;
        }
        let mut key_info = Der(body.take(tag::SEQUENCE)?);
        Some(Self {
            signature_algorithm: certificate.take(tag::SEQUENCE)?,
            key_algorithm: key_info.take(tag::SEQUENCE)?,
            key: key_info.take(tag::BIT_STRING)?.strip_prefix(&[0])?,
        })
    }

    /// Whether its issuer signed it with SHA-256 or better (L-PRB-19).
    pub(super) fn is_strongly_signed(&self) -> bool {
        let mut algorithm = Der(self.signature_algorithm);
        match algorithm.take(tag::OBJECT) {
            Some(RSA_PSS) => pss_hash(algorithm).is_some_and(|hash| STRONG_HASHES.contains(&hash)),
            Some(object) => STRONG.contains(&object),
            None => false,
        }
    }
}

/// The hash in the parameters of RSASSA-PSS; without one it is SHA-1.
fn pss_hash(mut parameters: Der<'_>) -> Option<&[u8]> {
    let mut parameters = Der(parameters.take(tag::SEQUENCE)?);
    let mut hash = Der(parameters.take(tag::CONTEXT_0)?);
    Der(hash.take(tag::SEQUENCE)?).take(tag::OBJECT)
}

/// The elements that are left of a DER encoding.
#[derive(Clone, Copy, Debug)]
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next_is(self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// The content of the next element, which has to have this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next_is(tag).then(|| self.skip())?
    }

    /// The content of the next element.
    fn skip(&mut self) -> Option<&'a [u8]> {
        let (_tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
                let length = bytes
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::tests::fixture;

    #[test]
    fn l_prb_19_sha_1_and_nothing_better_is_weak() {
        for (name, strong) in [
            ("ecdsa-sha256", [true].as_slice()),
            ("ecdsa-sha256-v1", &[true]),
            ("rsa-sha256", &[true]),
            ("rsa-pss-sha256", &[true]),
            ("ecdsa-sha1", &[false]),
            ("rsa-sha1", &[false]),
            ("rsa-pss-sha1", &[false]),
            ("leaf-and-root-sha256", &[true, true]),
            ("leaf-sha256-root-sha1", &[true, false]),
        ] {
            let chain = fixture::chain(name);
            let found: Vec<bool> = chain
                .iter()
                .map(|der| Certificate::read(der).expect(name).is_strongly_signed())
                .collect();
            assert_eq!(found, strong, "{name}");
        }
    }

    #[test]
    fn a_cut_certificate_is_none() {
        let chain = fixture::chain("rsa-sha256");
        for length in 0..chain[0].len() {
            assert_eq!(Certificate::read(&chain[0][..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn nothing_trusted_changed_bytes_never_panic(
            name in prop::sample::select(vec!["ecdsa-sha256", "rsa-pss-sha1", "ecdsa-sha256-v1"]),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let mut der = fixture::chain(name)[0].to_vec();
            for (at, byte) in changes {
                let at = at.index(der.len());
                der[at] = byte;
            }
            let _ = Certificate::read(&der).map(|read| read.is_strongly_signed());
        }
    }
}
