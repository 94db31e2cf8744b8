//! Packets of tests: made with an independent library, read with the contract's parser.

use std::net::IpAddr;

use firmware_api::packet::{Class, parse};
use firmware_api::{DropReason, Protocol};
use pnet_packet::ethernet::EtherTypes;
use pnet_packet::ip::{IpNextHeaderProtocol, IpNextHeaderProtocols};
use pnet_packet::ipv4::{self, MutableIpv4Packet};
use pnet_packet::ipv6::MutableIpv6Packet;
use pnet_packet::tcp::{self, MutableTcpPacket};
use pnet_packet::udp::{self, MutableUdpPacket};
use pnet_packet::{icmp, icmpv6};

/// TCP flags by their letters.
pub mod flags {
    /// SYN.
    pub const S: u8 = 0x02;
    /// SYN and ACK.
    pub const SA: u8 = 0x12;
    /// ACK.
    pub const A: u8 = 0x10;
    /// PSH and ACK.
    pub const PA: u8 = 0x18;
    /// FIN and ACK.
    pub const FA: u8 = 0x11;
    /// RST.
    pub const R: u8 = 0x04;
    /// RST and ACK.
    pub const RA: u8 = 0x14;
}

/// A TCP segment, a UDP datagram, or an ICMP echo: a request whose identifier is the source port, or
/// a reply whose identifier is the destination port while the source port is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// TCP, UDP or ICMP.
    pub protocol: Protocol,
    /// Source address and port.
    pub source: (IpAddr, u16),
    /// Destination address and port.
    pub destination: (IpAddr, u16),
    /// TCP flags.
    pub flags: u8,
    /// TCP sequence number.
    pub seq: u32,
    /// TCP acknowledgement number.
    pub ack: u32,
    /// What follows the header.
    pub payload: Vec<u8>,
}

impl Segment {
    /// A TCP segment without payload.
    pub fn tcp(source: &str, destination: &str, flags: u8) -> Self {
        Self {
            protocol: Protocol::Tcp,
            source: crate::rig::end(source),
            destination: crate::rig::end(destination),
            flags,
            seq: 0,
            ack: 0,
            payload: Vec::new(),
        }
    }

    /// A UDP datagram.
    pub fn udp(source: &str, destination: &str) -> Self {
        Self {
            protocol: Protocol::Udp,
            ..Self::tcp(source, destination, 0)
        }
    }

    /// An ICMP echo request; the source's port is its identifier.
    pub fn echo(source: &str, destination: &str) -> Self {
        Self {
            protocol: Protocol::Icmp,
            ..Self::tcp(source, destination, 0)
        }
    }

    /// The same with these sequence and acknowledgement numbers.
    #[must_use]
    pub fn numbered(self, seq: u32, ack: u32) -> Self {
        Self { seq, ack, ..self }
    }

    /// The same with a payload.
    #[must_use]
    pub fn with(self, payload: &[u8]) -> Self {
        Self {
            payload: payload.to_vec(),
            ..self
        }
    }

