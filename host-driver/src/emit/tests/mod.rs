//! Every frame made here is judged by another implementation, `pnet_packet`.

mod arp;
mod icmp_error;
mod ndp;
mod reset;

use std::net::IpAddr;

use firmware_api::Family;
use firmware_api::packet::header::ip;
use firmware_api::packet::{self, Headers};
use pnet_packet::icmp::{self, IcmpPacket};
use pnet_packet::icmpv6::{self, Icmpv6Packet};
use pnet_packet::ipv4::{self, Ipv4Packet};
use pnet_packet::tcp::{self, TcpPacket};

use super::ethernet::Ethernet;

pub(crate) const HERE: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub(crate) const THERE: [u8; 6] = [2, 0, 0, 0, 0, 9];

pub(crate) fn wire(vlan: u16) -> Ethernet {
    Ethernet {
        destination: THERE,
        source: HERE,
        vlan,
    }
}

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// The contract's parser takes the frame, no byte follows the packet, and every checksum is right.
pub(crate) fn judge(frame: &[u8]) -> Headers {
    let headers = packet::parse(frame).expect("the pipeline takes it");
    assert_eq!(usize::from(headers.end), frame.len());
    if headers.ip_protocol == 0 {
        return headers; // ARP
    }
    let segment = &frame[usize::from(headers.l4)..];
    if headers.family == Family::V4 {
        let header = Ipv4Packet::new(&frame[usize::from(headers.l3)..]).expect("IPv4");
        assert_eq!(header.get_checksum(), ipv4::checksum(&header));
    }
    match (
        headers.ip_protocol,
        headers.source(frame),
        headers.destination(frame),
    ) {
        (ip::TCP, IpAddr::V4(source), IpAddr::V4(destination)) => {
            let tcp = TcpPacket::new(segment).expect("TCP");
            assert_eq!(
                tcp.get_checksum(),
                tcp::ipv4_checksum(&tcp, &source, &destination)
            );
        }
        (ip::TCP, IpAddr::V6(source), IpAddr::V6(destination)) => {
            let tcp = TcpPacket::new(segment).expect("TCP");
            assert_eq!(
                tcp.get_checksum(),
                tcp::ipv6_checksum(&tcp, &source, &destination)
            );
        }
        (ip::ICMP, ..) => {
            let icmp = IcmpPacket::new(segment).expect("ICMP");
            assert_eq!(icmp.get_checksum(), icmp::checksum(&icmp));
        }
        (ip::ICMPV6, IpAddr::V6(source), IpAddr::V6(destination)) => {
            let icmp = Icmpv6Packet::new(segment).expect("ICMPv6");
            assert_eq!(
                icmp.get_checksum(),
                icmpv6::checksum(&icmp, &source, &destination)
            );
        }
        (protocol, ..) => panic!("nothing here makes protocol {protocol}"),
    }
    headers
}
