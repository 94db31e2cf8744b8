//! HTTPS probes against real TLS servers.

mod sessions;

use std::sync::{Arc, Mutex};

use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::{
        NoServerSessionStorage, ServerSessionMemoryCache,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::probe::tls;

pub(super) fn https(port: u16) -> Probe {
    let path = RequestPath::new("/health").expect("a path");
    probe(Protocol::Https(path), port)
}

/// Whether this machine lacks what TLS needs, and says so.
fn is_skipped() -> bool {
    let unavailable = tls::available().err();
    if let Some(why) = &unavailable {
        println!("skipped: {why}");
    }
    unavailable.is_some()
}

/// A TLS server that replies with these bytes; what it saw of each client's name.
async fn serves(config: ServerConfig, reply: &'static [u8]) -> (u16, Arc<Mutex<Vec<Seen>>>) {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let port = backend(move |stream| {
        let (acceptor, noted) = (acceptor.clone(), Arc::clone(&noted));
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.expect("a request");
            assert!(request[..read].starts_with(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:"));
            let session = stream.get_ref().1;
            noted.lock().expect("no panic").push(Seen {
                name: session.server_name().map(str::to_owned),
                client_certificates: session.peer_certificates().map_or(0, <[_]>::len),
                resumed: session.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
            });
            let _ = stream.write_all(reply).await;
            let _ = stream.shutdown().await;
        }
    })
    .await;
    (port, seen)
}

/// Replies over TLS to whoever comes, one after the other.
pub(super) async fn serve_all(listener: TcpListener, tickets: bool) {
    let mut config = fixture::server("ecdsa-sha256", "p256");
    config.session_storage = if tickets {
        ServerSessionMemoryCache::new(20_000)
    } else {
        Arc::new(NoServerSessionStorage {})
    };
    let acceptor = TlsAcceptor::from(Arc::new(config));
    while let Ok((stream, _)) = listener.accept().await {
        let mut stream = acceptor.accept(stream).await.expect("a handshake");
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(OK).await;
        let _ = stream.shutdown().await;
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    name: Option<String>,
    client_certificates: usize,
    resumed: bool,
}

const STRANGER: Seen = Seen {
    name: None,
    client_certificates: 0,
    resumed: false,
};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What a prober sees of a port. Half a second for a handshake is enough on a busy machine too.
async fn outcomes_of(port: u16, count: usize) -> Vec<Outcome> {
    let mut rig = Rig::start(10);
    rig.add(ID, V4, &https(port));
    rig.outcomes(count).await
}

#[tokio::test]
async fn prb_01_l_prb_04_https_status() {
    if is_skipped() {
        return;
    }
    for (reply, status) in [
        (OK, 200),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        (
            b"HTTP/1.1 301 Moved\r\nLocation: https://127.0.0.1/\r\n\r\n",
            301,
        ),
        (b"HTTP/1.0 503 Service Unavailable\r\n\r\nbusy", 503),
    ] {
        let (port, _) = serves(fixture::server("ecdsa-sha256", "p256"), reply).await;
        assert_eq!(outcomes_of(port, 2).await, [Outcome::HttpStatus(status); 2]);
    }
}

#[tokio::test]
async fn l_prb_19_self_signed_chains_of_sha_256_are_taken_and_sha_1_is_not() {
    if is_skipped() {
        return;
    }
    for (chain, key, outcome) in [
        ("ecdsa-sha256", "p256", Outcome::HttpStatus(200)),
        ("ecdsa-sha256-v1", "p256", Outcome::HttpStatus(200)),
        ("rsa-sha256", "rsa", Outcome::HttpStatus(200)),
        ("rsa-pss-sha256", "rsa", Outcome::HttpStatus(200)),
        ("leaf-and-root-sha256", "p256", Outcome::HttpStatus(200)),
        ("ecdsa-sha1", "p256", Outcome::TlsFailed),
        ("rsa-sha1", "rsa", Outcome::TlsFailed),
        ("rsa-pss-sha1", "rsa", Outcome::TlsFailed),
        ("leaf-sha256-root-sha1", "p256", Outcome::TlsFailed),
    ] {
        for version in [&TLS12, &TLS13] {
            let provider = Arc::new(tls::provider().expect("cryptography"));
            let built = ServerConfig::builder_with_provider(provider)
                .with_protocol_versions(&[version])
                .expect("a version")
                .with_no_client_auth()
                .with_cert_resolver(fixture::server(chain, key).cert_resolver);
            let (port, _) = serves(built, OK).await;
            assert_eq!(outcomes_of(port, 1).await, [outcome], "{chain} {version:?}");
        }
    }
}

#[tokio::test]
async fn a_backend_without_the_key_of_its_certificate_fails() {
    if is_skipped() {
        return;
    }
    let (port, _) = serves(fixture::server("ecdsa-sha256", "rsa"), OK).await;
    assert_eq!(outcomes_of(port, 1).await, [Outcome::TlsFailed]);
}

/// Asks every client for a certificate and takes it without one.
#[derive(Debug)]
struct AsksForOne;

impl ClientCertVerifier for AsksForOne {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

#[tokio::test]
async fn l_prb_19_no_client_certificate_no_name() {
    if is_skipped() {
        return;
    }
    let provider = Arc::new(tls::provider().expect("cryptography"));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(Arc::new(AsksForOne))
        .with_cert_resolver(fixture::server("ecdsa-sha256", "p256").cert_resolver);
    let (port, seen) = serves(config, OK).await;
    assert_eq!(outcomes_of(port, 3).await, [Outcome::HttpStatus(200); 3]);
    for (probe, seen) in seen.lock().expect("no panic")[..3].iter().enumerate() {
        let resumed = probe > 0;
        assert_eq!(
            *seen,
            Seen {
                resumed,
                ..STRANGER
            },
            "probe {probe}"
        );
    }
}

#[tokio::test]
async fn l_prb_05_https_silence_fails_at_5_s_wherever_it_begins() {
    if is_skipped() {
        return;
    }
    let (_listener, silent) = listen(V4).await;
    let acceptor = TlsAcceptor::from(Arc::new(fixture::server("ecdsa-sha256", "p256")));
    let silent_after_the_handshake = backend(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.expect("a handshake");
            // Until the probe gives up.
            while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
        }
    })
    .await;
    for port in [silent, silent_after_the_handshake] {
        let mut rig = Rig::start(20);
        rig.add(ID, V4, &https(port));
        assert_back_to_back(&rig.reports(2).await, Outcome::ReplyTimeout);
    }
}

