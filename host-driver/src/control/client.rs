//! The client: one request to a running driver.

use std::io;
use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::question::Question;

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

/// Asks the driver at a socket.
///
/// # Errors
/// When there is none, or it has no answer.
pub async fn ask(socket: &Path, question: &Question) -> Result<Reply, ClientError> {
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
    let reply = sender
        .send_request(request(question))
        .await
        .map_err(broken)?;
    let status = reply.status();
    let body = reply
        .into_body()
        .collect()
        .await
        .map_err(broken)?
        .to_bytes();
    read(status, &body)
}

/// As [`ask`], from outside an async runtime.
///
/// # Errors
/// As [`ask`].
pub fn ask_blocking(socket: &Path, question: &Question) -> Result<Reply, ClientError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ClientError::Trouble(format!("no event loop: {error}")))?;
    runtime.block_on(ask(socket, question))
}

fn request(question: &Question) -> Request<Full<Bytes>> {
    let (method, path, query, body) = match question {
        Question::Status => (Method::GET, "status", vec![], ""),
        Question::Rules => (Method::GET, "rules", vec![], ""),
        Question::Backends => (Method::GET, "backends", vec![], ""),
        Question::Flows { limit } => (Method::GET, "flows", vec![("limit", limit.to_string())], ""),
        Question::Snat => (Method::GET, "snat", vec![], ""),
        Question::Counters => (Method::GET, "counters", vec![], ""),
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
        .uri(format!("/v1/{path}?{query}"))
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
        StatusCode::OK => Ok(Reply {
            accepted: true,
            document,
        }),
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
