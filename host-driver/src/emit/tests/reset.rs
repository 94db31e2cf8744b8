//! Resets.

use firmware_api::flow_state::tcp_flags::{ACK, FIN, PSH, RST, SYN};
use firmware_api::packet;
use pnet_packet::tcp::TcpPacket;
use proptest::prelude::*;

use super::{HERE, THERE, address, judge, wire};
use crate::emit::ip::Addresses;
use crate::emit::reset::Reset;

fn reset(source: &str, destination: &str, ack: Option<u32>) -> Reset {
    Reset {
        ethernet: wire(0),
        addresses: Addresses::new(address(source), address(destination)).expect("one family"),
        source_port: 80,
        destination_port: 40000,
        seq: 0x0102_0304,
        ack,
    }
}

/// Any TCP frame, made from a reset by changing flags and adding payload.
fn segment(flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    Reset {
        seq,
        ack: Some(ack),
        ..reset("198.51.100.7", "203.0.113.10", None)
    }
    .emit(&mut frame);
    frame[47] = flags;
    frame.extend_from_slice(payload);
    frame[16..18].copy_from_slice(&(40 + payload.len() as u16).to_be_bytes());
    frame[24..26].fill(0);
    let checksum = !packet::checksum::sum(&frame[14..34]);
    frame[24..26].copy_from_slice(&checksum.to_be_bytes());
    frame
}

fn answer(frame: &[u8]) -> Option<Reset> {
    Reset::answer_to(frame, &packet::parse(frame).expect("good"))
}

#[test]
fn a_reset_is_these_bytes() {
    let mut frame = Vec::new();
    reset("203.0.113.10", "198.51.100.7", Some(0x0a0b_0c0d)).emit(&mut frame);
    judge(&frame);
    #[rustfmt::skip]
    assert_eq!(frame, [
        2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x08, 0x00,
        // 4500 + 0028 + 4000 + 4006 + cb00 + 710a + c633 + 6407 = 3_2b72, folded 2b75
        0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0xd4, 0x8a, 203, 0, 113, 10, 198, 51, 100, 7,
        // cb00 + 710a + c633 + 6407 + 0006 + 0014 + 0050 + 9c40 + 0102 + 0304 + 0a0b + 0c0d
        // + 5014 = 3_6d20, folded 6d23
        0, 80, 0x9c, 0x40, 1, 2, 3, 4, 10, 11, 12, 13, 0x50, RST | ACK, 0, 0, 0x92, 0xdc, 0, 0,
    ]);
}

#[test]
fn a_reset_without_acknowledgement_has_neither_flag_nor_number() {
    let mut frame = Vec::new();
    for (source, destination) in [
        ("203.0.113.10", "198.51.100.7"),
        ("2001:db8::10", "fd00::7"),
    ] {
        reset(source, destination, None).emit(&mut frame);
        let headers = judge(&frame);
        assert_eq!((headers.tcp_flags, headers.tcp_ack), (RST, 0));
        assert_eq!(headers.source(&frame), address(source));
        assert_eq!(headers.destination(&frame), address(destination));
    }
}

#[test]
fn a_tagged_port_gets_a_tagged_frame() {
    let mut frame = Vec::new();
    Reset {
        ethernet: wire(100),
        ..reset("fd00::4", "fd00::7", Some(1))
    }
    .emit(&mut frame);
    assert_eq!(judge(&frame).vlan, Some(100));
}

#[test]
fn a_late_segment_is_answered_with_its_own_acknowledgement_as_sequence() {
    let late = segment(PSH | ACK, 7, 0xffff_fffe, b"late");
    let reset = answer(&late).expect("answered");
    assert_eq!((reset.seq, reset.ack), (0xffff_fffe, None));
    assert_eq!(
        (reset.ethernet.source, reset.ethernet.destination),
        (THERE, HERE)
    );
    let mut frame = Vec::new();
    reset.emit(&mut frame);
    let headers = judge(&frame);
    assert_eq!(headers.source(&frame), address("203.0.113.10"));
    assert_eq!((headers.source_port, headers.destination_port), (40000, 80));
    let tcp = TcpPacket::new(&frame[34..]).expect("TCP");
    assert_eq!((tcp.get_sequence(), tcp.get_flags()), (0xffff_fffe, RST));
}

#[test]
fn a_segment_without_acknowledgement_is_acknowledged_whole() {
    let ack = |flags, payload: &[u8]| {
        let reset = answer(&segment(flags, u32::MAX, 9, payload)).expect("answered");
        assert_eq!(reset.seq, 0);
        reset.ack
    };
    assert_eq!(ack(SYN, b""), Some(0));
    assert_eq!(ack(0, b"four"), Some(3));
    assert_eq!(ack(FIN | PSH, b"four"), Some(4));
}

#[test]
fn resets_and_groups_are_not_answered() {
    assert_eq!(answer(&segment(RST, 1, 2, b"")), None);
    assert_eq!(answer(&segment(RST | ACK, 1, 2, b"")), None);
    let good = segment(ACK, 1, 2, b"");
    assert!(answer(&good).is_some());
    for at in [0, 6] {
        let mut group = good.clone();
        group[at] |= 1;
        assert_eq!(answer(&group), None);
    }
    for pair in [
        ("224.0.0.1", "203.0.113.10"),
        ("0.0.0.0", "203.0.113.10"),
        ("ff02::1", "fd00::4"),
    ] {
        let mut frame = Vec::new();
        reset(pair.0, pair.1, None).emit(&mut frame);
        let at = if pair.0.contains(':') { 67 } else { 47 };
        frame[at] = ACK;
        assert_eq!(answer(&frame), None, "{pair:?}");
    }
}

proptest! {
    #[test]
    fn every_reset_is_well_formed(
        v4: [[u8; 4]; 2], v6: [[u8; 16]; 2], is_v6: bool, ports: (u16, u16), seq: u32,
        ack: Option<u32>, vlan in 0u16..4095,
    ) {
        let addresses = if is_v6 {
            Addresses::V6 { source: v6[0].into(), destination: v6[1].into() }
        } else {
            Addresses::V4 { source: v4[0].into(), destination: v4[1].into() }
        };
        let mut frame = Vec::new();
        Reset {
            ethernet: wire(vlan), addresses, source_port: ports.0, destination_port: ports.1, seq, ack,
        }.emit(&mut frame);
        let headers = judge(&frame);
        prop_assert_eq!(Addresses::of(&frame, &headers), Some(addresses));
        prop_assert_eq!((headers.tcp_seq, headers.tcp_ack), (seq, ack.unwrap_or(0)));
    }

    #[test]
    fn nothing_trusted_any_frame_is_answered_well_or_not(
        mut frame in proptest::collection::vec(any::<u8>(), 0..120), keep in 0usize..54,
    ) {
        let good = segment(ACK, 1, 2, b"data");
        let keep = keep.min(frame.len());
        frame[..keep].copy_from_slice(&good[..keep]);
        if let Ok(headers) = packet::parse(&frame) && let Some(reset) = Reset::answer_to(&frame, &headers) {
            let mut out = Vec::new();
            reset.emit(&mut out);
            judge(&out);
        }
    }
}
