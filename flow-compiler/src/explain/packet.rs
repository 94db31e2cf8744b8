//! The packets that can be explained, and how they are written.
//!
//! ```text
//! tcp 198.51.100.7:40000 > 203.0.113.10:80 flags S
//! udp [2001:db8::7]:5353 > [2001:db8::10]:53
//! icmp 198.51.100.7 > 203.0.113.99 echo          (or: error)
//! icmp echo 198.51.100.7 > 203.0.113.99
//! fragment udp 10.0.0.4 > 10.0.1.20              (any fragment of a datagram)
//! ```
//! Flags are letters of FSRPA, or `.` for none but ACK; a TCP packet without them opens a
//! connection.

use std::fmt;
use std::net::IpAddr;

use firmware_api::flow_state::tcp_flags;
use firmware_api::{DropReason, Family, PortId, Protocol};

use super::parse::{PacketError, Reader};
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
    /// An ICMP echo request.
    Echo,
    /// An ICMP error.
    IcmpError,
    /// A fragment, the first or a later one, of a packet of this protocol.
    Fragment(Protocol),
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
            Shape::Fragment(protocol) => protocol,
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

    /// Whether it can be of a flow: TCP, UDP or an echo.
    pub const fn has_flow(&self) -> bool {
        self.has_ports() || matches!(self.shape, Shape::Echo)
    }

    /// Whether it is a fragment.
    pub const fn is_fragment(&self) -> bool {
        matches!(self.shape, Shape::Fragment(_))
    }

    /// Whether a frontend or a return path may claim it; a fragment only those of every port.
    pub const fn is_claimable(&self) -> bool {
        self.has_flow() || self.is_fragment()
    }

    /// Why it is dropped when nothing claims it: `flows` for TCP and UDP.
    pub(super) const fn unclaimed(&self, flows: DropReason) -> DropReason {
        match self.shape {
            Shape::Tcp { .. } | Shape::Udp => flows,
            Shape::Fragment(_) => DropReason::Fragment,
            Shape::Echo | Shape::IcmpError | Shape::Other => DropReason::UnsupportedProtocol,
        }
    }

    /// Whether it can be no reply.
    pub const fn is_request(&self) -> bool {
        self.is_tcp_open() || matches!(self.shape, Shape::Echo)
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

    /// Whether it is TCP with SYN, with ACK or without.
    pub const fn has_syn(&self) -> bool {
        matches!(self.shape, Shape::Tcp { flags } if flags & tcp_flags::SYN != 0)
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// When the text is not a packet, with the position and the cure.
    pub fn parse(text: &str) -> Result<Self, PacketError> {
        Reader::new(text).packet()
    }
}

/// The letters of TCP flags, in the order in which they are written.
pub(super) const LETTERS: [(char, u8); 5] = [
    ('F', tcp_flags::FIN),
    ('S', tcp_flags::SYN),
    ('R', tcp_flags::RST),
    ('P', tcp_flags::PSH),
    ('A', tcp_flags::ACK),
];
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
            Shape::Fragment(Protocol::Tcp) => write!(f, "fragment tcp {from} > {to}"),
            Shape::Fragment(Protocol::Udp) => write!(f, "fragment udp {from} > {to}"),
            Shape::Fragment(Protocol::Icmp) => write!(f, "fragment icmp {from} > {to}"),
            Shape::Fragment(Protocol::None) => write!(f, "fragment other {from} > {to}"),
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
