//! Inbound NAT rules (NATR, L-NAT, DIST-07, GEN-07).

use std::fmt::Write as _;

use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, end};

use super::{CLIENT, Tcp, UPLINK, list, live, one, reaches, told, web};

const SSH: &str =
    "name: ssh, protocol: Tcp, frontend: f, frontendPort: 50001, target: a, backendPort: 22";

#[test]
fn natr_01_02_gen_07_a_hundred_ports_of_one_frontend_lead_to_one_instance_each() {
    let mut items = String::from("    inboundNatRules:\n");
    for i in 0..100 {
        let target = ["a", "b", "c", "d"][i % 4];
        let _ = writeln!(
            items,
            "      - {{ name: n{i}, protocol: Tcp, frontend: f, frontendPort: {}, target: {target}, backendPort: {} }}",
            50_000 + i,
            22 + i / 4
        );
    }
    let mut rig = Rig::new(&web(&[], &items));
    for i in 0..100_u16 {
        for client in ["198.51.100.7:1", "198.51.100.8:2", "192.0.2.200:3"] {
            let syn = Segment::tcp(client, &format!("203.0.113.10:{}", 50_000 + i), flags::S);
            let arrived = one(rig.segment(UPLINK, &syn));
            assert_eq!(arrived.port, 1 + i % 4);
            assert_eq!(arrived.segment().destination.1, 22 + i / 4);
            assert_eq!(arrived.segment().source, end(client));
        }
    }
}

/// NATR-04, DIST-07: a NAT rule's flows stick, idle out and are reset like a rule's.
#[test]
fn natr_04_dist_07_l_nat_08_idle_timeout_and_reset_of_a_nat_rule() {
    let rule = format!("{SSH}, idleTimeoutInMinutes: 10, enableTcpReset: true");
    let mut rig = Rig::new(&web(&["a", "b"], &list("inboundNatRules", &[&rule])));
    let tcp = Tcp::open(&mut rig, UPLINK, CLIENT, "203.0.113.10:50001");
    rig.pass(599_000);
    assert_eq!(told(&mut rig), []);
    assert!(tcp.passes(&mut rig));
    rig.pass(599_000);
    assert_eq!((live(&rig), told(&mut rig).len()), (1, 0));
    rig.pass(4_000);
    let resets = told(&mut rig);
    assert_eq!(resets.len(), 2);
    assert!(
        resets
            .iter()
            .all(|sent| sent.segment().flags & flags::R != 0)
    );
    assert_eq!(live(&rig), 0);
    let row = &rig.engine.rules()[0];
    assert_eq!((row.flows_total, row.kind.as_str()), (1, "inbound NAT"));
}

#[test]
fn natr_05_l_nat_08_a_nat_rule_does_not_ask_for_health_and_may_float() {
    let lists = super::rules(&[&format!("{}, probe: alive", super::HTTP)])
        + &list(
            "inboundNatRules",
            &[
                SSH,
                "name: dsr, protocol: Udp, frontend: g, frontendPort: 500, target: b, backendPort: 501, enableFloatingIP: true",
            ],
        );
    let mut rig = Rig::new(&web(&["a", "b"], &lists));
    rig.engine.assume_healthy(|_| false);
    rig.settle();
    assert_eq!(reaches(&mut rig, CLIENT, super::HTTP_AT), None);
    assert_eq!(reaches(&mut rig, CLIENT, "203.0.113.10:50001"), Some(1));
    let datagram = Segment::udp(CLIENT, "203.0.113.11:500");
    let arrived = one(rig.segment(UPLINK, &datagram));
    assert_eq!(
        (arrived.port, arrived.segment().destination),
        (2, end("203.0.113.11:501"))
    );
}

/// GEN-09: rules that count are load-balancing and outbound rules; inbound NAT rules are apart.
#[test]
fn gen_09_inbound_nat_rules_are_counted_apart() {
    let kinds = |lists: &str| {
        let rig = Rig::new(&web(&["a"], lists));
        let rules = rig.engine.rules();
        let of = |kind| rules.iter().filter(|rule| rule.kind == kind).count();
        [of("load balancing"), of("inbound NAT")]
    };
    let nat = list("inboundNatRules", &[SSH]);
    assert_eq!(kinds(&nat), [0, 1]);
    assert_eq!(kinds(&(super::rules(&[super::HTTP]) + &nat)), [1, 1]);
}

/// L-NAT-03: the first member has the first port; A-19, L-NAT-06: the last port counts too.
#[test]
fn l_nat_01_03_06_a_19_a_range_gives_its_ports_from_the_lowest() {
    let range = "name: r, protocol: Tcp, frontend: f, backendPool: p, frontendPortRangeStart: 221, frontendPortRangeEnd: 223, backendPort: 22";
    let mut rig = Rig::new(&web(&["a", "b", "c"], &list("inboundNatRules", &[range])));
    let mut at = |port: u16| reaches(&mut rig, CLIENT, &format!("203.0.113.10:{port}"));
    assert_eq!(
        [at(220), at(221), at(222), at(223), at(224)],
        [None, Some(1), Some(2), Some(3), None]
    );
}
