//! Parsing of frames: what the pipeline's first stage accepts, and why it drops the rest.
//!
//! [`parse`] never panics and reads nothing outside the frame. The result holds offsets and the
//! fields that every stage needs; [`Headers::source`] and friends read addresses from the frame it
//! was made of.

pub mod checksum;
pub mod header;

use core::net::IpAddr;

use zerocopy::FromBytes;

use crate::reason::DropReason;
use crate::{Family, MAX_FRAME, Protocol};
use header::{Ethernet, Icmp, Ipv4, Ipv6, Ipv6Fragment, Tcp, Udp, VlanTag, ethertype, ip};

/// What kind of packet it is, as far as the stages differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A TCP segment.
    Tcp,
    /// A UDP datagram.
    Udp,
    /// An ICMP echo request.
    EchoRequest,
    /// An ICMP echo reply.
    EchoReply,
    /// An ICMP error message, which quotes a packet.
    IcmpError,
    /// ARP, or IPv6 neighbour discovery.
    Neighbor,
    /// The first fragment of a datagram: it has the transport header, but counts as having no ports,
    /// because the others have none.
    FirstFragment,
    /// A later fragment: nothing is known of its transport but the protocol.
    LaterFragment,
    /// Any other IP packet.
    Other,
}

/// The parsed headers of a frame. Offsets are in bytes from the frame's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    /// What it is.
    pub class: Class,
    /// The IP version; [`Family::V4`] for ARP.
    pub family: Family,
    /// The lookup protocol.
    pub protocol: Protocol,
    /// The IP protocol or last next-header number; 0 for ARP.
    pub ip_protocol: u8,
    /// VLAN id of an 802.1Q tag, 0..=4095.
    pub vlan: Option<u16>,
    /// Offset of the IP or ARP header.
    pub l3: u16,
    /// Offset of the transport header.
    pub l4: u16,
    /// Offset behind the IP packet; a frame may be padded beyond it.
    pub end: u16,
    /// TCP and UDP source port; the identifier of an echo request.
    pub source_port: u16,
    /// TCP and UDP destination port; the identifier of an echo reply.
    pub destination_port: u16,
    /// TCP flags, 0 otherwise.
    pub tcp_flags: u8,
    /// TCP sequence number.
    pub tcp_seq: u32,
    /// TCP acknowledgement number.
    pub tcp_ack: u32,
}

impl Headers {
    /// The source address; unspecified for ARP.
    pub fn source(&self, frame: &[u8]) -> IpAddr {
        self.address(frame, 12, 8)
    }

    /// The destination address; unspecified for ARP.
    pub fn destination(&self, frame: &[u8]) -> IpAddr {
        self.address(frame, 16, 24)
    }

    /// The IP packet's length, header included.
    pub const fn ip_len(&self) -> u16 {
        self.end - self.l3
    }

    /// Bytes of transport header and payload.
    pub const fn transport_len(&self) -> usize {
        (self.end - self.l4) as usize
    }

    /// Whether it has ports: TCP or UDP.
    #[inline]
    pub const fn has_ports(&self) -> bool {
        matches!(self.class, Class::Tcp | Class::Udp)
    }

    /// Whether it can be of a flow: TCP, UDP, or an echo, whose identifier is the port of the side
    /// that asks (RFC 5508 §3.1).
    #[inline]
    pub const fn has_flow(&self) -> bool {
        self.has_ports() || matches!(self.class, Class::EchoRequest | Class::EchoReply)
    }

    /// Whether it is a fragment (RFC 791 §3.1, RFC 8200 §4.5), or carries an IPv6 fragment header
    /// without being one.
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        matches!(self.class, Class::FirstFragment | Class::LaterFragment)
    }

    /// Whether a frontend or a return path may claim it. A fragment has port 0, so only those of
    /// every port (HA ports) can.
    #[inline]
    pub const fn is_claimable(&self) -> bool {
        self.has_flow() || self.is_fragment()
    }

    /// Whether it can be no reply: it opens a TCP connection or asks for an echo.
    pub const fn is_request(&self) -> bool {
        self.is_tcp_open() || matches!(self.class, Class::EchoRequest)
    }

    /// Source and destination port as the header has them; 0 without ports.
    #[inline]
    pub const fn port_octets(&self) -> [u8; 4] {
        if !self.has_ports() {
            return [0; 4];
        }
        let [a, b] = self.source_port.to_be_bytes();
        let [c, d] = self.destination_port.to_be_bytes();
        [a, b, c, d]
    }

    /// Whether the packet opens a TCP connection: SYN without ACK.
    pub const fn is_tcp_open(&self) -> bool {
        use crate::flow_state::tcp_flags::{ACK, SYN};
        matches!(self.class, Class::Tcp) && self.tcp_flags & (SYN | ACK) == SYN
    }

    /// The offset of the source address and the length of an address.
    pub const fn addresses(&self) -> (usize, usize) {
        match self.family {
            Family::V4 => (self.l3 as usize + 12, 4),
            Family::V6 => (self.l3 as usize + 8, 16),
        }
    }

    fn address(&self, frame: &[u8], v4: usize, v6: usize) -> IpAddr {
        let l3 = self.l3 as usize;
        match self.family {
            Family::V4 if self.ip_protocol == 0 && self.class == Class::Neighbor => {
                IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED)
            }
            Family::V4 => {
                let octets: [u8; 4] = core::array::from_fn(|i| frame[l3 + v4 + i]);
                IpAddr::from(octets)
            }
            Family::V6 => {
                let octets: [u8; 16] = core::array::from_fn(|i| frame[l3 + v6 + i]);
                IpAddr::from(octets)
            }
        }
    }
}

