//! Packets of others: clients behind an instance (FWD-09), and what goes through a next hop
//! (L-HA-08).

use firmware_api::PortId;
use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, Sent};

use super::{REMOTE, UPLINK, live, one, told};

const CONFIGURATION: &str = include_str!("../../rows/route.yaml");
const A: PortId = 1;
const B: PortId = 2;
const C: PortId = 3;
const N: PortId = 4;
const M: PortId = 5;
const GATEWAY: PortId = 6;
const HOST: PortId = 7;
const ENDS: [&str; 2] = ["10.0.0.4:50000", "10.0.0.5:22"];
const API: &str = "10.0.1.10:80";
/// Behind the gateway, and in the network.
const CLIENTS: [(PortId, &str); 2] = [(GATEWAY, "10.99.0.7:40000"), (A, "10.0.0.4:40000")];

fn rig() -> Rig {
    Rig::new(CONFIGURATION)
}

/// What leaves before the driver has taken a step.
fn at_once(rig: &mut Rig, port: PortId, segment: &Segment) -> Vec<Sent> {
    let frame = segment.emit(rig.peer_mac(port), rig.own_mac(port));
    rig.ports.send(port, &frame);
    while !rig.card.poll(rig.now, &mut rig.ports).is_idle() {}
    told(rig)
}

/// A segment goes as it is through an appliance, which passes it on to the other end; which one.
fn through(rig: &mut Rig, from: PortId, segment: &Segment, to: PortId) -> PortId {
    let hop = one(rig.segment(from, segment));
    assert!([N, M].contains(&hop.port), "{segment:?}");
    assert_eq!(&hop.segment(), segment);
    let arrived = one(rig.segment(hop.port, segment));
    assert_eq!((arrived.port, &arrived.segment()), (to, segment));
    hop.port
}

/// FWD-09: the same rule for a client of the network and one behind a gateway, from SYN to FIN; the
/// backend answers before the driver has heard of the flow, and nothing leaves by the uplink.
#[test]
fn fwd_09_clients_of_the_network_and_behind_a_gateway_are_both_balanced() {
    for (port, client) in CLIENTS {
        let mut rig = rig();
        let syn = Segment::tcp(client, API, flags::S).numbered(100, 0);
        let arrived = one(at_once(&mut rig, port, &syn));
        assert_eq!(arrived.port, C);
        let request = arrived.segment();
        assert_eq!(request.source, syn.source, "the client's address is kept");
        let answer = request.answer(flags::SA).numbered(500, 101);
        assert_eq!(at_once(&mut rig, C, &answer), [], "it waits for its flow");
        rig.settle();
        let back = one(told(&mut rig));
        assert_eq!(back.port, port);
        assert_eq!(back.segment().source, syn.destination);
        assert_eq!(back.segment().destination, syn.source);
        for flags in [flags::A, flags::PA, flags::FA] {
            let there = Segment {
                flags,
                ..syn.clone()
            }
            .numbered(101, 501);
            assert_eq!(one(rig.segment(port, &there)).port, C);
            let here = Segment {
                flags,
                ..answer.clone()
            }
            .numbered(501, 101);
            let back = one(rig.segment(C, &here));
            assert_eq!((back.port, back.segment().source), (port, syn.destination));
        }
        assert_eq!(live(&rig), 1);
        rig.pass(243_000);
        assert_eq!(live(&rig), 0);
    }
}

#[test]
fn fwd_09_datagrams_of_a_client_behind_a_gateway_come_back_to_it() {
    let mut rig = rig();
    let query = Segment::udp("10.99.0.7:40000", "10.0.1.10:53");
    let arrived = one(rig.segment(GATEWAY, &query));
    let back = one(rig.segment(C, &arrived.segment().answer(0)));
    assert_eq!(back.port, GATEWAY);
    assert_eq!(back.segment(), query.answer(0));
}

/// Whoever may not forward cannot send in the name of a client behind the gateway.
#[test]
fn fwd_09_only_an_instance_that_forwards_sends_for_others() {
    let mut rig = rig();
    let syn = Segment::tcp("10.99.0.7:40000", API, flags::S);
    for port in [A, B, C, HOST] {
        assert_eq!(rig.segment(port, &syn), []);
    }
    assert_eq!(one(rig.segment(GATEWAY, &syn)).port, C);
}

