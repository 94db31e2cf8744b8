//! The TLS of HTTPS probes (L-PRB-04, L-PRB-19).
//!
//! A probe asks an address. There is no host name for SNI or to look for in a certificate, and no
//! authority is asked for one: whoever can take a backend's address can take its traffic as well.
//! What the backend has to show is a chain signed with SHA-256 or better throughout, and that it
//! holds the key of its certificate. Expiry is not looked at. Probes send no client certificate and no
//! early data, and resume a [`session`](super::session) where the backend lets them.
//!
//! The cryptography is graviola's, because it takes nothing but rustc to build and each backend's
//! handshake costs little. In turn it needs instructions that a machine may lack; it would panic
//! then, so they are looked for here first.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme,
};

use super::certificate::Certificate;

/// This machine cannot do the cryptography of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "HTTPS probes need a processor with AES, ADX, AVX2 and BMI2 (x86-64) or AES, PMULL and SHA-2 \
     (aarch64): use an HTTP or TCP probe on this machine"
)]
pub struct TlsUnavailable;

/// A chain that is not signed well enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a certificate of the chain is signed with less than SHA-256")]
struct WeaklySigned;

/// What every HTTPS probe shares.
pub(super) fn config() -> Result<Arc<ClientConfig>, TlsUnavailable> {
    let provider = Arc::new(provider().ok_or(TlsUnavailable)?);
    let chain = Chain(provider.signature_verification_algorithms);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsUnavailable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(chain))
        .with_no_client_auth();
    config.enable_sni = false;
    Ok(Arc::new(config))
}

/// Whether this machine can send HTTPS probes.
pub fn available() -> Result<(), TlsUnavailable> {
    has_instructions().then_some(()).ok_or(TlsUnavailable)
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) fn provider() -> Option<CryptoProvider> {
    use rustls_graviola::kx;

    available().ok()?;
    let mut provider = rustls_graviola::default_provider();
    // What a probe asks is no secret worth the long keys of post-quantum cryptography.
    provider.kx_groups = vec![&kx::X25519, &kx::P256, &kx::P384];
    Some(provider)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn provider() -> Option<CryptoProvider> {
    None
}

#[cfg(target_arch = "x86_64")]
fn has_instructions() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("aes")
        && has!("pclmulqdq")
        && has!("ssse3")
        && has!("avx")
        && has!("avx2")
        && has!("bmi1")
        && has!("bmi2")
        && has!("adx")
}

#[cfg(target_arch = "aarch64")]
fn has_instructions() -> bool {
    use std::arch::is_aarch64_feature_detected as has;
    has!("neon") && has!("aes") && has!("pmull") && has!("sha2")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn has_instructions() -> bool {
    false
}

/// Judges the chain that a backend shows.
#[derive(Debug)]
struct Chain(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Chain {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        for der in std::iter::once(end_entity).chain(intermediates) {
            if !read(der)?.is_strongly_signed() {
                let error = OtherError(Arc::new(WeaklySigned));
                return Err(CertificateError::Other(error).into());
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

impl Chain {
    /// Whether the key of the certificate made the signature.
    fn verify(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = read(certificate)?;
        let schemes = self.0.mapping.iter();
        schemes
            .filter(|(scheme, _)| *scheme == signed.scheme)
            .flat_map(|(_, algorithms)| *algorithms)
            .filter(|algorithm| algorithm.public_key_alg_id().as_ref() == certificate.key_algorithm)
            .any(|algorithm| {
                let verified =
                    algorithm.verify_signature(certificate.key, message, signed.signature());
                verified.is_ok()
            })
            .then(HandshakeSignatureValid::assertion)
            .ok_or_else(|| CertificateError::BadSignature.into())
    }
}

fn read<'a>(der: &'a CertificateDer<'_>) -> Result<Certificate<'a>, Error> {
    Certificate::read(der).ok_or_else(|| CertificateError::BadEncoding.into())
}
