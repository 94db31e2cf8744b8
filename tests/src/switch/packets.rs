//! Packets to and from a switch, over the socket of its `--packet-in` option: nanomsg's PAIR over a
//! Unix socket.
//!
//! ```text
//! hello    00 'S' 'P' 00 00 10 00 00, from both sides
//! message  01, length (u64, network order); kind, port, bytes (i32 each, host order); the packet
//! ```

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use firmware_api::PortId;

const HELLO: [u8; 8] = [0, b'S', b'P', 0, 0, 16, 0, 0];
const PACKET_IN: u32 = 3;
const PACKET_OUT: u32 = 4;

pub(super) struct Packets(UnixStream);

impl Packets {
    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        let mut stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(&HELLO)?;
        let mut hello = [0; 8];
        stream.read_exact(&mut hello)?;
        if hello == HELLO {
            Ok(Self(stream))
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    pub(super) fn send(&mut self, port: PortId, packet: &[u8]) {
        let mut message = vec![1];
        let length = u32::try_from(packet.len()).expect("a frame");
        message.extend((12 + u64::from(length)).to_be_bytes());
        for number in [PACKET_IN, port.into(), length] {
            message.extend(number.to_ne_bytes());
        }
        message.extend(packet);
        self.0.write_all(&message).expect("the switch takes it");
    }

    pub(super) fn receive(&mut self, patience: Duration) -> (PortId, Vec<u8>) {
        self.0
            .set_read_timeout(Some(patience))
            .expect("a socket of ours");
        loop {
            let mut prefix = [0; 9];
            self.0.read_exact(&mut prefix).expect("a message");
            let length = u64::from_be_bytes(prefix[1..].try_into().expect("eight"));
            let mut message = vec![0; length as usize];
            self.0.read_exact(&mut message).expect("all of it");
            let number = |at: usize| {
                let bytes = message[at..at + 4].try_into().expect("four");
                u32::from_ne_bytes(bytes)
            };
            if number(0) == PACKET_OUT {
                return (number(4) as PortId, message[12..].to_vec());
            }
        }
    }
}