/// L-HA-08: both directions of a connection take the same appliance: before the driver knows of it,
/// with entries, and after the pool has changed.
#[test]
fn l_ha_08_both_directions_of_a_connection_take_the_same_appliance_whatever_changes() {
    let without = |name: &str| {
        let member = format!("{{ instance: {name} }}");
        let hub = "members: [ { instance: n }, { instance: m } ]";
        let (head, tail) = CONFIGURATION.split_once(hub).expect("the pool");
        let other = hub
            .replace(&member, "")
            .replace("[ ,", "[")
            .replace(",  ]", "]");
        format!("{head}{other}{tail}")
    };
    let mut used = std::collections::BTreeSet::new();
    for port in 50_000..50_016 {
        let mut rig = rig();
        let from = format!("10.0.0.4:{port}");
        let syn = Segment::tcp(&from, ENDS[1], flags::S).numbered(100, 0);
        let hop = one(at_once(&mut rig, A, &syn)).port;
        assert_eq!(one(at_once(&mut rig, hop, &syn)).port, B);
        let answer = syn.answer(flags::SA).numbered(500, 101);
        assert_eq!(at_once(&mut rig, B, &answer), [], "the driver knows where");
        rig.settle();
        assert_eq!(one(told(&mut rig)).port, hop);
        assert_eq!(one(rig.segment(hop, &answer)).port, A);
        let data = Segment {
            flags: flags::PA,
            ..syn.clone()
        }
        .numbered(101, 501);
        let reply = Segment {
            flags: flags::PA,
            ..answer.clone()
        }
        .numbered(501, 101);
        let passes = |rig: &mut Rig| {
            assert_eq!(through(rig, A, &data, B), hop);
            assert_eq!(through(rig, B, &reply, A), hop);
        };
        passes(&mut rig);
        rig.engine.assume_healthy(|_| false);
        rig.settle();
        passes(&mut rig);
        let name = if hop == N { "n" } else { "m" };
        assert!(rig.apply(&without(name)).accepted);
        passes(&mut rig);
        assert_eq!(live(&rig), 1);
        let new = Segment::tcp("10.0.0.4:60000", ENDS[1], flags::S);
        assert_ne!(through(&mut rig, A, &new, B), hop, "new flows go elsewhere");
        let end = |segment: &Segment| Segment {
            flags: flags::R,
            ..segment.clone()
        };
        assert_eq!(through(&mut rig, A, &end(&data), B), hop);
        rig.pass(20_000);
        assert_eq!(live(&rig), 1, "the one that was reset is gone");
        used.insert(hop);
    }
    assert_eq!(used.into_iter().collect::<Vec<_>>(), [N, M]);
}

/// Datagrams, pings and IPv6, whichever end begins.
#[test]
fn l_ha_08_every_flow_is_symmetric_whoever_begins() {
    for first in [
        Segment::udp("10.0.0.4:5000", "10.0.0.5:53"),
        Segment::udp("[fd00::4]:5000", "[fd00::5]:53"),
        Segment::tcp("[fd00::4]:5000", "[fd00::5]:22", flags::S),
        Segment::echo("10.0.0.4:7", "10.0.0.5:0"),
    ] {
        let mut rig = rig();
        let there = through(&mut rig, A, &first, B);
        let flags = if first.flags == 0 { 0 } else { flags::SA };
        let answer = first.answer(flags);
        assert_eq!(through(&mut rig, B, &answer, A), there);
        assert_eq!(live(&rig), 1);
        let mut rig = self::rig();
        let reverse = Segment {
            flags: first.flags,
            ..answer
        };
        assert_eq!(through(&mut rig, B, &reverse, A), there);
    }
}

/// To the Internet an appliance goes by its own address, and the answer back through it; what it
/// passes on untranslated is nobody's.
#[test]
fn l_ha_08_an_appliance_reaches_the_internet_for_a_spoke_by_its_own_address() {
    let mut rig = rig();
    let syn = Segment::tcp("10.0.0.4:50000", REMOTE, flags::S);
    let hop = one(rig.segment(A, &syn));
    assert_eq!(rig.segment(hop.port, &syn), []);
    let own = if hop.port == N {
        "10.0.8.4:999"
    } else {
        "10.0.8.5:999"
    };
    let own = Segment::tcp(own, REMOTE, flags::S);
    let left = one(rig.segment(hop.port, &own));
    assert_eq!(
        (left.port, left.segment().source.0.to_string().as_str()),
        (UPLINK, "203.0.113.10")
    );
    let back = one(rig.segment(UPLINK, &left.segment().answer(flags::SA)));
    assert_eq!(back.port, hop.port);
    let answer = syn.answer(flags::SA);
    let arrived = one(rig.segment(hop.port, &answer));
    assert_eq!((arrived.port, arrived.segment()), (A, answer));
}

