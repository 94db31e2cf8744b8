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

/// A configuration on a platform with an address for default outbound access.
fn on_platform(text: &str) -> String {
    text.replace(
        "uplink: {",
        "uplink: { defaultOutboundAddress: 203.0.113.250,",
    )
}

/// An ARP request of a station on the uplink.
fn who_has(target: [u8; 4], asker: [u8; 6]) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend(asker);
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(asker);
    frame.extend([203, 0, 113, 1]);
    frame.extend([0; 6]);
    frame.extend(target);
    frame.resize(60, 0);
    frame
}

/// OUT-06: source translated, replies delivered, both protocols; nothing new comes in by it.
#[test]
fn out_06_who_has_no_other_way_leaves_by_the_platform_s_address() {
    let mut rig = Rig::new(&on_platform(&web(&["a"], "")));
    let tcp = Tcp::open(&mut rig, 1, "10.0.0.4:5000", REMOTE);
    let outside = tcp.responder.1.destination;
    assert_eq!(outside, end("203.0.113.250:1024"));
    assert!(tcp.passes(&mut rig));
    let neighbour = Segment::tcp("10.0.0.5:5000", REMOTE, flags::S);
    let left = one(rig.segment(2, &neighbour)).segment();
    assert_eq!(left.source.0, outside.0, "shared");
    assert_ne!(left.source.1, outside.1);
    let datagram = Segment::udp("10.0.0.4:5000", "192.0.2.1:53");
    let asked = one(rig.segment(1, &datagram)).segment();
    assert_eq!(asked.source.0, outside.0);
    let answer = Segment {
        source: asked.destination,
        destination: asked.source,
        ..asked
    };
    let arrived = one(rig.segment(0, &answer));
    assert_eq!(
        (arrived.port, arrived.segment().destination),
        (1, datagram.source)
    );
    let row = snat(&rig, "a", "TCP");
    assert_eq!((row.used, row.allocated), (1, 1024));
    for to in [
        "203.0.113.250:80",
        "203.0.113.250:1024",
        "203.0.113.250:1025",
    ] {
        let stranger = Segment::tcp("198.51.100.7:40000", to, flags::S);
        assert_eq!(rig.segment(0, &stranger), [], "{to}");
    }
    // Four idle minutes, and nobody is told.
    rig.pass(241_000);
    assert_eq!(super::told(&mut rig), []);
    assert_eq!(super::live(&rig), 0);
    // Who asks for its Ethernet address is answered.
    let answered = rig.send(0, &who_has([203, 0, 113, 250], rig.peer_mac(0)));
    assert!(
        answered
            .iter()
            .any(|sent| sent.port == 0 && sent.is_neighbor())
    );
}

/// OUT-07: the way changes with the configuration, and back.
#[test]
fn out_07_l_out_01_03_05_the_platform_s_address_comes_last() {
    let mut rig = Rig::new(&on_platform(&web(&["a"], "")));
    let standard = |lists: &str| on_platform(&web(&["a"], lists));
    let inner = on_platform(&super::inner(&["a"], &rules(&[SNAT])));
    let basic = inner
        .replace("name: inner", "name: basic")
        .replace("sku: Standard", "sku: Basic");
    let public = standard("").replace("vport: 1,", "vport: 1, publicAddress: 203.0.113.98,");
    let (frontend, platform) = (Some("203.0.113.10"), Some("203.0.113.250"));
    for (port, (text, expected)) in (5000..).zip([
        (standard(""), platform),
        (standard(&rules(&[SNAT])), frontend),
        (standard(&rules(&[HTTP])), None),
        (inner, None),
        (basic, platform),
        (public, Some("203.0.113.98")),
        (standard(""), platform),
        (web(&["a"], ""), None),
    ]) {
        assert!(rig.apply(&text).accepted, "{text}");
        assert_eq!(seen(&mut rig, 1, &syn(port)).as_deref(), expected, "{text}");
    }
}

#[test]
fn l_out_24_a_member_by_address_keeps_default_outbound_access() {
    let by_address = |text: String| text.replace("{ name: p,", "{ name: p, byAddress: true,");
    let inner = on_platform(&super::inner(&["a"], &rules(&[SNAT])));
    let mut rig = Rig::new(&inner);
    assert_eq!(seen(&mut rig, 1, &syn(5000)), None);
    assert!(rig.apply(&by_address(inner)).accepted);
    let outside = seen(&mut rig, 1, &syn(5001));
    assert_eq!(outside.as_deref(), Some("203.0.113.250"));
    // By a public frontend both protocols leave, as with Basic.
    let public = by_address(on_platform(&web(&["a"], &rules(&[SNAT]))));
    assert!(rig.apply(&public).accepted);
    let datagram = Segment::udp("10.0.0.4:5000", "192.0.2.1:53");
    for segment in [syn(5002), datagram] {
        let outside = seen(&mut rig, 1, &segment);
        assert_eq!(outside.as_deref(), Some("203.0.113.10"));
    }
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
