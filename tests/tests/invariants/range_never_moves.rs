//! A port that an instance uses is never given to another instance; a smaller tier takes the upper
//! part of a range only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use firmware_api::{PortId, Protocol};
use headgate_tests::entries::snat_blocks;
use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::Rig;
use hw_sim::CardConfig;
use proptest::prelude::*;

use super::{cases, tiny_card};

/// A pool of that many members, with implicit SNAT by its size (SNAT-11..13).
fn configuration(members: u16) -> String {
    let mut text = String::from(
        "headgate: 1\nprofile: current\n\
         uplink: { mac: \"02:00:00:00:00:01\", nextHopMac: \"02:00:00:00:00:fe\" }\ninstances:\n",
    );
    for i in 1..=members {
        let _ = writeln!(
            text,
            "  - {{ name: i{i}, addresses: [10.0.0.{i}], vport: {i}, mac: \"02:00:00:00:01:{i:02x}\" }}"
        );
    }
    let names: Vec<String> = (1..=members)
        .map(|i| format!("{{ instance: i{i} }}"))
        .collect();
    let _ = write!(
        text,
        "loadBalancers:\n  - name: web\n    sku: Standard\n    \
         frontends: [ {{ name: f, address: 203.0.113.10 }} ]\n    \
         backendPools: [ {{ name: p, members: [ {} ] }} ]\n    loadBalancingRules:\n      \
         - {{ name: r, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p }}\n",
        names.join(", ")
    );
    text
}

type Blocks = BTreeMap<(PortId, Protocol), BTreeSet<u16>>;

fn owned(rig: &Rig, card: &CardConfig) -> Blocks {
    let mut owned = Blocks::new();
    for ((_, protocol, block), owner) in snat_blocks(&rig.card.bars().bar2, card) {
        owned.entry((owner, protocol)).or_default().insert(block);
    }
    owned
}

fn check_change(before: &Blocks, after: &Blocks) {
    for (owner, old) in before {
        let Some(new) = after.get(owner) else {
            continue;
        };
        if new.len() >= old.len() {
            assert!(old.is_subset(new), "{owner:?}: a range moved");
        } else {
            let lower: BTreeSet<u16> = old.iter().copied().take(new.len()).collect();
            assert_eq!(new, &lower, "{owner:?}: not the lower part");
        }
    }
}

proptest! {
    #![proptest_config(cases(6))]

    #[test]
    fn range_never_moves(
        sizes in proptest::collection::vec(
            prop_oneof![Just(49_u16), Just(50), Just(51), Just(52), Just(100), Just(101), 1_u16..110],
            1..6,
        ),
    ) {
        let card = CardConfig { ports: 128, instances: 1024, snat_blocks: 32_768, ..tiny_card(1024) };
        let mut rig = Rig::with_card(&configuration(50), &card);
        for size in [[50].as_slice(), &sizes].concat() {
            let before = owned(&rig, &card);
            let applied = rig.apply(&configuration(size));
            prop_assert!(applied.accepted, "{:?}", applied.diagnostics);
            let after = owned(&rig, &card);
            check_change(&before, &after);
            for vport in [1, size] {
                for port in 0..20 {
                    let from = format!("10.0.0.{vport}:{}", 50_000 + port);
                    let syn = Segment::tcp(&from, "192.0.2.1:443", flags::S);
                    prop_assert_eq!(rig.segment(vport, &syn).len(), 1);
                }
            }
            for flow in rig.engine.flows(usize::MAX).flows {
                let (_, port) = headgate_tests::rig::end(&flow.outside);
                let owner: PortId = flow.instance.expect("an instance")[1..].parse().expect("a number");
                prop_assert!(after[&(owner, Protocol::Tcp)].contains(&(port / 8)), "{:?}", flow.outside);
            }
        }
    }
}
