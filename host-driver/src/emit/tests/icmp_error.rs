//! Translation of ICMP errors: a translated quote equals the packet as its real sender made it.

use std::net::IpAddr;

use firmware_api::packet::{self, checksum};
use firmware_api::{Family, Protocol};
use pnet_packet::ip::IpNextHeaderProtocol;
use pnet_packet::ipv4::{self, MutableIpv4Packet};
use pnet_packet::ipv6::MutableIpv6Packet;
use pnet_packet::util;
use proptest::prelude::*;

use super::{HERE, THERE, address, judge, wire};
use crate::emit::icmp_error::{Quoted, TranslateError, Translation, quoted, translate};
use crate::emit::ip::Addresses;

/// One end of a flow: address and port.
type End = (IpAddr, u16);

fn pair(source: IpAddr, destination: IpAddr) -> Addresses {
    Addresses::new(source, destination).expect("one family")
}

/// An IP packet around a segment whose checksum, if it has one, is in that 16-bit word.
fn ip_packet(
    addresses: Addresses,
    protocol: u8,
    mut segment: Vec<u8>,
    word: Option<usize>,
) -> Vec<u8> {
    let next = IpNextHeaderProtocol(protocol);
    if let Some(word) = word {
        let sum = match addresses {
            Addresses::V4 {
                source,
                destination,
            } => util::ipv4_checksum(&segment, word, &[], &source, &destination, next),
            Addresses::V6 {
                source,
                destination,
            } => util::ipv6_checksum(&segment, word, &[], &source, &destination, next),
        };
        let sum = if sum == 0 && protocol == 17 {
            0xffff
        } else {
            sum
        };
        segment[2 * word..2 * word + 2].copy_from_slice(&sum.to_be_bytes());
    }
    match addresses {
        Addresses::V4 {
            source,
            destination,
        } => {
            let mut bytes = vec![0; 20 + segment.len()];
            let mut ip = MutableIpv4Packet::new(&mut bytes).expect("room");
            ip.set_version(4);
            ip.set_header_length(5);
            ip.set_total_length(20 + segment.len() as u16);
            ip.set_identification(77);
            ip.set_ttl(61);
            ip.set_next_level_protocol(next);
            ip.set_source(source);
            ip.set_destination(destination);
            ip.set_payload(&segment);
            ip.set_checksum(ipv4::checksum(&ip.to_immutable()));
            bytes
        }
        Addresses::V6 {
            source,
            destination,
        } => {
            let mut bytes = vec![0; 40 + segment.len()];
            let mut ip = MutableIpv6Packet::new(&mut bytes).expect("room");
            ip.set_version(6);
            ip.set_flow_label(0x1234);
            ip.set_payload_length(segment.len() as u16);
            ip.set_next_header(next);
            ip.set_hop_limit(61);
            ip.set_source(source);
            ip.set_destination(destination);
            ip.set_payload(&segment);
            bytes
        }
    }
}

/// A TCP or UDP packet between two ends.
fn flow_packet(protocol: Protocol, source: End, destination: End, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(source.1.to_be_bytes());
    segment.extend(destination.1.to_be_bytes());
    let addresses = pair(source.0, destination.0);
    if protocol == Protocol::Tcp {
        segment.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 1, 0, 0, 0, 0, 0]);
        segment.extend(payload);
        ip_packet(addresses, 6, segment, Some(8))
    } else {
        segment.extend((8 + payload.len() as u16).to_be_bytes());
        segment.extend([0, 0]);
        segment.extend(payload);
        ip_packet(addresses, 17, segment, Some(3))
    }
}

