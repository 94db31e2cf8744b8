//! The link layer against stations made of the same messages.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use firmware_api::packet;
use firmware_api::{Family, PortId, UPLINK_PORT};
use proptest::prelude::*;

use super::*;
use crate::emit::arp::Operation;
use crate::emit::ndp::{ALL_NODES, Message, solicited_node};
use crate::emit::tests::{address, judge};

type Mac = [u8; 6];

const OWN: Mac = [2, 0, 0, 0, 0, 1];
const ROUTER: Mac = [2, 0, 0, 0, 0, 9];
const OTHER: Mac = [2, 0, 0, 0, 0, 0xa];
const GATEWAY: Mac = [2, 0, 0, 0, 1, 0];
const INSTANCE: Mac = [2, 0, 0, 0, 0, 4];
const VPORT: PortId = 1;

const FRONTEND_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
const FRONTEND_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10);
const HOP_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const HOP_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const INSTANCE_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 4);
const INSTANCE_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 4);
const INSTANCE_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 4);

fn config() -> LinkConfig {
    LinkConfig {
        uplink: Uplink {
            mac: OWN,
            vlan: 0,
            address_v4: None,
            address_v6: None,
            next_hop_v4: Some(NextHop::Resolve(HOP_V4)),
            next_hop_v6: Some(NextHop::Resolve(HOP_V6)),
        },
        answered: vec![
            FRONTEND_V4.into(),
            FRONTEND_V6.into(),
            address("203.0.113.99"),
        ],
        vports: vec![Vport {
            port: VPORT,
            gateway_mac: GATEWAY,
            vlan: 0,
            instance_mac: INSTANCE,
            addresses: vec![INSTANCE_V4.into(), INSTANCE_V6.into()],
        }],
    }
}

fn static_config() -> LinkConfig {
    let mut config = config();
    config.uplink.next_hop_v4 = Some(NextHop::Static(ROUTER));
    config.uplink.next_hop_v6 = None;
    config
}

fn hear(link: &mut Link, now: u64, port: PortId, frame: &[u8]) -> (NeighborOutcome, Vec<u8>) {
    let headers = packet::parse(frame).expect("a frame");
    let mut out = Vec::new();
    (link.on_neighbor(now, port, frame, &headers, &mut out), out)
}

fn outcome(link: &mut Link, port: PortId, frame: &[u8]) -> NeighborOutcome {
    hear(link, 0, port, frame).0
}

fn arp(message: Arp) -> Vec<u8> {
    let mut out = Vec::new();
    message.emit(0, &mut out);
    out
}

fn asks_v4(mac: Mac, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    arp(Arp::request(mac, sender, target))
}

fn asks_v6(mac: Mac, source: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let source_link = Some(mac).filter(|_| !source.is_unspecified());
    let mut out = Vec::new();
    Solicitation {
        source,
        target,
        source_link,
    }
    .emit(mac, 0, &mut out);
    out
}

fn tells_v6(mac: Mac, target: Ipv6Addr, overrides: bool) -> Vec<u8> {
    let mut out = Vec::new();
    Advertisement {
        overrides,
        ..Advertisement::announcement(mac, target)
    }
    .emit((mac, OWN), 0, &mut out);
    out
}

fn read_arp(frame: &[u8]) -> Arp {
    Arp::parse(frame, &judge(frame)).expect("ARP")
}

fn read_ndp(frame: &[u8]) -> Message {
    Message::parse(frame, &judge(frame)).expect("neighbour discovery")
}

/// All frames that are due.
fn due(link: &mut Link, now: u64) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut frames = Vec::new();
    while let Some(port) = link.due(now, &mut out) {
        assert_eq!(port, UPLINK_PORT);
        judge(&out);
        frames.push(out.clone());
    }
    frames
}

fn ignored(reason: IgnoredReason) -> NeighborOutcome {
    NeighborOutcome::Ignored(reason)
}

