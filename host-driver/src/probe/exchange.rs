//! One probe of one backend: connect, ask, close.
//!
//! The connection ends in FIN, not RST (L-PRB-01): what the backend still sends is read and thrown
//! away for a moment, because closing a socket with unread bytes resets it.

use std::{io, net::SocketAddr};

use nix::errno::Errno;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout_at},
};

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
}

/// Asks `backend`, until `deadline`. Returns the connection, for [`close`], if there is one worth
/// closing well.
pub(super) async fn ask(
    question: &Question,
    backend: SocketAddr,
    opener: &Opener,
    deadline: Instant,
) -> (Outcome, Option<TcpStream>) {
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
        Question::Connect => (Outcome::Success, Some(stream)),
        Question::Http(request) => match timeout_at(deadline, get(&mut stream, request)).await {
            Ok(Ok(outcome)) => (outcome, Some(stream)),
            Ok(Err(error)) => (exchange_failure(&error), None),
            Err(_) => (Outcome::ReplyTimeout, None),
        },
    }
}

/// Closes a connection in both directions, or leaves the rest to the kernel at `deadline`.
pub(super) async fn close(mut stream: TcpStream, deadline: Instant) {
    let closing = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(DISCARD_MAX), &mut tokio::io::sink()).await
    };
    // However it ends, the backend has already been judged.
    let _ = timeout_at(deadline, closing).await;
}

async fn get(stream: &mut TcpStream, request: &[u8]) -> io::Result<Outcome> {
    stream.write_all(request).await?;
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

/// Why there is no reply.
fn exchange_failure(error: &io::Error) -> Outcome {
    match errno(error) {
        Errno::ECONNRESET | Errno::EPIPE => Outcome::Reset,
        Errno::ETIMEDOUT => Outcome::ReplyTimeout,
        _ => Outcome::Unreachable,
    }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}
