//! The packets that can be explained, and how they are written.
//!
//! ```text
//! tcp 198.51.100.7:40000 > 203.0.113.10:80 flags S
//! udp [2001:db8::7]:5353 > [2001:db8::10]:53
//! icmp 198.51.100.7 > 203.0.113.99 echo          (or: error)
//! icmp echo 198.51.100.7 > 203.0.113.99
//! ```
//! Flags are letters of FSRPA, or `.` for none but ACK; a TCP packet without them opens a
//! connection.

use std::fmt;
use std::net::IpAddr;

use firmware_api::flow_state::tcp_flags;
use firmware_api::{Family, PortId, Protocol};

use crate::ir::family_of;

/// Where a packet comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ingress {
    /// Port 0.
    Uplink,
    /// An instance's port.
    Vport(PortId),
}

impl Ingress {
    /// The port's number.
    pub const fn port(self) -> PortId {
        match self {
            Self::Uplink => firmware_api::UPLINK_PORT,
            Self::Vport(port) => port,
        }
    }
}

/// What is in a packet beside its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A TCP segment with these flags.
    Tcp {
        /// FIN, SYN and so on.
        flags: u8,
    },
    /// A UDP datagram.
    Udp,
    /// An ICMP message that is no error.
    Echo,
    /// An ICMP error.
    IcmpError,
    /// Another IP protocol.
    Other,
}

/// A packet, as far as the stages look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// What is in it.
    pub shape: Shape,
    /// The source address.
    pub source: IpAddr,
    /// The source port; 0 without ports.
    pub source_port: u16,
    /// The destination address, of the same family.
    pub destination: IpAddr,
    /// The destination port; 0 without ports.
    pub destination_port: u16,
}

impl Packet {
    /// The protocol that lookups use.
    pub const fn protocol(&self) -> Protocol {
        match self.shape {
            Shape::Tcp { .. } => Protocol::Tcp,
            Shape::Udp => Protocol::Udp,
            Shape::Echo | Shape::IcmpError => Protocol::Icmp,
            Shape::Other => Protocol::None,
        }
    }

    /// The IP version.
    pub const fn family(&self) -> Family {
        family_of(self.destination)
    }

    /// Whether it has ports.
    pub const fn has_ports(&self) -> bool {
        matches!(self.shape, Shape::Tcp { .. } | Shape::Udp)
    }

    /// Whether it opens a TCP connection: SYN without ACK.
    pub const fn is_tcp_open(&self) -> bool {
        const BOTH: u8 = tcp_flags::SYN | tcp_flags::ACK;
        matches!(self.shape, Shape::Tcp { flags } if flags & BOTH == tcp_flags::SYN)
    }

    /// Whether it is TCP of a connection that exists already.
    pub const fn is_midflow(&self) -> bool {
        matches!(self.shape, Shape::Tcp { .. }) && !self.is_tcp_open()
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// When the text is not a packet, with the position and the cure.
    pub fn parse(text: &str) -> Result<Self, PacketError> {
        Reader::new(text).packet()
    }
}

/// Why a text is not a packet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {position}: {message}; {cure}")]
pub struct PacketError {
    /// The character, counted from 1.
    pub position: usize,
    /// What is wrong.
    pub message: String,
    /// What cures it.
    pub cure: String,
}

const LETTERS: [(char, u8); 5] = [
    ('F', tcp_flags::FIN),
    ('S', tcp_flags::SYN),
    ('R', tcp_flags::RST),
    ('P', tcp_flags::PSH),
    ('A', tcp_flags::ACK),
];
const EXAMPLE: &str = "write it as `tcp 198.51.100.7:40000 > 203.0.113.10:80 flags S`";

/// Takes a packet's words one by one.
struct Reader<'t> {
    words: Vec<(usize, &'t str)>,
    next: usize,
    end: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        let offset = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
        let position = |word: &str| text[..offset(word)].chars().count() + 1;
        Self {
            words: text
                .split_whitespace()
                .map(|word| (position(word), word))
                .collect(),
            next: 0,
            end: text.chars().count() + 1,
        }
    }

    fn packet(mut self) -> Result<Packet, PacketError> {
        let (position, word) = self.word("a protocol")?;
        let mut shape = match word {
            "tcp" => Shape::Tcp {
                flags: tcp_flags::SYN,
            },
            "udp" => Shape::Udp,
            "icmp" => Shape::Echo,
            _ => {
                let cure = "use tcp, udp or icmp";
                return Err(error(position, format!("`{word}` is no protocol"), cure));
            }
        };
        let is_icmp = shape == Shape::Echo;
        if is_icmp && let Some(kind) = self.icmp_kind() {
            shape = kind;
        }
        let (source, source_port) = self.endpoint(!is_icmp)?;
        self.arrow()?;
        let to = self.peek();
        let (destination, destination_port) = self.endpoint(!is_icmp)?;
        if family_of(source) != family_of(destination) {
            let cure = "use two IPv4 or two IPv6 addresses";
            return Err(error(
                to,
                "the addresses are of two families".to_owned(),
                cure,
            ));
        }
        shape = self.ending(shape)?;
        Ok(Packet {
            shape,
            source,
            source_port,
            destination,
            destination_port,
        })
    }