const REPLY: NeighborOutcome = NeighborOutcome::Reply { learned: None };

#[test]
fn the_uplink_answers_for_its_addresses_only() {
    let mut link = Link::new(0, &config());
    let client = Ipv4Addr::new(203, 0, 113, 50);
    let (heard, reply) = hear(
        &mut link,
        0,
        UPLINK_PORT,
        &asks_v4(OTHER, client, FRONTEND_V4),
    );
    assert_eq!(heard, REPLY);
    let arp = read_arp(&reply);
    assert_eq!(
        (arp.operation, arp.sender, arp.sender_mac),
        (Operation::Reply, FRONTEND_V4, OWN)
    );
    assert_eq!(
        (arp.target, arp.target_mac, &reply[..6]),
        (client, OTHER, &OTHER[..])
    );
    let miss = asks_v4(OTHER, client, Ipv4Addr::new(203, 0, 113, 11));
    assert_eq!(
        outcome(&mut link, UPLINK_PORT, &miss),
        ignored(IgnoredReason::NotOurs)
    );
    let instance = asks_v4(OTHER, client, INSTANCE_V4);
    assert_eq!(
        outcome(&mut link, UPLINK_PORT, &instance),
        ignored(IgnoredReason::NotOurs)
    );
}

#[test]
fn the_uplink_answers_neighbor_solicitations() {
    let mut link = Link::new(0, &config());
    let asker = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x50);
    for target in [FRONTEND_V6, link_local(OWN)] {
        let (heard, reply) = hear(&mut link, 0, UPLINK_PORT, &asks_v6(OTHER, asker, target));
        assert_eq!(heard, REPLY);
        let Message::Advertisement(answer) = read_ndp(&reply) else {
            panic!("not an answer")
        };
        assert_eq!((answer.target, answer.target_link), (target, Some(OWN)));
        assert!(answer.solicited && answer.overrides && !answer.router);
        assert_eq!((answer.destination, &reply[..6]), (asker, &OTHER[..]));
    }
    let miss = asks_v6(OTHER, asker, INSTANCE_V6);
    assert_eq!(
        outcome(&mut link, UPLINK_PORT, &miss),
        ignored(IgnoredReason::NotOurs)
    );
}

#[test]
fn a_station_that_wants_one_of_our_addresses_hears_that_it_is_taken() {
    let mut link = Link::new(0, &config());
    let probe = asks_v4(OTHER, Ipv4Addr::UNSPECIFIED, FRONTEND_V4);
    assert_eq!(outcome(&mut link, UPLINK_PORT, &probe), REPLY);
    let probe = asks_v6(OTHER, Ipv6Addr::UNSPECIFIED, FRONTEND_V6);
    let (heard, reply) = hear(&mut link, 0, UPLINK_PORT, &probe);
    assert_eq!(heard, REPLY);
    let Message::Advertisement(answer) = read_ndp(&reply) else {
        panic!("not an answer")
    };
    assert_eq!((answer.destination, answer.solicited), (ALL_NODES, false));
    for claim in [
        arp(Arp::announcement(OTHER, FRONTEND_V4)),
        asks_v6(OTHER, FRONTEND_V6, HOP_V6),
        tells_v6(OTHER, FRONTEND_V6, true),
    ] {
        assert_eq!(
            outcome(&mut link, UPLINK_PORT, &claim),
            ignored(IgnoredReason::Conflict)
        );
    }
    for echo in [
        arp(Arp::announcement(OWN, FRONTEND_V4)),
        tells_v6(OWN, FRONTEND_V6, true),
    ] {
        assert_eq!(
            outcome(&mut link, UPLINK_PORT, &echo),
            ignored(IgnoredReason::OwnMac)
        );
    }
}

