//! The device as its driver sees it, with each engine: registers and rings.

mod nothing_trusted;

use firmware_api::entry::flow::{Direction, FlowAction, FlowKey, Side};
use firmware_api::entry::frontend::FrontendAction;
use firmware_api::entry::instance::{InstanceConfig, WayOut};
use firmware_api::entry::port::PortKind;
use firmware_api::entry::rule::RuleConfig;
use firmware_api::flow_state::FlowState;
use firmware_api::flow_state::tcp_flags::{ACK, SYN};
use firmware_api::harvest::{Command, PAYLOAD, states_out};
use firmware_api::register::{self, Register};
use firmware_api::ring::{self, Layout as RingLayout};
use firmware_api::selector::HashMode;
use firmware_api::{DropReason, Protocol, PuntReason, Zone, trace};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::*;
use crate::Bmv2;
use crate::bmv2::{Start, Switch};
use crate::fixture::{Wire, Writer, bmv2_is_installed, ip, small};
use crate::ports::MemoryPorts;

const CLIENT: (&str, u16) = ("198.51.100.7", 40_000);
const FRONTEND: (&str, u16) = ("203.0.113.10", 80);
const PUNT_SLOTS: u32 = 16;
const INJECT_AT: u64 = 8192;
const DOORBELL_AT: u64 = 16_384;
const HARVEST_AT: u64 = 65_536;

/// A card with one instance and one rule, and a driver's view of it.
struct Rig<E = Pipeline> {
    card: Card<E>,
    ports: MemoryPorts,
    bars: Bars,
    now: u64,
    beat: u32,
    consumer: u32,
    producer: u32,
}

impl Rig {
    fn new() -> Self {
        Self::with_engine(Pipeline::new(Layout::new(&small()).expect("good")))
    }
}

impl Rig<Bmv2> {
    /// `None` when there is no switch.
    fn bmv2() -> Option<Self> {
        let source = Switch::Start(Start::default());
        let bmv2 = || Bmv2::new(&small(), source).expect("a switch");
        bmv2_is_installed().then(bmv2).map(Self::with_engine)
    }
}

impl<E: Engine> Rig<E> {
    fn with_engine(engine: E) -> Self {
        let bars = Bars::anonymous(&small()).expect("memory");
        let card = Card::with_engine(bars.clone(), engine);
        let mut rig = Self {
            card,
            ports: MemoryPorts::new(8),
            bars,
            now: 0,
            beat: 0,
            consumer: 0,
            producer: 0,
        };
        rig.set(register::CONTROL, CONTROL_RESET);
        rig.poll();
        assert_ne!(rig.get(register::STATUS) & STATUS_RESET_DONE, 0);
        rig.configure();
        rig.rings();
        rig.set(register::CONTROL, CONTROL_ENABLE);
        rig.beat();
        rig
    }

    fn configure(&self) {
        let layout = Layout::new(&small()).expect("good");
        let w = Writer {
            bar0: &self.bars.bar0,
            bar2: &self.bars.bar2,
            layout: &layout,
        };
        w.secret();
        w.port(0, PortKind::Uplink, 0);
        w.port(1, PortKind::Vport(1), 0);
        let IpAddr::V4(address) = ip("10.0.0.1") else {
            unreachable!()
        };
        w.instance(
            1,
            InstanceConfig {
                address_v4: Some(address),
                ways_out: [WayOut::Snat; 4],
                vport: 1,
                ..InstanceConfig::default()
            },
        );
        w.backend(1, ip("10.0.0.1"), 8080, 1);
        w.selector(0, Some(1));
        let rule = RuleConfig {
            mode: HashMode::FiveTuple,
            selector_base: 0,
            selector_size: 1,
            floating_ip: false,
            reset: false,
            fragments: false,
        };
        w.rule(1, rule);
        let action = FrontendAction::Balance(1);
        w.frontend(
            Zone::UPLINK,
            ip(FRONTEND.0),
            Protocol::Tcp,
            FRONTEND.1,
            action,
        );
        self.written();
    }

    /// Tells the card that tables changed.
    fn written(&self) {
        self.set(register::RESCAN, self.get(register::RESCAN) + 1);
    }