/// A datagram of an appliance leaves by its SNAT port, though any port of it may answer for the
/// internal frontend.
#[test]
fn l_ha_02_out_01_a_member_behind_ha_ports_sends_datagrams_of_its_own() {
    let mut rig = rig();
    let query = Segment::udp("10.0.8.4:5000", "192.0.2.1:53");
    let left = one(rig.segment(N, &query));
    assert_eq!(
        (left.port, left.segment().source.0.to_string().as_str()),
        (UPLINK, "203.0.113.10")
    );
    let back = one(rig.segment(UPLINK, &left.segment().answer(0)));
    assert_eq!((back.port, back.segment()), (N, query.answer(0)));
    let late = Segment::udp("10.0.8.4:53", "10.99.0.7:40000");
    assert_eq!(
        rig.segment(N, &late),
        [],
        "nor to a client behind a gateway"
    );
    assert_eq!(live(&rig), 1);
}

/// An ICMP error about a steered packet, of an appliance and of the other end, reaches its sender as
/// it is.
#[test]
fn l_ha_08_errors_about_what_was_steered_reach_its_sender() {
    let mut rig = rig();
    let datagram = Segment::udp("10.0.0.4:5000", "10.0.0.5:53");
    let hop = one(rig.segment(A, &datagram));
    let arrived = one(rig.segment(hop.port, &datagram));
    let own = [10, 0, 8, if hop.port == N { 4 } else { 5 }];
    let sent = one(rig.send(hop.port, &unreachable(&rig, hop.port, &hop, own)));
    assert_eq!(sent.port, A);
    assert_eq!(sent.frame[26..34], [own, [10, 0, 0, 4]].concat());
    assert_eq!(
        sent.frame[54..62],
        [10, 0, 0, 4, 10, 0, 0, 5],
        "quotes what it sent"
    );

    let error = unreachable(&rig, B, &arrived, [10, 0, 0, 5]);
    let passed = one(rig.send(B, &error));
    assert_eq!(passed.port, hop.port, "through the appliance as well");
    let forwarded = unreachable(&rig, hop.port, &arrived, [10, 0, 0, 5]);
    let sent = one(rig.send(hop.port, &forwarded));
    assert_eq!(sent.port, A);
    assert_eq!(sent.frame[26..], error[26..]);
}

/// "Port unreachable" about a packet that left, from behind a port.
fn unreachable(rig: &Rig, port: PortId, about: &Sent, from: [u8; 4]) -> Vec<u8> {
    let ip = &about.frame[14..];
    let mut icmp = vec![3, 3, 0, 0, 0, 0, 0, 0];
    icmp.extend_from_slice(&ip[..28]);
    let checksum = pnet_packet::util::checksum(&icmp, 1);
    icmp[2..4].copy_from_slice(&checksum.to_be_bytes());
    let mut header = vec![0x45, 0, 0, 20 + icmp.len() as u8, 0, 0, 0, 0, 64, 1, 0, 0];
    header.extend_from_slice(&from);
    header.extend_from_slice(&ip[12..16]);
    let checksum = pnet_packet::util::checksum(&header, 5);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    let macs = [rig.own_mac(port), rig.peer_mac(port)].concat();
    [macs.as_slice(), &[8, 0], &header, &icmp].concat()
}

/// What the driver does not know it does not send around the appliances.
#[test]
fn l_ha_08_a_33_a_segment_of_an_unknown_connection_goes_nowhere() {
    let mut rig = rig();
    for flags in [flags::A, flags::SA, flags::FA] {
        let segment = Segment::tcp(ENDS[0], ENDS[1], flags);
        assert_eq!(rig.segment(A, &segment), []);
    }
    assert_eq!(live(&rig), 0);
}

