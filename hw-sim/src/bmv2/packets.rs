//! Packets to and from BMv2, over the socket of its `--packet-in` option.
//!
//! ```text
//! hello     00 'S' 'P' 00, protocol (u16) 16 = PAIR version 0, zero (u16); from both sides
//! message   01, length (u64); 12 bytes: type, port, bytes of packet (u32 each); the packet
//! ```
//! Hello and length are in network order, the twelve bytes in the machine's. The transport is SP
//! (the protocol family of nanomsg) over a Unix socket. Nothing here ever waits but
//! [`Packets::exchange`], for as long as it is told: both sides may write at the same time.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use firmware_api::{MAX_FRAME, PortId};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

const HELLO: [u8; 8] = [0, b'S', b'P', 0, 0, 16, 0, 0];
const HELLO_PATIENCE: Duration = Duration::from_secs(5);
/// Every message is whole, none belongs to a shared-memory transport.
const WHOLE: u8 = 1;
const PREFIX_LEN: usize = 9;
const HEADER_LEN: usize = 12;
const PACKET_IN: u32 = 3;
const PACKET_OUT: u32 = 4;
/// No packet of the switch is longer: a frame, a VLAN tag, a record before it.
const LONGEST: usize = MAX_FRAME + 512;
/// Bytes that one system call reads.
const CHUNK: usize = 1 << 16;

/// The device's end of the socket.
#[derive(Debug)]
pub(super) struct Packets {
    stream: UnixStream,
    outgoing: Vec<u8>,
    sent: usize,
    incoming: Vec<u8>,
    taken: usize,
}

impl Packets {
    /// Connects to the switch that listens on the socket.
    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        let mut stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(HELLO_PATIENCE))?;
        stream.write_all(&HELLO)?;
        let mut hello = [0; HELLO.len()];
        stream.read_exact(&mut hello)?;
        if hello != HELLO {
            return Err(broken(format!("hello of another protocol: {hello:02x?}")));
        }
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            outgoing: Vec::with_capacity(CHUNK),
            sent: 0,
            incoming: Vec::with_capacity(CHUNK),
            taken: 0,
        })
    }

    /// Queues a packet that comes in on a port, in parts; [`Packets::exchange`] sends it.
    pub(super) fn queue(&mut self, port: PortId, parts: [&[u8]; 2]) {
        let len = parts[0].len() + parts[1].len();
        self.outgoing.push(WHOLE);
        let message = (HEADER_LEN + len) as u64;
        self.outgoing.extend(message.to_be_bytes());
        for number in [PACKET_IN, port.into(), len as u32] {
            self.outgoing.extend(number.to_ne_bytes());
        }
        for part in parts {
            self.outgoing.extend_from_slice(part);
        }
    }

    /// Bytes that are queued and not sent yet.
    pub(super) fn queued(&self) -> usize {
        self.outgoing.len() - self.sent
    }

    /// Sends what is queued and reads what has come; when neither is possible, waits for it.
    /// Returns whether anything happened in that time.
    ///
    /// # Errors
    /// When the switch closed the socket.
    pub(super) fn exchange(&mut self, timeout: Duration) -> io::Result<bool> {
        if self.send()? | self.read()? {
            return Ok(true);
        }
        let mut events = PollFlags::POLLIN;
        events.set(PollFlags::POLLOUT, self.queued() > 0);
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.stream.as_fd(), events)], timeout) {
            Ok(0) | Err(Errno::EINTR) => Ok(false),
            Ok(_) => Ok(self.send()? | self.read()?),
            Err(error) => Err(error.into()),
        }
    }

    fn send(&mut self) -> io::Result<bool> {
        let (before, any) = (self.sent, self.queued() > 0);
        while self.sent < self.outgoing.len() {
            match self.stream.write(&self.outgoing[self.sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(self.sent > before);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.outgoing.clear();
        self.sent = 0;
        Ok(any)
    }

    fn read(&mut self) -> io::Result<bool> {
        let before = self.incoming.len();
        loop {
            let end = self.incoming.len();
            self.incoming.resize(end + CHUNK, 0);
            let read = self.stream.read(&mut self.incoming[end..]);
            self.incoming
                .truncate(end + read.as_ref().map_or(0, |read| *read));
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) if read == CHUNK => {}
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.incoming.len() > before)
    }

    /// The next packet that has come, and the port it leaves by.
    ///
    /// # Errors
    /// When what came is not the protocol.
    pub(super) fn take(&mut self) -> io::Result<Option<(PortId, &[u8])>> {
        let Some(end) = self.next_end()? else {
            self.incoming.drain(..self.taken);
            self.taken = 0;
            return Ok(None);
        };
        let message = &self.incoming[self.taken + PREFIX_LEN..end];
        self.taken = end;
        let (header, packet) = message.split_at(HEADER_LEN);
        let number = |i: usize| {
            let bytes = header[4 * i..4 * i + 4].try_into().expect("four bytes");
            u32::from_ne_bytes(bytes)
        };
        let port = PortId::try_from(number(1)).ok();
        match port {
            Some(port) if number(0) == PACKET_OUT && number(2) as usize == packet.len() => {
                Ok(Some((port, packet)))
            }
            _ => Err(broken(format!("message with header {header:02x?}"))),
        }
    }

    /// Where the next whole message ends.
    fn next_end(&self) -> io::Result<Option<usize>> {
        let rest = &self.incoming[self.taken..];
        let Some((prefix, rest)) = rest.split_at_checked(PREFIX_LEN) else {
            return Ok(None);
        };
        let len = u64::from_be_bytes(prefix[1..].try_into().expect("eight bytes"));
        let sound = HEADER_LEN as u64..=(HEADER_LEN + LONGEST) as u64;
        if prefix[0] != WHOLE || !sound.contains(&len) {
            return Err(broken(format!("message with prefix {prefix:02x?}")));
        }
        let len = len as usize;
        Ok((rest.len() >= len).then_some(self.taken + PREFIX_LEN + len))
    }
}

fn broken(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests;
