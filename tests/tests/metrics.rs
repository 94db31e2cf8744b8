//! Metrics and events of card and driver together, for known sequences of packets.
#![expect(clippy::float_cmp, reason = "samples are whole numbers")]

use std::collections::{BTreeMap, BTreeSet};

use firmware_api::{Memory, register};
use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, Sent, small_card};
use host_driver::health::Outcome;
use host_driver::metric::Family;
use host_driver::probe::{Report, TargetId};
use hw_sim::CardConfig;

/// One rule with a probe over two instances, a NAT rule, and eight SNAT ports each.
const CONFIGURATION: &str = r#"
headgate: 1
profile: current
uplink: { mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }
instances:
  - { name: web-1, addresses: [10.0.0.4], vport: 1, mac: "02:00:00:00:00:04" }
  - { name: web-2, addresses: [10.0.0.5], vport: 2, mac: "02:00:00:00:00:05" }
loadBalancers:
  - name: web
    sku: Standard
    frontends: [ { name: in, address: 203.0.113.10 }, { name: out, address: 203.0.113.11 } ]
    backendPools: [ { name: all, members: [ { instance: web-1 }, { instance: web-2 } ] } ]
    probes: [ { name: alive, protocol: Tcp, port: 8080 } ]
    loadBalancingRules:
      - { name: http, protocol: Tcp, frontend: in, frontendPort: 80, backendPool: all, backendPort: 8080, probe: alive, disableOutboundSnat: true }
    inboundNatRules:
      - { name: ssh, protocol: Tcp, frontend: in, frontendPort: 50001, target: web-1, backendPort: 22 }
    outboundRules:
      - { name: out, protocol: All, frontends: [ out ], backendPool: all, allocatedOutboundPorts: 8 }
"#;

/// Samples by name and labels, as they are written.
struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Reads the text format as strictly as Prometheus does.
    fn read(text: &str) -> Self {
        let mut samples = BTreeMap::new();
        let mut families = BTreeSet::new();
        let mut family = String::new();
        assert!(text.ends_with('\n'));
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("help");
                assert!(
                    !help.is_empty() && families.insert(name.to_owned()),
                    "{line}"
                );
                let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
                let kind = kind.and_then(|kind| kind.strip_prefix(name));
                let is_counter = name.ends_with("_total");
                assert_eq!(kind, Some(if is_counter { " counter" } else { " gauge" }));
                name.clone_into(&mut family);
                continue;
            }
            let (series, value) = line.rsplit_once(' ').expect("a sample");
            let rest = series.strip_prefix(&family).expect("its family's name");
            labels(rest);
            let value: f64 = value.parse().expect("a number");
            assert!(value.is_finite() && value >= 0.0, "{line}");
            assert_eq!(samples.insert(series.to_owned(), value), None, "{line}");
        }
        let known: BTreeSet<_> = Family::ALL.iter().map(|f| f.name().to_owned()).collect();
        assert_eq!(families, known, "every metric is written, and no other");
        Self(samples)
    }

    /// The sample of a name with all these labels, wherever they stand.
    fn get(&self, name: &str, wanted: &[&str]) -> f64 {
        let mut found = self.all(name, wanted);
        let value = found
            .next()
            .unwrap_or_else(|| panic!("no {name} {wanted:?}"));
        assert_eq!(found.next(), None, "one {name} {wanted:?}");
        value
    }

    fn all<'a>(&'a self, name: &'a str, wanted: &'a [&str]) -> impl Iterator<Item = f64> + 'a {
        let of_name = self.0.iter().filter(move |(series, _)| {
            series.split('{').next() == Some(name)
                && wanted.iter().all(|label| {
                    let (name, value) = label.split_once('=').expect("name=value");
                    series.contains(&format!("{name}=\"{value}\""))
                })
        });
        of_name.map(|(_, value)| *value)
    }
}

/// Checks `{name="value",…}` or nothing.
fn labels(text: &str) {
    let Some(inner) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) else {
        assert_eq!(text, "");
        return;
    };
    let mut names = BTreeSet::new();
    for label in inner.split("\",") {
        let (name, value) = label.split_once("=\"").expect("name=\"value\"");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        assert!(!value.trim_end_matches('"').contains(['"', '\n']));
        assert!(names.insert(name), "{name} twice in {text}");
    }
}

fn metrics(rig: &Rig) -> Metrics {
    Metrics::read(&rig.engine.metrics().text())
}

fn one(sent: Vec<Sent>) -> Sent {
    let [one] = <[Sent; 1]>::try_from(sent).expect("one packet leaves");
    one
}

