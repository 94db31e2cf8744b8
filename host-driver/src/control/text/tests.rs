use anstream::adapter::strip_str;
use insta::assert_snapshot;

use super::*;
use crate::control::view::{
    Applied, Backend, BackendHealth, BarUse, Configuration, Counter, Counters, Event, Explanation,
    Flow, FlowTotals, Flows, Health, NatMapping, Packets, ResourceHealth, Rule, RuleHealth, Snat,
    Status, TableUse,
};

fn plain(text: &str) -> String {
    strip_str(text).to_string()
}

fn packets() -> Packets {
    Packets {
        received: 1_204,
        sent: 1_180,
        held: 31,
        reprocessed: 30,
        injected: 1,
        dropped: 24,
        ended_in_driver: 1,
    }
}

fn table(name: &str, entries: u64, capacity: u64) -> TableUse {
    TableUse {
        table: name.into(),
        entries,
        peak: entries,
        capacity,
        ..TableUse::default()
    }
}

fn example_status() -> Status {
    Status {
        version: "0.1.0".into(),
        device: "shm:/dev/shm/headgate0".into(),
        device_state: "forwarding".into(),
        uptime: 11_520_000,
        configuration: Configuration {
            file: "web.yaml".into(),
            applied: 2,
            load_balancers: 1,
            rules: 3,
            instances: 2,
            ..Configuration::default()
        },
        packets: packets(),
        flows: FlowTotals {
            live: 12,
            peak: 40,
            capacity: 65_536,
            installed: 120,
        },
        tables: vec![
            table("flow_v4", 24, 145_728),
            table("flow_v6", 0, 145_728),
            TableUse {
                refused: 2,
                displaced: 7,
                stash: 3,
                ..table("frontend_v4", 16_384, 16_448)
            },
        ],
        bars: vec![
            BarUse {
                bar: "bar0".into(),
                reads: 1_800,
                writes: 912,
                bytes_written: 4_100,
            },
            BarUse {
                bar: "bar2".into(),
                reads: 0,
                writes: 3_310,
                bytes_written: 26_480,
            },
        ],
    }
}

#[test]
fn status_shows_the_whole() {
    assert_snapshot!(plain(&status(&example_status())));
}

#[test]
fn status_shows_why_a_change_was_refused() {
    let mut example = example_status();
    example.configuration.refused = vec!["error[E012]: web.yaml:7:3: no such pool\n".into()];
    example.tables.clear();
    assert_snapshot!(plain(&status(&example)));
}

#[test]
fn rules_in_columns() {
    let rule = Rule {
        name: "web/http".into(),
        kind: "load balancing".into(),
        protocol: "TCP".into(),
        frontend: "203.0.113.10:80".into(),
        target: "web".into(),
        eligible: 1,
        backends: 2,
        flows: 5,
        flows_total: 12_345,
        idle_timeout_seconds: 240,
        tcp_reset: true,
        closed: false,
    };
    let ssh = Rule {
        name: "web/ssh-1".into(),
        kind: "inbound NAT".into(),
        frontend: "[2001:db8::10]:50001".into(),
        target: "web-1".into(),
        eligible: 0,
        backends: 1,
        tcp_reset: false,
        ..rule.clone()
    };
    let dns = Rule {
        name: "web/dns".into(),
        protocol: "UDP".into(),
        closed: true,
        ..rule.clone()
    };
    assert_snapshot!(plain(&rules(&[rule, ssh, dns])));
}

#[test]
fn backends_in_columns() {
    let up = Backend {
        rule: "web/http".into(),
        instance: "web-1".into(),
        address: "10.0.0.4:8080".into(),
        eligible: true,
        health: "up".into(),
        reason: "Up_Probe_Success".into(),
        flows: 3,
        flows_total: 9,
    };
    let down = Backend {
        instance: "web-2".into(),
        eligible: false,
        health: "down".into(),
        reason: "Down_Probe_HttpStatusCodeError".into(),
        ..up.clone()
    };
    assert_snapshot!(plain(&backends(&[up, down])));
}

#[test]
fn flows_in_columns_and_how_many_more() {
    let flow = Flow {
        id: 7,
        protocol: "TCP".into(),
        kind: "inbound".into(),
        initiator: "198.51.100.7:40000".into(),
        outside: "203.0.113.10:80".into(),
        inside: "10.0.0.4:8080".into(),
        rule: Some("web/http".into()),
        instance: Some("web-1".into()),
        phase: "open".into(),
        expires_in: 239_000,
    };
    let outbound = Flow {
        id: 12,
        kind: "outbound".into(),
        rule: None,
        ..flow.clone()
    };
    assert_snapshot!(plain(&flows(&Flows {
        flows: vec![flow, outbound],
        total: 5_000
    })));
}

