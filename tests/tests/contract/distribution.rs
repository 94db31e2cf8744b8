//! Which backend a new flow goes to (DIST, L-DIST).

use std::collections::BTreeMap;

use firmware_api::PortId;
use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, end, small_card};
use hw_sim::CardConfig;

use super::{HTTP, HTTP_AT, Tcp, UPLINK, one, reached, reaches, rules, web};

const ALL: [&str; 4] = ["a", "b", "c", "d"];
const FLOWS: u16 = 10_000;

fn large() -> CardConfig {
    CardConfig {
        flows: 16_384,
        ..small_card()
    }
}

#[test]
fn dist_01_03_05_l_dist_01_many_ports_of_one_client_spread_evenly_and_each_comes_back() {
    let mut rig = Rig::with_card(&web(&ALL, &rules(&[HTTP])), &large());
    let mut counts: BTreeMap<PortId, f64> = BTreeMap::new();
    let from = |i: u16| format!("198.51.100.7:{}", 20_000 + i);
    let mut first = Vec::new();
    for i in 0..FLOWS {
        let port = reaches(&mut rig, &from(i), HTTP_AT).expect("a backend");
        *counts.entry(port).or_default() += 1.0;
        if i < 50 {
            first.push(port);
        }
    }
    let expected = f64::from(FLOWS) / 4.0;
    let chi_square: f64 = counts
        .values()
        .map(|n| (n - expected).powi(2) / expected)
        .sum();
    assert_eq!(counts.len(), 4);
    assert!(chi_square < 16.27, "{chi_square}: p < 0.001; {counts:?}");
    assert!(
        counts
            .values()
            .all(|n| (n - expected).abs() < 0.05 * expected),
        "{counts:?}"
    );
    for (i, port) in (0..).zip(&first) {
        let reset = Segment::tcp(&from(i), HTTP_AT, flags::R);
        one(rig.segment(UPLINK, &reset));
        assert_eq!(reaches(&mut rig, &from(i), HTTP_AT), Some(*port), "by hash");
    }
}

#[test]
fn dist_02_every_packet_of_a_flow_goes_to_one_backend_tcp_and_udp() {
    let dns = "name: dns, protocol: Udp, frontend: f, frontendPort: 53, backendPool: p, disableOutboundSnat: true";
    let mut rig = Rig::new(&web(&ALL, &rules(&[HTTP, dns])));
    let tcp = Tcp::open(&mut rig, UPLINK, "198.51.100.7:1000", HTTP_AT);
    let datagram = Segment::udp("198.51.100.7:1000", "203.0.113.10:53");
    let udp = one(rig.segment(UPLINK, &datagram)).port;
    for i in 0..500 {
        assert!(tcp.passes(&mut rig));
        assert_eq!(one(rig.segment(UPLINK, &datagram)).port, udp);
        reaches(&mut rig, &format!("198.51.100.8:{}", 2000 + i), HTTP_AT);
    }
}

/// A TCP and a UDP rule of one frontend and pool.
fn two_rules(mode: &str) -> String {
    let rule = |name: &str, protocol: &str, port: u16| {
        format!(
            "name: {name}, protocol: {protocol}, frontend: f, frontendPort: {port}, backendPool: p, loadDistribution: {mode}, disableOutboundSnat: true"
        )
    };
    rules(&[&rule("control", "Tcp", 80), &rule("media", "Udp", 5000)])
}

/// The backends of a client's flows by TCP and by UDP.
fn backends(rig: &mut Rig, client: &str) -> [Vec<PortId>; 2] {
    let tcp = reached(rig, client, HTTP_AT);
    let datagram = |port| Segment::udp(&format!("{client}:{port}"), "203.0.113.10:5000");
    let mut udp: Vec<PortId> = (30_000..30_064)
        .map(|port| one(rig.segment(UPLINK, &datagram(port))).port)
        .collect();
    udp.sort_unstable();
    udp.dedup();
    [tcp, udp]
}

#[test]
fn dist_04_l_dist_02_03_04_affinity_to_a_client_by_two_and_by_three() {
    let clients: Vec<String> = (1..=16).map(|n| format!("198.51.100.{n}")).collect();
    for (mode, together) in [("SourceIP", true), ("SourceIPProtocol", false)] {
        let mut rig = Rig::new(&web(&ALL, &two_rules(mode)));
        let mut all = std::collections::BTreeSet::new();
        let mut apart = 0;
        for client in &clients {
            let [tcp, udp] = backends(&mut rig, client);
            assert_eq!((tcp.len(), udp.len()), (1, 1), "{mode}: {client}");
            apart += usize::from(tcp != udp);
            all.extend(tcp);
        }
        assert!(all.len() > 1, "{mode}: clients spread");
        assert_eq!(apart == 0, together, "{mode}: {apart} apart");
    }
}