    /// The answer's addresses: source and destination swapped.
    #[must_use]
    pub fn answer(&self, flags: u8) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            flags,
            ..self.clone()
        }
    }

    /// The frame, with right checksums.
    ///
    /// # Panics
    /// When the addresses are of two families.
    pub fn emit(&self, from: [u8; 6], to: [u8; 6]) -> Vec<u8> {
        let transport = self.transport();
        let packet = match (self.source.0, self.destination.0) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let mut bytes = vec![0; 20 + transport.len()];
                let mut ip = MutableIpv4Packet::new(&mut bytes).expect("room");
                ip.set_version(4);
                ip.set_header_length(5);
                ip.set_total_length(20 + transport.len() as u16);
                ip.set_ttl(64);
                ip.set_next_level_protocol(self.number());
                ip.set_source(source);
                ip.set_destination(destination);
                ip.set_payload(&transport);
                ip.set_checksum(ipv4::checksum(&ip.to_immutable()));
                (EtherTypes::Ipv4, bytes)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let mut bytes = vec![0; 40 + transport.len()];
                let mut ip = MutableIpv6Packet::new(&mut bytes).expect("room");
                ip.set_version(6);
                ip.set_payload_length(transport.len() as u16);
                ip.set_next_header(self.number());
                ip.set_hop_limit(64);
                ip.set_source(source);
                ip.set_destination(destination);
                ip.set_payload(&transport);
                (EtherTypes::Ipv6, bytes)
            }
            _ => panic!(
                "{} and {} are of two families",
                self.source.0, self.destination.0
            ),
        };
        let (ethertype, bytes) = packet;
        let mut frame = [to, from].concat();
        frame.extend(ethertype.0.to_be_bytes());
        frame.extend(bytes);
        frame
    }

    fn number(&self) -> IpNextHeaderProtocol {
        match (self.protocol, self.source.0) {
            (Protocol::Tcp, _) => IpNextHeaderProtocols::Tcp,
            (Protocol::Udp, _) => IpNextHeaderProtocols::Udp,
            (_, IpAddr::V4(_)) => IpNextHeaderProtocols::Icmp,
            (_, IpAddr::V6(_)) => IpNextHeaderProtocols::Icmpv6,
        }
    }

    fn transport(&self) -> Vec<u8> {
        match self.protocol {
            Protocol::Tcp => self.tcp_bytes(),
            Protocol::Udp => self.udp_bytes(),
            Protocol::Icmp | Protocol::None => self.echo_bytes(),
        }
    }

    fn tcp_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; 20 + self.payload.len()];
        let mut segment = MutableTcpPacket::new(&mut bytes).expect("room");
        segment.set_source(self.source.1);
        segment.set_destination(self.destination.1);
        segment.set_sequence(self.seq);
        segment.set_acknowledgement(self.ack);
        segment.set_data_offset(5);
        segment.set_flags(self.flags);
        segment.set_window(0x1000);
        segment.set_payload(&self.payload);
        let view = segment.to_immutable();
        let checksum = match (self.source.0, self.destination.0) {
            (IpAddr::V4(a), IpAddr::V4(b)) => tcp::ipv4_checksum(&view, &a, &b),
            (IpAddr::V6(a), IpAddr::V6(b)) => tcp::ipv6_checksum(&view, &a, &b),
            _ => 0,
        };
        segment.set_checksum(checksum);
        bytes
    }

    fn udp_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; 8 + self.payload.len()];
        let mut datagram = MutableUdpPacket::new(&mut bytes).expect("room");
        datagram.set_source(self.source.1);
        datagram.set_destination(self.destination.1);
        datagram.set_length(8 + self.payload.len() as u16);
        datagram.set_payload(&self.payload);
        let view = datagram.to_immutable();
        let checksum = match (self.source.0, self.destination.0) {
            (IpAddr::V4(a), IpAddr::V4(b)) => udp::ipv4_checksum(&view, &a, &b),
            (IpAddr::V6(a), IpAddr::V6(b)) => udp::ipv6_checksum(&view, &a, &b),
            _ => 0,
        };
        datagram.set_checksum(checksum);
        bytes
    }

    fn echo_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; 8 + self.payload.len()];
        bytes[8..].copy_from_slice(&self.payload);
        let is_reply = self.source.1 == 0 && self.destination.1 != 0;
        let identifier = self.source.1 | self.destination.1;
        bytes[4..6].copy_from_slice(&identifier.to_be_bytes());
        if let (IpAddr::V6(a), IpAddr::V6(b)) = (self.source.0, self.destination.0) {
            bytes[0] = if is_reply { 129 } else { 128 };
            let view = icmpv6::Icmpv6Packet::new(&bytes).expect("room");
            let checksum = icmpv6::checksum(&view, &a, &b);
            bytes[2..4].copy_from_slice(&checksum.to_be_bytes());
        } else {
            bytes[0] = if is_reply { 0 } else { 8 };
            let view = icmp::IcmpPacket::new(&bytes).expect("room");
            let checksum = icmp::checksum(&view);
            bytes[2..4].copy_from_slice(&checksum.to_be_bytes());
        }
        bytes
    }
}

/// Reads a frame back.
///
/// # Errors
/// When it is not a sound packet.
pub fn read(frame: &[u8]) -> Result<Segment, DropReason> {
    let headers = parse(frame)?;
    let payload_at = match headers.class {
        Class::Tcp => headers.l4 + u16::from(frame[usize::from(headers.l4) + 12] >> 4) * 4,
        _ => (headers.l4 + 8).min(headers.end),
    };
    Ok(Segment {
        protocol: headers.protocol,
        source: (headers.source(frame), headers.source_port),
        destination: (headers.destination(frame), headers.destination_port),
        flags: headers.tcp_flags,
        seq: headers.tcp_seq,
        ack: headers.tcp_ack,
        payload: frame[usize::from(payload_at)..usize::from(headers.end)].to_vec(),
    })
}