#[test]
fn the_next_hop_is_learned_from_questions_answers_and_announcements() {
    let learned = |family, mac| Learned {
        port: UPLINK_PORT,
        family,
        mac,
    };
    let router = Arp::request(OWN, FRONTEND_V4, HOP_V4).answer(ROUTER);
    let cases = [
        (
            arp(router),
            NeighborOutcome::Learned(learned(Family::V4, ROUTER)),
        ),
        (
            arp(Arp::announcement(OTHER, HOP_V4)),
            NeighborOutcome::Learned(learned(Family::V4, OTHER)),
        ),
        (
            arp(Arp::announcement(OTHER, HOP_V4)),
            NeighborOutcome::Confirmed,
        ),
        (
            asks_v4(ROUTER, HOP_V4, FRONTEND_V4),
            NeighborOutcome::Reply {
                learned: Some(learned(Family::V4, ROUTER)),
            },
        ),
        (
            asks_v6(ROUTER, HOP_V6, FRONTEND_V6),
            NeighborOutcome::Reply {
                learned: Some(learned(Family::V6, ROUTER)),
            },
        ),
        (
            tells_v6(OTHER, HOP_V6, false),
            ignored(IgnoredReason::Unasked),
        ),
        (
            tells_v6(OTHER, HOP_V6, true),
            NeighborOutcome::Learned(learned(Family::V6, OTHER)),
        ),
        (
            tells_v6(OTHER, INSTANCE_V6, true),
            ignored(IgnoredReason::Unasked),
        ),
    ];
    let mut link = Link::new(0, &config());
    for (step, (frame, expected)) in cases.iter().enumerate() {
        assert_eq!(
            outcome(&mut link, UPLINK_PORT, frame),
            *expected,
            "step {step}"
        );
    }
    assert_eq!(
        link.next_hop(Family::V4),
        Some(Reachability::Reachable(ROUTER))
    );
    assert_eq!(
        link.next_hop(Family::V6),
        Some(Reachability::Reachable(OTHER))
    );
}

#[test]
fn a_static_next_hop_is_neither_asked_for_nor_learned() {
    let mut link = Link::new(0, &static_config());
    let other = arp(Arp::announcement(OTHER, HOP_V4));
    assert_eq!(
        outcome(&mut link, UPLINK_PORT, &other),
        ignored(IgnoredReason::Unasked)
    );
    assert_eq!(
        link.next_hop(Family::V4),
        Some(Reachability::Static(ROUTER))
    );
    assert_eq!(link.next_hop(Family::V6), None);
    for frame in due(&mut link, 0).iter().chain(&due(&mut link, 2_000)) {
        let announces = match packet::parse(frame).expect("good").family {
            Family::V4 => read_arp(frame).is_announcement(),
            Family::V6 => matches!(read_ndp(frame), Message::Advertisement(_)),
        };
        assert!(announces);
    }
    assert_eq!(link.next_due(), None);
}

#[test]
fn an_unknown_next_hop_is_asked_for_ever_more_rarely() {
    let mut config = config();
    config.answered.clear();
    config.uplink.next_hop_v6 = None;
    let mut link = Link::new(100, &config);
    let mut times = Vec::new();
    for _ in 0..8 {
        let now = link.next_due().expect("never gives up");
        assert!(due(&mut link, now - 1).is_empty());
        assert_eq!(due(&mut link, now).len(), 1);
        times.push(now - 100);
    }
    assert_eq!(
        times,
        [0, 1_000, 3_000, 7_000, 15_000, 31_000, 61_000, 91_000]
    );
    assert_eq!(link.next_hop(Family::V4), Some(Reachability::Unresolved));
}