/// Parses a frame.
///
/// # Errors
/// The reason for which the pipeline drops it.
#[inline]
pub fn parse(frame: &[u8]) -> Result<Headers, DropReason> {
    parse_headers(frame, frame.len())
}

/// Parses the beginning of a frame that is `length` bytes long on the wire: the captured headers in
/// a punt record that is a copy.
///
/// # Errors
/// As [`parse`]; [`DropReason::Truncated`] also when a header is not captured whole.
#[inline]
pub fn parse_headers(frame: &[u8], length: usize) -> Result<Headers, DropReason> {
    if length > MAX_FRAME {
        return Err(DropReason::Oversized);
    }
    if length < frame.len() {
        return Err(DropReason::Truncated);
    }
    let (ethernet, mut rest) =
        Ethernet::ref_from_prefix(frame).map_err(|_| DropReason::Truncated)?;
    let mut kind = ethernet.ethertype.get();
    let mut vlan = None;
    if kind == ethertype::VLAN {
        let (tag, inner) = VlanTag::ref_from_prefix(rest).map_err(|_| DropReason::Truncated)?;
        vlan = Some(tag.tci.get() & 0x0fff);
        kind = tag.ethertype.get();
        rest = inner;
    }
    let l3 = (frame.len() - rest.len()) as u16;
    let available = length - usize::from(l3);
    let mut headers = match kind {
        ethertype::IPV4 => parse_ipv4(rest, available, l3)?,
        ethertype::IPV6 => parse_ipv6(rest, available, l3)?,
        ethertype::ARP => return parse_arp(rest, l3, vlan),
        _ => return Err(DropReason::UnsupportedEthertype),
    };
    headers.vlan = vlan;
    let captured = frame.len().min(headers.end as usize);
    let segment = frame[..captured]
        .get(headers.l4 as usize..)
        .ok_or(DropReason::Truncated)?;
    parse_transport(segment, &mut headers)?;
    Ok(headers)
}

const fn blank(class: Class, family: Family, l3: u16) -> Headers {
    Headers {
        class,
        family,
        protocol: Protocol::None,
        ip_protocol: 0,
        vlan: None,
        l3,
        l4: l3,
        end: l3,
        source_port: 0,
        destination_port: 0,
        tcp_flags: 0,
        tcp_seq: 0,
        tcp_ack: 0,
    }
}

/// ARP for IPv4 over Ethernet is 28 bytes (RFC 826).
fn parse_arp(packet: &[u8], l3: u16, vlan: Option<u16>) -> Result<Headers, DropReason> {
    if packet.len() < header::ARP_LEN {
        return Err(DropReason::Truncated);
    }
    let end = l3 + header::ARP_LEN as u16;
    Ok(Headers {
        vlan,
        end,
        ..blank(Class::Neighbor, Family::V4, l3)
    })
}

#[inline]
fn parse_ipv4(packet: &[u8], available: usize, l3: u16) -> Result<Headers, DropReason> {
    let (ip, _) = Ipv4::ref_from_prefix(packet).map_err(|_| DropReason::Truncated)?;
    if ip.version_ihl >> 4 != 4 {
        return Err(DropReason::BadVersion);
    }
    let header_len = usize::from(ip.version_ihl & 0x0f) * 4;
    if header_len < size_of::<Ipv4>() {
        return Err(DropReason::BadHeaderLength);
    }
    let total_len = usize::from(ip.total_len.get());
    if total_len < header_len || total_len > available {
        return Err(DropReason::BadTotalLength);
    }
    let header = packet.get(..header_len).ok_or(DropReason::Truncated)?;
    if checksum::sum(header) != 0xffff {
        return Err(DropReason::BadChecksum);
    }
    // The flag "more fragments" and the offset.
    let class = match ip.fragment.get() & 0x3fff {
        0 => Class::Other,
        0x2000 => Class::FirstFragment,
        _ => Class::LaterFragment,
    };
    Ok(Headers {
        ip_protocol: ip.protocol,
        l4: l3 + header_len as u16,
        end: l3 + total_len as u16,
        ..blank(class, Family::V4, l3)
    })
}

