//! Ways out (OUT, L-OUT).

use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, end};

use super::{HTTP, HTTP_AT, REMOTE, Tcp, list, one, rules, snat, web};

const SNAT: &str =
    "name: http, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p, backendPort: 8080";

fn syn(port: u16) -> Segment {
    Segment::tcp(&format!("10.0.0.4:{port}"), REMOTE, flags::S)
}

/// The source that an instance's new connection has outside.
fn seen(rig: &mut Rig, vport: u16, segment: &Segment) -> Option<String> {
    let sent = rig.segment(vport, segment);
    sent.first().map(|sent| {
        assert_eq!(sent.port, 0);
        sent.segment().source.0.to_string()
    })
}

#[test]
fn out_05_a_rule_is_the_way_out_whether_anybody_listens_or_not() {
    let mut rig = Rig::new(&web(&["a"], ""));
    assert_eq!(seen(&mut rig, 1, &syn(5000)), None, "a pool without a rule");
    let probed = format!("{SNAT}, probe: alive");
    assert!(rig.apply(&web(&["a"], &rules(&[&probed]))).accepted);
    rig.engine.assume_healthy(|_| false);
    rig.settle();
    let outside = seen(&mut rig, 1, &syn(5001));
    assert_eq!(outside.as_deref(), Some("203.0.113.10"));
}

/// OUT-03, SNAT-24: port and address are the instance's own, and no SNAT port is used.
#[test]
fn out_03_07_snat_24_a_public_address_of_its_own_comes_first() {
    let text = web(&["e"], &rules(&[SNAT]));
    let mut rig = Rig::new(&text);
    for port in [1, 1023, 50_000] {
        let own = Segment::tcp(&format!("10.0.0.8:{port}"), REMOTE, flags::S);
        let left = one(rig.segment(5, &own)).segment();
        assert_eq!(left.source, end(&format!("203.0.113.99:{port}")));
    }
    assert_eq!(snat(&rig, "e", "TCP").used, 0);
    assert!(
        rig.apply(&text.replace(", publicAddress: 203.0.113.99", ""))
            .accepted
    );
    let own = Segment::tcp("10.0.0.8:50001", REMOTE, flags::S);
    assert_eq!(seen(&mut rig, 5, &own).as_deref(), Some("203.0.113.10"));
    let no_rule = web(&["e"], "").replace(", publicAddress: 203.0.113.99", "");
    assert!(rig.apply(&no_rule).accepted);
    let own = Segment::tcp("10.0.0.8:50002", REMOTE, flags::S);
    assert_eq!(seen(&mut rig, 5, &own), None);
}

#[test]
fn out_08_sku_09_11_basic_leaves_by_one_frontend_for_both_protocols() {
    let second = "name: other, protocol: Tcp, frontend: g, frontendPort: 80, backendPool: p, backendPort: 8081";
    for (sku, addresses, udp) in [("Basic", 1, true), ("Standard", 2, false)] {
        let text =
            web(&["a"], &rules(&[SNAT, second])).replace("sku: Standard", &format!("sku: {sku}"));
        let mut rig = Rig::new(&text);
        let mut used = std::collections::BTreeSet::new();
        for port in 5000..6024 {
            used.extend(seen(&mut rig, 1, &syn(port)));
        }
        assert_eq!(used.len(), addresses, "{sku}");
        let datagram = Segment::udp("10.0.0.4:5000", "192.0.2.1:53");
        assert_eq!(seen(&mut rig, 1, &datagram).is_some(), udp, "{sku}");
    }
}

#[test]
fn l_out_05_07_no_snat_by_a_rule_that_forbids_it_nor_by_nat_rules() {
    let nat = "name: ssh, protocol: Tcp, frontend: f, frontendPort: 22, target: a";
    let lists = rules(&[HTTP]) + &list("inboundNatRules", &[nat]);
    let mut rig = Rig::new(&web(&["a"], &lists));
    assert_eq!(seen(&mut rig, 1, &syn(5000)), None);
}

/// L-OUT-28: a load balancer with outbound rules only; also for what stands behind an internal one.
#[test]
fn l_out_28_outbound_rules_alone_are_enough() {
    let inner = super::inner(&["a"], &rules(&[HTTP]));
    let mut rig = Rig::new(&inner);
    assert_eq!(seen(&mut rig, 1, &syn(5000)), None);
    let rule = "name: o, protocol: All, frontends: [f], backendPool: p, allocatedOutboundPorts: 8";
    let out = super::balancer(
        "out",
        HTTP_AT.trim_end_matches(":80"),
        &["a"],
        &list("outboundRules", &[rule]),
    );
    assert!(rig.apply(&format!("{inner}{out}")).accepted);
    assert_eq!(
        seen(&mut rig, 1, &syn(5001)).as_deref(),
        Some("203.0.113.10")
    );
    let to_frontend = Segment::tcp("198.51.100.7:1", HTTP_AT, flags::S);
    assert_eq!(rig.segment(0, &to_frontend), [], "nothing comes in");
}

#[test]
fn l_out_30_ipv6_leaves_as_the_ipv6_frontend() {
    let rule =
        "name: o, protocol: All, frontends: [f, v6], backendPool: p, allocatedOutboundPorts: 16";
    let mut rig = Rig::new(&web(&["a"], &list("outboundRules", &[rule])));
    let tcp = Tcp::open(&mut rig, 1, "[fd00::4]:5000", "[2001:db8:9::9]:443");
    assert_eq!(tcp.responder.1.destination.0, end("[2001:db8::10]:0").0);
    assert!(tcp.passes(&mut rig));
    let four = Tcp::open(&mut rig, 1, "10.0.0.4:5000", REMOTE);
    assert_eq!(four.responder.1.destination.0, end(HTTP_AT).0);
}

#[test]
fn l_out_14_a_27_the_second_address_is_used_when_the_first_is_full() {
    let rule =
        "name: o, protocol: All, frontends: [g, f], backendPool: p, allocatedOutboundPorts: 16";
    let mut rig = Rig::new(&web(&["a"], &list("outboundRules", &[rule])));
    let used: Vec<_> = (5000..5016)
        .map(|port| seen(&mut rig, 1, &syn(port)).unwrap())
        .collect();
    assert!(used[..8].iter().all(|address| address == "203.0.113.11"));
    assert!(used[8..].iter().all(|address| address == "203.0.113.10"));
    assert_eq!(seen(&mut rig, 1, &syn(5016)), None);
}