    fn rings(&self) {
        self.set(register::PUNT_SLOTS, PUNT_SLOTS);
        self.set64(register::INJECT_BASE, INJECT_AT);
        self.set(register::INJECT_SLOTS, 16);
        self.set64(register::DOORBELL_BASE, DOORBELL_AT);
        self.set(register::DOORBELL_SLOTS, 16);
        self.set64(register::HARVEST_BASE, HARVEST_AT);
        self.set(register::HARVEST_LEN, 65_536);
    }

    fn set(&self, register: Register, value: u32) {
        self.bars.bar0.store32(register.offset, value);
    }

    fn set64(&self, register: Register, value: u64) {
        self.bars.bar0.store64(register.offset, value);
    }

    fn get(&self, register: Register) -> u32 {
        self.bars.bar0.load32(register.offset)
    }

    fn poll(&mut self) -> Work {
        self.card.poll(self.now, &mut self.ports)
    }

    fn beat(&mut self) {
        self.beat += 1;
        self.set(register::HEARTBEAT, self.beat);
        self.poll();
    }

    fn counters(&self) -> Counters {
        let counters = Counters::read(&*self.bars.bar0);
        assert!(counters.balance(), "{counters:?}");
        counters
    }

    fn send(&mut self, port: PortId, wire: &Wire) {
        self.ports.send(port, &wire.frame());
        self.poll();
    }

    fn syn(&mut self) {
        self.send(0, &Wire::tcp(0, CLIENT, FRONTEND, SYN));
    }

    fn take_punt(&mut self) -> Option<(Punt, Vec<u8>)> {
        let rings = &*self.bars.rings;
        let layout = RingLayout::new(0, PUNT_SLOTS, rings.len()).expect("fits");
        let mut payload = Payload::default();
        let producer = layout.device_index(rings);
        let (words, next) =
            ring::take(rings, layout, self.consumer, producer, &mut payload).expect("sound")?;
        self.consumer = next;
        self.set(register::PUNT_CONSUMER, next);
        Some((Punt::decode(words).expect("known"), payload.to_vec()))
    }

    fn inject(&mut self, inject: Inject, frame: &[u8]) {
        let rings = &*self.bars.rings;
        let layout = RingLayout::new(INJECT_AT, 16, rings.len()).expect("fits");
        let consumer = layout.device_index(rings);
        let words = inject.encode(frame.len() as u16);
        self.producer = ring::push(rings, layout, self.producer, consumer, words, frame)
            .expect("sound")
            .expect("room");
        self.set(register::INJECT_PRODUCER, self.producer);
    }

    fn harvest(&mut self, command: Command) -> u32 {
        let number = self.get(register::HARVEST_COMMAND) + 1;
        command.store(&*self.bars.rings, HARVEST_AT);
        self.set(register::HARVEST_COMMAND, number);
        self.poll();
        assert_eq!(self.bars.rings.load32(HARVEST_AT), number);
        self.bars.rings.load32(HARVEST_AT + 4)
    }

    fn install(&self, flow: u32) {
        let layout = Layout::new(&small()).expect("good");
        let w = Writer {
            bar0: &self.bars.bar0,
            bar2: &self.bars.bar2,
            layout: &layout,
        };
        let key = FlowKey {
            zone: Zone::UPLINK,
            protocol: Protocol::Tcp,
            source: ip(CLIENT.0),
            destination: ip(FRONTEND.0),
            source_port: CLIENT.1,
            destination_port: FRONTEND.1,
        };
        let action = FlowAction {
            flow,
            direction: Direction::Forward,
            side: Side::Destination,
            address: ip("10.0.0.1"),
            port: 8080,
            egress: 1,
        };
        w.flow(key, action);
        self.written();
    }
}

/// Makes a test of each of these with each engine.
macro_rules! with_each_engine {
    ($($test:ident,)*) => {
        mod native {
            $(#[test] fn $test() { super::$test(super::Rig::new()); })*
        }

        mod bmv2 {
            $(#[test] fn $test() {
                if let Some(rig) = super::Rig::bmv2() {
                    super::$test(rig);
                }
            })*
        }
    };
}