    /// What may follow the addresses, and nothing else.
    fn ending(&mut self, shape: Shape) -> Result<Shape, PacketError> {
        let shape = match shape {
            Shape::Tcp { flags } => Shape::Tcp {
                flags: self.flags()?.unwrap_or(flags),
            },
            Shape::Echo => self.icmp_kind().unwrap_or(shape),
            shape => shape,
        };
        match self.words.get(self.next) {
            None => Ok(shape),
            Some((position, word)) => {
                let message = format!("`{word}` is too much");
                Err(error(*position, message, "end the packet before it"))
            }
        }
    }

    fn word(&mut self, what: &str) -> Result<(usize, &'t str), PacketError> {
        let word = self.words.get(self.next).copied();
        self.next += 1;
        word.ok_or_else(|| error(self.end, format!("{what} is missing"), EXAMPLE))
    }

    /// The position of the next word.
    fn peek(&self) -> usize {
        self.words
            .get(self.next)
            .map_or(self.end, |(position, _)| *position)
    }

    fn icmp_kind(&mut self) -> Option<Shape> {
        let shape = match self.words.get(self.next)?.1 {
            "echo" => Shape::Echo,
            "error" => Shape::IcmpError,
            _ => return None,
        };
        self.next += 1;
        Some(shape)
    }

    fn arrow(&mut self) -> Result<(), PacketError> {
        match self.word("`>`")? {
            (_, ">") => Ok(()),
            (position, word) => {
                let message = format!("`{word}` stands where `>` should");
                Err(error(
                    position,
                    message,
                    "write `SOURCE > DESTINATION`, with blanks",
                ))
            }
        }
    }

    fn endpoint(&mut self, with_port: bool) -> Result<(IpAddr, u16), PacketError> {
        let (position, word) = self.word("an address")?;
        if with_port {
            endpoint(position, word)
        } else {
            let bare = word
                .strip_prefix('[')
                .and_then(|w| w.strip_suffix(']'))
                .unwrap_or(word);
            Ok((address(position, bare)?, 0))
        }
    }

    fn flags(&mut self) -> Result<Option<u8>, PacketError> {
        if self
            .words
            .get(self.next)
            .is_none_or(|(_, word)| *word != "flags")
        {
            return Ok(None);
        }
        self.next += 1;
        let (position, word) = self.word("the flags")?;
        if word == "." {
            return Ok(Some(tcp_flags::ACK));
        }
        let mut flags = 0;
        for (index, letter) in word.chars().enumerate() {
            let found = LETTERS
                .iter()
                .find(|(l, _)| l.eq_ignore_ascii_case(&letter));
            let Some((_, flag)) = found else {
                let message = format!("`{letter}` is no TCP flag");
                return Err(error(
                    position + index,
                    message,
                    "use letters of FSRPA, such as SA",
                ));
            };
            flags |= flag;
        }
        Ok(Some(flags))
    }
}

fn endpoint(position: usize, word: &str) -> Result<(IpAddr, u16), PacketError> {
    let cure = "write ADDRESS:PORT, IPv6 as [ADDRESS]:PORT";
    let no_port = || error(position, format!("`{word}` has no port"), cure);
    let (bare, port, port_at) = if let Some(rest) = word.strip_prefix('[') {
        let (bare, port) = rest.split_once("]:").ok_or_else(no_port)?;
        (bare, port, bare.chars().count() + 3)
    } else {
        let (bare, port) = word.rsplit_once(':').ok_or_else(no_port)?;
        if bare.contains(':') {
            return Err(error(position, format!("`{word}` needs brackets"), cure));
        }
        (bare, port, bare.chars().count() + 1)
    };
    let address = address(position, bare)?;
    let number = port.parse().map_err(|_| {
        let message = format!("`{port}` is no port");
        error(position + port_at, message, "use a number from 0 to 65535")
    })?;
    Ok((address, number))
}

fn address(position: usize, word: &str) -> Result<IpAddr, PacketError> {
    let parsed = word.parse::<IpAddr>().map(|address| address.to_canonical());
    parsed.map_err(|_| {
        let message = format!("`{word}` is no IP address");
        error(
            position,
            message,
            "use an address such as 203.0.113.10 or 2001:db8::10",
        )
    })
}

fn error(position: usize, message: String, cure: &str) -> PacketError {
    PacketError {
        position,
        message,
        cure: cure.to_owned(),
    }
}

/// As it is written, so that it can be read back.
impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = Endpoint(self.source, self.source_port, self.has_ports());
        let to = Endpoint(self.destination, self.destination_port, self.has_ports());
        match self.shape {
            Shape::Tcp { flags } => write!(f, "tcp {from} > {to} flags {}", Flags(flags)),
            Shape::Udp => write!(f, "udp {from} > {to}"),
            Shape::Echo => write!(f, "icmp echo {from} > {to}"),
            Shape::IcmpError => write!(f, "icmp error {from} > {to}"),
            Shape::Other => write!(f, "other {from} > {to}"),
        }
    }
}

/// An address, with its port where there is one.
struct Endpoint(IpAddr, u16, bool);

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(address, _, false) => write!(f, "{address}"),
            Self(address, port, true) => {
                write!(f, "{}", std::net::SocketAddr::new(*address, *port))
            }
        }
    }
}

struct Flags(u8);

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == tcp_flags::ACK {
            return f.write_str(".");
        }
        let letters = LETTERS.iter().filter(|(_, flag)| self.0 & flag != 0);
        letters
            .map(|(letter, _)| *letter)
            .try_for_each(|letter| write!(f, "{letter}"))
    }
}
