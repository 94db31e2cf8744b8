//! ICMP and ICMPv6 errors about translated flows: the outer addresses and the quoted packet are
//! translated as the flow's own packets are, so that both ends recognise what the error is about
//! (RFC 5508 §4.2, FWD-01).
//!
//! The error's own checksum must be right and is computed anew. The checksums inside the quote are
//! only carried along by the difference: a quote is usually cut, its transport checksum cannot be
//! verified, and what was wrong stays wrong (RFC 5508 REQ-3c).

use std::net::IpAddr;

use firmware_api::packet::checksum::{self, Delta};
use firmware_api::packet::header::{ethertype, ip};
use firmware_api::packet::{Class, Headers};
use firmware_api::{Family, Protocol};
use thiserror::Error;

use super::array;
use super::ethernet::Ethernet;
use super::ip::Addresses;

/// Bytes of an error before the quoted packet.
const ERROR_LEN: usize = 8;

/// The packet that an error is about, as the sender of the error saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// The IP version, the same as the error's.
    pub family: Family,
    /// The lookup protocol; [`Protocol::None`] has addresses only.
    pub protocol: Protocol,
    /// Its source address.
    pub source: IpAddr,
    /// Its destination address.
    pub destination: IpAddr,
    /// TCP and UDP source port, 0 otherwise.
    pub source_port: u16,
    /// TCP and UDP destination port, 0 otherwise.
    pub destination_port: u16,
}

/// What an error becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    /// The header of the egress port.
    pub ethernet: Ethernet,
    /// The error's new source and destination.
    pub outer: Addresses,
    /// The quoted packet's new source and destination.
    pub quoted: Addresses,
    /// The quoted packet's new source port; unused where the protocol has none.
    pub source_port: u16,
    /// The quoted packet's new destination port; unused where the protocol has none.
    pub destination_port: u16,
}

/// Why an error was not translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TranslateError {
    /// See [`quoted`].
    #[error("not an intact ICMP error that quotes the start of a packet")]
    NoQuote,
    /// Addresses of the other IP version were to be written into it.
    #[error("the translation's addresses are not {0:?}")]
    FamilyMismatch(Family),
}

/// Where in a frame the quote is.
#[derive(Clone, Copy, Debug)]
struct Quote {
    l3: usize,
    l4: usize,
    ip_protocol: u8,
}

/// The packet that an ICMP error quotes; `None` when the frame is no ICMP error, its checksum is
/// wrong, or the quote is not the start of a packet with its ports.
pub fn quoted(frame: &[u8], headers: &Headers) -> Option<Quoted> {
    let quote = locate(frame, headers)?;
    let protocol = quote.protocol(headers.family);
    let (at, len) = quote.addresses(headers.family);
    let address = |at| match headers.family {
        Family::V4 => array::<4>(frame, at).map(IpAddr::from),
        Family::V6 => array::<16>(frame, at).map(IpAddr::from),
    };
    let port = |at| match protocol {
        Protocol::Tcp | Protocol::Udp => array(frame, at).map(u16::from_be_bytes),
        Protocol::Icmp | Protocol::None => Some(0),
    };
    Some(Quoted {
        family: headers.family,
        protocol,
        source: address(at)?,
        destination: address(at + len)?,
        source_port: port(quote.l4)?,
        destination_port: port(quote.l4 + 2)?,
    })
}

/// Writes the translated error. TTL, options and length stay; padding behind the packet does not.
///
/// # Errors
/// When the frame has no quote, or when a family differs.
pub fn translate(
    frame: &[u8],
    headers: &Headers,
    to: &Translation,
    out: &mut Vec<u8>,
) -> Result<(), TranslateError> {
    let family = headers.family;
    let quote = locate(frame, headers).ok_or(TranslateError::NoQuote)?;
    if to.outer.family() != family || to.quoted.family() != family {
        return Err(TranslateError::FamilyMismatch(family));
    }
    let kind = match family {
        Family::V4 => ethertype::IPV4,
        Family::V6 => ethertype::IPV6,
    };
    to.ethernet.emit(kind, out);
    let start = out.len();
    let l3 = usize::from(headers.l3);
    out.extend_from_slice(&frame[l3..usize::from(headers.end)]);
    let packet = &mut out[start..];
    quote.shifted(l3).translate(packet, family, to);
    finish_outer(packet, usize::from(headers.l4) - l3, to.outer);
    Ok(())
}

/// Finds the quote and checks all that the other functions rely on: both addresses are there, and
/// for TCP, UDP and ICMPv6 the first eight bytes behind the IP header, as RFC 792 promises.
fn locate(frame: &[u8], headers: &Headers) -> Option<Quote> {
    if headers.class != Class::IcmpError {
        return None;
    }
    let outer = Addresses::of(frame, headers)?;
    let (l4, end) = (usize::from(headers.l4), usize::from(headers.end));
    let message = frame.get(l4..end)?;
    let intact = match headers.family {
        Family::V4 => checksum::sum(message) == 0xffff,
        Family::V6 => outer.checksum(ip::ICMPV6, message) == 0,
    };
    if !intact {
        return None;
    }
    let l3 = l4 + ERROR_LEN;
    let packet = frame.get(l3..end)?;
    let (header_len, ip_protocol) = match headers.family {
        Family::V4 => quoted_ipv4(packet)?,
        Family::V6 => quoted_ipv6(packet)?,
    };
    let quote = Quote {
        l3,
        l4: l3 + header_len,
        ip_protocol,
    };
    let needed = if quote.protocol(headers.family) == Protocol::None {
        0
    } else {
        8
    };
    (packet.len() >= header_len + needed).then_some(quote)
}

