//! SNAT ports in use (SNAT, L-OUT).

use std::collections::BTreeSet;

use firmware_api::PortId;
use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, end, small_card};
use headgate_tests::samples::pool;
use hw_sim::CardConfig;

use super::{OTHER_REMOTE, REMOTE, Tcp, list, one, snat, web};

const MINUTE: u64 = 60_000;

/// Members `a` and `b` with that many ports each.
fn with(ports: u16) -> String {
    let rule = format!(
        "name: o, protocol: All, frontends: [f], backendPool: p, allocatedOutboundPorts: {ports}"
    );
    web(&["a", "b"], &list("outboundRules", &[&rule]))
}

/// The public end of a new connection of `a`, if it gets one.
fn port(rig: &mut Rig, from: u16, to: &str) -> Option<u16> {
    let syn = Segment::tcp(&format!("10.0.0.4:{from}"), to, flags::S);
    rig.segment(1, &syn)
        .first()
        .map(|sent| sent.segment().source.1)
}

/// SNAT-01: two instances, one public address, one destination; SNAT-18, L-OUT-09: no system port.
#[test]
fn snat_01_02_18_l_out_09_15_17_every_flow_to_one_destination_has_its_own_port() {
    let mut rig = Rig::new(&with(64));
    let mut used = BTreeSet::new();
    for i in 0..64 {
        for (vport, own) in [(1, "10.0.0.4"), (2, "10.0.0.5")] {
            let syn = Segment::tcp(&format!("{own}:{}", 5000 + i), REMOTE, flags::S);
            let left = one(rig.segment(vport, &syn)).segment();
            assert_eq!(left.source.0, end("203.0.113.10:0").0);
            assert!(left.source.1 >= 1024);
            assert!(used.insert(left.source.1), "twice");
        }
    }
    assert_eq!(
        port(&mut rig, 6000, OTHER_REMOTE),
        Some(1024),
        "lowest first, shared"
    );
    assert_eq!(
        port(&mut rig, 6000, "192.0.2.1:444"),
        Some(1024),
        "another port of it"
    );
}

#[test]
fn snat_03_04_17_l_out_17_a_thousand_destinations_use_one_port() {
    let mut rig = Rig::new(&with(8));
    for i in 0..1000 {
        let to = format!("192.0.{}.{}:443", i / 250, i % 250 + 1);
        assert_eq!(port(&mut rig, 5000 + i, &to), Some(1024));
    }
    let row = snat(&rig, "a", "TCP");
    assert_eq!((row.used, row.allocated, row.flows), (1, 8, 1000));
}

/// SNAT-06, SNAT-07: 240 s without a packet, not sooner; SNAT-09: asking again and again frees none.
#[test]
fn snat_05_06_07_09_an_idle_port_is_free_after_four_minutes() {
    let mut rig = Rig::new(&with(8));
    for i in 0..8 {
        assert!(port(&mut rig, 5000 + i, REMOTE).is_some());
    }
    for i in 0..23 {
        rig.pass(10_000);
        assert_eq!(port(&mut rig, 6000 + i, REMOTE), None);
    }
    assert_eq!(super::live(&rig), 8, "no live one is stolen");
    rig.pass(13_000);
    assert!(port(&mut rig, 7000, REMOTE).is_some());
    assert_eq!(snat(&rig, "a", "TCP").failed, 23);
}

#[test]
fn snat_08_l_idle_07_one_side_s_keepalives_hold_a_flow_for_more_than_an_hour() {
    let mut rig = Rig::new(&with(8));
    let tcp = Tcp::open(&mut rig, 1, "10.0.0.4:5000", REMOTE);
    for _ in 0..20 {
        rig.pass(200_000);
        one(tcp.answers(&mut rig, flags::A));
    }
    assert!(tcp.passes(&mut rig));
    rig.pass(4 * MINUTE + 3_000);
    assert_eq!(super::live(&rig), 0);
}