#[test]
fn a_known_next_hop_is_asked_again_and_kept_when_it_is_silent() {
    let mut config = config();
    config.answered.clear();
    config.uplink.next_hop_v6 = None;
    let mut link = Link::new(0, &config);
    let reply = arp(Arp::request(OWN, Ipv4Addr::UNSPECIFIED, HOP_V4).answer(ROUTER));
    assert_eq!(due(&mut link, 0).len(), 1);
    hear(&mut link, 5, UPLINK_PORT, &reply);
    assert_eq!(link.next_due(), Some(30_005));
    for now in [30_005, 31_005, 33_005] {
        assert_eq!(due(&mut link, now).len(), 1);
        assert_eq!(
            link.next_hop(Family::V4),
            Some(Reachability::Reachable(ROUTER))
        );
    }
    due(&mut link, 37_005);
    let lost = link.next_hop(Family::V4).expect("configured");
    assert_eq!(
        (lost, lost.mac()),
        (Reachability::Unreachable(ROUTER), Some(ROUTER))
    );
    assert_eq!(
        hear(&mut link, 40_000, UPLINK_PORT, &reply).0,
        NeighborOutcome::Confirmed
    );
    assert_eq!(
        link.next_hop(Family::V4),
        Some(Reachability::Reachable(ROUTER))
    );
    assert_eq!(link.next_due(), Some(70_000));
}

#[test]
fn questions_have_a_sender_that_can_be_answered() {
    let first_v4 = |config: &LinkConfig| read_arp(&due(&mut Link::new(0, config), 0)[0]);
    let first_v6 = |config: &LinkConfig| {
        let frame = due(&mut Link::new(0, config), 0).remove(1);
        let Message::Solicitation(question) = read_ndp(&frame) else {
            panic!("not a question")
        };
        let group = packet::parse(&frame).expect("good").destination(&frame);
        assert_eq!(group, IpAddr::V6(solicited_node(question.target)));
        assert_eq!(frame[..3], [0x33, 0x33, 0xff]);
        (question.source, question.source_link)
    };
    let mut config = config();
    assert_eq!(
        (first_v4(&config).sender, first_v4(&config).target),
        (FRONTEND_V4, HOP_V4)
    );
    assert_eq!(first_v6(&config), (link_local(OWN), Some(OWN)));
    let own = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
    config.uplink.address_v4 = Some(Ipv4Addr::new(203, 0, 113, 2));
    config.uplink.address_v6 = Some(own);
    assert_eq!(first_v4(&config).sender, Ipv4Addr::new(203, 0, 113, 2));
    assert_eq!(first_v6(&config), (own, Some(OWN)));
    let local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    config.uplink.next_hop_v6 = Some(NextHop::Resolve(local));
    assert_eq!(first_v6(&config).0, link_local(OWN));
    config.uplink.address_v4 = None;
    config.answered.clear();
    assert!(first_v4(&config).is_probe());
}

#[test]
fn every_address_is_announced_twice_and_a_new_one_when_it_comes() {
    let mut config = static_config();
    let mut link = Link::new(0, &config);
    let frames = due(&mut link, 0);
    assert_eq!(frames.len(), 3);
    let first = read_arp(&frames[0]);
    assert!(first.is_announcement() && first.sender == FRONTEND_V4 && first.sender_mac == OWN);
    let Message::Advertisement(second) = read_ndp(&frames[1]) else {
        panic!("not an answer")
    };
    assert_eq!(
        (second.target, second.destination),
        (FRONTEND_V6, ALL_NODES)
    );
    assert_eq!(
        (link.next_due(), due(&mut link, 1_999).len()),
        (Some(2_000), 0)
    );
    config.answered.remove(0);
    config.answered.push(address("203.0.113.20"));
    link.replace(1_999, &config);
    let added = due(&mut link, 1_999);
    assert_eq!(
        (added.len(), read_arp(&added[0]).sender),
        (1, Ipv4Addr::new(203, 0, 113, 20))
    );
    assert_eq!(
        due(&mut link, 2_000).len(),
        2,
        "the one that went is announced no more"
    );
    assert_eq!(due(&mut link, 9_999).len(), 1);
    let gone = asks_v4(OTHER, HOP_V4, FRONTEND_V4);
    assert_eq!(
        outcome(&mut link, UPLINK_PORT, &gone),
        ignored(IgnoredReason::NotOurs)
    );
    config.uplink.vlan = 9;
    link.replace(10_000, &config);
    assert_eq!(
        due(&mut link, 10_000).len(),
        3,
        "all of them on the new VLAN"
    );
}