/// Events of a kind: subject and message.
fn told(rig: &Rig, kind: &str) -> Vec<(String, String)> {
    let events = rig.engine.events(0).into_iter();
    let events = events.filter(|event| event.event == kind);
    events.map(|event| (event.subject, event.message)).collect()
}

const CLIENT: &str = "198.51.100.7:40000";
const FRONTEND: &str = "203.0.113.10:80";
const RULE: [&str; 3] = ["rule=web/http", "frontend=203.0.113.10", "frontend_port=80"];

fn from_client(flags: u8) -> Segment {
    Segment::tcp(CLIENT, FRONTEND, flags)
}

/// SYN, SYN again, handshake, 100 bytes there and 1,000 back; returns the SYN at the backend.
fn talk(rig: &mut Rig) -> Sent {
    let syn = one(rig.segment(0, &from_client(flags::S).numbered(100, 0)));
    one(rig.segment(0, &from_client(flags::S).numbered(100, 0)));
    let answer = syn.segment().answer(flags::SA).numbered(500, 101);
    one(rig.segment(syn.port, &answer));
    one(rig.segment(0, &from_client(flags::A).numbered(101, 501)));
    let request = from_client(flags::PA).numbered(101, 501);
    one(rig.segment(0, &request.with(&[7; 100])));
    let reply = syn.segment().answer(flags::PA).numbered(501, 201);
    one(rig.segment(syn.port, &reply.with(&[8; 1_000])));
    syn
}

fn sum(metrics: &Metrics, name: &str, more: &[&str]) -> f64 {
    let wanted: Vec<_> = RULE.iter().chain(more).copied().collect();
    metrics.all(name, &wanted).sum()
}

/// What [`talk`] has to come to, IP headers included: 4 packets of 40 bytes and 100 bytes of
/// payload there, 2 packets of 40 bytes and 1,000 bytes back.
fn talked(metrics: &Metrics, times: f64) {
    let inbound = ["direction=inbound"];
    let outbound = ["direction=outbound"];
    let packets = |of: &[&str]| sum(metrics, "headgate_packets_total", of);
    let bytes = |of: &[&str]| sum(metrics, "headgate_bytes_total", of);
    assert_eq!(
        (packets(&inbound), packets(&outbound)),
        (4.0 * times, 2.0 * times)
    );
    assert_eq!(
        (bytes(&inbound), bytes(&outbound)),
        (260.0 * times, 1_080.0 * times)
    );
    assert_eq!(sum(metrics, "headgate_syns_total", &[]), 2.0 * times);
    assert_eq!(
        sum(metrics, "headgate_backend_flows_opened_total", &[]),
        times
    );
}

/// GEN-09, SKU-10: bytes and packets of both directions, and SYNs.
#[test]
fn l_mon_01_02_04_a_live_connections_packets_bytes_and_syns_are_exact() {
    let mut rig = Rig::new(CONFIGURATION);
    let before = metrics(&rig);
    assert_eq!(
        sum(&before, "headgate_packets_total", &[]),
        0.0,
        "there from the start"
    );
    let syn = talk(&mut rig);
    rig.pass(6_000);
    let after = metrics(&rig);
    talked(&after, 1.0);
    let backend = format!("backend=web-{}", syn.port);
    let of_backend = ["rule=web/http", &backend, "protocol=tcp"];
    assert_eq!(after.get("headgate_backend_flows", &of_backend), 1.0);
    rig.pass(60_000);
    talked(&metrics(&rig), 1.0);
    assert_eq!(
        after.get("headgate_flows", &["kind=inbound", "state=open"]),
        1.0
    );
    let dropped: f64 = after.all("headgate_dropped_packets_total", &[]).sum();
    let total = |name: &str| after.get(name, &[]);
    assert_eq!(
        total("headgate_card_received_packets_total")
            + total("headgate_card_reprocessed_packets_total")
            + total("headgate_card_injected_packets_total"),
        total("headgate_card_sent_packets_total")
            + total("headgate_card_held_packets_total")
            + dropped
    );
}

#[test]
fn what_a_flow_carried_is_counted_when_it_idles_out_and_when_its_rule_changes() {
    let mut rig = Rig::new(CONFIGURATION);
    talk(&mut rig);
    let change = CONFIGURATION.replace("name: ssh,", "name: shell,");
    rig.apply(&change);
    talked(
        &{
            rig.pass(6_000);
            metrics(&rig)
        },
        1.0,
    );
    rig.pass(250_000);
    assert_eq!(
        metrics(&rig).get("headgate_flows", &["kind=inbound", "state=open"]),
        0.0
    );
    talked(&metrics(&rig), 1.0);
    talk(&mut rig);
    let none = change.replace(
        "members: [ { instance: web-1 }, { instance: web-2 } ]",
        "members: []",
    );
    rig.apply(&none);
    rig.pass(1_000);
    assert_eq!(metrics(&rig).get("headgate_unread_flows_total", &[]), 0.0);
}