/// L-PRB-11: probes of a steered instance are answered directly.
#[test]
fn l_ha_08_l_prb_11_probes_do_not_go_through_a_next_hop() {
    let mut rig = rig();
    for (port, own) in [(A, "10.0.0.4:9000"), (N, "10.0.8.4:9000")] {
        let probe = Segment::tcp("168.63.129.16:40000", own, flags::S).numbered(1, 0);
        assert_eq!(one(rig.segment(HOST, &probe)).port, port);
        let answer = probe.answer(flags::SA).numbered(9, 2);
        let back = one(rig.segment(port, &answer));
        assert_eq!((back.port, back.segment()), (HOST, answer.clone()));
        let ack = Segment {
            flags: flags::A,
            ..probe.clone()
        }
        .numbered(2, 10);
        assert_eq!(one(rig.segment(HOST, &ack)).port, port);
        let end = Segment {
            flags: flags::FA,
            ..answer
        };
        assert_eq!(one(rig.segment(port, &end)).port, HOST);
    }
}

/// L-HA-11, L-MON-09: an idle steered flow ends in silence, and nothing of it is in the traffic of the
/// rule.
#[test]
fn l_ha_11_l_mon_09_a_steered_flow_ends_without_reset_and_is_in_no_bandwidth() {
    let mut rig = rig();
    let syn = Segment::tcp(ENDS[0], ENDS[1], flags::S).numbered(100, 0);
    through(&mut rig, A, &syn, B);
    let answer = syn.answer(flags::SA).numbered(500, 101);
    through(&mut rig, B, &answer, A);
    let ack = Segment {
        flags: flags::A,
        ..syn
    }
    .numbered(101, 501);
    for _ in 0..5 {
        through(&mut rig, A, &ack, B);
    }
    rig.pass(31_000);
    let metrics = rig.engine.metrics().text();
    let of_hub = |line: &&str| line.contains("hub") && !line.ends_with(" 0");
    let traffic: Vec<&str> = metrics
        .lines()
        .filter(|line| line.contains("bytes_total") || line.contains("packets_total"))
        .filter(of_hub)
        .collect();
    assert_eq!(traffic, Vec::<&str>::new());
    let flows = "headgate_flows{kind=\"steered\",state=\"open\"} 1";
    assert!(metrics.lines().any(|line| line == flows), "{metrics}");
    rig.pass(243_000);
    assert_eq!(live(&rig), 0);
    assert_eq!(told(&mut rig), []);
}

/// A next hop may change under connections; an instance that begins or ceases to forward loses its
/// flows, and the operator is told how many.
#[test]
fn l_ha_08_changes_of_routes_and_what_they_do_to_connections() {
    let mut rig = rig();
    let syn = Segment::tcp(ENDS[0], ENDS[1], flags::S);
    let hop = through(&mut rig, A, &syn, B);
    let direct = CONFIGURATION.replacen(r#", nextHop: 10.0.9.4, nextHopV6: "fd00:9::4""#, "", 1);
    assert!(rig.apply(&direct).accepted);
    let data = Segment {
        flags: flags::A,
        ..syn
    };
    assert_eq!(through(&mut rig, A, &data, B), hop, "it stays");
    let new = Segment::tcp("10.0.0.4:50001", ENDS[1], flags::S);
    assert_eq!(one(rig.segment(A, &new)).port, B);

    let client = Segment::tcp("10.99.0.7:40000", API, flags::S);
    one(rig.segment(GATEWAY, &client));
    let gateway = r#""02:00:00:00:07:04", ipForwarding: true"#;
    let stopped = direct.replace(gateway, r#""02:00:00:00:07:04""#);
    let applied = rig.apply(&stopped);
    assert_eq!((applied.accepted, applied.flows_ended), (true, 1));
    assert_eq!(rig.segment(GATEWAY, &client), []);
}

/// Without a driver each direction finds the same appliance packet by packet.
#[test]
fn l_ha_08_driverless_both_directions_take_the_same_appliance() {
    let mut rig = rig();
    rig.now += 60_000;
    let data = Segment::tcp(ENDS[0], ENDS[1], flags::A);
    let hop = one(at_once(&mut rig, A, &data)).port;
    assert!([N, M].contains(&hop));
    assert_eq!(one(at_once(&mut rig, B, &data.answer(flags::A))).port, hop);
    assert_eq!(one(at_once(&mut rig, hop, &data)).port, B);
}
