//! Data path availability by synthetic packets through the card, and the health of load balancers
//! that comes of it, in virtual time.
#![expect(clippy::float_cmp, reason = "all or nothing is exact")]

use std::collections::BTreeMap;

use firmware_api::flow_state::FlowState;
use firmware_api::register::{self, CONTROL_ENABLE};
use firmware_api::{Memory, PuntReason, TableId};
use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, Sent};
use host_driver::control::view::ResourceHealth;
use host_driver::control::{Answer, Question};

/// Every kind of rule.
const EVERYTHING: &str = include_str!("../rows/web.yaml");

/// Two public load balancers of one rule each, over the same two members.
const TWO: &str = r#"
headgate: 1
profile: current
uplink: { mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }
instances:
  - { name: web-1, addresses: [10.0.0.4], vport: 1, mac: "02:00:00:00:00:04" }
  - { name: web-2, addresses: [10.0.0.5], vport: 2, mac: "02:00:00:00:00:05" }
loadBalancers:
  - name: web
    sku: Standard
    frontends: [ { name: in, address: 203.0.113.10 } ]
    backendPools: [ { name: all, members: [ { instance: web-1 }, { instance: web-2 } ] } ]
    loadBalancingRules:
      - { name: http, protocol: Tcp, frontend: in, frontendPort: 80, backendPool: all, backendPort: 8080 }
  - name: nat
    sku: Standard
    frontends: [ { name: in, address: 203.0.113.20 } ]
    inboundNatRules:
      - { name: ssh, protocol: Tcp, frontend: in, frontendPort: 50001, target: web-1, backendPort: 22 }
"#;

const NO_MEMBERS: [&str; 2] = [
    "members: [ { instance: web-1 }, { instance: web-2 } ]",
    "members: []",
];

/// The samples of a metric by their labels' values.
fn samples(rig: &Rig, name: &str, label: &str) -> BTreeMap<String, f64> {
    let text = rig.engine.metrics().text();
    let lines = text
        .lines()
        .filter(|line| line.starts_with(&format!("{name}{{")));
    lines
        .filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (_, from) = series.split_once(&format!("{label}=\""))?;
            let (of, _) = from.split_once('"')?;
            Some((of.to_owned(), value.parse().expect("a number")))
        })
        .collect()
}

fn availability(rig: &Rig) -> BTreeMap<String, f64> {
    samples(rig, "headgate_frontend_availability_ratio", "rule")
}

fn of_web(rig: &Rig) -> f64 {
    availability(rig)["web/http"]
}

fn traces(rig: &Rig) -> u64 {
    rig.card.counters().punts[PuntReason::Trace as usize]
}

fn told(rig: &Rig, kind: &str) -> Vec<[String; 3]> {
    let events = rig.engine.events(0).into_iter();
    let events = events.filter(|event| event.event == kind);
    events
        .map(|event| [event.severity, event.subject, event.message])
        .collect()
}

/// Where an entry stands in BAR2.
fn entry(rig: &Rig, table: TableId, slot: u64, words: u64) -> u64 {
    rig.register(register::TABLE_OFFSET.at(table as u64)) + slot * words * 8
}

#[test]
fn l_mon_05_every_kind_of_rule_is_traced_and_no_port_sees_a_packet() {
    let mut rig = Rig::new(EVERYTHING);
    let before = *rig.card.counters();
    rig.pass(70_000);
    let sent = rig.take();
    assert!(sent.iter().all(Sent::is_neighbor), "{sent:?}");
    let expected = rig.engine.rules().into_iter();
    let expected: BTreeMap<_, _> = expected
        .filter(|rule| rule.kind == "load balancing")
        .map(|rule| (rule.name, if rule.backends == 0 { 0.0 } else { 1.0 }))
        .collect();
    assert_eq!(expected.len(), 16);
    assert_eq!(availability(&rig), expected);
    // Nothing else shows that there were any.
    let after = *rig.card.counters();
    let neighbors = sent.len() as u64;
    assert_eq!(after.rx, before.rx);
    assert_eq!(after.tx - before.tx, neighbors);
    assert_eq!(after.injected - before.injected, neighbors);
    assert_eq!(after.drops, before.drops);
    let told = after.punts[PuntReason::Trace as usize];
    assert_eq!(after.punts.iter().sum::<u64>(), told, "no learn record");
    assert_eq!(told % 16, 0);
    assert!(
        (68..=71).contains(&(told / 16)),
        "{told}: one per rule and second"
    );
    assert!(after.balance());
    assert_eq!(rig.engine.flows(10).total, 0);
    let packets = samples(&rig, "headgate_packets_total", "rule");
    assert!(packets.values().all(|count| *count == 0.0));
}