/// "Packet too big" about the first `keep` bytes of a packet.
fn error_frame(outer: Addresses, packet: &[u8], keep: usize) -> Vec<u8> {
    let (kind, protocol, header) = match outer.family() {
        Family::V4 => ([8, 0], 1, [3, 4, 0, 0, 0, 0, 5, 0]),
        Family::V6 => ([0x86, 0xdd], 58, [2, 0, 0, 0, 0, 0, 5, 0]),
    };
    let mut message = header.to_vec();
    message.extend(&packet[..keep.min(packet.len())]);
    let word = if outer.family() == Family::V6 {
        Some(1)
    } else {
        None
    };
    if word.is_none() {
        let sum = util::checksum(&message, 1);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    let mut frame = [THERE, HERE].concat();
    frame.extend(kind);
    frame.extend(ip_packet(outer, protocol, message, word));
    frame
}

/// A router tells the frontend's owner about a reply of the backend to the client.
struct Scene {
    protocol: Protocol,
    router: IpAddr,
    client: End,
    frontend: End,
    backend: End,
}

impl Scene {
    fn v4(protocol: Protocol) -> Self {
        Self {
            protocol,
            router: address("192.0.2.1"),
            client: (address("198.51.100.7"), 40000),
            frontend: (address("203.0.113.10"), 80),
            backend: (address("10.0.0.4"), 8080),
        }
    }

    fn v6(protocol: Protocol) -> Self {
        Self {
            protocol,
            router: address("2001:db8:ffff::1"),
            client: (address("2001:db8:7::7"), 40000),
            frontend: (address("2001:db8::10"), 80),
            backend: (address("fd00::4"), 8080),
        }
    }

    /// The error as the router made it, or as the backend must see it.
    fn error(&self, about: End, payload: &[u8], keep: usize) -> Vec<u8> {
        let packet = flow_packet(self.protocol, about, self.client, payload);
        error_frame(pair(self.router, about.0), &packet, keep)
    }

    fn towards(&self, end: End) -> Translation {
        Translation {
            ethernet: wire(0),
            outer: pair(self.router, end.0),
            quoted: pair(end.0, self.client.0),
            source_port: end.1,
            destination_port: self.client.1,
        }
    }
}

fn translated(frame: &[u8], to: &Translation) -> Result<Vec<u8>, TranslateError> {
    let mut out = Vec::new();
    translate(frame, &packet::parse(frame).expect("good"), to, &mut out).map(|()| out)
}

fn quote(frame: &[u8]) -> Option<Quoted> {
    quoted(frame, &packet::parse(frame).expect("good"))
}

fn with_right_checksum(mut frame: Vec<u8>) -> Vec<u8> {
    let headers = packet::parse(&frame).expect("good");
    let (l4, end) = (usize::from(headers.l4), usize::from(headers.end));
    frame[l4 + 2..l4 + 4].fill(0);
    let sum = match headers.family {
        Family::V4 => !checksum::sum(&frame[l4..end]),
        Family::V6 => checksum::transport(&frame[22..38], &frame[38..54], 58, &frame[l4..end]),
    };
    frame[l4 + 2..l4 + 4].copy_from_slice(&sum.to_be_bytes());
    frame
}

fn scenes() -> [Scene; 4] {
    [
        Scene::v4(Protocol::Tcp),
        Scene::v4(Protocol::Udp),
        Scene::v6(Protocol::Tcp),
        Scene::v6(Protocol::Udp),
    ]
}

#[test]
fn a_quote_is_read() {
    for scene in scenes() {
        let read = quote(&scene.error(scene.frontend, b"data", 48)).expect("a quote");
        assert_eq!(read.protocol, scene.protocol);
        assert_eq!((read.source, read.source_port), scene.frontend);
        assert_eq!((read.destination, read.destination_port), scene.client);
    }
}

#[test]
fn eight_bytes_of_tcp_are_enough_and_seven_are_not() {
    let scene = Scene::v4(Protocol::Tcp);
    let short = scene.error(scene.frontend, b"data", 28);
    assert!(quote(&short).is_some());
    let out = translated(&short, &scene.towards(scene.backend)).expect("translated");
    judge(&out);
    assert_eq!(out[14..], scene.error(scene.backend, b"data", 28)[14..]);
    assert_eq!(quote(&scene.error(scene.frontend, b"data", 27)), None);
}

#[test]
fn options_in_the_quoted_header_are_passed_over() {
    let scene = Scene::v4(Protocol::Udp);
    let mut packet = flow_packet(scene.protocol, scene.frontend, scene.client, b"data");
    packet[0] = 0x46;
    packet.splice(20..20, [1, 1, 1, 1]);
    let frame = error_frame(pair(scene.router, scene.frontend.0), &packet, 64);
    assert_eq!(quote(&frame).expect("a quote").source_port, 80);
    let out = translated(&frame, &scene.towards(scene.backend)).expect("translated");
    judge(&out);
    assert_eq!(quote(&out).expect("a quote").source_port, 8080);
    assert_eq!(out[62..66], [1, 1, 1, 1]);
}

#[test]
fn a_udp_packet_without_checksum_keeps_none() {
    let scene = Scene::v4(Protocol::Udp);
    let mut packet = flow_packet(scene.protocol, scene.frontend, scene.client, b"data");
    packet[26..28].fill(0);
    let frame = error_frame(pair(scene.router, scene.frontend.0), &packet, 64);
    let out = translated(&frame, &scene.towards(scene.backend)).expect("translated");
    assert_eq!(out[68..70], [0, 0]);
}

#[test]
fn a_quoted_ping_of_a_public_address_is_translated_without_ports() {
    for (public, own, far, router) in [
        ("203.0.113.99", "10.0.0.9", "198.51.100.7", "192.0.2.1"),
        (
            "2001:db8::99",
            "fd00::9",
            "2001:db8:7::7",
            "2001:db8:ffff::1",
        ),
    ] {
        let [public, own, far, router] = [public, own, far, router].map(address);
        let (protocol, word, kind) = if own.is_ipv4() {
            (1, None, 8)
        } else {
            (58, Some(1), 128)
        };
        let ping = |from| {
            ip_packet(
                pair(from, far),
                protocol,
                vec![kind, 0, 0, 0, 0, 1, 0, 1],
                word,
            )
        };
        let frame = error_frame(pair(router, public), &ping(public), 99);
        let read = quote(&frame).expect("a quote");
        assert_eq!((read.protocol, read.source_port), (Protocol::Icmp, 0));
        let to = Translation {
            ethernet: wire(0),
            outer: pair(router, own),
            quoted: pair(own, far),
            source_port: 1,
            destination_port: 2,
        };
        let out = translated(&frame, &to).expect("translated");
        judge(&out);
        assert_eq!(
            out[14..],
            error_frame(pair(router, own), &ping(own), 99)[14..]
        );
    }
}

#[test]
fn what_is_no_intact_error_is_left_alone() {
    let scene = Scene::v4(Protocol::Tcp);
    let to = scene.towards(scene.backend);
    let good = scene.error(scene.frontend, b"data", 40);
    let mut wrong = good.clone();
    wrong[45] ^= 1;
    assert_eq!(
        translated(&wrong, &to),
        Err(TranslateError::NoQuote),
        "checksum"
    );
    let changed = |at: usize, value: u8| {
        let mut frame = good.clone();
        frame[at] = value;
        quote(&with_right_checksum(frame))
    };
    assert!(changed(42, 0x45).is_some());
    assert_eq!(changed(34, 8), None, "echo request");
    assert_eq!(changed(34, 5), None, "redirect");
    assert_eq!(changed(42, 0x65), None, "quotes IPv6");
    assert_eq!(changed(42, 0x44), None, "header length");
    assert_eq!(changed(42, 0x4f), None, "header beyond the quote");
    assert_eq!(changed(49, 1), None, "a fragment's tail");
    let v6 = Scene::v6(Protocol::Tcp);
    for extension in [0, 43, 44, 60] {
        let mut frame = v6.error(v6.frontend, b"data", 60);
        frame[68] = extension;
        assert_eq!(
            quote(&with_right_checksum(frame)),
            None,
            "extension header {extension}"
        );
    }
    let other = v6.towards((address("fd00::4"), 8080));
    assert_eq!(
        translated(&good, &other),
        Err(TranslateError::FamilyMismatch(Family::V4))
    );
}

#[test]
fn tags_and_padding_belong_to_the_port() {
    let scene = Scene::v4(Protocol::Udp);
    let mut frame = scene.error(scene.frontend, b"", 28);
    let len = frame.len();
    frame.extend([0xaa; 4]);
    let tagged = Translation {
        ethernet: wire(9),
        ..scene.towards(scene.backend)
    };
    let out = translated(&frame, &tagged).expect("translated");
    assert_eq!(judge(&out).vlan, Some(9));
    assert_eq!(out.len(), len + 4);
    assert_eq!(
        translated(&out, &scene.towards(scene.frontend)).expect("back")[14..],
        frame[14..len]
    );
}

proptest! {
    #[test]
    fn a_translated_quote_is_the_real_packet_and_comes_back(
        which in 0usize..4, keep in 48usize..120, ports: [u16; 3], hosts: [[u8; 2]; 4],
        payload in proptest::collection::vec(any::<u8>(), 0..90),
    ) {
        let mut scene = scenes().into_iter().nth(which).expect("one of four");
        let host = |address: IpAddr, low: [u8; 2]| match address {
            IpAddr::V4(v4) => [v4.octets()[0], v4.octets()[1], low[0], low[1]].into(),
            IpAddr::V6(v6) => {
                let mut octets = v6.octets();
                octets[14..].copy_from_slice(&low);
                octets.into()
            }
        };
        scene.router = host(scene.router, hosts[0]);
        scene.client = (host(scene.client.0, hosts[1]), ports[0]);
        scene.frontend = (host(scene.frontend.0, hosts[2]), ports[1]);
        scene.backend = (host(scene.backend.0, hosts[3]), ports[2]);
        // Half a TCP checksum cannot be carried along.
        prop_assume!(scene.router.is_ipv4() || keep != 40 + 17);
        let frame = scene.error(scene.frontend, &payload, keep);
        let there = translated(&frame, &scene.towards(scene.backend)).expect("translated");
        judge(&there);
        prop_assert_eq!(&there[14..], &scene.error(scene.backend, &payload, keep)[14..]);
        let back = translated(&there, &scene.towards(scene.frontend)).expect("translated");
        prop_assert_eq!(&back[14..], &frame[14..]);
    }

    #[test]
    fn nothing_trusted_any_error_is_translated_well_or_refused(
        which in 0usize..4, keep in 0usize..60, changes: Vec<(usize, u8)>, checked: bool,
    ) {
        let scene = scenes().into_iter().nth(which).expect("one of four");
        let mut frame = scene.error(scene.frontend, b"some data", keep);
        let first = if scene.router.is_ipv4() { 42 } else { 62 };
        for (at, value) in changes {
            let span = frame.len() - first;
            if span > 0 {
                frame[first + at % span] = value;
            }
        }
        if checked {
            frame = with_right_checksum(frame);
        }
        if quote(&frame).is_some() {
            let out = translated(&frame, &scene.towards(scene.backend)).expect("translated");
            judge(&out);
            prop_assert_eq!(out.len(), frame.len());
        }
    }

    #[test]
    fn nothing_trusted_any_bytes_have_a_quote_or_none(
        mut frame in proptest::collection::vec(any::<u8>(), 0..140), v6: bool,
    ) {
        if frame.len() > 14 {
            frame[12..14].copy_from_slice(if v6 { &[0x86, 0xdd] } else { &[8, 0] });
        }
        if let Ok(headers) = packet::parse(&frame) {
            let _ = quoted(&frame, &headers);
        }
    }
}
