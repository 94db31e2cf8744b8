//! The talking side: one request, or a conversation. Call these inside a namespace.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

/// How long any single step may take.
pub const TIMEOUT: Duration = Duration::from_secs(4);

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its name.
    pub server: String,
    /// The peer it saw.
    pub seen: SocketAddr,
    /// The client's own end.
    pub local: SocketAddr,
    /// Bytes of the answer.
    pub len: usize,
}

/// Fetches a path on a connection of its own.
pub fn get(to: SocketAddr, path: &str) -> io::Result<Answer> {
    get_within(TIMEOUT, to, path)
}

/// Fetches a path on a connection of its own; no step may take longer.
pub fn get_within(timeout: Duration, to: SocketAddr, path: &str) -> io::Result<Answer> {
    let mut stream = connect(to, timeout)?;
    let local = stream.local_addr()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n"
    )?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    let (head, body) = response
        .split_once("\r\n\r\n")
        .ok_or_else(|| cut(&response))?;
    if !head.starts_with("HTTP/1.1 200 ") || !head.contains(&format!(": {}\r\n", body.len())) {
        return Err(cut(head));
    }
    parse(body, local)
}

/// Sends a datagram and waits for the answer. Nothing is repeated.
pub fn ask(to: SocketAddr, text: &str) -> io::Result<Answer> {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(to)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    socket.send(text.as_bytes())?;
    let mut datagram = [0; 2048];
    let len = socket.recv(&mut datagram)?;
    parse(
        &String::from_utf8_lossy(&datagram[..len]),
        socket.local_addr()?,
    )
}

/// An open conversation.
#[derive(Debug)]
pub struct Conversation {
    reader: BufReader<TcpStream>,
    local: SocketAddr,
}

impl Conversation {
    /// Connects.
    pub fn open(to: SocketAddr) -> io::Result<Self> {
        let stream = connect(to, TIMEOUT)?;
        Ok(Self {
            local: stream.local_addr()?,
            reader: BufReader::new(stream),
        })
    }

    /// This end.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Says a line and hears the answer.
    pub fn say(&mut self, line: &str) -> io::Result<Answer> {
        self.send(line)?;
        let mut answer = String::new();
        self.reader.read_line(&mut answer)?;
        if !answer.trim_end().ends_with(line) {
            return Err(cut(&answer));
        }
        parse(&answer, self.local)
    }

    /// Says a line only.
    pub fn send(&mut self, line: &str) -> io::Result<()> {
        self.reader
            .get_mut()
            .write_all(format!("{line}\n").as_bytes())
    }

    /// Waits for anything that the other side does: the number of bytes it said, 0 when it closed.
    pub fn wait(&mut self, at_most: Duration) -> io::Result<usize> {
        self.reader.get_mut().set_read_timeout(Some(at_most))?;
        let mut bytes = [0; 512];
        self.reader.read(&mut bytes)
    }
}

fn connect(to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads `name peer …`.
fn parse(text: &str, local: SocketAddr) -> io::Result<Answer> {
    let mut words = text.split_whitespace();
    let server = words.next().ok_or_else(|| cut(text))?.to_owned();
    let seen = words.next().and_then(|word| word.parse().ok());
    Ok(Answer {
        server,
        seen: seen.ok_or_else(|| cut(text))?,
        local,
        len: text.len(),
    })
}

fn cut(text: &str) -> io::Error {
    let start: String = text.chars().take(80).collect();
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("answer cut short: {start:?}"),
    )
}
