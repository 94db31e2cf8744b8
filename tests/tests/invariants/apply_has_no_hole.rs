//! At every prefix of an apply's writes, every frontend that exists before and after forwards, to
//! one of the backends that it has before or after.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use firmware_api::hash::HashKey;
use firmware_api::{Memory, PortId, Protocol};
use flow_compiler::ir::Ir;
use flow_compiler::source::Source;
use headgate_tests::frame::{Segment, flags, read};
use headgate_tests::generate::{Configuration, configuration};
use headgate_tests::oracle;
use host_driver::device::Device;
use host_driver::engine::{Engine, Options};
use hw_sim::config::Layout;
use hw_sim::lookup::Spaces;
use hw_sim::pipeline::{Conditions, Outcome, Pipeline};
use hw_sim::ports::MemoryPorts;
use hw_sim::{Bars, Card, CardConfig, SimMemory};
use proptest::prelude::*;

use super::{cases, tiny_card};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bar {
    Registers,
    Tables,
    Rings,
}

/// A store of the driver's: where, and the eight bytes that stand there after it.
type Store = (Bar, u64, u64);

/// A memory that writes down what is stored.
struct Recorded {
    memory: Arc<SimMemory>,
    bar: Bar,
    log: Rc<RefCell<Vec<Store>>>,
}

impl Recorded {
    fn note(&self, at: u64) {
        let at = at & !7;
        let store = (self.bar, at, self.memory.load64(at));
        self.log.borrow_mut().push(store);
    }
}

impl Memory for Recorded {
    fn len(&self) -> u64 {
        self.memory.len()
    }
    fn load64(&self, at: u64) -> u64 {
        self.memory.load64(at)
    }
    fn store64(&self, at: u64, value: u64) {
        self.memory.store64(at, value);
        self.note(at);
    }
    fn load32(&self, at: u64) -> u32 {
        self.memory.load32(at)
    }
    fn store32(&self, at: u64, value: u32) {
        self.memory.store32(at, value);
        self.note(at);
    }
    fn clear_bits32(&self, at: u64, mask: u32) {
        self.memory.clear_bits32(at, mask);
        self.note(at);
    }
}

/// A memory as it was.
struct Copied(Vec<AtomicU64>);

impl Copied {
    fn of(memory: &SimMemory) -> Self {
        Self(
            (0..memory.len() / 8)
                .map(|i| memory.load64(8 * i).into())
                .collect(),
        )
    }

    fn word(&self, at: u64) -> &AtomicU64 {
        &self.0[(at / 8) as usize]
    }
}

impl Memory for Copied {
    fn len(&self) -> u64 {
        8 * self.0.len() as u64
    }
    fn load64(&self, at: u64) -> u64 {
        self.word(at).load(Ordering::Relaxed)
    }
    fn store64(&self, at: u64, value: u64) {
        self.word(at).store(value, Ordering::Relaxed);
    }
    fn load32(&self, at: u64) -> u32 {
        (self.load64(at & !7) >> (8 * (at & 7))) as u32
    }
    fn store32(&self, _: u64, _: u32) {
        unreachable!("the pipeline stores whole words")
    }
    fn clear_bits32(&self, _: u64, _: u32) {
        unreachable!("the pipeline clears no register")
    }
}

/// A first packet to a frontend.
#[derive(Clone, Debug, PartialEq)]
struct Opening {
    ingress: PortId,
    segment: Segment,
}

