//! One probe of one backend: connect, ask, close.
//!
//! The connection ends in FIN, not RST (L-PRB-01): what the backend still sends is read and thrown
//! away for a moment, because closing a socket with unread bytes resets it.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
};

use nix::errno::Errno;
use rustls::{ClientConfig, client::Resumption, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    TargetId,
    http::{self, Progress, Reply},
    session::Session,
    source::Opener,
};
use crate::health::Outcome;

/// Most bytes thrown away while closing.
const DISCARD_MAX: usize = 64 * 1024;

/// What to ask a backend.
#[derive(Debug)]
pub(super) enum Question {
    /// Whether it takes a connection.
    Connect,
    /// What it replies to this HTTP request.
    Http(Vec<u8>),
    /// The same over TLS.
    Https(OverTls),
}

/// A request over TLS, and the session it resumes.
#[derive(Debug)]
pub(super) struct OverTls {
    request: Vec<u8>,
    config: Arc<ClientConfig>,
    session: Arc<Session>,
}

impl OverTls {
    pub(super) fn new(request: Vec<u8>, shared: &ClientConfig, target: TargetId) -> Self {
        let session = Arc::new(Session::new(target));
        let mut config = shared.clone();
        config.resumption = Resumption::store(session.clone());
        Self {
            request,
            config: Arc::new(config),
            session,
        }
    }
}

/// A connection that is worth closing well.
#[derive(Debug)]
pub(super) enum Connection {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What a backend was found to be, and the connection for [`close`] if there is one worth closing
/// well.
type Answer = (Outcome, Option<Connection>);

/// Asks `backend` at `now`, until `deadline`. It is asked twice when it breaks off over a ticket.
pub(super) async fn ask(
    question: &Question,
    backend: SocketAddr,
    opener: &Opener,
    now: u64,
    deadline: Instant,
) -> Answer {
    let Question::Https(over_tls) = question else {
        return ask_once(question, backend, opener, deadline).await;
    };
    over_tls.session.start(now);
    let answer = ask_once(question, backend, opener, deadline).await;
    if over_tls.session.is_broken() && answer.0 != Outcome::ReplyTimeout {
        return ask_once(question, backend, opener, deadline).await;
    }
    answer
}

async fn ask_once(
    question: &Question,
    backend: SocketAddr,
    opener: &Opener,
    deadline: Instant,
) -> Answer {
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
    let asking = async {
        match question {
            Question::Connect => (Outcome::Success, Some(Connection::Plain(stream))),
            Question::Http(request) => match get(&mut stream, request).await {
                Ok(outcome) => (outcome, Some(Connection::Plain(stream))),
                Err(error) => (exchange_failure(&error), None),
            },
            Question::Https(over_tls) => over_tls.ask(backend, stream).await,
        }
    };
    let asked = timeout_at(deadline, asking).await;
    asked.unwrap_or((Outcome::ReplyTimeout, None))
}

impl OverTls {
    async fn ask(&self, backend: SocketAddr, stream: TcpStream) -> Answer {
        let name = ServerName::IpAddress(backend.ip().into());
        // The request waits for the handshake and leaves with its last message.
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let connecting = connector.connect_with(name, stream, |connection| {
            connection.set_buffer_limit(None);
            // Without a limit a buffer takes everything.
            let _ = connection.writer().write_all(&self.request);
        });
        let mut stream = match connecting.into_fallible().await {
            Ok(stream) => stream,
            Err((error, stream)) => {
                tracing::debug!(%backend, %error, "no TLS with a backend");
                return (exchange_failure(&error), Some(Connection::Plain(stream)));
            }
        };
        self.session.done();
        match reply(&mut stream).await {
            Ok(outcome) => (outcome, Some(Connection::Tls(Box::new(stream)))),
            Err(error) => (exchange_failure(&error), None),
        }
    }
}

/// Closes a connection in both directions, or leaves the rest to the kernel at `deadline`.
pub(super) async fn close(connection: Connection, deadline: Instant) {
    let closing = async {
        let stream = match connection {
            Connection::Plain(mut stream) => {
                stream.shutdown().await?;
                stream
            }
            Connection::Tls(mut stream) => {
                stream.shutdown().await?;
                stream.into_inner().0
            }
        };
        discard(stream).await
    };
    // However it ends, the backend has already been judged.
    let _ = timeout_at(deadline, closing).await;
}

/// Reads on until the backend closes too.
async fn discard(mut stream: TcpStream) -> io::Result<()> {
    let mut bytes = [0; 512];
    let mut left = DISCARD_MAX;
    while left > 0 {
        match stream.read(&mut bytes).await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}

/// What the backend replies.
async fn get(stream: &mut TcpStream, request: &[u8]) -> io::Result<Outcome> {
    stream.write_all(request).await?;
    reply(stream).await
}

async fn reply<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Outcome> {
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
