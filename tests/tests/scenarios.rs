//! What the specification says of single situations, each played through card and driver.

use std::fmt::Write as _;

use flow_compiler::source::Source;
use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, Sent, end, small_card};
use headgate_tests::samples::pool;
use hw_sim::CardConfig;

const INSTANCES: &str = r#"
headgate: 1
profile: current
uplink: { mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }
instances:
  - { name: a, addresses: [10.0.0.4], vport: 1, mac: "02:00:00:00:00:04" }
  - { name: b, addresses: [10.0.0.5], vport: 2, mac: "02:00:00:00:00:05" }
  - { name: c, addresses: [10.0.0.6], vport: 3, mac: "02:00:00:00:00:06", publicAddress: 203.0.113.99 }
loadBalancers:
"#;

/// A public load balancer over `a` and `b`, probed.
fn public(sku: &str, rule: &str) -> String {
    format!(
        r"{INSTANCES}
  - name: web
    sku: {sku}
    frontends: [ {{ name: f, address: 203.0.113.10 }} ]
    backendPools: [ {{ name: p, members: [ {{ instance: a }}, {{ instance: b }} ] }} ]
    probes: [ {{ name: alive, protocol: Tcp, port: 8080 }} ]
    loadBalancingRules:
      - {{ name: http, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p, backendPort: 8080, probe: alive{rule} }}
      - {{ name: dns, protocol: Udp, frontend: f, frontendPort: 53, backendPool: p, probe: alive }}
"
    )
}

const CLIENT: &str = "198.51.100.7:40000";
const FRONTEND: &str = "203.0.113.10:80";

fn from_client(flags: u8) -> Segment {
    Segment::tcp(CLIENT, FRONTEND, flags)
}

/// The only packet that leaves.
fn one(sent: Vec<Sent>) -> Sent {
    let [one] = <[Sent; 1]>::try_from(sent).expect("one packet leaves");
    one
}

/// Opens a connection through the frontend; returns the SYN as the backend gets it.
fn connect(rig: &mut Rig) -> Sent {
    let syn = one(rig.segment(0, &from_client(flags::S).numbered(100, 0)));
    let answer = syn.segment().answer(flags::SA).numbered(500, 101);
    one(rig.segment(syn.port, &answer));
    one(rig.segment(0, &from_client(flags::A).numbered(101, 501)));
    syn
}

fn live(rig: &Rig) -> u32 {
    rig.engine.status().flows.live
}

fn refused(rig: &Rig, reason: &str) -> u64 {
    let counters = rig.engine.counters();
    let row = counters.refusals.iter().find(|row| row.reason == reason);
    row.expect("a reason").count
}

#[test]
fn rst_05_the_same_5_tuple_lives_again_after_fin_and_after_rst() {
    for closing in [flags::FA, flags::RA] {
        let mut rig = Rig::new(&public("Standard", ""));
        let syn = connect(&mut rig);
        one(rig.segment(0, &from_client(closing)));
        one(rig.segment(syn.port, &syn.segment().answer(closing)));
        rig.pass(10_000);
        let again = one(rig.segment(0, &from_client(flags::S).numbered(9_000, 0)));
        assert_eq!(again.port, syn.port);
        rig.pass(239_000);
        assert_eq!(live(&rig), 1, "its idle timeout counts anew");
        rig.pass(3_000);
        assert_eq!(live(&rig), 0);
    }
}

#[test]
fn l_idle_02_a_late_packet_is_reset_if_the_rule_says_so() {
    for (rule, answers) in [(", enableTcpReset: true", 1), ("", 0)] {
        let mut rig = Rig::new(&public("Standard", rule));
        connect(&mut rig);
        rig.pass(243_000);
        rig.take();
        let late = from_client(flags::PA).numbered(101, 501).with(b"late");
        let sent = rig.segment(0, &late);
        assert_eq!(sent.len(), answers);
        for sent in sent {
            let reset = sent.segment();
            assert_eq!(
                (sent.port, reset.source, reset.destination),
                (0, end(FRONTEND), end(CLIENT))
            );
            assert!(reset.flags & flags::R != 0);
            assert_eq!(reset.seq, 501, "RFC 9293 §3.10.7.1");
        }
    }
}

