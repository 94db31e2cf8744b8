//! The nouns of SNAT: who sends ([`InstanceId`]), what is sent ([`Flow`]), and as whom (a public
//! [`Endpoint`]).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

/// A backend instance, as the device's `snat_block` and `instance` tables number it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub u32);

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instance {}", self.0)
    }
}

/// A transport protocol with ports. Each has a port space of its own (L-OUT-08).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Protocol {
    /// IP protocol 6.
    Tcp = 6,
    /// IP protocol 17.
    Udp = 17,
}

impl Protocol {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

/// An address and a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// IPv4 or IPv6 address.
    pub address: IpAddr,
    /// Port, 0..=65535.
    pub port: u16,
}

impl Endpoint {
    /// The endpoint `address:port`.
    pub fn new(address: impl Into<IpAddr>, port: u16) -> Self {
        Self {
            address: address.into(),
            port,
        }
    }
}

/// One write for IPv4 and two for IPv6: a derived hash would feed the hasher five times as much.
impl Hash for Endpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.address {
            IpAddr::V4(v4) => state.write_u64(u64::from(v4.to_bits()) << 16 | u64::from(self.port)),
            IpAddr::V6(v6) => {
                state.write_u128(v6.to_bits());
                state.write_u16(self.port);
            }
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::net::SocketAddr::new(self.address, self.port).fmt(f)
    }
}

/// An outbound flow as its instance sends it, before translation.
///
/// `inside` and `remote` are of the same family: there is no NAT64 (L-OUT-30).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// The sender.
    pub instance: InstanceId,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Private source address and port.
    pub inside: Endpoint,
    /// Destination address and port.
    pub remote: Endpoint,
}

impl Hash for Flow {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.instance.0) << 8 | self.protocol as u64);
        self.inside.hash(state);
        self.remote.hash(state);
    }
}
