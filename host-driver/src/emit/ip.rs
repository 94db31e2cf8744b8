//! The IP header of a packet that the driver makes, and the checksum over what it carries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use firmware_api::Family;
use firmware_api::packet::header::ethertype;
use firmware_api::packet::{Class, Headers, checksum};

use super::ethernet::Ethernet;

/// TTL and hop limit of packets that may travel.
pub const HOP_LIMIT: u8 = 64;

/// A packet's two addresses, which are of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// IPv4.
    V4 {
        /// From.
        source: Ipv4Addr,
        /// To.
        destination: Ipv4Addr,
    },
    /// IPv6.
    V6 {
        /// From.
        source: Ipv6Addr,
        /// To.
        destination: Ipv6Addr,
    },
}

impl Addresses {
    /// The pair, unless the families differ.
    pub const fn new(source: IpAddr, destination: IpAddr) -> Option<Self> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Some(Self::V4 {
                source,
                destination,
            }),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Some(Self::V6 {
                source,
                destination,
            }),
            _ => None,
        }
    }

    /// The addresses of a received IP packet; `None` for ARP.
    pub fn of(frame: &[u8], headers: &Headers) -> Option<Self> {
        let arp = headers.class == Class::Neighbor && headers.family == Family::V4;
        if arp || frame.len() < usize::from(headers.end) {
            return None;
        }
        Self::new(headers.source(frame), headers.destination(frame))
    }

    /// The family of both.
    pub const fn family(self) -> Family {
        match self {
            Self::V4 { .. } => Family::V4,
            Self::V6 { .. } => Family::V6,
        }
    }

    /// From.
    pub const fn source(self) -> IpAddr {
        match self {
            Self::V4 { source, .. } => IpAddr::V4(source),
            Self::V6 { source, .. } => IpAddr::V6(source),
        }
    }

    /// To.
    pub const fn destination(self) -> IpAddr {
        match self {
            Self::V4 { destination, .. } => IpAddr::V4(destination),
            Self::V6 { destination, .. } => IpAddr::V6(destination),
        }
    }

    /// The addresses of an answer.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::V4 {
                source,
                destination,
            } => Self::V4 {
                source: destination,
                destination: source,
            },
            Self::V6 {
                source,
                destination,
            } => Self::V6 {
                source: destination,
                destination: source,
            },
        }
    }

    /// Both addresses as they stand in the header, source first: 8 or 32 bytes of `buffer`.
    pub(super) fn octets(self, buffer: &mut [u8; 32]) -> &[u8] {
        match self {
            Self::V4 {
                source,
                destination,
            } => {
                buffer[..4].copy_from_slice(&source.octets());
                buffer[4..8].copy_from_slice(&destination.octets());
                &buffer[..8]
            }
            Self::V6 {
                source,
                destination,
            } => {
                buffer[..16].copy_from_slice(&source.octets());
                buffer[16..].copy_from_slice(&destination.octets());
                &buffer[..]
            }
        }
    }

    /// The checksum of a segment whose checksum field is zero, pseudo-header included.
    pub(super) fn checksum(self, protocol: u8, segment: &[u8]) -> u16 {
        let mut buffer = [0; 32];
        let octets = self.octets(&mut buffer);
        let (source, destination) = octets.split_at(octets.len() / 2);
        checksum::transport(source, destination, protocol, segment)
    }

    /// Makes a whole frame around a segment of at most 1 KiB and fills in the segment's checksum,
    /// whose two bytes at `checksum_at` are zero so far.
    pub(super) fn emit<const N: usize>(
        self,
        ethernet: Ethernet,
        (protocol, hop_limit): (u8, u8),
        mut segment: [u8; N],
        checksum_at: usize,
        out: &mut Vec<u8>,
    ) {
        const { assert!(N <= 1024) };
        let checksum = self.checksum(protocol, &segment);
        segment[checksum_at..checksum_at + 2].copy_from_slice(&checksum.to_be_bytes());
        self.emit_header(ethernet, (protocol, hop_limit), N as u16, out);
        out.extend_from_slice(&segment);
    }

    /// Begins a frame: everything before a segment of that many bytes.
    pub(super) fn emit_header(
        self,
        ethernet: Ethernet,
        (protocol, hop_limit): (u8, u8),
        payload_len: u16,
        out: &mut Vec<u8>,
    ) {
        match self {
            Self::V4 { .. } => {
                ethernet.emit(ethertype::IPV4, out);
                self.emit_ipv4(protocol, hop_limit, payload_len, out);
            }
            Self::V6 { .. } => {
                ethernet.emit(ethertype::IPV6, out);
                self.emit_ipv6(protocol, hop_limit, payload_len, out);
            }
        }
    }

    /// DF is set: what is made here is never fragmented, and its identification may be 0
    /// (RFC 6864 §4.1).
    fn emit_ipv4(self, protocol: u8, ttl: u8, payload_len: u16, out: &mut Vec<u8>) {
        let mut header = [0; 20];
        header[0] = 0x45;
        header[2..4].copy_from_slice(&(20 + payload_len).to_be_bytes());
        header[6] = 0x40;
        header[8] = ttl;
        header[9] = protocol;
        header[12..].copy_from_slice(self.octets(&mut [0; 32]));
        let checksum = !checksum::sum(&header);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        out.extend_from_slice(&header);
    }

    fn emit_ipv6(self, next_header: u8, hop_limit: u8, payload_len: u16, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0x60, 0, 0, 0]);
        out.extend_from_slice(&payload_len.to_be_bytes());
        out.extend_from_slice(&[next_header, hop_limit]);
        out.extend_from_slice(self.octets(&mut [0; 32]));
    }
}

/// Whether the address can be one host's, which may be answered.
pub(super) fn is_host(address: IpAddr) -> bool {
    let broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    !address.is_unspecified() && !address.is_multicast() && !broadcast
}
