//! One probe of one backend: connect, ask, close.
//!
//! The connection ends in FIN, not RST (L-PRB-01): what the backend still sends is read and thrown
//! away for a moment, because closing a socket with unread bytes resets it.

use std::{io, net::SocketAddr, sync::Arc};

use nix::errno::Errno;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    http::{self, Progress, Reply},
    source::Opener,
};
use crate::health::Outcome;

/// Most bytes thrown away while closing.
const DISCARD_MAX: u64 = 64 * 1024;

/// What to ask a backend.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// Whether it takes a connection.
    Connect,
    /// What it replies to this HTTP request.
    Http(Vec<u8>),
    /// The same over TLS.
    Https {
        request: Vec<u8>,
        tls: Arc<ClientConfig>,
    },
}

/// A connection that is worth closing well.
#[derive(Debug)]
pub(super) enum Connection {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Asks `backend`, until `deadline`. Returns the connection, for [`close`], if there is one worth
/// closing well.
pub(super) async fn ask(
    question: &Question,
    backend: SocketAddr,
    opener: &Opener,
    deadline: Instant,
) -> (Outcome, Option<Connection>) {
    let socket = match opener.open(backend.ip()) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::debug!(%backend, %error, "no socket for a probe");
            return (Outcome::NotSent, None);
        }
    };
    let mut stream = match timeout_at(deadline, socket.connect(backend)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return (connect_failure(&error), None),
        Err(_) => return (Outcome::ConnectTimeout, None),
    };
    match question {
        Question::Connect => (Outcome::Success, Some(Connection::Plain(stream))),
        Question::Http(request) => match get(&mut stream, request, deadline).await {
            Ok(outcome) => (outcome, Some(Connection::Plain(stream))),
            Err(outcome) => (outcome, None),
        },
        Question::Https { request, tls } => {
            let connector = TlsConnector::from(Arc::clone(tls));
            let name = ServerName::IpAddress(backend.ip().into());
            let handshake = connector.connect(name, stream).into_fallible();
            let mut stream = match timeout_at(deadline, handshake).await {
                Ok(Ok(stream)) => stream,
                Ok(Err((error, stream))) => {
                    tracing::debug!(%backend, %error, "no TLS with a backend");
                    return (exchange_failure(&error), Some(Connection::Plain(stream)));
                }
                Err(_) => return (Outcome::ReplyTimeout, None),
            };
            match get(&mut stream, request, deadline).await {
                Ok(outcome) => (outcome, Some(Connection::Tls(Box::new(stream)))),
                Err(outcome) => (outcome, None),
            }
        }
    }
}

/// Closes a connection in both directions, or leaves the rest to the kernel at `deadline`.
pub(super) async fn close(connection: Connection, deadline: Instant) {
    let closing = async {
        let mut stream = match connection {
            Connection::Plain(stream) => stream,
            Connection::Tls(mut stream) => {
                stream.shutdown().await?;
                stream.into_inner().0
            }
        };
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(DISCARD_MAX), &mut tokio::io::sink()).await
    };
    // However it ends, the backend has already been judged.
    let _ = timeout_at(deadline, closing).await;
}

/// What the backend replies; an error when the connection is gone with it.
async fn get<S>(stream: &mut S, request: &[u8], deadline: Instant) -> Result<Outcome, Outcome>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match timeout_at(deadline, exchange(stream, request)).await {
        Ok(exchanged) => exchanged.map_err(|error| exchange_failure(&error)),
        Err(_) => Err(Outcome::ReplyTimeout),
    }
}

async fn exchange<S>(stream: &mut S, request: &[u8]) -> io::Result<Outcome>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut limited = stream.take(http::HEAD_MAX as u64);
    let mut reply = Reply::default();
    loop {
        if limited.read_buf(&mut reply.bytes).await? == 0 {
            return Ok(Outcome::Closed);
        }
        match reply.progress() {
            Progress::Incomplete => {}
            Progress::Status(code) => return Ok(Outcome::HttpStatus(code)),
            Progress::Malformed => return Ok(Outcome::Malformed),
        }
    }
}

/// Why there is no connection: the backend's doing, or this machine's own lack of something.
fn connect_failure(error: &io::Error) -> Outcome {
    match errno(error) {
        Errno::ECONNREFUSED | Errno::ECONNRESET => Outcome::Reset,
        Errno::ETIMEDOUT => Outcome::ConnectTimeout,
        Errno::EADDRNOTAVAIL | Errno::EAGAIN | Errno::ENOBUFS | Errno::ENOMEM => Outcome::NotSent,
        _ => Outcome::Unreachable,
    }
}

/// Why there is no reply. What TLS itself finds wrong has no number of the system's.
fn exchange_failure(error: &io::Error) -> Outcome {
    match errno(error) {
        Errno::UnknownErrno if error.kind() == io::ErrorKind::UnexpectedEof => Outcome::Closed,
        Errno::UnknownErrno => Outcome::TlsFailed,
        Errno::ECONNRESET | Errno::EPIPE => Outcome::Reset,
        Errno::ETIMEDOUT => Outcome::ReplyTimeout,
        _ => Outcome::Unreachable,
    }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}