#[test]
fn dist_06_a_backend_that_is_down_gets_no_new_flow() {
    let probed = format!("{HTTP}, probe: alive");
    let mut rig = Rig::new(&web(&ALL, &rules(&[&probed])));
    assert_eq!(reached(&mut rig, "198.51.100.1", HTTP_AT), [1, 2, 3, 4]);
    rig.engine
        .assume_healthy(|address| address != end("10.0.0.5:0").0);
    rig.settle();
    assert_eq!(reached(&mut rig, "198.51.100.2", HTTP_AT), [1, 3, 4]);
}

#[test]
fn l_dist_05_the_mode_changes_under_load_and_no_flow_notices() {
    let text = |mode: &str| {
        web(
            &ALL,
            &rules(&[&format!("{HTTP}, loadDistribution: {mode}")]),
        )
    };
    let mut rig = Rig::new(&text("Default"));
    let flows: Vec<Tcp> = (1000..1100)
        .map(|port| Tcp::open(&mut rig, UPLINK, &format!("198.51.100.7:{port}"), HTTP_AT))
        .collect();
    for (mode, client) in [
        ("SourceIP", "198.51.100.8"),
        ("SourceIPProtocol", "198.51.100.9"),
        ("Default", "198.51.100.10"),
    ] {
        assert!(rig.apply(&text(mode)).accepted);
        assert!(flows.iter().all(|tcp| tcp.passes(&mut rig)), "{mode}");
        let many = reached(&mut rig, client, HTTP_AT).len() > 1;
        assert_eq!(many, mode == "Default", "{mode} is in force at once");
    }
}

#[test]
fn l_dist_06_a_new_member_takes_new_flows_of_some_clients_and_no_established_one() {
    let text = |members: &[&str]| {
        web(
            members,
            &rules(&[&format!("{HTTP}, loadDistribution: SourceIP")]),
        )
    };
    let mut rig = Rig::new(&text(&["a", "b"]));
    let clients: Vec<String> = (1..=40).map(|n| format!("198.51.100.{n}")).collect();
    let flows: Vec<Tcp> = clients
        .iter()
        .map(|client| Tcp::open(&mut rig, UPLINK, &format!("{client}:1000"), HTTP_AT))
        .collect();
    assert!(rig.apply(&text(&["a", "b", "c"])).accepted);
    let mut moved = 0;
    for (client, tcp) in clients.iter().zip(&flows) {
        assert!(tcp.passes(&mut rig), "{client}");
        let now = reaches(&mut rig, &format!("{client}:1001"), HTTP_AT);
        moved += usize::from(now != Some(tcp.vport()));
    }
    assert!((1..30).contains(&moved), "{moved} of 40 go elsewhere");
}

/// L-PRB-16: what is remembered of a UDP flow is its backend, and only while that takes new flows.
#[test]
fn l_dist_11_a_09_a_26_tracked_udp_stays_when_its_backend_goes_down_other_udp_moves() {
    for tracked in [true, false] {
        let rule = format!(
            "name: u, protocol: Udp, frontend: f, frontendPort: 53, backendPool: p, probe: alive, disableOutboundSnat: true, enableConnectionTracking: {tracked}"
        );
        let mut rig = Rig::new(&web(&ALL, &rules(&[&rule])));
        let datagram = Segment::udp("198.51.100.7:1000", "203.0.113.10:53");
        let before = one(rig.segment(UPLINK, &datagram));
        let gone = before.segment().destination.0;
        rig.engine.assume_healthy(|address| address != gone);
        rig.settle();
        let after = one(rig.segment(UPLINK, &datagram));
        assert_eq!(after.port == before.port, tracked);
        assert!(
            rig.apply(&web(&["a", "b", "c", "d", "e"], &rules(&[&rule])))
                .accepted
        );
        let grown = one(rig.segment(UPLINK, &datagram));
        assert!(
            !tracked || grown.port == before.port,
            "and when the pool grows"
        );
        rig.pass(239_000);
        assert_eq!(super::live(&rig), 1);
        rig.pass(3_000);
        assert_eq!(super::live(&rig), 0, "idle UDP ends after four minutes");
        assert_eq!(super::told(&mut rig), [], "and nobody is told");
    }
}