#[test]
fn snat_27_l_out_08_18_19_a_16_udp_keeps_a_port_for_each_source_and_runs_out_by_itself() {
    let mut rig = Rig::new(&with(8));
    let datagram = |from: u16, to: &str| Segment::udp(&format!("10.0.0.4:{from}"), to);
    let public = |rig: &mut Rig, from, to| {
        let sent = rig.segment(1, &datagram(from, to));
        sent.first().map(|sent| sent.segment().source.1)
    };
    let first = public(&mut rig, 5000, "192.0.2.1:53");
    for to in ["192.0.2.1:54", "192.0.2.2:53", "192.0.2.3:9"] {
        assert_eq!(public(&mut rig, 5000, to), first, "one source, one port");
    }
    for from in 5001..5008 {
        assert_ne!(public(&mut rig, from, "192.0.2.9:53"), first);
    }
    assert_eq!(public(&mut rig, 5008, "192.0.2.10:53"), None, "exhausted");
    assert!(
        port(&mut rig, 5008, "192.0.2.10:53").is_some(),
        "TCP has its own"
    );
    let other = Segment::udp("10.0.0.5:5008", "192.0.2.10:53");
    assert_eq!(rig.segment(2, &other).len(), 1, "and the other instance");
    let stranger = Segment::udp("192.0.2.77:53", &format!("203.0.113.10:{}", first.unwrap()));
    assert_eq!(
        rig.segment(0, &stranger),
        [],
        "only who was spoken to may answer"
    );
}

/// The public end of a datagram of `a`, if it gets one.
fn udp_port(rig: &mut Rig, from: u16, to: &str) -> Option<u16> {
    let datagram = Segment::udp(&format!("10.0.0.4:{from}"), to);
    let sent = rig.segment(1, &datagram);
    sent.first().map(|sent| sent.segment().source.1)
}

fn sharing(ports: u16, is_shared: bool) -> String {
    with(ports).replace(
        "profile: current",
        &format!("profile: current\nsettings: {{ udpPortShareByDestIp: {is_shared} }}"),
    )
}

/// A-16, L-OUT-18: with the setting, sources share a port toward different addresses, never toward
/// the same one; and only who was spoken to may answer, each to its own source.
#[test]
fn snat_27_l_out_18_a_16_with_the_setting_udp_sources_share_ports_by_destination_address() {
    let mut rig = Rig::new(&sharing(8, true));
    let servers: Vec<String> = (1..=100).map(|i| format!("192.0.2.{i}:53")).collect();
    for (from, to) in (5000..).zip(&servers) {
        assert_eq!(udp_port(&mut rig, from, to), Some(1024), "{to}");
    }
    assert_eq!(udp_port(&mut rig, 5000, "192.0.2.1:54"), Some(1024));
    assert_eq!(snat(&rig, "a", "UDP").used, 1);
    for from in 6001..6008 {
        let port = udp_port(&mut rig, from, "192.0.2.1:53");
        assert_eq!(port, Some(1024 + from - 6000), "the same address");
    }
    assert_eq!(udp_port(&mut rig, 6008, "192.0.2.1:99"), None, "exhausted");
    assert!(udp_port(&mut rig, 6008, "192.0.2.2:99").is_some());
    let other = Segment::udp("10.0.0.5:5000", "192.0.2.1:53");
    let of_b = one(rig.segment(2, &other)).segment().source.1;
    assert_eq!(of_b, 1032, "never two instances");
    for (from, server) in (5000..).zip(&servers) {
        let answer = Segment::udp(server, "203.0.113.10:1024");
        let arrived = one(rig.segment(0, &answer));
        assert_eq!(arrived.port, 1);
        let inside = format!("10.0.0.4:{from}");
        assert_eq!(arrived.segment().destination, end(&inside), "{server}");
    }
    for stranger in ["192.0.2.1:55", "192.0.2.200:53"] {
        let datagram = Segment::udp(stranger, "203.0.113.10:1024");
        assert_eq!(rig.segment(0, &datagram), [], "{stranger}");
    }
}

/// a reload shares at once; taking it back ends who needs another port then, and nobody else.
#[test]
fn a_16_sharing_follows_a_reload() {
    let mut rig = Rig::new(&sharing(8, false));
    for from in 5000..5008 {
        assert!(udp_port(&mut rig, from, "192.0.2.1:53").is_some());
    }
    assert_eq!(udp_port(&mut rig, 6000, "192.0.2.2:53"), None, "off");
    let tcp = Tcp::open(&mut rig, 1, "10.0.0.4:7000", REMOTE);
    let applied = rig.apply(&sharing(8, true));
    assert_eq!((applied.accepted, applied.flows_ended), (true, 0));
    assert_eq!(super::live(&rig), 9);
    assert_eq!(udp_port(&mut rig, 6000, "192.0.2.2:53"), Some(1024), "on");
    assert_eq!(udp_port(&mut rig, 5003, "192.0.2.1:53"), Some(1027), "kept");
    assert_eq!(udp_port(&mut rig, 5003, "192.0.2.3:53"), Some(1024));
    let row = snat(&rig, "a", "UDP");
    assert_eq!((row.used, row.flows, row.failed), (8, 10, 1));

    let applied = rig.apply(&sharing(8, false));
    assert_eq!((applied.accepted, applied.flows_ended), (true, 2));
    let row = snat(&rig, "a", "UDP");
    assert_eq!((row.used, row.flows), (8, 8));
    assert_eq!(
        udp_port(&mut rig, 5003, "192.0.2.3:53"),
        Some(1027),
        "a cone"
    );
    assert_eq!(udp_port(&mut rig, 6000, "192.0.2.2:53"), None, "none left");
    assert!(tcp.passes(&mut rig), "TCP does not notice");
    rig.pass(4 * MINUTE + 3_000);
    assert_eq!(super::live(&rig), 0);
    assert_eq!(snat(&rig, "a", "UDP").used, 0);
    assert_eq!(udp_port(&mut rig, 6000, "192.0.2.2:53"), Some(1024));
}