with_each_engine! {
    a_card_says_who_it_is_and_how_large,
    frames_go_through_and_a_learn_comes_up,
    nothing_is_taken_before_the_card_is_enabled,
    a_stale_heartbeat_is_driverless_and_the_next_beat_ends_it,
    a_reset_clears_tables_counters_indices_and_registers_once,
    a_full_punt_ring_loses_copies_and_drops_what_it_cannot_hold_counted,
    injected_frames_leave_as_they_are_and_held_ones_are_translated,
    a_traced_frame_is_told_of_and_nothing_else_happens,
    a_trace_that_finds_the_punt_ring_full_is_lost_and_counted,
    doorbells_are_taken_and_checked,
    harvest_brings_activity_once_and_states_in_the_order_asked,
    a_harvest_of_flows_that_do_not_exist_is_an_error,
    the_latch_keeps_the_first_error_until_it_is_cleared,
}

#[expect(clippy::needless_pass_by_value, reason = "as the tests below")]
fn a_card_says_who_it_is_and_how_large<E: Engine>(rig: Rig<E>) {
    let bar0 = &*rig.bars.bar0;
    assert_eq!(bar0.load64(register::MAGIC.offset), register::MAGIC_VALUE);
    assert_eq!(rig.get(register::ABI_VERSION), register::ABI_VERSION_VALUE);
    assert_eq!(rig.get(register::PORT_COUNT), 8);
    assert_eq!(rig.get(register::FLOW_COUNT), 256);
    let layout = Layout::new(&small()).expect("good");
    for id in firmware_api::TableId::ALL {
        let geometry = bar0.load64(register::TABLE_GEOMETRY.at(*id as u64));
        let decoded = firmware_api::geometry::Geometry::decode(geometry);
        assert_eq!(decoded, Some(layout.table(*id).geometry), "{id}");
    }
}

fn frames_go_through_and_a_learn_comes_up<E: Engine>(mut rig: Rig<E>) {
    rig.syn();
    let sent = rig.ports.take();
    assert_eq!((sent.len(), sent[0].0), (1, 1));
    let (punt, bytes) = rig.take_punt().expect("a record");
    assert_eq!(punt.reason, PuntReason::Learn);
    assert_eq!((punt.rule, punt.backend), (Some(1), Some(1)));
    assert_eq!(bytes.len(), 54);
    assert_eq!(rig.take_punt(), None);
    assert_ne!(rig.get(register::EVENT_CAUSE) & EVENT_PUNT, 0);
    let counters = rig.counters();
    assert_eq!((counters.rx, counters.tx), (1, 1));
    assert_eq!(counters.punts[PuntReason::Learn as usize], 1);
}

fn nothing_is_taken_before_the_card_is_enabled<E: Engine>(mut rig: Rig<E>) {
    rig.set(register::CONTROL, 0);
    rig.syn();
    assert_eq!((rig.ports.waiting(), rig.counters().rx), (1, 0));
    rig.set(register::CONTROL, CONTROL_ENABLE);
    rig.poll();
    assert_eq!((rig.ports.waiting(), rig.counters().rx), (0, 1));
}

fn a_stale_heartbeat_is_driverless_and_the_next_beat_ends_it<E: Engine>(mut rig: Rig<E>) {
    assert_eq!(rig.get(register::STATUS) & STATUS_DRIVERLESS, 0);
    rig.now = 2999;
    rig.poll();
    assert_eq!(rig.get(register::STATUS) & STATUS_DRIVERLESS, 0);
    assert_eq!(rig.get(register::TICK), 2999);
    rig.now = 3000;
    rig.poll();
    assert_ne!(rig.get(register::STATUS) & STATUS_DRIVERLESS, 0);
    rig.syn();
    assert_eq!(rig.ports.take().len(), 1, "forwarded by hash");
    assert_eq!(rig.take_punt(), None, "told to nobody");
    rig.send(1, &Wire::tcp(1, ("10.0.0.1", 9), CLIENT, SYN));
    assert_eq!(rig.counters().drops[DropReason::Driverless as usize], 1);
    rig.beat();
    assert_eq!(rig.get(register::STATUS) & STATUS_DRIVERLESS, 0);
}

