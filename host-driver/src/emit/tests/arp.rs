//! ARP.

use std::net::Ipv4Addr;

use firmware_api::packet;
use pnet_packet::arp::{ArpOperations, ArpPacket};
use proptest::prelude::*;

use super::{HERE, THERE, judge};
use crate::emit::arp::{Arp, Operation};

const FRONTEND: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
const ROUTER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

#[test]
fn a_request_and_its_reply_are_these_bytes() {
    let mut frame = Vec::new();
    let request = Arp::request(THERE, ROUTER, FRONTEND);
    request.emit(0, &mut frame);
    #[rustfmt::skip]
    assert_eq!(frame, [
        255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 9, 0x08, 0x06,
        0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 203, 0, 113, 1, 0, 0, 0, 0, 0, 0, 203, 0, 113, 10,
    ]);
    assert_eq!(Arp::parse(&frame, &judge(&frame)), Some(request));
    request.answer(HERE).emit(0, &mut frame);
    judge(&frame);
    assert_eq!(frame[..12], [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1]);
    let reply = ArpPacket::new(&frame[14..]).expect("ARP");
    assert_eq!(reply.get_operation(), ArpOperations::Reply);
    assert_eq!(
        (reply.get_sender_proto_addr(), reply.get_target_proto_addr()),
        (FRONTEND, ROUTER)
    );
    assert_eq!(reply.get_sender_hw_addr(), HERE);
    assert_eq!(reply.get_target_hw_addr(), THERE);
}

#[test]
fn an_announcement_is_a_request_for_its_own_address() {
    let mut frame = Vec::new();
    Arp::announcement(HERE, FRONTEND).emit(7, &mut frame);
    let headers = judge(&frame);
    assert_eq!(headers.vlan, Some(7));
    let arp = Arp::parse(&frame, &headers).expect("ARP");
    assert!(arp.is_announcement() && !arp.is_probe());
    assert_eq!((arp.operation, arp.sender_mac), (Operation::Request, HERE));
}

#[test]
fn other_networks_operations_and_group_senders_are_refused() {
    let mut good = Vec::new();
    Arp::request(THERE, ROUTER, FRONTEND).emit(0, &mut good);
    for (at, value) in [
        (15, 6),
        (16, 6),
        (18, 8),
        (19, 16),
        (21, 3),
        (21, 0),
        (22, 3),
    ] {
        let mut frame = good.clone();
        frame[at] = value;
        assert_eq!(
            Arp::parse(&frame, &judge(&frame)),
            None,
            "byte {at} = {value}"
        );
    }
}

proptest! {
    #[test]
    fn nothing_trusted_any_arp_is_read_as_it_stands_or_refused(
        body in proptest::collection::vec(any::<u8>(), 0..60), shape: bool,
    ) {
        let mut frame = vec![2; 12];
        frame.extend([8, 6]);
        frame.extend(&body);
        if shape && body.len() > 8 {
            frame[14..22].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, 2]);
        }
        if let Ok(headers) = packet::parse(&frame) && let Some(arp) = Arp::parse(&frame, &headers) {
            let mut again = Vec::new();
            arp.emit(0, &mut again);
            prop_assert_eq!(&again[14..42], &frame[14..42]);
        }
    }
}
