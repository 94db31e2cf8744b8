//! What becomes of a flow's packets (GEN, FWD, PRB-06).

use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, end, small_card};
use hw_sim::CardConfig;

use super::{
    CLIENT, HTTP, HTTP_AT, REMOTE, Tcp, UPLINK, inner, live, one, reached, rules, told, web,
};

#[test]
fn gen_02_out_04_12_one_frontend_serves_both_directions_at_once() {
    let rule = "name: http, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p";
    let mut rig = Rig::new(&web(&["a", "b"], &rules(&[rule])));
    let inbound = Tcp::open(&mut rig, UPLINK, CLIENT, HTTP_AT);
    let outbound = Tcp::open(&mut rig, 1, "10.0.0.4:50000", REMOTE);
    assert_eq!(outbound.responder.1.destination.0, end(HTTP_AT).0);
    for _ in 0..10 {
        assert!(inbound.passes(&mut rig) && outbound.passes(&mut rig));
    }
}

/// GEN-03: a card of two million connections opens and says so, and what a card says it holds, it
/// holds without ending a live flow.
#[test]
fn gen_03_a_card_holds_as_many_flows_as_it_says_and_may_say_millions() {
    const MILLIONS: u32 = 2_000_000;
    let card = |flows| CardConfig {
        flows,
        ..small_card()
    };
    let text = web(&["a"], &rules(&[HTTP]));
    let rig = Rig::with_card(&text, &card(MILLIONS));
    assert!(rig.engine.status().flows.capacity >= MILLIONS);
    let tables = rig.engine.status().tables;
    let table = tables.iter().find(|t| t.table == "flow_v4");
    assert!(table.expect("a table").capacity >= u64::from(2 * MILLIONS));

    let mut rig = Rig::with_card(&text, &card(4096));
    let from = |i: u32| format!("198.51.100.{}:{}", i % 200, 1000 + i);
    for i in 0..4096 {
        one(rig.segment(UPLINK, &Segment::tcp(&from(i), HTTP_AT, flags::S)));
    }
    assert_eq!(live(&rig), 4096);
    let refused = rig.engine.counters().refusals;
    let full = refused.iter().find(|row| row.reason == "table_full");
    assert_eq!(full.expect("a reason").count, 0);
}

#[test]
fn gen_06_a_load_balancer_comes_and_goes_and_the_flows_of_others_stay_on_the_fast_path() {
    let own = web(&["a"], &rules(&[HTTP]));
    let other = super::balancer("other", "10.0.1.1", &["b"], &rules(&[HTTP]));
    let mut rig = Rig::new(&own);
    let tcp = Tcp::open(&mut rig, UPLINK, CLIENT, HTTP_AT);
    let held = rig.engine.status().packets.held;
    for text in [format!("{own}{other}"), own] {
        assert!(rig.apply(&text).accepted);
        assert!(tcp.passes(&mut rig));
    }
    assert_eq!(rig.engine.status().packets.held, held);
}

#[test]
fn gen_08_every_member_is_replaced_and_the_frontend_is_the_same() {
    let rule = "name: http, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p";
    let mut rig = Rig::new(&web(&["a", "b"], &rules(&[rule])));
    assert_eq!(reached(&mut rig, "198.51.100.1", HTTP_AT), [1, 2]);
    assert!(rig.apply(&web(&["c", "d"], &rules(&[rule]))).accepted);
    assert_eq!(reached(&mut rig, "198.51.100.2", HTTP_AT), [3, 4]);
    let left = one(rig.segment(3, &Segment::tcp("10.0.0.6:50000", REMOTE, flags::S)));
    assert_eq!(left.segment().source.0, end(HTTP_AT).0);
}

/// The beginning of a TLS handshake, as a client sends it.
const CLIENT_HELLO: &[u8] = &[
    0x16, 0x03, 0x01, 0x00, 0x2f, 0x01, 0x00, 0x00, 0x2b, 0x03, 0x03, 0xde, 0xad, 0xbe, 0xef,
];

