//! The client: one request to a running driver.

use std::io;
use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::question::Question;
use super::stream;
use crate::metric;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens on the socket.
    #[error(
        "no driver is running at {socket}: {error}\n  start one:  host-driver run --config FILE \
         --device sim\n  or name its socket with --socket", socket = socket.display()
    )]
    NoDriver {
        /// Where one was looked for.
        socket: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// The question makes no sense to the driver.
    #[error("{0}")]
    Senseless(String),
    /// The driver does not answer.
    #[error("{0}")]
    Trouble(String),
    /// The connection broke.
    #[error("the driver at {socket} does not answer: {error}", socket = socket.display())]
    Broken {
        /// Where it is.
        socket: PathBuf,
        /// Why not.
        error: hyper::Error,
    },
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// False when the driver said no.
    pub accepted: bool,
    /// The answer, as JSON.
    pub document: serde_json::Value,
}

impl Reply {
    fn of(document: serde_json::Value) -> Self {
        Self {
            accepted: true,
            document,
        }
    }
}

fn read_lines(body: &[u8]) -> Result<Reply, ClientError> {
    let lines = serde_json::Deserializer::from_slice(body).into_iter();
    let documents: Result<Vec<_>, _> = lines.collect();
    let documents = documents
        .map_err(|error| ClientError::Trouble(format!("the answer is not JSON: {error}")))?;
    Ok(Reply::of(serde_json::Value::Array(documents)))
}

/// Asks the driver at a socket. Lines come as an array, text as a string.
///
/// # Errors
/// When there is none, or it has no answer.
pub async fn ask(socket: &Path, question: &Question) -> Result<Reply, ClientError> {
    let reply = send(socket, request(question)).await?;
    let status = reply.status();
    let content_type = reply.headers().get(CONTENT_TYPE).cloned();
    let body = reply.into_body().collect().await;
    let body = body.map_err(|error| ClientError::Broken {
        socket: socket.to_owned(),
        error,
    })?;
    let body = body.to_bytes();
    match content_type.as_ref().and_then(|value| value.to_str().ok()) {
        Some(metric::CONTENT_TYPE) => Ok(Reply::of(String::from_utf8_lossy(&body).into())),
        Some(stream::CONTENT_TYPE) => read_lines(&body),
        _ => read(status, &body),
    }
}

/// Takes the lines at a path of the driver's at a socket, as they come, until it ends or `take`
/// returns false.
///
/// # Errors
/// When there is none, it does not know the path, or the connection breaks.
pub async fn lines(
    socket: &Path,
    path: &str,
    mut take: impl FnMut(&str) -> bool,
) -> Result<(), ClientError> {
    let request = Request::get(path)
        .header(HOST, "headgate")
        .body(Full::default())
        .map_err(|error| ClientError::Senseless(error.to_string()))?;
    let reply = send(socket, request).await?;
    let broken = |error| ClientError::Broken {
        socket: socket.to_owned(),
        error,
    };
    let status = reply.status();
    let mut body = reply.into_body();
    if status != StatusCode::OK {
        let body = body.collect().await.map_err(broken)?.to_bytes();
        return read(status, &body).map(drop);
    }
    let mut rest = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(broken)?.into_data() {
            rest.extend_from_slice(&data);
        }
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            if !take(String::from_utf8_lossy(&line).trim_end_matches('\n')) {
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn send(
    socket: &Path,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, ClientError> {
    let broken = |error| ClientError::Broken {
        socket: socket.to_owned(),
        error,
    };
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|error| ClientError::NoDriver {
            socket: socket.to_owned(),
            error,
        })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // Its end shows in the reply.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(broken)
}

/// As [`ask`], from outside an async runtime.
///
/// # Errors
/// As [`ask`].
pub fn ask_blocking(socket: &Path, question: &Question) -> Result<Reply, ClientError> {
    runtime()?.block_on(ask(socket, question))
}

/// As [`lines`], from outside an async runtime.
///
/// # Errors
/// As [`lines`].
pub fn lines_blocking(
    socket: &Path,
    path: &str,
    take: impl FnMut(&str) -> bool,
) -> Result<(), ClientError> {
    runtime()?.block_on(lines(socket, path, take))
}

fn runtime() -> Result<tokio::runtime::Runtime, ClientError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ClientError::Trouble(format!("no event loop: {error}")))
}

fn request(question: &Question) -> Request<Full<Bytes>> {
    let (method, path, query, body) = match question {
        Question::Status => (Method::GET, "status", vec![], ""),
        Question::Rules => (Method::GET, "rules", vec![], ""),
        Question::Backends => (Method::GET, "backends", vec![], ""),
        Question::Flows { limit } => (Method::GET, "flows", vec![("limit", limit.to_string())], ""),
        Question::Snat => (Method::GET, "snat", vec![], ""),
        Question::Counters => (Method::GET, "counters", vec![], ""),
        Question::Health => (Method::GET, "health", vec![], ""),
        Question::Nat => (Method::GET, "nat", vec![], ""),
        Question::Events { after } => (
            Method::GET,
            "events",
            vec![("after", after.to_string())],
            "",
        ),
        Question::Metrics => (Method::GET, "metrics", vec![], ""),
        Question::Explain { packet, from } => {
            let query = vec![("packet", packet.clone()), ("from", from.clone())];
            (Method::GET, "explain", query, "")
        }
        Question::Apply { name, text } => (
            Method::POST,
            "apply",
            vec![("name", name.clone())],
            text.as_str(),
        ),
    };
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish();
    Request::builder()
        .method(method)
        .uri(match question {
            Question::Metrics => format!("/{path}"),
            _ => format!("/v1/{path}?{query}"),
        })
        .header(HOST, "headgate")
        .body(Full::new(Bytes::from(body.to_owned())))
        .expect("a request of encoded parts is valid")
}

fn read(status: StatusCode, body: &[u8]) -> Result<Reply, ClientError> {
    let document: serde_json::Value = serde_json::from_slice(body)
        .map_err(|error| ClientError::Trouble(format!("the answer is not JSON: {error}")))?;
    let error = || {
        document["error"]
            .as_str()
            .unwrap_or("it does not say why")
            .to_owned()
    };
    match status {
        StatusCode::OK => Ok(Reply::of(document)),
        StatusCode::UNPROCESSABLE_ENTITY => Ok(Reply {
            accepted: false,
            document,
        }),
        status if status.is_client_error() => Err(ClientError::Senseless(error())),
        status => Err(ClientError::Trouble(format!(
            "the driver says {status}: {}",
            error()
        ))),
    }
}