impl Opening {
    /// Where the rule may send it.
    fn backends(&self, ir: &Ir) -> Vec<(PortId, (IpAddr, u16))> {
        let packet = oracle::Packet {
            protocol: self.segment.protocol,
            source: self.segment.source.0,
            destination: self.segment.destination.0,
            source_port: self.segment.source.1,
            destination_port: self.segment.destination.1,
            opens: true,
            is_error: false,
            is_fragment: false,
            vlan: 0,
            ingress: self.ingress,
        };
        match oracle::fate(ir, &packet) {
            oracle::Fate::Leaves(ways, _) => ways
                .iter()
                .map(|way| (way.egress, way.destination))
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// First packets to every frontend of a configuration, by every port that may reach it.
fn openings(ir: &Ir) -> Vec<Opening> {
    let mut openings = Vec::new();
    for balancer in &ir.load_balancers {
        let rules = balancer.rules.iter();
        let rules = rules.map(|r| (r.frontend, r.transport, r.frontend_port));
        let nat_rules = balancer.nat_rules.iter();
        let nat_rules = nat_rules.map(|r| (r.frontend, r.transport, r.frontend_port));
        for (frontend, transport, port) in rules.chain(nat_rules) {
            let to = (
                balancer.frontend(frontend),
                if port == 0 { 4711 } else { port },
            );
            for protocol in transport.protocols() {
                for (ingress, from) in senders(ir, balancer.internal, to.0) {
                    let segment = Segment {
                        protocol: *protocol,
                        source: (from, 40_000),
                        destination: to,
                        flags: if *protocol == Protocol::Tcp {
                            flags::S
                        } else {
                            0
                        },
                        seq: 0,
                        ack: 0,
                        payload: Vec::new(),
                    };
                    openings.push(Opening { ingress, segment });
                }
            }
        }
    }
    openings
}

fn senders(ir: &Ir, internal: bool, to: IpAddr) -> Vec<(PortId, IpAddr)> {
    let outside = if to.is_ipv4() {
        "198.51.100.7"
    } else {
        "2001:db8:7::7"
    };
    if !internal {
        return vec![(0, outside.parse().expect("an address"))];
    }
    let own = |i: &flow_compiler::ir::Instance| {
        let own = i.addresses.iter().find(|a| a.is_ipv4() == to.is_ipv4())?;
        Some((i.vport, *own))
    };
    ir.instances.iter().filter_map(own).collect()
}

/// A card, and a driver whose stores are written down.
struct Bench {
    config: CardConfig,
    bars: Bars,
    engine: Engine<Recorded>,
    log: Rc<RefCell<Vec<Store>>>,
}

impl Bench {
    fn new(configuration: &Configuration) -> Self {
        let config = CardConfig {
            selector: 1 << 15,
            ..tiny_card(16)
        };
        let bars = Bars::anonymous(&config).expect("memory");
        let mut card = Card::new(bars.clone(), &config).expect("a sound card");
        let log = Rc::new(RefCell::new(Vec::new()));
        let recorded = |bar, memory: &Arc<SimMemory>| Recorded {
            memory: Arc::clone(memory),
            bar,
            log: Rc::clone(&log),
        };
        let device = Device::open(
            recorded(Bar::Registers, &bars.bar0),
            recorded(Bar::Tables, &bars.bar2),
            recorded(Bar::Rings, &bars.rings),
        );
        let mut ports = MemoryPorts::new(config.ports);
        let source = Source::new("test.yaml", configuration.text.clone());
        let options = Options::new("sim", HashKey(1, 2));
        let engine = Engine::start(device.expect("our own card"), &source, 0, options, || {
            card.poll(0, &mut ports);
            true
        });
        let engine = engine.unwrap_or_else(|error| panic!("{error}"));
        Self {
            config,
            bars,
            engine,
            log,
        }
    }

    /// Applies, and returns both BARs as they were, and what was stored in them since.
    fn apply(&mut self, to: &Configuration) -> (Copied, Copied, Vec<Store>) {
        let before = (Copied::of(&self.bars.bar0), Copied::of(&self.bars.bar2));
        self.log.borrow_mut().clear();
        let applied = self
            .engine
            .apply(&Source::new("test.yaml", to.text.clone()));
        assert!(applied.accepted, "{:?}", applied.diagnostics);
        (before.0, before.1, self.log.take())
    }

    /// Where an opening goes.
    fn outcome(&self, bar0: &Copied, bar2: &Copied, opening: &Opening) -> Outcome {
        let ingress = opening.ingress;
        let own = self
            .engine
            .port(ingress)
            .map_or([0; 6], |port| port.own_mac);
        let frame = opening.segment.emit([2, 0, 0, 0, 9, 9], own);
        let mut pipeline = Pipeline::new(Layout::new(&self.config).expect("a sound card"));
        let spaces = Spaces { bar0, bar2 };
        pipeline
            .process(spaces, Conditions::default(), ingress, &frame)
            .outcome
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn apply_has_no_hole(old in configuration(), new in configuration()) {
        let mut bench = Bench::new(&old);
        let after = openings(&new.ir);
        let mut openings = openings(&old.ir);
        openings.retain(|opening| after.contains(opening));
        let (bar0, bar2, stores) = bench.apply(&new);
        let forwards = |outcome: &Outcome| matches!(outcome, Outcome::Forward { .. });
        let last = (Copied::of(&bench.bars.bar0), Copied::of(&bench.bars.bar2));
        let kept: Vec<_> = openings
            .iter()
            .filter(|opening| {
                forwards(&bench.outcome(&bar0, &bar2, opening))
                    && forwards(&bench.outcome(&last.0, &last.1, opening))
            })
            .map(|opening| (opening, [&old.ir, &new.ir].map(|ir| opening.backends(ir)).concat()))
            .collect();
        for (number, (bar, at, value)) in stores.iter().enumerate() {
            match bar {
                Bar::Registers => bar0.store64(*at, *value),
                Bar::Tables => bar2.store64(*at, *value),
                Bar::Rings => continue,
            }
            for (opening, backends) in &kept {
                let now = bench.outcome(&bar0, &bar2, opening);
                let is_right = match &now {
                    Outcome::Forward { egress, frame } => {
                        let arrives = read(frame).expect("a sound packet").destination;
                        backends.contains(&(*egress, arrives))
                    }
                    _ => false,
                };
                prop_assert!(
                    is_right,
                    "after {number} of {} stores: {opening:?}\n{now:?}\n{backends:?}",
                    stores.len()
                );
            }
        }
    }
}