#[test]
fn a_flow_that_loses_its_port_is_read_afterwards() {
    let mut rig = Rig::new(CONFIGURATION);
    let datagram = Segment::udp("10.0.0.4:5000", "192.0.2.1:53").with(&[1; 72]);
    for _ in 0..3 {
        one(rig.segment(1, &datagram));
    }
    // No ports for UDP any more: the flow loses its own, and ends before anybody read its block.
    rig.apply(&CONFIGURATION.replace("protocol: All", "protocol: Tcp"));
    rig.pass(500);
    let metrics = metrics(&rig);
    let of = ["backend=web-1", "frontend=203.0.113.11", "protocol=udp"];
    let outbound = [&of[..], &["direction=outbound"]].concat();
    assert_eq!(metrics.get("headgate_packets_total", &outbound), 3.0);
    assert_eq!(metrics.get("headgate_bytes_total", &outbound), 300.0);
    assert_eq!(metrics.get("headgate_snat_flows", &of), 0.0);
}

/// SKU-10: SNAT that succeeded and that failed, also what Basic is told of.
#[test]
fn snat_26_27_l_mon_03_exhaustion_is_counted_and_told_for_tcp_and_udp() {
    for (protocol, name) in [("tcp", "TCP"), ("udp", "UDP")] {
        let mut rig = Rig::new(CONFIGURATION);
        for n in 0..9 {
            let source = format!("10.0.0.4:{}", 5_000 + n);
            let segment = match protocol {
                "tcp" => Segment::tcp(&source, "192.0.2.1:443", flags::S),
                _ => Segment::udp(&source, "192.0.2.1:443"),
            };
            let sent = rig.segment(1, &segment).len();
            assert_eq!(sent, usize::from(n < 8), "{protocol} flow {n}");
        }
        rig.pass(2_000);
        let metrics = metrics(&rig);
        let label = format!("protocol={protocol}");
        let of = ["backend=web-1", label.as_str()];
        let state = |state| {
            let wanted = [of[0], of[1], state];
            metrics.get("headgate_snat_connections_total", &wanted)
        };
        assert_eq!(
            (state("state=successful"), state("state=failed")),
            (8.0, 1.0)
        );
        assert_eq!(metrics.get("headgate_snat_connections_pending", &[]), 0.0);
        assert_eq!(metrics.get("headgate_snat_ports_allocated", &of), 8.0);
        assert_eq!(metrics.get("headgate_snat_ports_used", &of), 8.0);
        if protocol == "tcp" {
            let syns = ["backend=web-1", "direction=outbound"];
            assert_eq!(metrics.get("headgate_syns_total", &syns), 8.0);
        }
        let exhausted = told(&rig, "SnatPortExhaustion");
        assert_eq!(exhausted.len(), 1, "once in five minutes");
        assert_eq!(exhausted[0].0, format!("web-1 {name}"));
        assert_eq!(
            told(&rig, "HighSnatPortUsage"),
            [(
                format!("web-1 {name} 203.0.113.11"),
                "8 of 8 SNAT ports in use".to_owned()
            )]
        );
    }
}

/// Reports the same of every target that is probed.
fn probe(rig: &mut Rig, targets: &[TargetId], outcome: Outcome) {
    for target in targets {
        let (target, at) = (*target, rig.now);
        rig.engine.observe(
            at,
            Report {
                target,
                at,
                outcome,
            },
        );
    }
    rig.pass(200);
}

