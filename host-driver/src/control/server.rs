//! The server: HTTP/1.1 over the control socket, so that `curl --unix-socket` works too.
//!
//! It knows nothing of the engine but a function that takes an [`Ask`] to it.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::UnixListener;

use super::question::Senseless;
use super::route::{Misrouted, Route, route};
use super::socket::ControlSocket;
use super::stream::{Lines, events};
use super::{Answer, Ask, Question};
use crate::metric::CONTENT_TYPE as METRICS_TYPE;

/// The longest configuration that is taken.
pub const BODY_LIMIT: usize = 16 << 20;
/// How long a client may take for its request headers.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be accepted, e.g. for want of file descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// Takes a question to the engine; false when there is none any more.
pub trait Engine: Fn(Ask) -> bool + Send + Sync + 'static {}
impl<F: Fn(Ask) -> bool + Send + Sync + 'static> Engine for F {}

/// A whole answer, or lines as they come.
pub(super) type Body = Either<Full<Bytes>, Lines>;

/// Serves until it is dropped.
///
/// # Errors
/// When the socket cannot be used.
pub async fn serve(socket: &ControlSocket, engine: impl Engine) -> io::Result<()> {
    let listener = UnixListener::from_std(socket.listener()?)?;
    let engine = Arc::new(engine);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the control socket cannot accept");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let engine = Arc::clone(&engine);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let engine = Arc::clone(&engine);
                async move { Ok::<_, Infallible>(respond(request, &engine).await) }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "a control connection ended early");
            }
        });
    }
}

async fn respond(request: Request<Incoming>, engine: &Arc<impl Engine>) -> Response<Body> {
    match answer(request, engine).await {
        Ok(response) => response,
        Err(Misrouted { status, error }) => {
            let mut response = document(status, &Senseless { error });
            if status == StatusCode::METHOD_NOT_ALLOWED {
                response
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static("GET, POST"));
            }
            response
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    engine: &Arc<impl Engine>,
) -> Result<Response<Body>, Misrouted> {
    let question = match route(request.method(), request.uri())? {
        Route::Ask(question) => question,
        Route::Events { after, follow } => return events(engine, after, follow).await,
        Route::Apply(name) => Question::Apply {
            name,
            text: text(request.into_body()).await?,
        },
    };
    Ok(match ask(&**engine, question).await? {
        Answer::Metrics(metrics) => whole(METRICS_TYPE, metrics.text().into()),
        answer => document(status_of(&answer), &answer),
    })
}

/// The engine's answer.
pub(super) async fn ask(engine: &impl Engine, question: Question) -> Result<Answer, Misrouted> {
    let gone = || Misrouted {
        status: StatusCode::SERVICE_UNAVAILABLE,
        error: "the driver is stopping".into(),
    };
    let (ask, answer) = Ask::new(question);
    if !engine(ask) {
        return Err(gone());
    }
    answer.await.map_err(|_| gone())
}

/// The body, as a configuration's text.
async fn text(body: Incoming) -> Result<String, Misrouted> {
    let bytes = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(bytes) => bytes.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            let error = format!("a configuration has at most {} MiB", BODY_LIMIT >> 20);
            return Err(Misrouted { status, error });
        }
        Err(error) => {
            let error = format!("the configuration did not arrive: {error}");
            return Err(Misrouted {
                status: StatusCode::BAD_REQUEST,
                error,
            });
        }
    };
    String::from_utf8(bytes.into()).map_err(|error| Misrouted {
        status: StatusCode::BAD_REQUEST,
        error: format!("the configuration is not UTF-8: {error}"),
    })
}

fn status_of(answer: &Answer) -> StatusCode {
    match answer {
        Answer::Applied(applied) if !applied.accepted => StatusCode::UNPROCESSABLE_ENTITY,
        Answer::Senseless(_) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

fn document(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    let mut json = serde_json::to_vec(body).expect("documents have string keys");
    json.push(b'\n');
    let mut response = whole("application/json", json.into());
    *response.status_mut() = status;
    response
}

/// A whole body of a type.
pub(super) fn whole(content_type: &'static str, body: Bytes) -> Response<Body> {
    typed(content_type, Either::Left(Full::new(body)))
}

/// A body of a type.
pub(super) fn typed(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests;