#[test]
fn l_mon_05_what_the_card_would_do_counts_and_not_what_the_driver_wrote() {
    let mut rig = Rig::new(TWO);
    rig.pass(65_000);
    assert_eq!(of_web(&rig), 1.0);
    // One of two backends is another than the driver knows: its members are asked in turn.
    let bar2 = rig.card.bars().bar2.clone();
    let backend = entry(&rig, TableId::Backend, 0, 4);
    let words: [u64; 4] = bar2.load_words(backend);
    bar2.store64(backend, words[0] ^ 1);
    rig.pass(65_000);
    let half = of_web(&rig);
    assert!((0.3..0.7).contains(&half), "{half}");
    bar2.store64(backend, words[0]);
    rig.pass(65_000);
    assert_eq!(of_web(&rig), 1.0);
    // The rule's selection is gone.
    let rule = entry(&rig, TableId::Rule, 0, 1);
    bar2.store64(rule, 0);
    rig.pass(65_000);
    assert_eq!(of_web(&rig), 0.0);
    let critical = told(&rig, "DataPathAvailabilityCritical");
    assert_eq!(critical.len(), 1, "L-MON-08: once in five minutes");
}

#[test]
fn l_mon_05_a_card_that_does_not_answer_within_the_second_is_not_available() {
    let mut rig = Rig::new(TWO);
    rig.pass(65_000);
    assert_eq!(of_web(&rig), 1.0);
    let control = register::CONTROL.offset;
    rig.card.bars().bar0.store32(control, 0);
    rig.pass(33_000);
    let half = of_web(&rig);
    assert!((0.4..0.6).contains(&half), "{half}");
    rig.card.bars().bar0.store32(control, CONTROL_ENABLE);
    rig.pass(65_000);
    assert_eq!(of_web(&rig), 1.0);
    // A whole second in which the card does nothing: its answer is late.
    let asked = traces(&rig);
    for _ in 0..3 {
        rig.now += 1_000;
        rig.engine.step(rig.now);
    }
    rig.settle();
    rig.pass(1_000);
    assert!(traces(&rig) > asked, "they were answered");
    let late = of_web(&rig);
    assert!((0.9..1.0).contains(&late), "{late}");
}

#[test]
fn l_mon_05_a_flow_with_the_packets_addresses_and_ports_does_not_confuse() {
    let mut rig = Rig::new(TWO);
    for second in 1..=60 {
        let source = 1024 + second * 7919 % 60_000;
        let syn = Segment::tcp(
            &format!("168.63.129.16:{source}"),
            "203.0.113.10:80",
            flags::S,
        );
        assert_eq!(rig.segment(0, &syn).len(), 1);
    }
    let bar2 = rig.card.bars().bar2.clone();
    let state = |rig: &Rig, flow: u64| {
        let at = rig.register(register::FLOW_STATE_OFFSET.offset) + 64 * flow;
        FlowState::load(&*bar2, at)
    };
    let states: Vec<_> = (0..60).map(|flow| state(&rig, flow)).collect();
    rig.pass(65_000);
    assert_eq!(of_web(&rig), 1.0);
    assert_eq!(rig.engine.flows(0).total, 60);
    for (flow, before) in (0..).zip(states) {
        assert_eq!(state(&rig, flow), before, "the trace did not keep it alive");
    }
}

#[test]
fn l_mon_05_a_configuration_may_change_while_packets_are_on_their_way() {
    let mut rig = Rig::new(TWO);
    rig.pass(65_000);
    for second in 0..70 {
        // The card holds an answer for members that leave meanwhile.
        rig.engine.step(rig.now + 1);
        let [all, one] = [NO_MEMBERS[0], "members: [ { instance: web-2 } ]"];
        let members = if second % 2 == 0 {
            TWO.replace(all, one)
        } else {
            TWO.to_owned()
        };
        assert!(rig.apply(&members).accepted);
        rig.pass(1_000);
    }
    assert_eq!(of_web(&rig), 1.0);
}