#[tokio::test]
async fn nothing_trusted_no_tls_behind_the_port() {
    if is_skipped() {
        return;
    }
    let (_closed, closed) = closed_port();
    let plain = backend(|mut stream| async move {
        let _ = stream.read(&mut [0; 16_384]).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let hangs_up = backend(|mut stream| async move {
        let _ = stream.read(&mut [0; 16_384]).await;
    });
    let resets = backend(|stream| async move {
        stream.set_zero_linger().expect("a reset on close");
    });
    for (port, outcome) in [
        (closed, Outcome::Reset),
        (plain.await, Outcome::TlsFailed),
        (hangs_up.await, Outcome::Closed),
        (resets.await, Outcome::Reset),
    ] {
        assert_eq!(outcomes_of(port, 1).await, [outcome]);
    }
    let (no_http, _) = serves(fixture::server("ecdsa-sha256", "p256"), b"220 ready\r\n").await;
    assert_eq!(outcomes_of(no_http, 1).await, [Outcome::Malformed]);
    let (nothing, _) = serves(fixture::server("ecdsa-sha256", "p256"), b"").await;
    assert_eq!(outcomes_of(nothing, 1).await, [Outcome::Closed]);
}

#[tokio::test]
async fn l_prb_01_an_https_connection_ends_in_fin() {
    if is_skipped() {
        return;
    }
    let (sender, mut ends) = mpsc::channel(4);
    for chain in ["ecdsa-sha256", "ecdsa-sha1"] {
        let acceptor = TlsAcceptor::from(Arc::new(fixture::server(chain, "p256")));
        let sender = sender.clone();
        let port = backend(move |stream| {
            let (acceptor, sender) = (acceptor.clone(), sender.clone());
            async move {
                let mut stream = match acceptor.accept(stream).into_fallible().await {
                    Ok(mut stream) => {
                        let read = stream.read(&mut [0; 1024]).await;
                        assert!(read.is_ok_and(|read| read > 0), "a request");
                        stream.write_all(OK).await.expect("a reply");
                        stream.shutdown().await.expect("an end");
                        stream.into_inner().0
                    }
                    Err((_refused, stream)) => stream,
                };
                let end = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                let _ = sender.try_send(end.map(drop).map_err(|error| error.kind()));
            }
        })
        .await;
        let mut rig = Rig::start(10);
        rig.add(ID, V4, &https(port));
        rig.outcomes(1).await;
        assert_eq!(
            ends.recv().await,
            Some(Ok(())),
            "end of stream, not a reset"
        );
    }
}