/// A-16, SNAT-20: blocks that are taken back take the flows of every source on them.
#[test]
fn a_16_snat_20_shared_ports_are_reclaimed_with_all_of_their_flows() {
    let mut rig = Rig::new(&sharing(16, true));
    for from in 5000..5012 {
        udp_port(&mut rig, from, "192.0.2.1:53");
        udp_port(&mut rig, from, "192.0.2.2:53");
        udp_port(&mut rig, from, "192.0.2.2:54");
    }
    assert_eq!(snat(&rig, "a", "UDP").used, 12);
    let applied = rig.apply(&sharing(8, true));
    assert_eq!((applied.accepted, applied.flows_ended), (true, 12));
    let row = snat(&rig, "a", "UDP");
    assert_eq!((row.used, row.allocated, row.flows), (8, 8, 24));
    assert_eq!(super::live(&rig), 24);
}

fn big_card() -> CardConfig {
    CardConfig {
        ports: 128,
        ..small_card()
    }
}

fn open(rig: &mut Rig, instance: PortId, from: u16) -> Tcp {
    Tcp::open(rig, instance, &format!("10.0.0.{instance}:{from}"), REMOTE)
}

#[test]
fn out_02_snat_10_ports_are_there_with_the_member() {
    let mut rig = Rig::with_card(&pool(2), &big_card());
    assert_eq!(snat(&rig, "i3", "TCP").allocated, 0);
    assert!(rig.apply(&pool(3)).accepted);
    let row = snat(&rig, "i3", "TCP");
    assert_eq!(
        (row.allocated, row.used),
        (1024, 0),
        "before its first packet"
    );
    open(&mut rig, 3, 5000);
}

/// SNAT-20, A-25: the upper half is taken. SNAT-21: what was on it gets no answer, of us neither.
/// SNAT-22, A-10: new connections succeed at once. SNAT-23: and all comes back.
#[test]
fn snat_20_21_22_23_rcfg_03_l_out_25_a_10_25_growth_over_a_tier_and_back() {
    let mut rig = Rig::with_card(&pool(50), &big_card());
    let flows: Vec<Tcp> = (0..1024).map(|i| open(&mut rig, 1, 5000 + i)).collect();
    assert!(rig.apply(&pool(51)).accepted);
    assert_eq!(super::told(&mut rig), [], "no reset");
    let row = snat(&rig, "i1", "TCP");
    assert_eq!((row.allocated, row.used), (512, 512));
    for tcp in &flows {
        let kept = tcp.responder.1.destination.1 < 1024 + 512;
        assert_eq!(tcp.passes(&mut rig), kept);
    }
    let elsewhere = Segment::tcp("10.0.0.1:9000", OTHER_REMOTE, flags::S);
    one(rig.segment(1, &elsewhere));
    open(&mut rig, 51, 5000);

    assert!(rig.apply(&pool(50)).accepted);
    rig.pass(1_000);
    assert_eq!(snat(&rig, "i1", "TCP").allocated, 1024);
    assert!(flows[..512].iter().all(|tcp| tcp.passes(&mut rig)));
    open(&mut rig, 1, 9001);
}

/// L-OUT-26: twice as many members for a while, as when instances are replaced.
#[test]
fn l_out_26_a_pool_that_is_doubled_for_a_while_has_its_ports_back() {
    let mut rig = Rig::with_card(&pool(60), &big_card());
    let tcp = open(&mut rig, 1, 5000);
    for (members, ports) in [(120, 256), (60, 512)] {
        assert!(rig.apply(&pool(members)).accepted);
        rig.pass(1_000);
        assert_eq!(snat(&rig, "i1", "TCP").allocated, ports);
        assert!(tcp.passes(&mut rig), "on a low port");
    }
}