/// The packet without Ethernet addresses, IP addresses, ports and the checksums over them.
fn masked(frame: &[u8]) -> Vec<u8> {
    let mut packet = frame[14..].to_vec();
    packet[10..20].fill(0);
    packet[20..24].fill(0);
    packet[36..38].fill(0);
    packet
}

/// FWD-02, FWD-03: only the destination changes towards the backend, only the source towards the
/// client; FWD-04: the numbers are the backend's own; FWD-07, A-28: nobody looks into the payload.
#[test]
fn fwd_02_03_04_07_a_28_a_connection_is_between_client_and_backend_only() {
    let mut rig = Rig::new(&web(&["a"], &rules(&[HTTP])));
    let syn = Segment::tcp(CLIENT, HTTP_AT, flags::S).numbered(0xffff_fff0, 0);
    let arrived = one(rig.segment(UPLINK, &syn));
    assert_eq!(arrived.segment().source, end(CLIENT));
    assert_eq!(told(&mut rig), [], "no SYN cookie, no answer of our own");
    let isn = 0x1234_5678;
    let answer = arrived
        .segment()
        .answer(flags::SA)
        .numbered(isn, 0xffff_fff1);
    let back = one(rig.segment(1, &answer)).segment();
    assert_eq!((back.seq, back.ack), (isn, 0xffff_fff1));
    let hello = syn.numbered(0xffff_fff1, isn + 1).with(CLIENT_HELLO);
    let hello = Segment {
        flags: flags::PA,
        ..hello
    };
    let before = hello.emit(rig.peer_mac(0), rig.own_mac(0));
    let after = one(rig.send(UPLINK, &before));
    assert_eq!(masked(&before), masked(&after.frame));
    assert_eq!(after.segment().payload, CLIENT_HELLO);
    let reply = answer.numbered(isn + 1, 0).with(&[0x17; 1000]);
    let before = reply.emit(rig.peer_mac(1), rig.own_mac(1));
    let after = one(rig.send(1, &before));
    assert_eq!(masked(&before), masked(&after.frame));
}

#[test]
fn fwd_05_a_30_nobody_answers_for_backends_that_are_all_down() {
    let probed = format!("{HTTP}, probe: alive");
    let mut rig = Rig::new(&web(&["a", "b"], &rules(&[&probed])));
    rig.engine.assume_healthy(|_| false);
    rig.settle();
    for to in [HTTP_AT, "203.0.113.10:81", "203.0.113.11:80"] {
        let syn = Segment::tcp(CLIENT, to, flags::S);
        assert_eq!(rig.segment(UPLINK, &syn), [], "no SYN-ACK, no RST, no ICMP");
        rig.pass(5_000);
        assert_eq!(told(&mut rig), []);
    }
}

/// FWD-09: clients in the virtual network, an Internet-facing tier in front of an internal one.
#[test]
fn fwd_08_09_an_internal_frontend_is_for_the_virtual_network_only() {
    let two_tiers = web(&["a", "b"], &rules(&[HTTP]))
        + &super::balancer("inner", "10.0.1.1", &["c", "d"], &rules(&[HTTP]));
    let mut rig = Rig::new(&two_tiers);
    let syn = Segment::tcp(CLIENT, "10.0.1.1:80", flags::S);
    assert_eq!(rig.segment(UPLINK, &syn), [], "not from the Internet");
    let outer = Tcp::open(&mut rig, UPLINK, CLIENT, HTTP_AT);
    let tier = outer.vport();
    let own = ["10.0.0.4", "10.0.0.5"][usize::from(tier) - 1];
    let mut backends: Vec<_> = (50_000..50_032)
        .map(|port| Tcp::open(&mut rig, tier, &format!("{own}:{port}"), "10.0.1.1:80").vport())
        .collect();
    backends.sort_unstable();
    backends.dedup();
    assert_eq!(backends, [3, 4]);
}

