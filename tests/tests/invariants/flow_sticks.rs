//! Every packet of a TCP flow reaches the backend that its SYN went to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use firmware_api::PortId;
use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::Rig;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{cases, tiny_card};

const MEMBERS: u16 = 4;
const FRONTEND: &str = "203.0.113.10:80";

/// What may change under a flow.
#[derive(Clone, Debug)]
struct Setting {
    members: u8,
    healthy: u8,
    weights: [u8; MEMBERS as usize],
    distribution: &'static str,
    reversed: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Open(u16),
    Speak(u16),
    Change(Setting),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let distribution = proptest::sample::select(&["Default", "SourceIP", "SourceIPProtocol"][..]);
    let setting = (
        1_u8..16,
        0_u8..16,
        proptest::array::uniform4(1_u8..=100),
        distribution,
        any::<bool>(),
    )
        .prop_map(|(members, healthy, weights, distribution, reversed)| {
            Step::Change(Setting {
                members,
                healthy,
                weights,
                distribution,
                reversed,
            })
        });
    let client = 0_u16..80;
    let step = prop_oneof![
        6 => client.clone().prop_map(Step::Open),
        4 => client.prop_map(Step::Speak),
        1 => setting,
    ];
    vec(step, 1..150)
}

fn configuration(setting: &Setting) -> String {
    let mut order: Vec<u16> = (0..MEMBERS).collect();
    if setting.reversed {
        order.reverse();
    }
    let mut text = String::from(
        "headgate: 1\nprofile: current\n\
         uplink: { mac: \"02:00:00:00:00:01\", nextHopMac: \"02:00:00:00:00:fe\" }\ninstances:\n",
    );
    for i in &order {
        let _ = writeln!(
            text,
            "  - {{ name: i{i}, addresses: [10.0.0.{i}], vport: {}, mac: \"02:00:00:00:01:0{i}\" }}",
            i + 1
        );
    }
    let members: Vec<String> = order
        .iter()
        .filter(|i| setting.members >> **i & 1 != 0)
        .map(|i| {
            format!(
                "{{ instance: i{i}, weight: {} }}",
                setting.weights[usize::from(*i)]
            )
        })
        .collect();
    let mut rules = [
        format!(
            "{{ name: web, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p, \
             backendPort: 8080, probe: alive, loadDistribution: {} }}",
            setting.distribution
        ),
        "{ name: other, protocol: Udp, frontend: f, frontendPort: 53, backendPool: p }".to_owned(),
    ];
    if setting.reversed {
        rules.reverse();
    }
    let _ = write!(
        text,
        "loadBalancers:\n  - name: web\n    sku: Standard\n    \
         frontends: [ {{ name: f, address: 203.0.113.10 }} ]\n    \
         backendPools: [ {{ name: p, members: [ {} ] }} ]\n    \
         probes: [ {{ name: alive, protocol: Tcp, port: 8080 }} ]\n    \
         loadBalancingRules:\n      - {}\n      - {}\n",
        members.join(", "),
        rules[0],
        rules[1]
    );
    text
}

fn is_healthy(setting: &Setting, address: IpAddr) -> bool {
    let IpAddr::V4(address) = address else {
        return false;
    };
    setting.healthy >> address.octets()[3] & 1 != 0
}

fn segment(client: u16, flags: u8) -> Segment {
    Segment::tcp(
        &format!("198.51.100.{}:{}", client % 7, 40_000 + client),
        FRONTEND,
        flags,
    )
}

/// Both directions of a flow still go between the client and its backend.
fn speaks(rig: &mut Rig, client: u16, backend: PortId) {
    let there = segment(client, flags::PA);
    let sent = rig.segment(0, &there);
    assert_eq!(sent.len(), 1, "client {client}");
    assert_eq!(sent[0].port, backend, "client {client}");
    let back = sent[0].segment().answer(flags::PA);
    let sent = rig.segment(backend, &back);
    assert_eq!((sent.len(), sent[0].port), (1, 0), "client {client}");
    assert_eq!(sent[0].segment().destination, there.source);
    assert_eq!(sent[0].segment().source, there.destination);
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn flow_sticks(steps in steps()) {
        let mut setting = Setting {
            members: 15,
            healthy: 15,
            weights: [1; 4],
            distribution: "Default",
            reversed: false,
        };
        // Room for 64 of 80 flows in narrow buckets: inserts displace one another all the time.
        let mut rig = Rig::with_card(&configuration(&setting), &tiny_card(64));
        let mut flows: BTreeMap<u16, PortId> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Open(client) => {
                    let live = rig.engine.status().flows.live;
                    let sent = rig.segment(0, &segment(client, flags::S));
                    match flows.get(&client) {
                        Some(backend) => prop_assert_eq!(sent[0].port, *backend),
                        None if rig.engine.status().flows.live > live => {
                            let bit = sent[0].port - 1;
                            prop_assert!((setting.members & setting.healthy) >> bit & 1 != 0);
                            flows.insert(client, sent[0].port);
                        }
                        None => {}
                    }
                }
                Step::Speak(client) => {
                    if let Some(backend) = flows.get(&client) {
                        speaks(&mut rig, client, *backend);
                    }
                }
                Step::Change(to) => {
                    let applied = rig.engine.apply(&flow_compiler::source::Source::new(
                        "test.yaml",
                        configuration(&to),
                    ));
                    prop_assert!(applied.accepted, "{:?}", applied.diagnostics);
                    rig.engine.assume_healthy(|address| is_healthy(&to, address));
                    rig.settle();
                    setting = to;
                }
            }
        }
        for (client, backend) in flows {
            speaks(&mut rig, client, backend);
        }
    }
}
