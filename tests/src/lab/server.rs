//! A server in a namespace: HTTP and conversations on any number of ports, both families.
//!
//! A connection whose first line is a `GET` gets one response. Any other is a conversation: each
//! line is answered by one line that names the server, the peer it saw, and the line. What became
//! of each connection is kept.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::socket::{Shutdown, shutdown};

use super::netns::Netns;

/// Bytes of the response to `GET /large`.
pub const LARGE: usize = 1 << 18;

/// How often a thread that waits for its peer looks whether the server has stopped.
const PATIENCE: Duration = Duration::from_millis(200);

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The peer or the server closed it.
    Closed,
    /// Reading or writing failed.
    Failed(io::ErrorKind),
}

/// What a connection was used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Nothing has arrived yet.
    Unknown,
    /// `GET /healthz`.
    Probe,
    /// Any other `GET`.
    Request,
    /// Lines.
    Conversation,
}

/// A connection as the server saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The server's port.
    pub port: u16,
    /// The other end.
    pub peer: SocketAddr,
    /// What it was used for.
    pub used: Use,
    /// Lines that were answered.
    pub lines: usize,
    /// How it ended; `None` while it is open.
    pub ended: Option<Ending>,
}

/// A running server; it stops when dropped.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    listeners: Vec<Arc<TcpListener>>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    healthy: AtomicBool,
    stopped: AtomicBool,
    connections: Mutex<HashMap<usize, Connection>>,
}

impl Server {
    /// Listens on TCP and UDP ports inside the namespace.
    pub fn start(inside: &Netns, name: &str, tcp: &[u16], udp: &[u16]) -> io::Result<Self> {
        let mut server = Self {
            shared: Arc::new(Shared {
                name: name.to_owned(),
                healthy: AtomicBool::new(true),
                stopped: AtomicBool::new(false),
                connections: Mutex::default(),
            }),
            listeners: Vec::new(),
        };
        for &port in tcp {
            let listener = inside.run(|| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)))?;
            server.listen(port, Arc::new(listener));
        }
        for &port in udp {
            let socket = inside.run(|| UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port)))?;
            server.echo(socket)?;
        }
        Ok(server)
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Whether `/healthz` says 200, or 503.
    pub fn set_healthy(&self, healthy: bool) {
        self.shared.healthy.store(healthy, Ordering::Relaxed);
    }

    /// Every connection so far.
    pub fn connections(&self) -> Vec<Connection> {
        self.shared.connections().values().copied().collect()
    }

    /// The connection from that peer that came last.
    pub fn connection_from(&self, peer: SocketAddr) -> Option<Connection> {
        let connections = self.shared.connections();
        let from_peer = connections.iter().filter(|(_, c)| c.peer == peer);
        from_peer.max_by_key(|(id, _)| **id).map(|(_, c)| *c)
    }

    fn listen(&mut self, port: u16, listener: Arc<TcpListener>) {
        self.listeners.push(Arc::clone(&listener));
        let shared = Arc::clone(&self.shared);
        thread::spawn(move || {
            while let Ok((stream, peer)) = listener.accept() {
                let shared = Arc::clone(&shared);
                let peer = canonical(peer);
                thread::spawn(move || shared.serve(stream, port, peer));
            }
        });
    }

    fn echo(&self, socket: UdpSocket) -> io::Result<()> {
        socket.set_read_timeout(Some(PATIENCE))?;
        let shared = Arc::clone(&self.shared);
        thread::spawn(move || {
            let mut datagram = [0; 2048];
            while !shared.stopped() {
                if let Ok((len, peer)) = socket.recv_from(&mut datagram) {
                    let text = String::from_utf8_lossy(&datagram[..len]);
                    let answer = shared.answer(canonical(peer), &text);
                    let _ = socket.send_to(answer.as_bytes(), peer);
                }
            }
        });
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        for listener in &self.listeners {
            // Wakes the thread that waits in accept.
            let _ = shutdown(listener.as_raw_fd(), Shutdown::Both);
        }
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, HashMap<usize, Connection>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn answer(&self, peer: SocketAddr, line: &str) -> String {
        format!("{} {peer} {line}\n", self.name)
    }

    fn serve(&self, stream: TcpStream, port: u16, peer: SocketAddr) {
        let id = self.open(Connection {
            port,
            peer,
            used: Use::Unknown,
            lines: 0,
            ended: None,
        });
        let ending = match self.converse(stream, id, peer) {
            Ok(()) => Ending::Closed,
            Err(error) => Ending::Failed(error.kind()),
        };
        self.update(id, |connection| connection.ended = Some(ending));
    }

    fn open(&self, connection: Connection) -> usize {
        let mut connections = self.connections();
        let id = connections.len();
        connections.insert(id, connection);
        id
    }

    fn update(&self, id: usize, change: impl FnOnce(&mut Connection)) {
        self.connections().entry(id).and_modify(change);
    }

    fn converse(&self, stream: TcpStream, id: usize, peer: SocketAddr) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some(line) = self.line(&mut reader)? {
            if let Some(request) = line.strip_prefix("GET ") {
                let path = request.split(' ').next().unwrap_or_default();
                return self.respond(&mut reader, id, peer, path);
            }
            let answer = self.answer(peer, &line);
            reader.get_mut().write_all(answer.as_bytes())?;
            self.update(id, |connection| {
                connection.used = Use::Conversation;
                connection.lines += 1;
            });
        }
        Ok(())
    }

    fn respond(
        &self,
        reader: &mut BufReader<TcpStream>,
        id: usize,
        peer: SocketAddr,
        path: &str,
    ) -> io::Result<()> {
        let probe = path == "/healthz";
        self.update(id, |connection| {
            connection.used = if probe { Use::Probe } else { Use::Request };
        });
        while self.line(reader)?.is_some_and(|header| !header.is_empty()) {}
        let status = if probe && !self.healthy.load(Ordering::Relaxed) {
            "503 Service Unavailable"
        } else {
            "200 OK"
        };
        let mut body = self.answer(peer, path);
        if path == "/large" {
            body.push_str(&"x".repeat(LARGE - body.len()));
        }
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        reader.get_mut().write_all((head + &body).as_bytes())
    }

    /// The next line without its end, or `None` at the end of the stream or the server's.
    fn line(&self, reader: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
        let mut bytes = Vec::new();
        loop {
            match reader.read_until(b'\n', &mut bytes) {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.stopped() => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        Ok(text
            .strip_suffix('\n')
            .map(|line| line.trim_end().to_owned()))
    }
}

/// An IPv4 address in its IPv6 form, as dual-stack sockets show it, becomes IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = address.ip().to_canonical();
    SocketAddr::new(ip, address.port())
}