#[inline]
fn parse_ipv6(packet: &[u8], available: usize, l3: u16) -> Result<Headers, DropReason> {
    let (ip, payload) = Ipv6::ref_from_prefix(packet).map_err(|_| DropReason::Truncated)?;
    if ip.version_class_flow[0] >> 4 != 6 {
        return Err(DropReason::BadVersion);
    }
    let payload_len = usize::from(ip.payload_len.get());
    if payload_len > available - size_of::<Ipv6>() {
        return Err(DropReason::BadTotalLength);
    }
    let l4 = l3 + size_of::<Ipv6>() as u16;
    let headers = Headers {
        ip_protocol: ip.next_header,
        l4,
        end: l4 + payload_len as u16,
        ..blank(Class::Other, Family::V6, l3)
    };
    match ip.next_header {
        ip::FRAGMENT => parse_ipv6_fragment(payload, headers),
        ip::HOP_BY_HOP | ip::ROUTING | ip::DESTINATION_OPTIONS => {
            Err(DropReason::UnsupportedProtocol)
        }
        _ => Ok(headers),
    }
}

/// What stands behind the fragment header is the transport, whatever it is.
#[cold]
fn parse_ipv6_fragment(payload: &[u8], headers: Headers) -> Result<Headers, DropReason> {
    let (fragment, _) = Ipv6Fragment::ref_from_prefix(payload).map_err(|_| DropReason::Fragment)?;
    if headers.transport_len() < size_of::<Ipv6Fragment>() {
        return Err(DropReason::Fragment);
    }
    Ok(Headers {
        class: match fragment.offset_more.get() >> 3 {
            0 => Class::FirstFragment,
            _ => Class::LaterFragment,
        },
        ip_protocol: fragment.next_header,
        l4: headers.l4 + size_of::<Ipv6Fragment>() as u16,
        ..headers
    })
}

#[inline]
fn parse_transport(segment: &[u8], headers: &mut Headers) -> Result<(), DropReason> {
    if headers.is_fragment() {
        return parse_fragment(segment, headers);
    }
    match (headers.ip_protocol, headers.family) {
        (ip::TCP, _) => parse_tcp(segment, headers),
        (ip::UDP, _) => parse_udp(segment, headers),
        (ip::ICMP, Family::V4) | (ip::ICMPV6, Family::V6) => parse_icmp(segment, headers),
        _ => Ok(()),
    }
}

/// A first fragment has its transport header whole, or nobody translates it: the checksum would
/// stand in another fragment (RFC 1858 has more against such).
#[cold]
fn parse_fragment(segment: &[u8], headers: &mut Headers) -> Result<(), DropReason> {
    let (protocol, header_len) = match (headers.ip_protocol, headers.family) {
        (ip::TCP, _) => (Protocol::Tcp, size_of::<Tcp>()),
        (ip::UDP, _) => (Protocol::Udp, size_of::<Udp>()),
        (ip::ICMP, Family::V4) | (ip::ICMPV6, Family::V6) => (Protocol::Icmp, size_of::<Icmp>()),
        _ => (Protocol::None, 0),
    };
    headers.protocol = protocol;
    if headers.class == Class::FirstFragment && segment.len() < header_len {
        return Err(DropReason::Fragment);
    }
    Ok(())
}

#[inline]
fn parse_tcp(segment: &[u8], headers: &mut Headers) -> Result<(), DropReason> {
    let (tcp, _) = Tcp::ref_from_prefix(segment).map_err(|_| DropReason::Truncated)?;
    let data_offset = usize::from(tcp.data_offset >> 4) * 4;
    if data_offset < size_of::<Tcp>() || data_offset > headers.transport_len() {
        return Err(DropReason::BadHeaderLength);
    }
    headers.class = Class::Tcp;
    headers.protocol = Protocol::Tcp;
    headers.source_port = tcp.source_port.get();
    headers.destination_port = tcp.destination_port.get();
    headers.tcp_flags = tcp.flags;
    headers.tcp_seq = tcp.seq.get();
    headers.tcp_ack = tcp.ack.get();
    Ok(())
}

#[inline]
fn parse_udp(segment: &[u8], headers: &mut Headers) -> Result<(), DropReason> {
    let (udp, _) = Udp::ref_from_prefix(segment).map_err(|_| DropReason::Truncated)?;
    let len = usize::from(udp.len.get());
    if len < size_of::<Udp>() || len > headers.transport_len() {
        return Err(DropReason::BadHeaderLength);
    }
    headers.class = Class::Udp;
    headers.protocol = Protocol::Udp;
    headers.source_port = udp.source_port.get();
    headers.destination_port = udp.destination_port.get();
    Ok(())
}

fn parse_icmp(segment: &[u8], headers: &mut Headers) -> Result<(), DropReason> {
    let (icmp, _) = Icmp::ref_from_prefix(segment).map_err(|_| DropReason::Truncated)?;
    headers.protocol = Protocol::Icmp;
    headers.class = match (headers.family, icmp.kind) {
        (Family::V4, 8) | (Family::V6, 128) => Class::EchoRequest,
        (Family::V4, 0) | (Family::V6, 129) => Class::EchoReply,
        (Family::V4, 3 | 11 | 12) | (Family::V6, 1..=4) => Class::IcmpError,
        (Family::V6, 133..=137) => Class::Neighbor,
        _ => Class::Other,
    };
    let identifier = u16::from_be_bytes([icmp.rest[0], icmp.rest[1]]);
    match headers.class {
        Class::EchoRequest => headers.source_port = identifier,
        Class::EchoReply => headers.destination_port = identifier,
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests;
