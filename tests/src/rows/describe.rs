//! Frames back to their description, for messages and for rows that a program writes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::packet::{Head, Packet, Value};
use super::state::Link;

/// A frame that came in on a port.
pub fn arrived(frame: &[u8], link: &Link) -> Packet {
    or_bytes(frame, link, Packet::arriving)
}

/// A frame that left by a port.
pub fn left(frame: &[u8], link: &Link) -> Packet {
    or_bytes(frame, link, Packet::leaving)
}

/// The shortest description whose frame is the frame.
fn or_bytes(frame: &[u8], link: &Link, emit: fn(&Packet, &Link) -> Vec<u8>) -> Packet {
    let bytes = || Packet::new(Head::Frame(frame.to_vec()));
    let Some(mut packet) = describe(frame) else {
        return bytes();
    };
    if emit(&packet, link) != frame {
        return bytes();
    }
    for fact in packet.facts.clone() {
        let shorter = packet.clone().without(&[fact.name]);
        if emit(&shorter, link) == frame {
            packet = shorter;
        }
    }
    packet
}

/// Everything that can be said about a frame with sound lengths.
fn describe(frame: &[u8]) -> Option<Packet> {
    let word = |at: usize| {
        Some(u64::from(u16::from_be_bytes(
            frame.get(at..at + 2)?.try_into().ok()?,
        )))
    };
    let mac = |at: usize| {
        frame[at..at + 6]
            .iter()
            .fold(0, |n, octet| n << 8 | u64::from(*octet))
    };
    let mut l3 = 14;
    let mut tags = Vec::new();
    while word(l3 - 2)? == 0x8100 && tags.len() < 2 {
        tags.push(word(l3)?);
        l3 += 4;
    }
    let ethertype = word(l3 - 2)?;
    let packet = frame.get(l3..)?;
    let mut described = match ethertype {
        0x0800 => ipv4(packet)?,
        0x86dd => ipv6(packet)?,
        _ => {
            let mut other = Packet::new(Head::Ethernet).with("ethertype", ethertype);
            other.set("data", Value::Bytes(packet.to_vec()));
            other
        }
    };
    for (name, tag) in ["tag", "inner-tag"].into_iter().zip(tags) {
        described = described.with(name, tag);
    }
    Some(described.with("to", mac(0)).with("from", mac(6)))
}

fn ipv4(packet: &[u8]) -> Option<Packet> {
    let word = |at: usize| u64::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
    let first = *packet.first()?;
    let header = usize::from(first & 0x0f) * 4;
    let length = usize::from(u16::from_be_bytes(packet.get(2..4)?.try_into().ok()?));
    if header < 20 || length < header || length > packet.len() {
        return None;
    }
    let address = |at: usize| {
        let octets: [u8; 4] = packet[at..at + 4].try_into().expect("four");
        IpAddr::from(Ipv4Addr::from(octets))
    };
    let ends = (address(12), address(16));
    let mut described = transport(ends, packet[9], &packet[header..length])?
        .with("tos", packet[1].into())
        .with("id", word(4))
        .with("fragment", word(6))
        .with("ttl", packet[8].into())
        .with("header-checksum", word(10));
    described.set("options", Value::Bytes(packet[20..header].to_vec()));
    Some(described.with("pad", (packet.len() - length) as u64))
}

fn ipv6(packet: &[u8]) -> Option<Packet> {
    let length = 40 + usize::from(u16::from_be_bytes(packet.get(4..6)?.try_into().ok()?));
    if length > packet.len() {
        return None;
    }
    let address = |at: usize| {
        let octets: [u8; 16] = packet[at..at + 16].try_into().expect("sixteen");
        IpAddr::from(Ipv6Addr::from(octets))
    };
    let first = u32::from_be_bytes(packet[..4].try_into().expect("four"));
    let ends = (address(8), address(24));
    let described = transport(ends, packet[6], &packet[40..length])?
        .with("tos", u64::from(first >> 20 & 0xff))
        .with("label", u64::from(first & 0x000f_ffff))
        .with("ttl", packet[7].into())
        .with("pad", (packet.len() - length) as u64);
    Some(described)
}

fn transport(ends: (IpAddr, IpAddr), protocol: u8, segment: &[u8]) -> Option<Packet> {
    let (from, to) = ends;
    let word = |at: usize| {
        Some(u64::from(u16::from_be_bytes(
            segment.get(at..at + 2)?.try_into().ok()?,
        )))
    };
    let long = |at: usize| {
        Some(u64::from(u32::from_be_bytes(
            segment.get(at..at + 4)?.try_into().ok()?,
        )))
    };
    let sockets = || {
        let from = SocketAddr::new(from, word(0)? as u16);
        Some((from, SocketAddr::new(to, word(2)? as u16)))
    };
    let (mut packet, header) = match (protocol, from) {
        (6, _) => {
            let (from, to) = sockets()?;
            let header = usize::from(*segment.get(12)? >> 4) * 4;
            let mut tcp = Packet::new(Head::Tcp(from, to))
                .with("flags", u64::from(*segment.get(13)?))
                .with("seq", long(4)?)
                .with("ack", long(8)?)
                .with("window", word(14)?)
                .with("checksum", word(16)?)
                .with("urgent", word(18)?);
            tcp.set(
                "tcp-options",
                Value::Bytes(segment.get(20..header)?.to_vec()),
            );
            (tcp, header)
        }
        (17, _) => {
            let (from, to) = sockets()?;
            let udp = Packet::new(Head::Udp(from, to))
                .with("udp-length", word(4)?)
                .with("checksum", word(6)?);
            (udp, 8)
        }
        (1, IpAddr::V4(_)) | (58, IpAddr::V6(_)) => {
            let icmp = Packet::new(Head::Icmp(from, to))
                .with("type", u64::from(*segment.first()?))
                .with("code", u64::from(*segment.get(1)?))
                .with("checksum", word(2)?)
                .with("rest", long(4)?);
            (icmp, 8)
        }
        _ => {
            let ip = Packet::new(Head::Ip(from, to)).with("protocol", protocol.into());
            (ip, 0)
        }
    };
    let data = segment.get(header..)?;
    if data.iter().all(|byte| *byte == 0) {
        return Some(packet.with("zeros", data.len() as u64));
    }
    packet.set("data", Value::Bytes(data.to_vec()));
    Some(packet)
}