#[test]
fn new_facts_keep_what_is_known_of_the_same_next_hop() {
    let mut config = config();
    let mut link = Link::new(0, &config);
    hear(
        &mut link,
        0,
        UPLINK_PORT,
        &arp(Arp::announcement(ROUTER, HOP_V4)),
    );
    hear(&mut link, 0, UPLINK_PORT, &tells_v6(ROUTER, HOP_V6, true));
    config.uplink.next_hop_v6 = Some(NextHop::Resolve(INSTANCE_LOCAL));
    link.replace(1, &config);
    assert_eq!(
        link.next_hop(Family::V4),
        Some(Reachability::Reachable(ROUTER))
    );
    assert_eq!(link.next_hop(Family::V6), Some(Reachability::Unresolved));
}

#[test]
fn the_gateway_answers_for_everything_but_the_instance() {
    let mut link = Link::new(0, &config());
    for target in ["10.0.0.1", "10.0.0.5", "198.51.100.7", "203.0.113.10"] {
        let target = target.parse().expect("IPv4");
        let (heard, reply) = hear(&mut link, 0, VPORT, &asks_v4(INSTANCE, INSTANCE_V4, target));
        assert_eq!(heard, REPLY);
        let arp = read_arp(&reply);
        assert_eq!((arp.sender, arp.sender_mac), (target, GATEWAY));
        assert_eq!((arp.target, &reply[..6]), (INSTANCE_V4, &INSTANCE[..]));
    }
    for target in ["fe80::1", "fd00::1", "2001:db8:7::7"] {
        for source in [INSTANCE_V6, INSTANCE_LOCAL] {
            let target = target.parse().expect("IPv6");
            let (heard, reply) = hear(&mut link, 0, VPORT, &asks_v6(INSTANCE, source, target));
            assert_eq!(heard, REPLY);
            let Message::Advertisement(answer) = read_ndp(&reply) else {
                panic!("not an answer")
            };
            assert_eq!((answer.target, answer.target_link), (target, Some(GATEWAY)));
            assert!(answer.solicited && answer.overrides && answer.router);
            assert_eq!((answer.destination, &reply[..6]), (source, &INSTANCE[..]));
        }
    }
}

#[test]
fn the_instance_keeps_its_own_addresses() {
    let mut link = Link::new(0, &config());
    let own = [
        asks_v4(INSTANCE, Ipv4Addr::UNSPECIFIED, INSTANCE_V4),
        asks_v4(INSTANCE, INSTANCE_V4, INSTANCE_V4),
        asks_v4(INSTANCE, FRONTEND_V4, FRONTEND_V4),
        asks_v4(INSTANCE, FRONTEND_V4, INSTANCE_V4),
        asks_v6(INSTANCE, Ipv6Addr::UNSPECIFIED, INSTANCE_V6),
        asks_v6(INSTANCE, Ipv6Addr::UNSPECIFIED, INSTANCE_LOCAL),
        asks_v6(INSTANCE, INSTANCE_LOCAL, INSTANCE_V6),
        asks_v6(INSTANCE, INSTANCE_LOCAL, INSTANCE_LOCAL),
    ];
    for (case, frame) in own.iter().enumerate() {
        let heard = outcome(&mut link, VPORT, frame);
        assert_eq!(heard, ignored(IgnoredReason::OwnAddress), "case {case}");
    }
    let floating = asks_v4(INSTANCE, FRONTEND_V4, Ipv4Addr::new(10, 0, 0, 1));
    assert_eq!(outcome(&mut link, VPORT, &floating), REPLY, "floating IP");
}