#[test]
fn prb_03_l_prb_14_tcp_stays_and_udp_moves_when_a_backend_goes_down() {
    let mut rig = Rig::new(&public("Standard", ""));
    let tcp = connect(&mut rig);
    let datagram = Segment::udp(CLIENT, "203.0.113.10:53");
    let udp = one(rig.segment(0, &datagram));
    for (down, other) in [(tcp.port, udp.port), (udp.port, 3 - udp.port)] {
        let address = end(["10.0.0.4:0", "10.0.0.5:0"][usize::from(down) - 1]).0;
        rig.engine.assume_healthy(|a| a != address);
        rig.settle();
        let segment = from_client(flags::PA).numbered(101, 501);
        assert_eq!(one(rig.segment(0, &segment)).port, tcp.port);
        let moved = one(rig.segment(0, &datagram)).port;
        assert_ne!(moved, down);
        assert!(moved == other || down == tcp.port);
    }
}

#[test]
fn prb_10_basic_ends_tcp_when_every_backend_is_down_and_standard_does_not() {
    for (sku, stays) in [("Basic", 0), ("Standard", 1)] {
        let mut rig = Rig::new(&public(sku, ""));
        connect(&mut rig);
        rig.engine.assume_healthy(|_| false);
        rig.settle();
        let segment = from_client(flags::PA).numbered(101, 501);
        assert_eq!(rig.segment(0, &segment).len(), stays, "{sku}");
        assert_eq!(live(&rig), stays as u32);
        let other = Segment::tcp("198.51.100.8:40000", FRONTEND, flags::S);
        assert_eq!(rig.segment(0, &other), [], "no new flow");
    }
}

#[test]
fn a_15_an_instance_reaches_its_own_public_frontend_by_snat_and_balance() {
    let mut rig = Rig::new(&public("Standard", ""));
    let syn = Segment::tcp("10.0.0.4:50000", FRONTEND, flags::S).numbered(7, 0);
    let arrived = one(rig.segment(1, &syn));
    let seen = arrived.segment();
    assert_eq!(
        seen.source.0,
        end(FRONTEND).0,
        "SNAT to the frontend's address"
    );
    assert_eq!(seen.destination.1, 8080);
    let answer = one(rig.segment(arrived.port, &seen.answer(flags::SA).numbered(70, 8)));
    assert_eq!((answer.port, answer.segment().source), (1, syn.destination));
    assert_eq!(answer.segment().destination, syn.source);
    let data = syn
        .answer(0)
        .answer(flags::PA)
        .numbered(8, 71)
        .with(b"data");
    let sent = one(rig.segment(1, &data));
    assert_eq!(
        (sent.port, sent.segment().destination),
        (arrived.port, seen.destination)
    );

    let by_1_to_1 = Segment::tcp("10.0.0.6:50000", FRONTEND, flags::S);
    let arrived = one(rig.segment(3, &by_1_to_1)).segment();
    assert_eq!(arrived.source, end("203.0.113.99:50000"));
}

#[test]
fn snat_05_exhaustion_fails_only_the_new_flow() {
    let text = format!(
        r"{INSTANCES}
  - name: out
    sku: Standard
    frontends: [ {{ name: f, address: 203.0.113.10 }} ]
    backendPools: [ {{ name: p, members: [ {{ instance: a }} ] }} ]
    outboundRules:
      - {{ name: o, protocol: Tcp, frontends: [f], backendPool: p, allocatedOutboundPorts: 8 }}
"
    );
    let mut rig = Rig::new(&text);
    let syn = |port: u16, to| Segment::tcp(&format!("10.0.0.4:{port}"), to, flags::S);
    for port in 0..8 {
        one(rig.segment(1, &syn(50_000 + port, "192.0.2.1:443")));
    }
    assert_eq!(rig.segment(1, &syn(50_008, "192.0.2.1:443")), []);
    assert_eq!(refused(&rig, "snat_exhausted"), 1);
    assert_eq!(rig.engine.snat_ports()[0].failed, 1);
    one(rig.segment(1, &syn(50_009, "192.0.2.2:443")));
    for port in 0..8 {
        one(rig.segment(1, &syn(50_000 + port, "192.0.2.1:443")));
    }
}

/// "Fragmentation needed" about a packet that somebody got.
fn too_big(rig: &Rig, about: &Sent, router: [u8; 4]) -> Vec<u8> {
    let ip = &about.frame[14..];
    let quote = &ip[..28];
    let mut icmp = vec![3, 4, 0, 0, 0, 0, 0x05, 0x14];
    icmp.extend_from_slice(quote);
    let checksum = pnet_packet::util::checksum(&icmp, 1);
    icmp[2..4].copy_from_slice(&checksum.to_be_bytes());
    let mut header = vec![0x45, 0, 0, 20 + icmp.len() as u8, 0, 0, 0, 0, 64, 1, 0, 0];
    header.extend_from_slice(&router);
    header.extend_from_slice(&ip[12..16]);
    let checksum = pnet_packet::util::checksum(&header, 5);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    let macs = [rig.own_mac(about.port), rig.peer_mac(about.port)].concat();
    [macs.as_slice(), &[8, 0], &header, &icmp].concat()
}

