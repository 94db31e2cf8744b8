//! What the parser accepts and why it refuses the rest.

use proptest::prelude::*;
use std::vec::Vec;

use super::*;
use zerocopy::IntoBytes;

fn ethernet(kind: u16) -> Vec<u8> {
    let mut frame = std::vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9];
    frame.extend(kind.to_be_bytes());
    frame
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut ip = Ipv4 {
        version_ihl: 0x45,
        tos: 0,
        total_len: (20 + payload.len() as u16).into(),
        id: 1.into(),
        fragment: 0x4000.into(),
        ttl: 64,
        protocol,
        checksum: 0.into(),
        source: [198, 51, 100, 7],
        destination: [203, 0, 113, 10],
    };
    ip.checksum = (!checksum::sum(ip.as_bytes())).into();
    let mut frame = ethernet(ethertype::IPV4);
    frame.extend(ip.as_bytes());
    frame.extend(payload);
    frame
}

fn tcp() -> Vec<u8> {
    let mut segment = std::vec![0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12];
    segment.extend([0; 6]);
    segment
}

fn with_fixed_checksum(mut frame: Vec<u8>) -> Vec<u8> {
    frame[24..26].fill(0);
    let sum = !checksum::sum(&frame[14..34]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame
}

#[test]
fn a_tcp_segment_is_read() {
    let mut frame = ipv4(ip::TCP, &tcp());
    frame.extend([0; 6]); // Ethernet padding
    let headers = parse(&frame).expect("good");
    assert_eq!(
        (headers.class, headers.protocol),
        (Class::Tcp, Protocol::Tcp)
    );
    assert_eq!((headers.l3, headers.l4, headers.end), (14, 34, 54));
    assert_eq!((headers.source_port, headers.destination_port), (40000, 80));
    assert_eq!(
        (headers.tcp_flags, headers.tcp_seq, headers.tcp_ack),
        (0x12, 1, 2)
    );
    assert!(!headers.is_tcp_open());
    assert_eq!(headers.source(&frame), IpAddr::from([198, 51, 100, 7]));
    assert_eq!(headers.destination(&frame), IpAddr::from([203, 0, 113, 10]));
}

#[test]
fn a_vlan_tag_moves_everything_by_four() {
    let plain = ipv4(ip::TCP, &tcp());
    let mut frame = ethernet(ethertype::VLAN);
    frame.extend([0x20, 0x64]);
    frame.extend(&plain[12..]);
    let headers = parse(&frame).expect("good");
    assert_eq!((headers.vlan, headers.l3, headers.l4), (Some(100), 18, 38));
}

#[test]
fn each_broken_field_has_its_reason() {
    let good = ipv4(ip::TCP, &tcp());
    let broken = |at: usize, value: u8| {
        let mut frame = good.clone();
        frame[at] = value;
        parse(&with_fixed_checksum(frame))
    };
    assert_eq!(broken(14, 0x65), Err(DropReason::BadVersion));
    assert_eq!(broken(14, 0x44), Err(DropReason::BadHeaderLength));
    assert_eq!(broken(17, 19), Err(DropReason::BadTotalLength));
    assert_eq!(broken(17, 41), Err(DropReason::BadTotalLength));
    assert_eq!(broken(17, 39), Err(DropReason::Truncated), "TCP header cut");
    let class = |at, value| broken(at, value).map(|headers| headers.class);
    assert_eq!(class(20, 0x20), Ok(Class::FirstFragment), "more fragments");
    assert_eq!(class(21, 1), Ok(Class::LaterFragment), "offset");
    assert_eq!(
        broken(46, 0x40),
        Err(DropReason::BadHeaderLength),
        "data offset"
    );
    assert_eq!(
        broken(46, 0x60),
        Err(DropReason::BadHeaderLength),
        "data offset past the end"
    );
    let mut wrong = good.clone();
    wrong[24] ^= 1;
    assert_eq!(parse(&wrong), Err(DropReason::BadChecksum));
    assert_eq!(parse(&good[..30]), Err(DropReason::Truncated));
    assert_eq!(
        parse(&ethernet(0x88cc)),
        Err(DropReason::UnsupportedEthertype)
    );
    assert_eq!(
        parse(&std::vec![0; MAX_FRAME + 1]),
        Err(DropReason::Oversized)
    );
    assert_eq!(
        parse(&ipv4(ip::UDP, &[0, 1, 0, 2, 0, 7, 0, 0])),
        Err(DropReason::BadHeaderLength)
    );
}

#[test]
fn ipv6_neighbors_errors_and_extension_headers_are_told_apart() {
    let ipv6 = |next_header: u8, payload: &[u8]| {
        let mut frame = ethernet(ethertype::IPV6);
        frame.extend([0x60, 0, 0, 0, 0, payload.len() as u8, next_header, 64]);
        frame.extend([0xfd; 32]);
        frame.extend(payload);
        frame
    };
    let class = |frame: &[u8]| parse(frame).map(|h| h.class);
    assert_eq!(
        class(&ipv6(ip::ICMPV6, &[135, 0, 0, 0, 0, 0, 0, 0])),
        Ok(Class::Neighbor)
    );
    assert_eq!(
        class(&ipv6(ip::ICMPV6, &[2, 0, 0, 0, 0, 0, 0, 0])),
        Ok(Class::IcmpError)
    );
    assert_eq!(
        class(&ipv6(ip::ICMPV6, &[128, 0, 0, 0, 0, 0, 0, 0])),
        Ok(Class::EchoRequest)
    );
    assert_eq!(class(&ipv6(ip::TCP, &tcp())), Ok(Class::Tcp));
    assert_eq!(class(&ipv6(50, &[0; 9])), Ok(Class::Other));
    let fragment = |word: u8, len| {
        let mut payload = std::vec![ip::TCP, 0, 0, word, 0, 0, 0, 7];
        payload.extend(std::vec![0; len]);
        class(&ipv6(ip::FRAGMENT, &payload))
    };
    assert_eq!(fragment(1, 20), Ok(Class::FirstFragment));
    assert_eq!(fragment(1, 19), Err(DropReason::Fragment), "no TCP header");
    assert_eq!(fragment(8, 1), Ok(Class::LaterFragment));
    assert_eq!(
        class(&ipv6(ip::FRAGMENT, &[0; 7])),
        Err(DropReason::Fragment)
    );
    assert_eq!(
        class(&ipv6(ip::ROUTING, &[0; 8])),
        Err(DropReason::UnsupportedProtocol)
    );
}

#[test]
fn a_record_of_headers_parses_like_the_whole_frame() {
    let mut segment = tcp();
    segment.extend([0x5a; 1400]);
    let frame = ipv4(ip::TCP, &segment);
    assert_eq!(parse_headers(&frame[..54], frame.len()), parse(&frame));
    assert_eq!(
        parse_headers(&frame[..53], frame.len()),
        Err(DropReason::Truncated)
    );
    assert_eq!(
        parse_headers(&frame[..30], frame.len()),
        Err(DropReason::Truncated)
    );
}

proptest! {
    #[test]
    fn nothing_trusted_any_bytes_parse_or_are_refused(
        mut frame in proptest::collection::vec(any::<u8>(), 0..200), shape in 0usize..4,
    ) {
        if frame.len() > 14 && shape > 0 {
            let kind = [ethertype::IPV4, ethertype::IPV6, ethertype::VLAN][shape - 1];
            frame[12..14].copy_from_slice(&kind.to_be_bytes());
        }
        if let Ok(headers) = parse(&frame) {
            prop_assert!(headers.l3 <= headers.l4 && headers.l4 <= headers.end);
            prop_assert!(usize::from(headers.end) <= frame.len());
            let _ = (headers.source(&frame), headers.destination(&frame));
        }
    }
}
