//! Every packet is forwarded, held, or dropped for one counted reason; totals balance, on the card
//! and, when all is quiet, in the driver.

use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::Rig;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{cases, tiny_card};

const CONFIGURATION: &str = r#"
headgate: 1
profile: current
uplink: { mac: "02:00:00:00:00:01", address: 203.0.113.1/24, nextHop: 203.0.113.254 }
instances:
  - { name: a, addresses: [10.0.0.4, "fd00::4"], vport: 1, mac: "02:00:00:00:00:04" }
  - { name: b, addresses: [10.0.0.5], vport: 2, mac: "02:00:00:00:00:05", publicAddress: 203.0.113.99 }
loadBalancers:
  - name: web
    sku: Standard
    frontends: [ { name: v4, address: 203.0.113.10 } ]
    backendPools: [ { name: p, members: [ { instance: a }, { instance: b } ] } ]
    loadBalancingRules:
      - { name: http, protocol: Tcp, frontend: v4, frontendPort: 80, backendPool: p, enableTcpReset: true, disableOutboundSnat: true }
    outboundRules:
      - { name: out, protocol: All, frontends: [v4], backendPool: p, allocatedOutboundPorts: 8 }
"#;

#[derive(Clone, Debug)]
enum Step {
    /// Packets of port, kind, number and flags.
    Send(u16, u8, u16, u8),
    /// Any bytes, behind our Ethernet address or not.
    Bytes(u16, bool, Vec<u8>),
    /// A sound packet with one byte changed.
    Damaged(u16, usize, u8),
    Settle,
    Pass(u64),
    /// The driver does nothing while the card goes on.
    Driverless(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let flags = proptest::sample::select(&[flags::S, flags::A, flags::FA, flags::R][..]);
    let port = || 0_u16..4;
    let step = prop_oneof![
        12 => (port(), 0_u8..5, 0_u16..40, flags)
            .prop_map(|(port, kind, number, flags)| Step::Send(port, kind, number, flags)),
        2 => (port(), any::<bool>(), vec(any::<u8>(), 0..100))
            .prop_map(|(port, ours, bytes)| Step::Bytes(port, ours, bytes)),
        2 => (port(), 0_usize..54, any::<u8>())
            .prop_map(|(port, at, value)| Step::Damaged(port, at, value)),
        4 => Just(Step::Settle),
        1 => (1_u64..30_000).prop_map(Step::Pass),
        1 => (1_u64..6_000).prop_map(Step::Driverless),
    ];
    vec(step, 1..300)
}

fn segment(kind: u8, number: u16, flags: u8) -> Segment {
    let client = format!("198.51.100.7:{}", 40_000 + number);
    match kind {
        0 => Segment::tcp(&client, "203.0.113.10:80", flags),
        1 => Segment::tcp("10.0.0.4:50000", &format!("192.0.2.1:{number}"), flags),
        2 => Segment::udp(&format!("10.0.0.4:{number}"), "192.0.2.1:53"),
        3 => Segment::udp(&client, "203.0.113.99:53"),
        _ => Segment::tcp(&client, "203.0.113.11:80", flags),
    }
}

fn put(rig: &mut Rig, port: u16, segment: &Segment, change: impl FnOnce(&mut Vec<u8>)) {
    let mac = rig
        .engine
        .port(port)
        .map_or([2, 0, 0, 0, 0, 1], |port| port.own_mac);
    let mut frame = segment.emit([2, 0, 0, 0, 9, 9], mac);
    change(&mut frame);
    rig.ports.send(port, &frame);
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn counted(steps in steps(), flows in 4_u32..64) {
        let mut rig = Rig::with_card(CONFIGURATION, &tiny_card(flows));
        for step in steps {
            match step {
                Step::Send(port, kind, number, flags) => {
                    put(&mut rig, port, &segment(kind, number, flags), |_| {});
                }
                Step::Bytes(port, ours, bytes) => {
                    let mut frame = bytes;
                    if ours && let Some(mac) = frame.get_mut(..6) {
                        mac.copy_from_slice(&[2, 0, 0, 0, 0, 1]);
                    }
                    rig.ports.send(port, &frame);
                }
                Step::Damaged(port, at, value) => {
                    put(&mut rig, port, &segment(0, 1, flags::S), |frame| frame[at] = value);
                }
                Step::Settle => rig.settle(),
                Step::Pass(milliseconds) => rig.pass(milliseconds),
                Step::Driverless(milliseconds) => {
                    rig.now += milliseconds;
                    rig.card.poll(rig.now, &mut rig.ports);
                }
            }
            prop_assert!(rig.card.counters().balance(), "{:?}", rig.card.counters());
        }
        rig.settle();
        let packets = rig.engine.status().packets;
        prop_assert!(rig.card.counters().balance());
        prop_assert_eq!(
            packets.received + packets.reprocessed + packets.injected,
            packets.sent + packets.held + packets.dropped
        );
        prop_assert_eq!(packets.held, packets.reprocessed + packets.ended_in_driver);
    }
}

#[test]
fn a_full_punt_ring_is_counted_by_reason() {
    let mut rig = Rig::with_card(CONFIGURATION, &tiny_card(64));
    for number in 0..20_000_u32 {
        let client = format!("198.51.{}.7:{}", number % 200, 20_000 + number / 200);
        put(
            &mut rig,
            0,
            &Segment::tcp(&client, "203.0.113.10:80", flags::A),
            |_| {},
        );
        if number % 64 == 0 {
            rig.card.poll(rig.now, &mut rig.ports);
        }
    }
    while rig.ports.waiting() > 0 {
        rig.card.poll(rig.now, &mut rig.ports);
    }
    rig.settle();
    let counters = rig.engine.counters();
    let dropped = |name: &str| {
        counters
            .drops
            .iter()
            .find(|row| row.reason == name)
            .expect("a reason")
            .count
    };
    assert!(dropped("punt_ring_full") > 0);
    assert_eq!(dropped("punt_ring_full") + counters.packets.held, 20_000);
    assert_eq!(dropped("driver_refused"), counters.packets.held);
    assert!(rig.card.counters().balance());
}