#[test]
fn a_card_without_a_driver_is_driverless_from_the_start() {
    let bars = Bars::anonymous(&small()).expect("memory");
    let mut card = Card::new(bars.clone(), &small()).expect("good");
    card.poll(0, &mut MemoryPorts::new(8));
    let status = bars.bar0.load32(STATUS.offset);
    assert_eq!(status, STATUS_READY | STATUS_DRIVERLESS);
}

fn a_reset_clears_tables_counters_indices_and_registers_once<E: Engine>(mut rig: Rig<E>) {
    rig.install(3);
    rig.syn();
    rig.send(0, &Wire::tcp(0, ("192.0.2.1", 1), FRONTEND, ACK));
    assert_eq!(rig.counters().held, 1);
    rig.set(register::CONTROL, CONTROL_RESET);
    rig.poll();
    assert_ne!(rig.get(register::STATUS) & STATUS_RESET_DONE, 0);
    assert_eq!(rig.counters(), Counters::default());
    assert_eq!(rig.get(register::PUNT_SLOTS), 0);
    let bar2 = &*rig.bars.bar2;
    assert!((0..bar2.len()).step_by(8).all(|at| bar2.load64(at) == 0));
    bar2.store64(0, 7);
    rig.poll();
    assert_eq!(rig.bars.bar2.load64(0), 7, "not cleared again");
    rig.set(register::CONTROL, CONTROL_ENABLE);
    rig.poll();
    assert_eq!(rig.get(register::STATUS) & STATUS_RESET_DONE, 0);
    assert_eq!(rig.get(register::STATUS) & STATUS_READY, STATUS_READY);
}

fn a_full_punt_ring_loses_copies_and_drops_what_it_cannot_hold_counted<E: Engine>(mut rig: Rig<E>) {
    for port in 1..=20 {
        let wire = Wire::tcp(0, (CLIENT.0, port), FRONTEND, SYN);
        rig.send(0, &wire);
    }
    rig.send(0, &Wire::tcp(0, CLIENT, FRONTEND, ACK));
    let counters = rig.counters();
    assert_eq!((counters.rx, counters.tx, counters.held), (21, 20, 0));
    assert_eq!(counters.punts[PuntReason::Learn as usize], 16);
    assert_eq!(counters.punts_lost[PuntReason::Learn as usize], 4);
    assert_eq!(counters.drops[DropReason::PuntRingFull as usize], 1);
    for port in 1..=16 {
        let (punt, bytes) = rig.take_punt().expect("a record");
        assert_eq!(punt.reason, PuntReason::Learn);
        assert_eq!(bytes[34..36], u16::to_be_bytes(port), "none overwritten");
    }
    rig.send(0, &Wire::tcp(0, CLIENT, FRONTEND, ACK));
    assert_eq!(rig.counters().held, 1, "room again");
}

fn injected_frames_leave_as_they_are_and_held_ones_are_translated<E: Engine>(mut rig: Rig<E>) {
    let midflow = Wire::tcp(0, CLIENT, FRONTEND, ACK);
    rig.send(0, &midflow);
    let (punt, bytes) = rig.take_punt().expect("a record");
    assert_eq!(punt.reason, PuntReason::Midflow);
    rig.install(3);
    rig.inject(Inject::Transmit(1), &[1; 60]);
    rig.inject(Inject::Reprocess(punt.ingress), &bytes);
    rig.inject(Inject::Transmit(0), &[2; 60]);
    rig.inject(Inject::Transmit(5), &[3; 60]);
    rig.inject(Inject::Reprocess(1), &bytes);
    rig.poll();
    let translated = midflow.destination("10.0.0.1", 8080).sent_by(1).frame();
    let expected = [(0, vec![2; 60]), (1, vec![1; 60]), (1, translated)];
    let mut sent = rig.ports.take();
    sent.sort_by_key(|(port, _)| *port);
    assert_eq!(sent, expected, "in their order, port by port");
    let counters = rig.counters();
    assert_eq!((counters.injected, counters.reprocessed), (3, 2));
    assert_eq!(counters.drops[DropReason::EgressOff as usize], 1);
    assert_eq!(counters.drops[DropReason::NotForUs as usize], 1);
}

