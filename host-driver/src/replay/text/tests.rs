use anstream::adapter::strip_str;
use insta::assert_snapshot;

use super::*;
use crate::control::view::{Configuration, Counter, Rule, TableUse};
use crate::replay::Accesses;

fn rules() -> Vec<Rule> {
    let http = Rule {
        name: "web/http".into(),
        kind: "load balancing".into(),
        protocol: "TCP".into(),
        frontend: "203.0.113.10:80".into(),
        target: "web".into(),
        eligible: 2,
        backends: 2,
        flows_total: 30,
        ..Rule::default()
    };
    let ssh = Rule {
        name: "web/ssh-1".into(),
        frontend: "203.0.113.10:50001".into(),
        target: "web-1".into(),
        flows_total: 1,
        ..http.clone()
    };
    vec![http, ssh]
}

fn backends() -> Vec<Backend> {
    let backend = Backend {
        rule: "web/http".into(),
        instance: "web-1".into(),
        address: "10.0.0.4:8080".into(),
        eligible: true,
        health: "up".into(),
        flows_total: 17,
        ..Backend::default()
    };
    let second = Backend {
        instance: "web-2".into(),
        address: "10.0.0.5:8080".into(),
        health: "down".into(),
        flows_total: 13,
        ..backend.clone()
    };
    vec![backend, second]
}

fn example() -> Summary {
    Summary {
        capture: "examples/quickstart.pcap".into(),
        output: Some("target/quickstart-out.pcap".into()),
        span: 12_449,
        configuration: Configuration {
            file: "examples/quickstart.yaml".into(),
            load_balancers: 1,
            rules: 2,
            instances: 2,
            ..Configuration::default()
        },
        packets: PacketCounts {
            replayed: 1_204,
            cut: 0,
            made: 3,
            left: 1_180,
            dropped: 24,
            ended_in_driver: 3,
        },
        drops: vec![
            Counter {
                reason: "fragment".into(),
                count: 2,
            },
            Counter {
                reason: "no_frontend".into(),
                count: 22,
            },
        ],
        refusals: vec![],
        connections: 35,
        rules: rules(),
        backends: backends(),
        snat: vec![
            Snat {
                instance: "web-1".into(),
                protocol: "TCP".into(),
                addresses: vec!["203.0.113.10".into()],
                allocated: 1_024,
                peak: 4,
                ..Snat::default()
            },
            Snat {
                instance: "web-2".into(),
                ..Snat::default()
            },
        ],
        tables: vec![TableUse {
            table: "flow_v4".into(),
            entries: 70,
            peak: 70,
            capacity: 145_728,
            ..TableUse::default()
        }],
        accesses: Accesses {
            start: AccessCount {
                reads: 120,
                writes: 5_210,
                bytes_written: 41_680,
            },
            packets: AccessCount {
                reads: 0,
                writes: 630,
                bytes_written: 5_040,
            },
            time: AccessCount {
                reads: 801,
                writes: 54,
                bytes_written: 216,
            },
        },
    }
}

#[test]
fn a_newcomer_sees_what_happened() {
    assert_snapshot!(strip_str(&render(&example())).to_string());
}

#[test]
fn nothing_is_left_out_by_accident_and_nothing_empty_shown() {
    let empty = Summary {
        connections: 0,
        ..Summary::default()
    };
    assert_snapshot!(strip_str(&render(&empty)).to_string());
}
