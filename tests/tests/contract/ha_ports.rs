//! HA ports (L-HA).

use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, end};

use super::{Tcp, UPLINK, inner, live, one, rules, told};

const HA: &str =
    "name: ha, protocol: All, frontend: f, frontendPort: 0, backendPool: p, backendPort: 0";

#[test]
fn l_ha_02_every_port_of_tcp_and_udp_is_balanced_and_stays() {
    let mut rig = Rig::new(&inner(&["a", "b"], &rules(&[HA])));
    let mut used = std::collections::BTreeSet::new();
    for port in [1, 22, 53, 80, 443, 1023, 8080, 33_333, 65_534, 65_535] {
        let to = format!("10.0.1.1:{port}");
        let tcp = Tcp::open(&mut rig, 4, "10.0.0.7:5000", &to);
        assert_eq!(tcp.responder.1.source.1, port);
        let datagram = Segment::udp("10.0.0.7:5000", &to);
        let arrived = one(rig.segment(4, &datagram));
        assert_eq!(arrived.segment().destination.1, port);
        used.extend([tcp.vport(), arrived.port]);
    }
    assert_eq!(used.into_iter().collect::<Vec<_>>(), [1, 2]);
}

/// L-HA-11: the rule's flows end without a reset, whether it asks for one or not; others of the
/// same configuration get theirs (RST-02).
#[test]
fn l_ha_11_no_reset_at_the_idle_timeout_of_ha_ports() {
    for asked in [true, false] {
        let rule = format!("{HA}, enableTcpReset: {asked}");
        let text = inner(&["a"], &rules(&[&rule]))
            + &super::balancer(
                "web",
                "203.0.113.10",
                &["a"],
                &rules(&[&format!("{}, enableTcpReset: true", super::HTTP)]),
            );
        let mut rig = Rig::new(&text);
        Tcp::open(&mut rig, 4, "10.0.0.7:5000", "10.0.1.1:80");
        rig.pass(243_000);
        assert_eq!(live(&rig), 0);
        assert_eq!(told(&mut rig), [], "enableTcpReset: {asked}");
        Tcp::open(&mut rig, UPLINK, super::CLIENT, super::HTTP_AT);
        rig.pass(243_000);
        assert_eq!(told(&mut rig).len(), 2);
    }
}

#[test]
fn l_ha_12_one_answer_of_a_probe_is_for_all_ports() {
    let mut rig = Rig::new(&inner(
        &["a", "b"],
        &rules(&[&format!("{HA}, probe: alive")]),
    ));
    rig.engine
        .assume_healthy(|address| address != end("10.0.0.4:0").0);
    rig.settle();
    for port in 1..50 {
        let to = format!("10.0.1.1:{port}");
        for segment in [
            Segment::tcp("10.0.0.7:5000", &to, flags::S),
            Segment::udp("10.0.0.7:5000", &to),
        ] {
            assert_eq!(one(rig.segment(4, &segment)).port, 2);
        }
    }
}

#[test]
fn l_ha_13_a_18_both_families_each_with_its_rule() {
    let v6 = HA
        .replace("name: ha", "name: ha6")
        .replace("frontend: f,", "frontend: v6,");
    let mut rig = Rig::new(&inner(&["a", "b"], &rules(&[HA, &v6])));
    let four = Tcp::open(&mut rig, 4, "10.0.0.7:5000", "10.0.1.1:1234");
    let six = Tcp::open(&mut rig, 4, "[fd00::7]:5000", "[fd00:1::1]:1234");
    assert!(four.passes(&mut rig) && six.passes(&mut rig));
}

/// a datagram in three fragments arrives whole at one member, and the answer's fragments come
/// back from the frontend; without a flow, and without the setting not at all.
#[test]
fn a_17_l_ha_10_fragments_reach_one_member_and_the_answer_comes_from_the_frontend() {
    let off = inner(&["a", "b"], &rules(&[HA]));
    let on = off.replacen(
        "profile: current",
        "profile: current\nsettings: { haForwardFragments: true }",
        1,
    );
    let datagram = Segment::udp("10.0.0.7:5000", "10.0.1.1:53").with(&[0x5a; 3000]);
    let mut rig = Rig::new(&off);
    assert!(exchange(&mut rig, 4, &datagram).is_empty());
    assert!(rig.apply(&on).accepted);
    let arrived = exchange(&mut rig, 4, &datagram);
    let member = arrived[0].port;
    assert!(arrived.iter().all(|sent| sent.port == member));
    let there = whole(&arrived);
    let own = ["10.0.0.4:53", "10.0.0.5:53"][usize::from(member) - 1];
    assert_eq!(
        there,
        Segment {
            destination: end(own),
            ..datagram.clone()
        }
        .emit(rig.own_mac(member), rig.peer_mac(member))[34..]
    );
    let answer = Segment {
        source: end(own),
        destination: datagram.source,
        ..datagram.clone()
    };
    let back = exchange(&mut rig, member, &answer);
    assert!(back.iter().all(|sent| sent.port == 4));
    let from_frontend = Segment {
        source: datagram.destination,
        ..answer
    };
    assert_eq!(
        whole(&back),
        from_frontend.emit(rig.own_mac(4), rig.peer_mac(4))[34..]
    );
    assert_eq!(live(&rig), 0);
}

/// What leaves when a packet comes in, cut into fragments of 1,480 bytes.
fn exchange(rig: &mut Rig, port: u16, packet: &Segment) -> Vec<headgate_tests::rig::Sent> {
    let frame = packet.emit(rig.peer_mac(port), rig.own_mac(port));
    let (head, transport) = frame.split_at(34);
    let pieces = transport.chunks(1480).enumerate();
    let last = transport.len().div_ceil(1480) - 1;
    let mut sent = Vec::new();
    for (index, piece) in pieces {
        let mut fragment = [head, piece].concat();
        let more = if index == last { 0 } else { 0x2000 };
        let word = more | (index * 1480 / 8) as u16;
        super::patch_ip(&mut fragment, |ip| {
            ip[2..4].copy_from_slice(&(20 + piece.len() as u16).to_be_bytes());
            ip[6..8].copy_from_slice(&word.to_be_bytes());
        });
        sent.extend(rig.send(port, &fragment));
    }
    sent
}

/// The transport of a datagram whose fragments came in their order.
fn whole(fragments: &[headgate_tests::rig::Sent]) -> Vec<u8> {
    fragments
        .iter()
        .flat_map(|sent| sent.frame[34..].to_vec())
        .collect()
}