#[test]
fn prb_06_a_refusal_of_a_healthy_backend_reaches_the_client_as_it_is() {
    let probed = format!("{HTTP}, probe: alive");
    let mut rig = Rig::new(&web(&["a"], &rules(&[&probed])));
    for port in 40_000..40_010 {
        let syn = Segment::tcp(&format!("198.51.100.7:{port}"), HTTP_AT, flags::S).numbered(7, 0);
        let arrived = one(rig.segment(UPLINK, &syn));
        let refusal = arrived.segment().answer(flags::RA).numbered(0, 8);
        let back = one(rig.segment(1, &refusal)).segment();
        assert_eq!(
            (back.source, back.flags, back.ack),
            (syn.destination, flags::RA, 8)
        );
    }
}

#[test]
fn prot_01_other_protocols_than_tcp_and_udp_reach_no_backend() {
    let mut rig = Rig::new(&web(&["a"], &rules(&[HTTP])));
    for protocol in [1, 47, 50, 132] {
        let mut frame = Segment::udp(CLIENT, HTTP_AT)
            .with(&[0; 20])
            .emit(rig.peer_mac(0), rig.own_mac(0));
        super::patch_ip(&mut frame, |ip| ip[9] = protocol);
        let sent = rig.send(UPLINK, &frame);
        assert!(
            sent.iter().all(|sent| sent.port == UPLINK),
            "protocol {protocol}"
        );
    }
}

#[test]
fn l_ip6_01_a_frontend_has_backends_of_its_family_only() {
    let v6 = "name: six, protocol: Tcp, frontend: v6, frontendPort: 80, backendPool: p, backendPort: 8080, disableOutboundSnat: true";
    let mut rig = Rig::new(&web(&["a", "e"], &rules(&[HTTP, v6])));
    assert_eq!(reached(&mut rig, "198.51.100.1", HTTP_AT), [1, 5]);
    let tcp = Tcp::open(
        &mut rig,
        UPLINK,
        "[2001:db8:7::7]:1000",
        "[2001:db8::10]:80",
    );
    assert_eq!(tcp.responder.1.source, end("[fd00::4]:8080"));
    for port in 2000..2040 {
        let from = format!("[2001:db8:7::7]:{port}");
        let sent = one(rig.segment(UPLINK, &Segment::tcp(&from, "[2001:db8::10]:80", flags::S)));
        assert_eq!(sent.port, 1, "`e` has no IPv6 address");
    }
}

#[test]
fn l_frag_01_l_ha_10_l_out_20_a_17_fragments_are_dropped_on_rules_ha_ports_and_snat() {
    let snat =
        "name: http, protocol: All, frontends: [f], backendPool: p, allocatedOutboundPorts: 8";
    let public = web(
        &["a"],
        &(rules(&[HTTP]) + &super::list("outboundRules", &[snat])),
    );
    let ha =
        "name: ha, protocol: All, frontend: f, frontendPort: 0, backendPool: p, backendPort: 0";
    let internal = inner(&["a"], &rules(&[ha]));
    for (text, port, from, to) in [
        (&public, UPLINK, CLIENT, HTTP_AT),
        (&public, 1, "10.0.0.4:5000", REMOTE),
        (&internal, 4, "10.0.0.7:5000", "10.0.1.1:80"),
    ] {
        let mut rig = Rig::new(text);
        let segment = Segment::tcp(from, to, flags::S).with(&[0; 64]);
        let whole = segment.emit(rig.peer_mac(port), rig.own_mac(port));
        for offset in [0x2000_u16, 0x0010] {
            let mut frame = whole.clone();
            super::patch_ip(&mut frame, |ip| {
                ip[6..8].copy_from_slice(&offset.to_be_bytes());
            });
            assert_eq!(rig.send(port, &frame), [], "{to}");
        }
        let sent = rig.send(port, &whole);
        assert!(
            sent.iter().any(|sent| !sent.is_neighbor()),
            "{to}: unfragmented"
        );
    }
}
