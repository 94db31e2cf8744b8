//! No two live flows share public address, port, protocol and remote end; replies find their way.

use std::collections::BTreeMap;

use firmware_api::Protocol;
use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, end};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{cases, tiny_card};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Local {
    instance: u16,
    tcp: bool,
    port: u16,
    remote: u16,
}

#[derive(Clone, Debug)]
enum Step {
    Send(Local, u8),
    Wait(u64),
    Ports(u16),
    Share(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let local = (1_u16..=3, any::<bool>(), 0_u16..14, 0_u16..2).prop_map(
        |(instance, tcp, port, remote)| Local {
            instance,
            tcp,
            port,
            remote,
        },
    );
    let flags = proptest::sample::select(&[flags::S, flags::S, flags::PA, flags::FA, flags::R][..]);
    let step = prop_oneof![
        12 => (local, flags).prop_map(|(local, flags)| Step::Send(local, flags)),
        1 => (1_u64..300_000).prop_map(Step::Wait),
        1 => (1_u16..=2).prop_map(|blocks| Step::Ports(8 * blocks)),
        1 => any::<bool>().prop_map(Step::Share),
    ];
    vec(step, 1..120)
}

fn configuration(ports: u16, is_shared: bool) -> String {
    format!(
        r#"
headgate: 1
profile: current
settings: {{ udpPortShareByDestIp: {is_shared} }}
uplink: {{ mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }}
instances:
  - {{ name: i1, addresses: [10.0.0.1], vport: 1, mac: "02:00:00:00:01:01" }}
  - {{ name: i2, addresses: [10.0.0.2], vport: 2, mac: "02:00:00:00:01:02" }}
  - {{ name: i3, addresses: [10.0.0.3], vport: 3, mac: "02:00:00:00:01:03" }}
loadBalancers:
  - name: out
    sku: Standard
    frontends: [ {{ name: f, address: 203.0.113.10 }} ]
    backendPools:
      - {{ name: p, members: [ {{ instance: i1 }}, {{ instance: i2 }}, {{ instance: i3 }} ] }}
    outboundRules:
      - {{ name: o, protocol: All, frontends: [f], backendPool: p, allocatedOutboundPorts: {ports} }}
"#
    )
}

impl Local {
    fn segment(self, flags: u8) -> Segment {
        let from = format!("10.0.0.{}:{}", self.instance, 50_000 + self.port);
        let to = format!("192.0.2.{}:443", self.remote);
        if self.tcp {
            Segment::tcp(&from, &to, flags)
        } else {
            Segment::udp(&from, &to)
        }
    }
}

/// Every live flow by what makes it unique outside, and its end inside.
fn live(rig: &Rig) -> BTreeMap<(String, String, String), String> {
    let rows = rig.engine.flows(usize::MAX).flows;
    let count = rows.len();
    let flows: BTreeMap<_, _> = rows
        .into_iter()
        .map(|f| ((f.protocol, f.outside, f.inside), f.initiator))
        .collect();
    assert_eq!(flows.len(), count, "two flows share their outside");
    flows
}

fn replies_arrive(rig: &mut Rig) {
    for ((protocol, outside, remote), initiator) in live(rig) {
        let reply = if protocol == "TCP" {
            Segment::tcp(&remote, &outside, flags::A)
        } else {
            Segment::udp(&remote, &outside)
        };
        let sent = rig.segment(0, &reply);
        assert_eq!(sent.len(), 1, "{remote} > {outside}");
        let arrived = sent[0].segment();
        assert_eq!(arrived.destination, end(&initiator));
        assert_eq!(
            format!("10.0.0.{}", sent[0].port),
            arrived.destination.0.to_string()
        );
    }
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn snat_unique(steps in steps()) {
        let (mut ports, mut is_shared) = (8, false);
        let mut rig = Rig::with_card(&configuration(ports, is_shared), &tiny_card(512));
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Send(local, flags) => {
                    let segment = local.segment(flags);
                    for sent in rig.segment(local.instance, &segment) {
                        prop_assert_eq!(sent.port, 0);
                        let left = sent.segment();
                        prop_assert_eq!(left.source.0, end("203.0.113.10:1").0);
                        prop_assert_eq!(left.destination, segment.destination);
                        prop_assert!(left.protocol != Protocol::Icmp);
                    }
                }
                Step::Wait(milliseconds) => rig.pass(milliseconds),
                Step::Ports(now) => {
                    ports = now;
                    prop_assert!(rig.apply(&configuration(ports, is_shared)).accepted);
                }
                Step::Share(now) => {
                    is_shared = now;
                    prop_assert!(rig.apply(&configuration(ports, is_shared)).accepted);
                }
            }
            for row in rig.engine.snat_ports() {
                prop_assert!(row.used <= row.allocated, "{row:?}");
            }
            live(&rig);
            if number % 16 == 0 {
                replies_arrive(&mut rig);
            }
        }
        replies_arrive(&mut rig);
    }
}