fn a_traced_frame_is_told_of_and_nothing_else_happens<E: Engine>(mut rig: Rig<E>) {
    let syn = Wire::tcp(0, CLIENT, FRONTEND, SYN);
    let midflow = Wire::tcp(0, (CLIENT.0, 7), FRONTEND, ACK);
    let (port, tag) = (0, 0xdead_beef);
    rig.inject(Inject::Trace { port, tag }, &syn.frame());
    rig.inject(Inject::Transmit(1), &[1; 60]);
    rig.inject(Inject::Reprocess(port), &midflow.frame());
    rig.inject(Inject::Trace { port, tag: 1 }, &midflow.frame());
    rig.inject(Inject::Trace { port: 5, tag: 2 }, &[3; 60]);
    rig.poll();
    assert_eq!(rig.ports.take(), [(1, vec![1; 60])], "nothing else leaves");
    let told = std::iter::from_fn(|| rig.take_punt()).map(|(punt, bytes)| {
        assert_eq!(punt.reason, PuntReason::Trace);
        let verdict = punt.flow.map(trace::Verdict::decode);
        (punt.flow_hash, verdict, punt.rule, punt.backend, bytes)
    });
    let translated = syn.destination("10.0.0.1", 8080).sent_by(1).frame();
    let expected = [
        (tag, trace::Verdict::Leaves(1), Some(1), Some(1), translated),
        (
            1,
            trace::Verdict::Held(PuntReason::Midflow),
            None,
            None,
            vec![],
        ),
        (
            2,
            trace::Verdict::Dropped(DropReason::UnsupportedEthertype),
            None,
            None,
            vec![],
        ),
    ]
    .map(|(tag, verdict, rule, backend, bytes)| (tag, Some(Ok(verdict)), rule, backend, bytes));
    assert_eq!(told.collect::<Vec<_>>(), expected);
    let counters = rig.counters();
    assert_eq!((counters.rx, counters.tx, counters.held), (0, 1, 0));
    assert_eq!((counters.injected, counters.reprocessed), (1, 1));
    assert_eq!(counters.drops[DropReason::ReprocessMiss as usize], 1);
    assert_eq!(counters.punts[PuntReason::Trace as usize], 3);
    assert!(counters.balance());
}

fn a_trace_that_finds_the_punt_ring_full_is_lost_and_counted<E: Engine>(mut rig: Rig<E>) {
    for source in 1..=PUNT_SLOTS as u16 {
        rig.send(0, &Wire::tcp(0, (CLIENT.0, source), FRONTEND, SYN));
    }
    let syn = Wire::tcp(0, CLIENT, FRONTEND, SYN).frame();
    rig.inject(Inject::Trace { port: 0, tag: 9 }, &syn);
    rig.poll();
    let counters = rig.counters();
    assert_eq!(counters.punts[PuntReason::Trace as usize], 0);
    assert_eq!(counters.punts_lost[PuntReason::Trace as usize], 1);
    assert_eq!((counters.rx, counters.tx), (16, 16));
    assert!(counters.balance());
}

fn doorbells_are_taken_and_checked<E: Engine>(mut rig: Rig<E>) {
    let layout = RingLayout::new(DOORBELL_AT, 16, rig.bars.rings.len()).expect("fits");
    let slots = Layout::new(&small())
        .expect("good")
        .table(firmware_api::TableId::FlowV4)
        .geometry
        .slots();
    let mut producer = 0;
    let mut ring_bell = |rig: &mut Rig<E>, first, count| {
        let table = firmware_api::TableId::FlowV4;
        let bell = Doorbell {
            table,
            first,
            count,
        };
        producer = ring::push(
            &*rig.bars.rings,
            layout,
            producer,
            producer,
            bell.encode(),
            &[],
        )
        .expect("sound")
        .expect("room");
        rig.set(register::DOORBELL_PRODUCER, producer);
        rig.poll().doorbells
    };
    assert_eq!(ring_bell(&mut rig, 0, slots), 1);
    assert_eq!(layout.device_index(&*rig.bars.rings), 1);
    assert_eq!(ring_bell(&mut rig, 1, slots), 0);
    let latched = rig.bars.bar0.load64(register::ERROR_LATCH.offset);
    assert_eq!(latched as u8, register::ERROR_BAD_RECORD as u8);
    assert_eq!(ring_bell(&mut rig, 0, 1), 0, "shut until the next reset");
}

