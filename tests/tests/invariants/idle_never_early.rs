//! No flow ends before its timeout since its last packet; every flow ends soon after it.

use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::Rig;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{cases, tiny_card};

/// Milliseconds: a slot of the timer wheel, the harvest, and the step of this test.
const SWEEP: u64 = 2_000;
const STEP: u64 = 1_000;
const AFTER_FIN: u64 = 240_000;
const AFTER_RST: u64 = 15_000;

fn configuration(minutes: [u64; 2]) -> String {
    let [first, second] = minutes;
    format!(
        r#"
headgate: 1
profile: current
uplink: {{ mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }}
instances:
  - {{ name: a, addresses: [10.0.0.4], vport: 1, mac: "02:00:00:00:00:04" }}
loadBalancers:
  - name: web
    sku: Standard
    frontends: [ {{ name: f, address: 203.0.113.10 }} ]
    backendPools: [ {{ name: p, members: [ {{ instance: a }} ] }} ]
    loadBalancingRules:
      - {{ name: one, protocol: Tcp, frontend: f, frontendPort: 1000, backendPool: p, idleTimeoutInMinutes: {first} }}
      - {{ name: two, protocol: Tcp, frontend: f, frontendPort: 1001, backendPool: p, idleTimeoutInMinutes: {second} }}
      - {{ name: udp, protocol: Udp, frontend: f, frontendPort: 1002, backendPool: p }}
"#
    )
}

/// A flow: its rule, and what it sends after how long.
#[derive(Clone, Debug)]
struct Plan {
    rule: u16,
    packets: Vec<(u64, Packet)>,
}

#[derive(Clone, Copy, Debug)]
enum Packet {
    Data,
    Answer,
    Fins,
    Reset,
}

/// What the model knows of a flow.
struct Flow {
    initiator: String,
    open: Segment,
    timeout: u64,
    reset: bool,
    last: u64,
    todo: Vec<(u64, Packet)>,
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let packet = prop_oneof![
        4 => Just(Packet::Data),
        3 => Just(Packet::Answer),
        1 => Just(Packet::Fins),
        1 => Just(Packet::Reset),
    ];
    let packets = vec((1_000_u64..500_000, packet), 0..8);
    vec(
        (0_u16..3, packets).prop_map(|(rule, packets)| Plan { rule, packets }),
        1..24,
    )
}

impl Flow {
    fn open(rig: &mut Rig, number: usize, plan: Plan, minutes: [u64; 2]) -> Self {
        let initiator = format!("198.51.100.7:{}", 40_000 + number);
        let frontend = format!("203.0.113.10:{}", 1000 + plan.rule);
        let open = match plan.rule {
            2 => Segment::udp(&initiator, &frontend),
            _ => Segment::tcp(&initiator, &frontend, flags::S),
        };
        assert_eq!(rig.segment(0, &open).len(), 1);
        let mut at = rig.now;
        let due = |(after, packet)| {
            at += after;
            (at, packet)
        };
        Self {
            initiator,
            timeout: [minutes[0], minutes[1], 4][usize::from(plan.rule)] * 60_000,
            reset: false,
            last: rig.now,
            todo: plan.packets.into_iter().map(due).collect(),
            open,
        }
    }

    fn send(&mut self, rig: &mut Rig, packet: Packet) {
        let is_tcp = self.open.flags != 0;
        let mut there = self.open.clone();
        let mut back = self.open.answer(flags::PA);
        back.source = (
            std::net::Ipv4Addr::new(10, 0, 0, 4).into(),
            self.open.destination.1,
        );
        if is_tcp {
            there.flags = flags::PA;
        } else {
            back.flags = 0;
        }
        match packet {
            Packet::Answer => drop(rig.segment(1, &back)),
            Packet::Fins if is_tcp => {
                there.flags = flags::FA;
                back.flags = flags::FA;
                rig.segment(0, &there);
                rig.segment(1, &back);
                self.timeout = AFTER_FIN;
            }
            Packet::Reset if is_tcp => {
                there.flags = flags::RA;
                rig.segment(0, &there);
                self.timeout = AFTER_RST;
                self.reset = true;
                self.last = rig.now;
            }
            _ => drop(rig.segment(0, &there)),
        }
        // What follows a reset does not keep the flow.
        if !self.reset {
            self.last = rig.now;
        }
        if self.reset {
            self.timeout = AFTER_RST;
        }
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn idle_never_early(plans in plans(), minutes in proptest::array::uniform2(4_u64..=30)) {
        let mut rig = Rig::with_card(&configuration(minutes), &tiny_card(64));
        let mut flows: Vec<Flow> = Vec::new();
        for (number, plan) in plans.into_iter().enumerate() {
            flows.push(Flow::open(&mut rig, number, plan, minutes));
        }
        while !flows.is_empty() {
            rig.now += STEP;
            rig.settle();
            rig.settle();
            let live = rig.engine.flows(usize::MAX).flows;
            let now = rig.now;
            let mut left = Vec::new();
            for mut flow in flows {
                let is_live = live.iter().any(|row| row.initiator == flow.initiator);
                let idle = now - flow.last;
                if !is_live {
                    prop_assert!(idle >= flow.timeout, "{} left after {idle}", flow.initiator);
                    continue;
                }
                prop_assert!(idle <= flow.timeout + SWEEP, "{} stays for {idle}", flow.initiator);
                let due = flow.todo.iter().take_while(|(at, _)| *at <= now).count();
                let packets: Vec<_> = flow.todo.drain(..due).collect();
                for (_, packet) in packets {
                    flow.send(&mut rig, packet);
                }
                left.push(flow);
            }
            flows = left;
        }
        prop_assert_eq!(rig.engine.status().flows.live, 0);
    }
}
