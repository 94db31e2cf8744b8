//! Whatever stands in frames, rings and registers: neither card nor driver panics, or works on for
//! ever.

use firmware_api::{Memory, register};
use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::Rig;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{cases, tiny_card};

const CONFIGURATION: &str = r#"
headgate: 1
profile: current
uplink: { mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }
instances:
  - { name: a, addresses: [10.0.0.4, "fd00::4"], vport: 1, mac: "02:00:00:00:00:04" }
loadBalancers:
  - name: web
    sku: Standard
    frontends: [ { name: v4, address: 203.0.113.10 } ]
    backendPools: [ { name: p, members: [ { instance: a } ] } ]
    loadBalancingRules:
      - { name: http, protocol: Tcp, frontend: v4, frontendPort: 80, backendPool: p, enableTcpReset: true }
"#;

#[derive(Clone, Debug)]
enum Step {
    Frame(u16, Vec<u8>),
    /// A SYN whose bytes behind the Ethernet header are partly random.
    Damaged(Vec<(usize, u8)>),
    Ring(u64, u64),
    Register(usize, u64, u64),
    Table(u64, u64),
    Run(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let damage = vec((14_usize..54, any::<u8>()), 0..6);
    let step = prop_oneof![
        2 => (0_u16..16, vec(any::<u8>(), 0..200)).prop_map(|(port, bytes)| Step::Frame(port, bytes)),
        6 => damage.prop_map(Step::Damaged),
        4 => (any::<u64>(), any::<u64>()).prop_map(|(at, value)| Step::Ring(at, value)),
        2 => (any::<usize>(), any::<u64>(), any::<u64>())
            .prop_map(|(which, index, value)| Step::Register(which, index, value)),
        4 => (any::<u64>(), any::<u64>()).prop_map(|(at, value)| Step::Table(at, value)),
        4 => (0_u64..2_000).prop_map(Step::Run),
    ];
    vec(step, 1..200)
}

/// Lets both work for as many rounds as anything sensible needs.
fn run(rig: &mut Rig, milliseconds: u64) {
    rig.now += milliseconds;
    for _ in 0..20 {
        rig.card.poll(rig.now, &mut rig.ports);
        rig.engine.step(rig.now);
    }
    rig.take();
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn nothing_trusted(steps in steps()) {
        let mut rig = Rig::with_card(CONFIGURATION, &tiny_card(16));
        for step in steps {
            let bars = rig.card.bars().clone();
            match step {
                Step::Frame(port, bytes) => rig.ports.send(port, &bytes),
                Step::Damaged(changes) => {
                    let syn = Segment::tcp("198.51.100.7:40000", "203.0.113.10:80", flags::S);
                    let mut frame = syn.emit([2, 0, 0, 0, 9, 9], [2, 0, 0, 0, 0, 1]);
                    for (at, value) in changes {
                        frame[at] = value;
                    }
                    rig.ports.send(0, &frame);
                }
                // The first pages: where rings begin, and their indices.
                Step::Ring(at, value) => bars.rings.store64((at % 16_384) & !7, value),
                Step::Register(which, index, value) => {
                    let register = register::ALL[which % register::ALL.len()];
                    let at = register.at(index % register.count);
                    if register.width == 8 {
                        bars.bar0.store64(at, value);
                    } else {
                        bars.bar0.store32(at, value as u32);
                    }
                }
                Step::Table(at, value) => bars.bar2.store64((at % bars.bar2.len()) & !7, value),
                Step::Run(milliseconds) => run(&mut rig, milliseconds),
            }
        }
        run(&mut rig, 300_000);
        rig.engine.status();
        rig.engine.counters();
    }
}