fn harvest_brings_activity_once_and_states_in_the_order_asked<E: Engine>(mut rig: Rig<E>) {
    rig.install(67);
    rig.syn();
    let all = Command::Activity {
        first: 0,
        count: 256,
    };
    assert_eq!(rig.harvest(all), 0);
    let rings = &*rig.bars.rings;
    let words: Vec<u64> = (0..4)
        .map(|i| rings.load64(HARVEST_AT + PAYLOAD + 8 * i))
        .collect();
    assert_eq!(words, [0, 1 << 3, 0, 0]);
    assert_ne!(rig.get(register::EVENT_CAUSE) & EVENT_HARVEST, 0);
    assert_eq!(rig.harvest(all), 0);
    let rings = &*rig.bars.rings;
    assert_eq!(rings.load64(HARVEST_AT + PAYLOAD + 8), 0);
    rings.store32(HARVEST_AT + PAYLOAD, 1);
    rings.store32(HARVEST_AT + PAYLOAD + 4, 67);
    assert_eq!(rig.harvest(Command::States { count: 2 }), 0);
    let at = HARVEST_AT + states_out(2);
    let rings = &*rig.bars.rings;
    assert_eq!(FlowState::load(rings, at), FlowState::default());
    assert_eq!(FlowState::load(rings, at + 64).forward.packets, 1);
}

fn a_harvest_of_flows_that_do_not_exist_is_an_error<E: Engine>(mut rig: Rig<E>) {
    let beyond = Command::Activity {
        first: 192,
        count: 65,
    };
    assert_eq!(rig.harvest(beyond), 1);
    let latched = rig.bars.bar0.load64(register::ERROR_LATCH.offset);
    assert_eq!(latched as u8, register::ERROR_BAD_HARVEST as u8);
    rig.bars.rings.store32(HARVEST_AT + PAYLOAD, 256);
    assert_eq!(rig.harvest(Command::States { count: 1 }), 1);
}

fn the_latch_keeps_the_first_error_until_it_is_cleared<E: Engine>(mut rig: Rig<E>) {
    rig.set(register::INJECT_PRODUCER, 17);
    rig.poll();
    rig.set64(register::DOORBELL_BASE, u64::MAX);
    rig.poll();
    let latched = rig.bars.bar0.load64(register::ERROR_LATCH.offset);
    let expected = DriverError::Index(Source::Inject, 17).encode();
    assert_eq!(latched, expected);
    assert_ne!(rig.get(register::EVENT_CAUSE) & register::EVENT_ERROR, 0);
    rig.set(register::ERROR_CLEAR, 1);
    rig.poll();
    assert_eq!(rig.bars.bar0.load64(register::ERROR_LATCH.offset), 0);
}

#[test]
fn a_card_says_that_its_engine_is_down_and_frames_wait() {
    let Some(mut rig) = Rig::bmv2() else {
        return;
    };
    let process = rig.card.engine().process_id().expect("a process");
    kill(Pid::from_raw(process.cast_signed()), Signal::SIGKILL).expect("ours");
    let deadline = Instant::now() + Duration::from_mins(1);
    let until = |rig: &mut Rig<Bmv2>, is_down: bool| {
        while (rig.get(STATUS) & STATUS_ENGINE_DOWN != 0) != is_down {
            assert!(Instant::now() < deadline, "down: {is_down}");
            std::thread::sleep(Duration::from_millis(2));
            rig.poll();
        }
    };
    until(&mut rig, true);
    rig.ports
        .send(0, &Wire::tcp(0, CLIENT, FRONTEND, SYN).frame());
    rig.inject(Inject::Transmit(1), &[1; 60]);
    rig.poll();
    assert_eq!((rig.ports.waiting(), rig.counters().rx), (1, 0));
    assert!(!rig.card.is_forwarding());
    until(&mut rig, false);
    rig.poll();
    assert_eq!((rig.ports.waiting(), rig.ports.take().len()), (0, 2));
    assert_eq!(
        rig.take_punt().expect("a record").0.reason,
        PuntReason::Learn
    );
    assert_eq!(rig.counters().tx, 2);
}