fn health(rig: &mut Rig) -> Vec<(String, Option<u32>)> {
    let Answer::Health(health) = rig.engine.answer(&Question::Health) else {
        panic!("another answer");
    };
    let rows = health.load_balancers.into_iter();
    rows.map(|row: ResourceHealth| (row.availability_state, row.availability_percent))
        .collect()
}

#[test]
fn l_mon_06_the_health_of_a_load_balancer_is_that_of_its_rules_over_two_minutes() {
    let mut rig = Rig::new(TWO);
    let unknown = ("Unknown".to_owned(), None);
    let is = |name: &str, percent| vec![(name.to_owned(), Some(percent)), unknown.clone()];
    assert_eq!(health(&mut rig), [unknown.clone(), unknown.clone()]);
    rig.pass(121_000);
    assert_eq!(
        health(&mut rig),
        is("Available", 100),
        "no data without rules"
    );
    assert_eq!(
        told(&rig, "ResourceHealthChanged"),
        Vec::<[String; 3]>::new()
    );
    // Half of two minutes without a member, then all of them.
    rig.pass(60_000);
    rig.apply(&TWO.replace(NO_MEMBERS[0], NO_MEMBERS[1]));
    assert_eq!(health(&mut rig), is("Available", 100), "as last evaluated");
    rig.pass(60_000);
    let [(degraded, Some(percent)), _] = &health(&mut rig)[..] else {
        panic!("two load balancers, one of them measured");
    };
    assert_eq!(degraded, "Degraded");
    assert!((45..=55).contains(percent), "{percent}");
    rig.pass(120_000);
    assert_eq!(health(&mut rig), is("Unavailable", 0));
    let series = samples(&rig, "headgate_resource_health", "health");
    let of_nat: Vec<_> = series.iter().filter(|(_, value)| **value == 1.0).collect();
    assert_eq!(of_nat, [(&unknown.0, &1.0)]);
    rig.apply(TWO);
    rig.pass(240_000);
    assert_eq!(health(&mut rig), is("Available", 100));
    let changes = told(&rig, "ResourceHealthChanged");
    let severities: Vec<_> = changes.iter().map(|event| event[0].as_str()).collect();
    assert_eq!(severities, ["warning", "critical", "info"]);
    let [_, subject, message] = &changes[2];
    assert_eq!(subject, "web");
    assert!(message.starts_with("Available, 9") && message.ends_with("it was Unavailable"));
    // A card that is gone answers nothing: in the end nobody knows.
    rig.card
        .bars()
        .bar0
        .store64(register::MAGIC.offset, register::GONE);
    let silent = |rig: &mut Rig, seconds| {
        for _ in 0..seconds {
            rig.now += 1_000;
            rig.engine.step(rig.now);
        }
    };
    silent(&mut rig, 480);
    assert_eq!(health(&mut rig)[0].0, "Available");
    silent(&mut rig, 240);
    assert_eq!(health(&mut rig), [unknown.clone(), unknown]);
    let last = told(&rig, "ResourceHealthChanged").pop().expect("an event");
    assert_eq!(last[0], "warning");
}

#[test]
fn the_cards_error_is_told_once_and_cleared() {
    let mut rig = Rig::new(TWO);
    rig.pass(2_000);
    let latch = register::ERROR_LATCH.offset;
    rig.card
        .bars()
        .bar0
        .store64(latch, register::ERROR_BAD_HARVEST);
    rig.pass(10_000);
    assert_eq!(told(&rig, "CardError").len(), 1);
    assert_eq!(rig.register(latch), register::ERROR_NONE);
    let shown = |rig: &Rig| {
        rig.engine
            .metrics()
            .text()
            .contains("headgate_card_error 4\n")
    };
    assert!(shown(&rig), "still to be seen");
    // The next one waits in the latch until it may be told.
    rig.card
        .bars()
        .bar0
        .store64(latch, register::ERROR_BAD_RECORD);
    rig.pass(10_000);
    assert_eq!(told(&rig, "CardError").len(), 1);
    assert_eq!(rig.register(latch), register::ERROR_BAD_RECORD);
    rig.pass(300_000);
    assert_eq!(told(&rig, "CardError").len(), 2);
    assert_eq!(rig.register(latch), register::ERROR_NONE);
}
