//! Three answers to one question agree: the compiler's explanation by linear search, the pipeline
//! over the card's memory, and the oracle that reads the configuration alone.

use firmware_api::punt::Punt;
use firmware_api::{PortId, Protocol, PuntReason};
use flow_compiler::explain::{Ingress, Learn, Packet, Shape, Verdict, explain};
use flow_compiler::ids::{Ids, Limits};
use flow_compiler::ir::{Ir, Settings};
use flow_compiler::lower::{Live, Lowered, lower};
use headgate_tests::frame::{Segment, flags};
use headgate_tests::generate::{configuration, packets};
use headgate_tests::oracle::{self, Fate, fate};
use headgate_tests::rig::Rig;
use hw_sim::config::Layout;
use hw_sim::lookup::Spaces;
use hw_sim::pipeline::{Conditions, Outcome};
use hw_sim::{CardConfig, Pipeline};
use proptest::prelude::*;

/// Large enough for every generated configuration, quick to make.
const CARD: CardConfig = CardConfig {
    ports: 16,
    flows: 64,
    ways: 4,
    stash: 8,
    frontends: 512,
    rules: 64,
    selector: 1 << 16,
    backends: 256,
    instances: 64,
    snat_blocks: 4096,
    ring_memory: 8 << 20,
};

const UNKNOWN_MAC: [u8; 6] = [2, 0, 0, 0, 9, 9];

fn lowered(ir: &Ir) -> Lowered {
    let mut ids = Ids::new(Limits {
        rules: CARD.rules,
        backends: CARD.backends,
        instances: CARD.instances,
        selector_slots: CARD.selector,
    });
    lower(ir, &mut ids, Live::ALL_UP).expect("the card is large enough")
}

fn explained(
    lowered: &Lowered,
    settings: &Settings,
    ingress: PortId,
    segment: &Segment,
) -> Verdict {
    let packet = Packet {
        shape: match segment.protocol {
            Protocol::Tcp => Shape::Tcp {
                flags: segment.flags,
            },
            Protocol::Udp => Shape::Udp,
            Protocol::Icmp | Protocol::None => Shape::Echo,
        },
        source: segment.source.0,
        source_port: segment.source.1,
        destination: segment.destination.0,
        destination_port: segment.destination.1,
    };
    let from = match ingress {
        0 => Ingress::Uplink,
        vport => Ingress::Vport(vport),
    };
    explain(&lowered.tables, &lowered.names, settings, packet, from).verdict
}

/// What the oracle has to say for the verdict to be right.
fn permits(fate: &Fate, verdict: &Verdict) -> bool {
    match (fate, verdict) {
        (Fate::Dropped(expected), Verdict::Drop(reason)) => expected == reason,
        (Fate::Held(expected), Verdict::Punt(reason)) => expected == reason,
        (
            Fate::Leaves(ways, record),
            &Verdict::Forward {
                egress,
                packet,
                learn,
            },
        ) => {
            let leaving = oracle::Leaving {
                egress,
                source: (packet.source, packet.source_port),
                destination: (packet.destination, packet.destination_port),
            };
            let told = learn.map(|learn| {
                if learn.steered {
                    PuntReason::Steer
                } else {
                    PuntReason::Learn
                }
            });
            ways.contains(&leaving) && *record == told
        }
        _ => false,
    }
}

/// The card's pipeline over what the driver wrote.
struct Card {
    rig: Rig,
    pipeline: Pipeline,
}

impl Card {
    fn new(text: &str) -> Self {
        let layout = Layout::new(&CARD).expect("a sound card");
        Self {
            rig: Rig::with_card(text, &CARD),
            pipeline: Pipeline::new(layout),
        }
    }

    fn verdict(&mut self, ingress: PortId, segment: &Segment) -> hw_sim::Verdict {
        let bars = self.rig.card.bars();
        let spaces = Spaces {
            bar0: &*bars.bar0,
            bar2: &*bars.bar2,
        };
        let own = self
            .rig
            .engine
            .port(ingress)
            .map_or(UNKNOWN_MAC, |p| p.own_mac);
        let frame = segment.emit(UNKNOWN_MAC, own);
        self.pipeline
            .process(spaces, Conditions::default(), ingress, &frame)
    }

    /// What a packet looks like behind the port, bytes and checksums.
    fn leaving(&self, egress: PortId, packet: &Packet, segment: &Segment) -> Vec<u8> {
        let port = self.rig.engine.port(egress).expect("an egress that is on");
        let peer = if packet.source.is_ipv4() {
            port.peer_mac_v4
        } else {
            port.peer_mac_v6
        };
        let translated = Segment {
            source: (packet.source, packet.source_port),
            destination: (packet.destination, packet.destination_port),
            ..segment.clone()
        };
        translated.emit(port.own_mac, peer)
    }
}

fn learned(verdict: &hw_sim::Verdict) -> Option<Learn> {
    let learns = verdict.copies.iter().map(|record| record.punt);
    let is_told = |punt: &Punt| matches!(punt.reason, PuntReason::Learn | PuntReason::Steer);
    let last = learns.rev().find(is_told)?;
    Some(Learn {
        steered: last.reason == PuntReason::Steer,
        rule: last.rule.expect("a rule"),
        backend: last.backend.expect("a backend"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        max_shrink_iters: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn explanation_pipeline_and_oracle_agree(
        configuration in configuration(),
        packets in packets(50),
    ) {
        let ir = &configuration.ir;
        let lowered = lowered(ir);
        let mut card = Card::new(&configuration.text);
        for recipe in packets {
            let (ingress, segment) = recipe.packet(ir);
            let expected = fate(ir, &oracle::Packet {
                protocol: segment.protocol,
                source: segment.source.0,
                destination: segment.destination.0,
                source_port: segment.source.1,
                destination_port: segment.destination.1,
                opens: segment.flags & flags::SA == flags::S,
                is_error: false,
                is_fragment: false,
                vlan: 0,
                ingress,
            });
            let verdict = explained(&lowered, &ir.settings, ingress, &segment);
            let context = || format!("{}\n{ingress}: {segment:?}", configuration.text);
            prop_assert!(permits(&expected, &verdict), "{expected:?}\n{verdict:?}\n{}", context());

            let carried_out = card.verdict(ingress, &segment);
            let learn = learned(&carried_out);
            match (verdict, carried_out.outcome) {
                (Verdict::Drop(told), Outcome::Drop(done)) => {
                    prop_assert_eq!(told, done, "{}", context());
                }
                (Verdict::Punt(told), Outcome::Held(done)) => {
                    prop_assert_eq!(told, done.punt.reason, "{}", context());
                }
                (Verdict::Forward { egress, packet, learn: told }, Outcome::Forward { egress: port, frame }) => {
                    prop_assert_eq!((told, egress), (learn, port), "{}", context());
                    prop_assert_eq!(card.leaving(egress, &packet, &segment), frame, "{}", context());
                }
                (told, done) => prop_assert!(false, "{told:?}\n{done:?}\n{}", context()),
            }
        }
    }
}