#[test]
fn snat_in_columns() {
    let row = Snat {
        instance: "web-1".into(),
        protocol: "TCP".into(),
        addresses: vec!["203.0.113.10".into(), "203.0.113.11".into()],
        allocated: 1_024,
        used: 3,
        peak: 17,
        flows: 4,
        failed: 0,
    };
    let exhausted = Snat {
        protocol: "UDP".into(),
        failed: 9,
        ..row.clone()
    };
    assert_snapshot!(plain(&snat(&[row, exhausted])));
}

#[test]
fn counters_most_frequent_first() {
    let counter = |reason: &str, count| Counter {
        reason: reason.into(),
        count,
    };
    let example = Counters {
        packets: packets(),
        drops: vec![
            counter("truncated", 0),
            counter("fragment", 2),
            counter("no_frontend", 22),
        ],
        punts: vec![counter("learn", 30)],
        punts_lost: vec![counter("learn", 0)],
        refusals: vec![counter("unknown_flow", 1)],
    };
    assert_snapshot!(plain(&counters(&example)));
}

#[test]
fn explanations_and_changes() {
    let example = Explanation {
        stages: vec![
            "ingress_port  uplink".into(),
            "frontend_v4   web/http".into(),
        ],
        verdict: "forward to web-1 by vport 1".into(),
        live: vec!["no entry: the flow is new".into(), "web-1 is up".into()],
    };
    let accepted = Applied {
        accepted: true,
        changes: 1,
        flows_ended: 3,
        diagnostics: vec![],
    };
    let refused = Applied {
        diagnostics: vec!["error[E012]: new.yaml:7:3: no such pool\n".into()],
        ..Applied::default()
    };
    assert_snapshot!(plain(&format!(
        "{}---\n{}---\n{}",
        explanation(&example),
        applied("new.yaml", &accepted),
        applied("new.yaml", &refused)
    )));
}

#[test]
fn nothing_is_said_in_words() {
    let all = [
        rules(&[]),
        backends(&[]),
        flows(&Flows::default()),
        snat(&[]),
    ];
    assert_snapshot!(all.concat());
}

#[test]
fn health_and_nat_in_columns() {
    let backend = |n: u8, state: &str, reason: &str| BackendHealth {
        ip_address: format!("10.0.0.{n}"),
        network_interface_ip_configuration_id: format!("web-{n}"),
        state: state.into(),
        reason: reason.into(),
    };
    let rule = RuleHealth {
        rule: "web/http".into(),
        up: 1,
        down: 1,
        load_balancer_backend_addresses: vec![
            backend(4, "Up", "Up_Probe_Success"),
            backend(5, "Down", ""),
        ],
    };
    let mapping = |address: &str| NatMapping {
        instance: "web-4".into(),
        inbound_nat_rule_name: "web/ssh".into(),
        protocol: "TCP".into(),
        frontend_address: address.into(),
        frontend_port: 50_001,
        backend_address: "10.0.0.4".into(),
        backend_port: 22,
    };
    let mappings = [mapping("203.0.113.10"), mapping("2001:db8::1")];
    let resource = |load_balancer: &str, state: &str, availability_percent| ResourceHealth {
        load_balancer: load_balancer.into(),
        availability_state: state.into(),
        availability_percent,
    };
    let document = Health {
        load_balancers: vec![
            resource("web", "Degraded", Some(50)),
            resource("spare", "Unknown", None),
        ],
        rules: vec![rule],
    };
    let text = format!("{}\n{}", health(&document), nat(&mappings));
    assert_snapshot!(plain(&text));
}

#[test]
fn events_in_lines() {
    let event = |sequence, severity: &str, event: &str, message: &str| Event {
        sequence,
        time: "2026-07-29T12:00:00.123Z".into(),
        severity: severity.into(),
        event: event.into(),
        subject: "web/http".into(),
        message: message.into(),
    };
    let shown = [
        event(1, "info", "HealthChanged", "up"),
        event(
            2,
            "warning",
            "ConfigurationRefused",
            "refused\nline one\n  line two\n",
        ),
        event(
            3,
            "critical",
            "NoHealthyBackends",
            "the backend pool is empty",
        ),
    ];
    assert_snapshot!(plain(&events(&shown)));
}