#[test]
fn an_icmp_error_reaches_either_end_in_its_own_words() {
    let mut rig = Rig::new(&public("Standard", ""));
    let syn = connect(&mut rig);
    let reply = syn
        .segment()
        .answer(flags::PA)
        .numbered(501, 101)
        .with(b"big");
    let to_client = one(rig.segment(syn.port, &reply));
    let error = too_big(&rig, &to_client, [192, 0, 2, 254]);
    let sent = one(rig.send(0, &error));
    assert_eq!(sent.port, syn.port, "to the backend");
    assert_eq!(sent.frame[30..34], [10, 0, 0, 3 + syn.port as u8]);
    assert_eq!(
        sent.frame[54..58],
        [10, 0, 0, 3 + syn.port as u8],
        "quotes what it sent"
    );

    let own = [10, 0, 0, 3 + syn.port as u8];
    let error = too_big(&rig, &syn, own);
    let sent = one(rig.send(syn.port, &error));
    assert_eq!(sent.port, 0, "to the client");
    assert_eq!(sent.frame[30..34], [198, 51, 100, 7]);
    assert_eq!(sent.frame[58..62], [203, 0, 113, 10], "quotes what it sent");
    let packets = rig.engine.status().packets;
    assert_eq!(packets.held, packets.reprocessed + packets.ended_in_driver);
}

#[test]
fn a_15_an_icmp_error_finds_its_way_back_through_both_flows() {
    let mut rig = Rig::new(&public("Standard", ""));
    let syn = Segment::tcp("10.0.0.4:50000", FRONTEND, flags::S);
    let arrived = one(rig.segment(1, &syn));
    let error = too_big(&rig, &arrived, [10, 0, 0, 3 + arrived.port as u8]);
    let sent = one(rig.send(arrived.port, &error));
    assert_eq!(sent.port, 1);
    assert_eq!(sent.frame[30..34], [10, 0, 0, 4]);
    assert_eq!(
        sent.frame[54..62],
        [10, 0, 0, 4, 203, 0, 113, 10],
        "quotes what it sent"
    );
}

#[test]
fn snat_20_the_51st_member_halves_the_ports_of_the_others() {
    let card = CardConfig {
        ports: 64,
        ..small_card()
    };
    let mut rig = Rig::with_card(&pool(50), &card);
    let allocated = |rig: &Rig| {
        rig.engine
            .snat_ports()
            .iter()
            .map(|row| row.allocated)
            .max()
    };
    assert_eq!(allocated(&rig), Some(1024));
    let syn = Segment::tcp("10.0.0.1:50000", "192.0.2.1:443", flags::S);
    let left = one(rig.segment(1, &syn)).segment();
    assert!(rig.apply(&pool(51)).accepted);
    assert_eq!(allocated(&rig), Some(512));
    assert_eq!(
        one(rig.segment(1, &syn)).segment().source,
        left.source,
        "the flow stays"
    );
}

#[test]
fn a_refused_configuration_changes_nothing() {
    let card = CardConfig {
        frontends: 8,
        stash: 0,
        ..small_card()
    };
    let mut rig = Rig::with_card(&public("Standard", ""), &card);
    let syn = connect(&mut rig);
    let mut too_big = public("Standard", "");
    for port in 1000..1020 {
        let _ = writeln!(
            too_big,
            "      - {{ name: r{port}, protocol: Tcp, frontend: f, frontendPort: {port}, backendPool: p }}"
        );
    }
    let invalid = public("Standard", ", nonsense: 1");
    for (text, says) in [
        (&too_big, "the configuration needs"),
        (&invalid, "nonsense"),
    ] {
        let before = rig.engine.accesses().bar2.writes;
        let applied = rig.engine.apply(&Source::new("test.yaml", text.clone()));
        assert!(!applied.accepted);
        assert!(
            applied.diagnostics.join("\n").contains(says),
            "{:?}",
            applied.diagnostics
        );
        assert_eq!(rig.engine.accesses().bar2.writes, before, "not one write");
        let segment = from_client(flags::PA).numbered(101, 501);
        assert_eq!(one(rig.segment(0, &segment)).port, syn.port);
    }
}
