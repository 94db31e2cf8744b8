use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::control::Ask;
use crate::engine::Metrics;

/// Runs a client against an exporter whose text counts how often it was made.
fn with_exporter(client: impl AsyncFnOnce(SocketAddr)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("has one");
        let made = AtomicUsize::new(0);
        let engine = move |ask: Ask| {
            assert_eq!(ask.question, Question::Metrics);
            let n = made.fetch_add(1, Ordering::Relaxed) + 1;
            ask.reply
                .send(Answer::Metrics(Box::new(Metrics::of_text(&format!(
                    "made {n}\n"
                )))))
                .is_ok()
        };
        tokio::select! {
            () = export(listener, engine) => panic!("it ends never"),
            () = client(address) => {}
        }
    });
}

async fn request(address: SocketAddr, line: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    let request = format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("writes");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.expect("reads");
    reply
}

#[test]
fn metrics_are_served_over_http_and_made_anew_at_most_now_and_then() {
    with_exporter(async |address| {
        let first = request(address, "GET /metrics").await;
        assert!(first.starts_with("HTTP/1.1 200 OK\r\n"), "{first}");
        let content_type = format!("content-type: {}\r\n", metric::CONTENT_TYPE);
        assert!(first.contains(&content_type), "{first}");
        assert!(first.ends_with("\nmade 1\n"), "{first}");
        assert!(
            request(address, "GET /metrics?x=y")
                .await
                .ends_with("made 1\n")
        );
        tokio::time::sleep(FRESH).await;
        assert!(request(address, "GET /metrics").await.ends_with("made 2\n"));
        let head = request(address, "HEAD /metrics").await;
        assert!(
            head.contains("content-length: ") && head.ends_with("\r\n\r\n"),
            "{head}"
        );
    });
}

#[test]
fn nothing_else_is_served() {
    with_exporter(async |address| {
        for (line, status) in [
            ("GET /", "404"),
            ("GET /v1/status", "404"),
            ("POST /metrics", "405"),
            ("nonsense", "400"),
        ] {
            let reply = request(address, line).await;
            assert!(
                reply.starts_with(&format!("HTTP/1.1 {status}")),
                "{line}: {reply}"
            );
        }
    });
}

#[test]
fn more_connections_than_there_is_room_for_wait_their_turn() {
    with_exporter(async |address| {
        let mut idle = Vec::new();
        for _ in 0..CONNECTIONS {
            idle.push(TcpStream::connect(address).await.expect("connects"));
        }
        let waits = request(address, "GET /metrics");
        let in_vain = tokio::time::timeout(Duration::from_millis(100), waits).await;
        assert!(in_vain.is_err(), "no room");
        drop(idle);
        assert!(request(address, "GET /metrics").await.ends_with("made 1\n"));
    });
}