/// SKU-10: probes and availability.
#[test]
fn l_mon_05_07_08_availability_health_and_their_events() {
    let mut rig = Rig::new(CONFIGURATION);
    let changes = rig.engine.take_probe_changes();
    let targets: Vec<_> = changes.add.iter().map(|(id, ..)| *id).collect();
    rig.engine.assume_healthy(|_| false);
    rig.pass(90_000);
    assert_eq!(told(&rig, "NoHealthyBackends"), [], "nobody was probed yet");
    probe(&mut rig, &targets, Outcome::Success);
    rig.pass(400_000);
    let up = metrics(&rig);
    assert_eq!(up.get("headgate_frontend_availability_ratio", &RULE), 1.0);
    assert_eq!(sum(&up, "headgate_backend_up", &[]), 2.0);
    assert_eq!(up.all("headgate_backend_up", &["rule=web/ssh"]).count(), 0);
    assert_eq!(rig.engine.health()[0].up, 2);
    assert_eq!(told(&rig, "HealthChanged").len(), 2);

    let before = rig.engine.events(0).len();
    for _ in 0..3 {
        probe(&mut rig, &targets, Outcome::ConnectTimeout);
    }
    rig.pass(30_000);
    let half = metrics(&rig);
    let ratio = half.get("headgate_frontend_availability_ratio", &RULE);
    assert!((0.4..0.6).contains(&ratio), "{ratio}");
    assert_eq!(sum(&half, "headgate_backend_eligible", &[]), 0.0);
    rig.pass(60_000);
    let down = metrics(&rig);
    assert_eq!(down.get("headgate_frontend_availability_ratio", &RULE), 0.0);
    let health = rig.engine.health();
    assert_eq!((health[0].up, health[0].down), (0, 2));
    assert_eq!(
        health[0].load_balancer_backend_addresses[0].reason,
        "Down_Probe_TcpProbeTimeout"
    );
    let events = rig.engine.events(0);
    let kinds: Vec<_> = events[before..].iter().map(|e| e.event.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "HealthChanged",
            "HealthChanged",
            "NoHealthyBackends",
            "DataPathAvailabilityWarning",
            "DataPathAvailabilityCritical"
        ]
    );
    let (rule, why) = &told(&rig, "NoHealthyBackends")[0];
    assert_eq!(rule, "web/http");
    assert!(why.contains("web-2 Down_Probe_TcpProbeTimeout"), "{why}");
    // L-MON-08: availability again after 5 minutes, backends after 60.
    rig.pass(600_000);
    let events = rig.engine.events(0);
    let again = |kind| events[before..].iter().filter(|e| e.event == kind).count();
    assert_eq!(again("DataPathAvailabilityCritical"), 3);
    assert_eq!(again("NoHealthyBackends"), 1);
}

#[test]
fn l_nat_07_which_frontend_port_leads_where() {
    let rig = Rig::new(CONFIGURATION);
    let mappings = rig.engine.nat_mappings();
    assert_eq!(mappings.len(), 1);
    let row = &mappings[0];
    assert_eq!(
        (
            row.instance.as_str(),
            row.inbound_nat_rule_name.as_str(),
            row.protocol.as_str()
        ),
        ("web-1", "web/ssh", "TCP")
    );
    assert_eq!((row.frontend_port, row.backend_port), (50_001, 22));
}

#[test]
fn a_card_that_somebody_else_writes_to_is_noticed() {
    let mut rig = Rig::new(CONFIGURATION);
    rig.pass(2_000);
    assert_eq!(metrics(&rig).get("headgate_card_up", &[]), 1.0);
    let audited = metrics(&rig).get("headgate_table_audited_entries_total", &[]);
    assert!(audited > 0.0);
    assert_eq!(
        metrics(&rig).get("headgate_table_drifted_entries_total", &[]),
        0.0
    );
    let bars = rig.card.bars().clone();
    let rule_table = bars
        .bar0
        .load64(register::TABLE_OFFSET.at(firmware_api::TableId::Rule as u64));
    bars.bar2.store64(rule_table, 0);
    rig.pass(3_000);
    let drifts = told(&rig, "TableDrift");
    assert_eq!(drifts.len(), 1);
    assert_eq!(drifts[0].0, "rule");
    bars.bar0.store32(register::CONTROL.offset, 0);
    rig.pass(3_000);
    assert_eq!(metrics(&rig).get("headgate_card_up", &[]), 0.0);
    assert_eq!(told(&rig, "CardNotForwarding").len(), 1);
}

#[test]
fn a_full_card_and_a_refused_configuration_are_told() {
    let card = CardConfig {
        flows: 4,
        ..small_card()
    };
    let mut rig = Rig::with_card(CONFIGURATION, &card);
    for port in 0..6 {
        let client = format!("198.51.100.7:{}", 41_000 + port);
        rig.segment(0, &Segment::tcp(&client, FRONTEND, flags::S));
    }
    rig.pass(2_000);
    assert_eq!(told(&rig, "FlowTableFull").len(), 1);
    let metrics = metrics(&rig);
    let full = ["cause=flow_ids_exhausted"];
    assert_eq!(metrics.get("headgate_refusals_total", &full), 2.0);
    assert!(!rig.apply("headgate: 1\nbogus: 2\n").accepted);
    let refused = told(&rig, "ConfigurationRefused");
    assert!(refused[0].1.contains("bogus"), "{refused:?}");
    let after = Metrics::read(&rig.engine.metrics().text());
    assert_eq!(after.get("headgate_configuration_current", &[]), 0.0);
    assert_eq!(after.get("headgate_configurations_refused_total", &[]), 1.0);
    assert_eq!(after.get("headgate_configurations_applied_total", &[]), 1.0);
}
