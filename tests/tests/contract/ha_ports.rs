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
