//! Checksums after translation, judged by another implementation.

use pnet_packet::Packet as _;
use pnet_packet::ethernet::EthernetPacket;
use pnet_packet::icmpv6;
use pnet_packet::icmpv6::Icmpv6Packet;
use pnet_packet::ipv4::{self, Ipv4Packet};
use pnet_packet::ipv6::Ipv6Packet;
use pnet_packet::tcp::{self, TcpPacket};
use pnet_packet::udp::{self, UdpPacket};
use proptest::prelude::*;

use super::*;

fn judge(frame: &[u8]) {
    let ethernet = EthernetPacket::new(frame).expect("Ethernet");
    if frame[12..14] == [8, 0] {
        let ip = Ipv4Packet::new(ethernet.payload()).expect("IPv4");
        assert_eq!(ip.get_checksum(), ipv4::checksum(&ip), "IPv4");
        let (from, to) = (ip.get_source(), ip.get_destination());
        match ip.get_next_level_protocol().0 {
            6 => {
                let tcp = TcpPacket::new(ip.payload()).expect("TCP");
                assert_eq!(tcp.get_checksum(), tcp::ipv4_checksum(&tcp, &from, &to));
            }
            17 => {
                let udp = UdpPacket::new(ip.payload()).expect("UDP");
                let whole = udp::ipv4_checksum(&udp, &from, &to);
                assert_eq!(udp.get_checksum(), if whole == 0 { 0xffff } else { whole });
            }
            other => panic!("protocol {other}"),
        }
        return;
    }
    let ip = Ipv6Packet::new(ethernet.payload()).expect("IPv6");
    let (from, to) = (ip.get_source(), ip.get_destination());
    match ip.get_next_header().0 {
        6 => {
            let tcp = TcpPacket::new(ip.payload()).expect("TCP");
            assert_eq!(tcp.get_checksum(), tcp::ipv6_checksum(&tcp, &from, &to));
        }
        17 => {
            let udp = UdpPacket::new(ip.payload()).expect("UDP");
            let whole = udp::ipv6_checksum(&udp, &from, &to);
            assert_eq!(udp.get_checksum(), if whole == 0 { 0xffff } else { whole });
        }
        58 => {
            let icmp = Icmpv6Packet::new(ip.payload()).expect("ICMPv6");
            assert_eq!(icmp.get_checksum(), icmpv6::checksum(&icmp, &from, &to));
        }
        other => panic!("protocol {other}"),
    }
}

#[track_caller]
fn judge_forwarded(verdict: &Verdict) {
    let Outcome::Forward { frame, .. } = &verdict.outcome else {
        panic!("not forwarded: {verdict:?}");
    };
    judge(frame);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn checksums_hold_after_every_translation(
        address: [u8; 4], port: u16, payload in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        prop_assume!(address[0] != 0);
        let mut net = Net::new();
        let v4 = std::net::Ipv4Addr::from(address).to_string();
        let v6 = format!("2001:db8:c::{:x}:{:x}", address[0], u16::from(address[1]) << 8);
        let frontend = (FRONTEND, 53);
        let udp = Wire::udp(UPLINK_PORT, (&v4, port), frontend, &payload);
        judge_forwarded(&net.send(UPLINK_PORT, &udp));
        let tcp = syn(UPLINK_PORT, (&v4, port), (FRONTEND, HTTP)).payload(&payload);
        judge_forwarded(&net.send(UPLINK_PORT, &tcp));
        let tcp = syn(UPLINK_PORT, (&v6, port), (FRONTEND_V6, HTTP)).payload(&payload);
        judge_forwarded(&net.send(UPLINK_PORT, &tcp));
        let udp = Wire::udp(UPLINK_PORT, (&v6, port), (PUBLIC_V6, port), &payload);
        judge_forwarded(&net.send(UPLINK_PORT, &udp));
        let echo = Wire::icmp(UPLINK_PORT, &v6, PUBLIC_V6, 128).payload(&payload);
        judge_forwarded(&net.send(UPLINK_PORT, &echo));
        let out = Wire::udp(DB, ("10.0.0.4", port), (&v4, 9), &payload);
        if let Outcome::Forward { frame, .. } = net.send(DB, &out).outcome {
            judge(&frame);
        }
    }
}

#[test]
fn udp_without_checksum_stays_without() {
    let mut net = Net::new();
    let mut wire = Wire::udp(UPLINK_PORT, CLIENT, (FRONTEND, 53), b"x");
    wire.checksum = None;
    let verdict = net.send(UPLINK_PORT, &wire);
    let Outcome::Forward { frame, .. } = verdict.outcome else {
        panic!("not forwarded");
    };
    assert_eq!(frame[40..42], [0, 0]);
}
