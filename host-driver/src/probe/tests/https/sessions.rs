//! Sessions that probes resume, and backends that do not take part in it.

use std::{slice, sync::atomic::AtomicUsize};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::{sign::CertifiedKey, version};

use super::*;
use crate::probe::session::WHOLE_EVERY_MS;

const GOOD: Outcome = Outcome::HttpStatus(200);

/// A server that speaks one version of TLS and remembers sessions.
fn remembers(version: &'static rustls::SupportedProtocolVersion) -> ServerConfig {
    let provider = Arc::new(tls::provider().expect("cryptography"));
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(slice::from_ref(&version))
        .expect("a version")
        .with_no_client_auth()
        .with_cert_resolver(fixture::server("ecdsa-sha256", "p256").cert_resolver)
}

fn resumed(seen: &Mutex<Vec<Seen>>) -> Vec<bool> {
    let seen = seen.lock().expect("no panic");
    seen.iter().map(|seen| seen.resumed).collect()
}

#[tokio::test]
async fn l_prb_04_later_probes_resume_the_session() {
    if is_skipped() {
        return;
    }
    for version in [&TLS12, &TLS13] {
        let (port, seen) = serves(remembers(version), OK).await;
        assert_eq!(outcomes_of(port, 3).await, [GOOD; 3], "{version:?}");
        assert_eq!(resumed(&seen)[..3], [false, true, true], "{version:?}");
    }
}

#[tokio::test]
async fn l_prb_04_a_refused_ticket_makes_a_whole_handshake() {
    if is_skipped() {
        return;
    }
    for version in [&TLS12, &TLS13] {
        // Each takes its own tickets only.
        let pair = [remembers(version), remembers(version)]
            .map(|config| TlsAcceptor::from(Arc::new(config)));
        let (sender, mut kinds) = mpsc::channel(64);
        let turn = AtomicUsize::new(0);
        let port = backend(move |stream| {
            let acceptor = pair[turn.fetch_add(1, Ordering::Relaxed) % 2].clone();
            let sender = sender.clone();
            async move {
                let mut stream = acceptor.accept(stream).await.expect("a handshake");
                let _ = sender.try_send(stream.get_ref().1.handshake_kind());
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(OK).await;
                let _ = stream.shutdown().await;
            }
        })
        .await;
        assert_eq!(outcomes_of(port, 3).await, [GOOD; 3], "{version:?}");
        for _probe in 0..3 {
            let kind = kinds.recv().await.flatten();
            assert_eq!(kind, Some(rustls::HandshakeKind::Full), "{version:?}");
        }
    }
}

#[tokio::test]
async fn l_prb_05_a_backend_that_fails_over_a_ticket_is_asked_again_without() {
    if is_skipped() {
        return;
    }
    let acceptor = TlsAcceptor::from(Arc::new(remembers(&TLS13)));
    let (sender, mut hellos) = mpsc::channel(64);
    let shortest = Arc::new(AtomicUsize::new(usize::MAX));
    let port = backend(move |stream| {
        let (acceptor, sender) = (acceptor.clone(), sender.clone());
        let shortest = Arc::clone(&shortest);
        async move {
            // Only a ticket makes one hello of a probe longer than another.
            let hello = stream.peek(&mut [0; 4096]).await.expect("a hello");
            let has_ticket = hello > shortest.fetch_min(hello, Ordering::Relaxed);
            let _ = sender.try_send(has_ticket);
            if has_ticket {
                return;
            }
            let mut stream = acceptor.accept(stream).await.expect("a handshake");
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(OK).await;
            let _ = stream.shutdown().await;
        }
    })
    .await;
    assert_eq!(outcomes_of(port, 3).await, [GOOD; 3]);
    for has_ticket in [false, true, false, false] {
        assert_eq!(hellos.recv().await, Some(has_ticket));
    }
}

/// Shows a good chain until it is told to show a weak one.
#[derive(Debug)]
struct Changes {
    shown: [Arc<CertifiedKey>; 2],
    weak: Arc<AtomicUsize>,
}

impl ResolvesServerCert for Changes {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown[self.weak.load(Ordering::Relaxed)]))
    }
}

#[tokio::test]
async fn l_prb_19_a_certificate_that_becomes_weak_is_noticed_within_a_minute() {
    if is_skipped() {
        return;
    }
    let weak = Arc::new(AtomicUsize::new(0));
    let mut config = remembers(&version::TLS13);
    config.cert_resolver = Arc::new(Changes {
        shown: ["ecdsa-sha256", "ecdsa-sha1"].map(|chain| fixture::shown(chain, "p256")),
        weak: Arc::clone(&weak),
    });
    let (port, seen) = serves(config, OK).await;
    let mut rig = Rig::start(20);
    rig.add(ID, V4, &https(port));
    assert_eq!(rig.outcomes(3).await, [GOOD; 3]);
    assert!(resumed(&seen)[2], "sessions are resumed");

    let changed_at = rig.clock.now_ms();
    weak.store(1, Ordering::Relaxed);
    let noticed = loop {
        let report = rig.reports(1).await[0];
        if report.outcome != GOOD {
            break report;
        }
    };
    assert_eq!(noticed.outcome, Outcome::TlsFailed);
    let after = noticed.at - changed_at;
    // One more interval and timeout until a probe comes and is over.
    assert!(after < WHOLE_EVERY_MS + 10_000, "noticed after {after} ms");
    assert_eq!(rig.outcomes(2).await, [Outcome::TlsFailed; 2]);
}
