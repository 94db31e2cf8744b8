//! Neighbour discovery.

use std::net::Ipv6Addr;

use firmware_api::packet::{self, Headers, checksum};
use pnet_packet::Packet;
use pnet_packet::icmpv6::ndp::{NdpOptionTypes, NeighborAdvertPacket, NeighborSolicitPacket};
use proptest::prelude::*;

use super::{HERE, THERE, judge};
use crate::emit::ndp::{
    ALL_NODES, Advertisement, Message, Solicitation, link_local, solicited_node,
};

const FRONTEND: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0x12, 0x3456);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

const QUESTION: Solicitation = Solicitation {
    source: ROUTER,
    target: FRONTEND,
    source_link: Some(THERE),
};

fn solicitation(message: Solicitation) -> Vec<u8> {
    let mut frame = Vec::new();
    message.emit(THERE, 0, &mut frame);
    frame
}

fn advertisement(message: Advertisement) -> Vec<u8> {
    let mut frame = Vec::new();
    message.emit((HERE, THERE), 0, &mut frame);
    frame
}

fn with_right_checksum(mut frame: Vec<u8>) -> Vec<u8> {
    frame[56..58].fill(0);
    let sum = checksum::transport(&frame[22..38], &frame[38..54], 58, &frame[54..]);
    frame[56..58].copy_from_slice(&sum.to_be_bytes());
    frame
}

fn hop_limit(frame: &[u8]) -> u8 {
    frame[21]
}

fn parse(frame: &[u8]) -> Option<Message> {
    Message::parse(frame, &packet::parse(frame).expect("IPv6"))
}

#[test]
fn addresses_follow_the_rfcs() {
    assert_eq!(solicited_node(FRONTEND).to_string(), "ff02::1:ff12:3456");
    assert_eq!(
        link_local([0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]).to_string(),
        {
            "fe80::3656:78ff:fe9a:bcde" // RFC 2464 §4, §5
        }
    );
}

#[test]
fn a_solicitation_goes_to_the_group_of_its_target() {
    let frame = solicitation(QUESTION);
    let headers = judge(&frame);
    assert_eq!(frame[..6], [0x33, 0x33, 0xff, 0x12, 0x34, 0x56]);
    assert_eq!((hop_limit(&frame), frame.len()), (255, 14 + 40 + 32));
    assert_eq!(headers.destination(&frame), solicited_node(FRONTEND));
    let pnet = NeighborSolicitPacket::new(&frame[54..]).expect("NS");
    assert_eq!(pnet.get_target_addr(), FRONTEND);
    let option = &pnet.get_options()[0];
    assert_eq!(
        (option.option_type, option.length),
        (NdpOptionTypes::SourceLLAddr, 1)
    );
    assert_eq!(option.data, THERE);
    assert_eq!(parse(&frame), Some(Message::Solicitation(QUESTION)));
}

#[test]
fn an_answer_is_solicited_and_overrides() {
    let frame = advertisement(QUESTION.answer(HERE, true));
    let headers = judge(&frame);
    assert_eq!(frame[..12], [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1]);
    assert_eq!(headers.source(&frame), FRONTEND);
    assert_eq!(headers.destination(&frame), ROUTER);
    let pnet = NeighborAdvertPacket::new(&frame[54..]).expect("NA");
    assert_eq!((pnet.get_flags(), pnet.get_target_addr()), (0xe0, FRONTEND));
    let option = &pnet.get_options()[0];
    assert_eq!(
        (option.option_type, &option.data[..]),
        (NdpOptionTypes::TargetLLAddr, &HERE[..])
    );
    assert_eq!(pnet.packet().len(), 32);
    assert_eq!(
        parse(&frame),
        Some(Message::Advertisement(QUESTION.answer(HERE, true)))
    );
}

#[test]
fn an_answer_to_a_probe_and_an_announcement_go_to_all_nodes() {
    let probe = Solicitation {
        source: Ipv6Addr::UNSPECIFIED,
        source_link: None,
        ..QUESTION
    };
    let asked = solicitation(probe);
    judge(&asked);
    assert_eq!(
        asked.len(),
        14 + 40 + 24,
        "a probe has no source link-layer address"
    );
    assert_eq!(parse(&asked), Some(Message::Solicitation(probe)));
    for message in [
        probe.answer(HERE, false),
        Advertisement::announcement(HERE, FRONTEND),
    ] {
        let frame = advertisement(message);
        assert_eq!(judge(&frame).destination(&frame), ALL_NODES);
        assert_eq!(frame[..6], [0x33, 0x33, 0, 0, 0, 1]);
        assert_eq!(frame[58], 0x20, "overrides, not solicited");
    }
}

#[test]
fn each_validity_rule_of_rfc_4861_is_kept() {
    let broken = |frame: &[u8], at: usize, value: u8| {
        let mut frame = frame.to_vec();
        frame[at] = value;
        parse(&with_right_checksum(frame))
    };
    let asks = solicitation(QUESTION);
    let tells = advertisement(QUESTION.answer(HERE, false));
    for good in [&asks, &tells] {
        assert!(broken(good, 21, 255).is_some());
        assert_eq!(broken(good, 21, 254), None, "hop limit");
        assert_eq!(broken(good, 55, 1), None, "code");
        assert_eq!(broken(good, 62, 0xff), None, "multicast target");
        assert_eq!(broken(good, 79, 0), None, "option of length 0");
        assert_eq!(broken(good, 79, 2), None, "option past the end");
        assert_eq!(broken(good, 80, 3), None, "option names a group");
        let mut wrong = good.clone();
        wrong[57] ^= 1;
        assert_eq!(parse(&wrong), None, "checksum");
    }
    assert_eq!(broken(&asks, 54, 133), None, "router solicitation");
    assert_eq!(broken(&tells, 38, 0xff), None, "solicited, to a group");
    let probe = Solicitation {
        source: Ipv6Addr::UNSPECIFIED,
        source_link: None,
        ..QUESTION
    };
    assert_eq!(
        broken(&solicitation(probe), 53, 0),
        None,
        "probe to another group"
    );
    let linked = Solicitation {
        source: Ipv6Addr::UNSPECIFIED,
        ..QUESTION
    };
    assert_eq!(
        parse(&solicitation(linked)),
        None,
        "probe with a link-layer address"
    );
}

#[test]
fn unknown_options_are_passed_over() {
    let mut frame = solicitation(QUESTION);
    let option = frame.split_off(78);
    frame.extend([14, 1, 0, 0, 0, 0, 0, 0]);
    frame.extend(option);
    frame[19] += 8;
    assert_eq!(
        parse(&with_right_checksum(frame)),
        Some(Message::Solicitation(QUESTION))
    );
}

fn read(frame: &[u8], headers: &Headers) -> Option<Vec<u8>> {
    Some(match Message::parse(frame, headers)? {
        Message::Solicitation(question) => advertisement(question.answer(HERE, false)),
        Message::Advertisement(answer) => advertisement(answer),
    })
}

proptest! {
    #[test]
    fn nothing_trusted_any_message_is_read_or_refused(
        tail in proptest::collection::vec(any::<u8>(), 0..60), keep in 14usize..90, checked: bool,
    ) {
        let mut frame = solicitation(QUESTION);
        frame.truncate(keep);
        frame.extend(&tail);
        if frame.len() >= 58 {
            let len = (frame.len() - 54) as u16;
            frame[18..20].copy_from_slice(&len.to_be_bytes());
            if checked {
                frame = with_right_checksum(frame);
            }
        }
        if let Ok(headers) = packet::parse(&frame) && let Some(answer) = read(&frame, &headers) {
            judge(&answer);
        }
    }
}
