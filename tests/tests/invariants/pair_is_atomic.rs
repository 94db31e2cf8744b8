//! Both entries of a flow stand in the card's memory, or none of them; also when there is no room.

use headgate_tests::entries::pairs;
use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::Rig;
use hw_sim::CardConfig;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{cases, tiny_card};

const CONFIGURATION: &str = r#"
headgate: 1
profile: current
uplink: { mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }
instances:
  - { name: a, addresses: [10.0.0.4, "fd00::4"], vport: 1, mac: "02:00:00:00:00:04" }
  - { name: b, addresses: [10.0.0.5, "fd00::5"], vport: 2, mac: "02:00:00:00:00:05" }
loadBalancers:
  - name: web
    sku: Standard
    frontends: [ { name: v4, address: 203.0.113.10 }, { name: v6, address: "2001:db8::10" } ]
    backendPools: [ { name: p, members: [ { instance: a }, { instance: b } ] } ]
    loadBalancingRules:
      - { name: http, protocol: Tcp, frontend: v4, frontendPort: 80, backendPool: p }
      - { name: http6, protocol: Tcp, frontend: v6, frontendPort: 80, backendPool: p }
      - { name: dns, protocol: Udp, frontend: v4, frontendPort: 53, backendPool: p }
"#;

#[derive(Clone, Debug)]
enum Step {
    Inbound(u16),
    InboundV6(u16),
    Datagram(u16),
    Outbound(u16),
    Reset(u16),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = || 0_u16..60;
    let step = prop_oneof![
        4 => client().prop_map(Step::Inbound),
        2 => client().prop_map(Step::InboundV6),
        2 => client().prop_map(Step::Datagram),
        4 => client().prop_map(Step::Outbound),
        3 => client().prop_map(Step::Reset),
        1 => (1_u64..20_000).prop_map(Step::Wait),
    ];
    vec(step, 1..200)
}

fn inbound(client: u16, flags: u8) -> Segment {
    Segment::tcp(
        &format!("198.51.100.7:{}", 40_000 + client),
        "203.0.113.10:80",
        flags,
    )
}

fn check(rig: &Rig, card: &CardConfig) {
    let pairs = pairs(&rig.card.bars().bar2, card);
    let live = rig.engine.status().flows.live;
    assert_eq!(
        pairs.len(),
        live as usize,
        "entries of every flow and of no other"
    );
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn pair_is_atomic(steps in steps(), flows in 8_u32..40) {
        let card = tiny_card(flows);
        let mut rig = Rig::with_card(CONFIGURATION, &card);
        for step in steps {
            match step {
                Step::Inbound(client) => {
                    let sent = rig.segment(0, &inbound(client, flags::S));
                    prop_assert_eq!(sent.len(), 1, "forwarded by hash, with or without room");
                }
                Step::InboundV6(client) => {
                    let from = format!("[2001:db8:7::7]:{}", 40_000 + client);
                    rig.segment(0, &Segment::tcp(&from, "[2001:db8::10]:80", flags::S));
                }
                Step::Datagram(client) => {
                    let from = format!("198.51.100.8:{}", 40_000 + client);
                    rig.segment(0, &Segment::udp(&from, "203.0.113.10:53"));
                }
                Step::Outbound(client) => {
                    let to = format!("192.0.2.1:{}", 1000 + client);
                    rig.segment(1, &Segment::tcp("10.0.0.4:50000", &to, flags::S));
                }
                Step::Reset(client) => {
                    rig.segment(0, &inbound(client, flags::R));
                }
                Step::Wait(milliseconds) => rig.pass(milliseconds),
            }
            check(&rig, &card);
        }
    }
}

#[test]
fn a_full_table_is_counted_and_reported() {
    let card = tiny_card(16);
    let mut rig = Rig::with_card(CONFIGURATION, &card);
    for client in 0..100 {
        let sent = rig.segment(0, &inbound(client, flags::S));
        assert_eq!(sent.len(), 1, "a new flow goes on without an entry");
        check(&rig, &card);
    }
    let status = rig.engine.status();
    let counters = rig.engine.counters();
    let refused: u64 = ["table_full", "flow_ids_exhausted"]
        .iter()
        .flat_map(|name| {
            counters
                .refusals
                .iter()
                .filter(move |row| row.reason == *name)
        })
        .map(|row| row.count)
        .sum();
    assert_eq!(u64::from(status.flows.live) + refused, 100);
    assert!(refused >= 84, "16 flow ids");
}