#[test]
fn only_the_instance_speaks_on_its_vport() {
    let mut link = Link::new(0, &config());
    let gateway = Ipv4Addr::new(10, 0, 0, 1);
    let mut disguised = asks_v4(OTHER, INSTANCE_V4, gateway);
    disguised[6..12].copy_from_slice(&INSTANCE);
    let mut out = Vec::new();
    Solicitation {
        source: INSTANCE_V6,
        target: HOP_V6,
        source_link: Some(OTHER),
    }
    .emit(INSTANCE, 0, &mut out);
    for frame in [
        asks_v4(OTHER, INSTANCE_V4, gateway),
        disguised,
        asks_v4(INSTANCE, Ipv4Addr::new(10, 0, 0, 5), gateway),
        asks_v6(OTHER, INSTANCE_V6, HOP_V6),
        asks_v6(INSTANCE, HOP_V6, INSTANCE_V6),
        out,
    ] {
        assert_eq!(
            outcome(&mut link, VPORT, &frame),
            ignored(IgnoredReason::Spoofed)
        );
    }
    let answer = arp(Arp::request(GATEWAY, gateway, INSTANCE_V4).answer(INSTANCE));
    assert_eq!(
        outcome(&mut link, VPORT, &answer),
        ignored(IgnoredReason::Unasked)
    );
    let answer = tells_v6(INSTANCE, HOP_V6, true);
    assert_eq!(
        outcome(&mut link, VPORT, &answer),
        ignored(IgnoredReason::Unasked)
    );
    let nobody = asks_v4(INSTANCE, INSTANCE_V4, Ipv4Addr::new(224, 0, 0, 1));
    assert_eq!(
        outcome(&mut link, VPORT, &nobody),
        ignored(IgnoredReason::NotOurs)
    );
    let elsewhere = asks_v4(INSTANCE, INSTANCE_V4, gateway);
    assert_eq!(
        outcome(&mut link, 7, &elsewhere),
        ignored(IgnoredReason::UnknownPort)
    );
}

#[test]
fn router_solicitations_are_ignored() {
    let mut frame = asks_v6(INSTANCE, INSTANCE_LOCAL, HOP_V6);
    frame[54] = 133;
    for port in [UPLINK_PORT, VPORT] {
        let mut link = Link::new(0, &config());
        assert_eq!(
            outcome(&mut link, port, &frame),
            ignored(IgnoredReason::NotUnderstood)
        );
    }
}

proptest! {
    #[test]
    fn nothing_trusted_any_frame_is_answered_well_or_ignored(
        which in 0usize..6, changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..3),
        cut in 0usize..20, repaired: bool, port in 0u16..3,
    ) {
        let mut frame = [
            asks_v4(ROUTER, HOP_V4, FRONTEND_V4),
            asks_v4(INSTANCE, INSTANCE_V4, HOP_V4),
            asks_v6(ROUTER, HOP_V6, FRONTEND_V6),
            asks_v6(INSTANCE, INSTANCE_V6, HOP_V6),
            tells_v6(ROUTER, HOP_V6, true),
            asks_v6(INSTANCE, Ipv6Addr::UNSPECIFIED, HOP_V6),
        ][which].clone();
        for (at, value) in changes {
            let at = at % frame.len();
            frame[at] = value;
        }
        frame.truncate(frame.len() - cut);
        if repaired && frame.len() > 58 {
            frame[56..58].fill(0);
            let sum = packet::checksum::transport(&frame[22..38], &frame[38..54], 58, &frame[54..]);
            frame[56..58].copy_from_slice(&sum.to_be_bytes());
        }
        if let Ok(headers) = packet::parse(&frame) {
            let mut link = Link::new(0, &config());
            let mut out = Vec::new();
            if let NeighborOutcome::Reply { .. } = link.on_neighbor(0, port, &frame, &headers, &mut out) {
                judge(&out);
                prop_assert!(out[6..12] == OWN || out[6..12] == GATEWAY);
            }
        }
    }
}
