//! The exporter: `GET /metrics` over TCP, for Prometheus.
//!
//! Whoever reaches the port may ask, so little is given for it: one path, few connections at a
//! time, and a text that is made anew at most a few times per second.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use super::server::{Engine, ask};
use super::{Answer, Question};
use crate::metric;

/// Connections at a time.
const CONNECTIONS: usize = 16;
/// For how long a text is given again.
const FRESH: Duration = Duration::from_millis(250);
/// How long a client may take for its request headers.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may last, for one scrape.
const LIFETIME: Duration = Duration::from_secs(30);
/// How long to wait when no connection can be accepted.
const BREATH: Duration = Duration::from_millis(100);

/// The last text and when it was made.
type Last = Mutex<Option<(Instant, Bytes)>>;

/// Serves metrics until it is dropped.
pub async fn export(listener: TcpListener, engine: impl Engine) {
    let shared = Arc::new((engine, Last::default()));
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the metrics port cannot accept");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(respond(&request, &shared.0, &shared.1).await) }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            if let Ok(Err(error)) = tokio::time::timeout(LIFETIME, served).await {
                tracing::debug!(%error, "a scrape ended early");
            }
            drop(place);
        });
    }
}

async fn respond(
    request: &Request<Incoming>,
    engine: &impl Engine,
    last: &Last,
) -> Response<Full<Bytes>> {
    let text = |status, text: Bytes, content_type| {
        let response = Response::builder().status(status);
        let response = response.header(CONTENT_TYPE, content_type);
        response
            .body(Full::new(text))
            .expect("a response of sound parts")
    };
    let plain = "text/plain; charset=utf-8";
    if request.uri().path() != "/metrics" {
        let what = "there is /metrics\n".into();
        return text(StatusCode::NOT_FOUND, what, plain);
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let what = "/metrics takes GET\n".into();
        return text(StatusCode::METHOD_NOT_ALLOWED, what, plain);
    }
    match current(engine, last).await {
        Some(metrics) => text(StatusCode::OK, metrics, metric::CONTENT_TYPE),
        None => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "the driver is stopping\n".into(),
            plain,
        ),
    }
}

async fn current(engine: &impl Engine, last: &Last) -> Option<Bytes> {
    let mut last = last.lock().await;
    if let Some((made, text)) = &*last
        && made.elapsed() < FRESH
    {
        return Some(text.clone());
    }
    let Ok(Answer::Metrics(metrics)) = ask(engine, Question::Metrics).await else {
        return None;
    };
    let text = Bytes::from(metrics.text());
    *last = Some((Instant::now(), text.clone()));
    Some(text)
}

#[cfg(test)]
mod tests;