/// Header length and protocol. The total length says what was sent, not what is quoted.
fn quoted_ipv4(packet: &[u8]) -> Option<(usize, u8)> {
    let header: [u8; 20] = array(packet, 0)?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    let offset = u16::from_be_bytes([header[6], header[7]]) & 0x1fff;
    let good = header[0] >> 4 == 4 && header_len >= 20 && offset == 0;
    good.then_some((header_len, header[9]))
}

/// Packets with the extension headers that the parser refuses were never forwarded.
fn quoted_ipv6(packet: &[u8]) -> Option<(usize, u8)> {
    let header: [u8; 40] = array(packet, 0)?;
    let extended = matches!(
        header[6],
        ip::HOP_BY_HOP | ip::ROUTING | ip::FRAGMENT | ip::DESTINATION_OPTIONS
    );
    (header[0] >> 4 == 6 && !extended).then_some((40, header[6]))
}

impl Quote {
    const fn protocol(self, family: Family) -> Protocol {
        match (self.ip_protocol, family) {
            (ip::TCP, _) => Protocol::Tcp,
            (ip::UDP, _) => Protocol::Udp,
            (ip::ICMP, Family::V4) | (ip::ICMPV6, Family::V6) => Protocol::Icmp,
            _ => Protocol::None,
        }
    }

    /// Where the source address is, and how long an address is.
    const fn addresses(self, family: Family) -> (usize, usize) {
        match family {
            Family::V4 => (self.l3 + 12, 4),
            Family::V6 => (self.l3 + 8, 16),
        }
    }

    /// The same place, counted from `by` bytes further on.
    const fn shifted(self, by: usize) -> Self {
        Self {
            l3: self.l3 - by,
            l4: self.l4 - by,
            ip_protocol: self.ip_protocol,
        }
    }

    /// Replaces addresses and ports, and carries the checksums of the quote along.
    fn translate(self, packet: &mut [u8], family: Family, to: &Translation) {
        let (at, _) = self.addresses(family);
        let delta = replace(packet, at, to.quoted.octets(&mut [0; 32]), Delta::default());
        if family == Family::V4 {
            carry(packet, self.l3 + 10, |checksum| delta.apply(checksum));
        }
        match (self.protocol(family), family) {
            (Protocol::Tcp, _) => {
                let delta = self.replace_ports(packet, to, delta);
                carry(packet, self.l4 + 16, |checksum| delta.apply(checksum));
            }
            (Protocol::Udp, _) => {
                let delta = self.replace_ports(packet, to, delta);
                carry(packet, self.l4 + 6, |checksum| delta.apply_udp(checksum));
            }
            (Protocol::Icmp, Family::V6) => {
                carry(packet, self.l4 + 2, |checksum| delta.apply(checksum));
            }
            (Protocol::Icmp, Family::V4) | (Protocol::None, _) => {}
        }
    }

    fn replace_ports(self, packet: &mut [u8], to: &Translation, delta: Delta) -> Delta {
        let [a, b] = to.source_port.to_be_bytes();
        let [c, d] = to.destination_port.to_be_bytes();
        replace(packet, self.l4, &[a, b, c, d], delta)
    }
}

fn replace(packet: &mut [u8], at: usize, new: &[u8], delta: Delta) -> Delta {
    let place = &mut packet[at..at + new.len()];
    let delta = delta.replace(place, new);
    place.copy_from_slice(new);
    delta
}

/// Changes a checksum field, if the quote holds all of it.
fn carry(packet: &mut [u8], at: usize, change: impl Fn(u16) -> u16) {
    if let Some(old) = array(packet, at) {
        let new = change(u16::from_be_bytes(old));
        packet[at..at + 2].copy_from_slice(&new.to_be_bytes());
    }
}

/// Writes the outer addresses and the checksums that cover them and the message.
fn finish_outer(packet: &mut [u8], l4: usize, outer: Addresses) {
    let (ip, message) = packet.split_at_mut(l4);
    message[2..4].fill(0);
    let at = match outer.family() {
        Family::V4 => 12,
        Family::V6 => 8,
    };
    let mut buffer = [0; 32];
    let octets = outer.octets(&mut buffer);
    ip[at..at + octets.len()].copy_from_slice(octets);
    let checksum = match outer.family() {
        Family::V4 => {
            ip[10..12].fill(0);
            let header = !checksum::sum(ip);
            ip[10..12].copy_from_slice(&header.to_be_bytes());
            !checksum::sum(message)
        }
        Family::V6 => outer.checksum(ip::ICMPV6, message),
    };
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
}
