//! The engine as its card sees it, with a real switch behind it where there is one.

use std::net::IpAddr;
use std::path::PathBuf;

use firmware_api::entry::flow::{Direction, FlowAction, FlowKey, Side};
use firmware_api::entry::frontend::FrontendAction;
use firmware_api::entry::instance::{InstanceConfig, WayOut};
use firmware_api::entry::port::PortKind;
use firmware_api::entry::rule::RuleConfig;
use firmware_api::flow_state::tcp_flags::{ACK, FIN, SYN};
use firmware_api::flow_state::{self, FlowState};
use firmware_api::selector::HashMode;
use firmware_api::{EGRESS_RECIRCULATE, PortId, Protocol, PuntReason, Zone};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;
use crate::Bars;
use crate::Pipeline;
use crate::batch::Batch;
use crate::engine::Engine;
use crate::fixture::{Wire, Writer, bmv2_is_installed, ip, small};
use crate::pipeline::Conditions;
use crate::pipeline::Outcome;

const CLIENT: (&str, u16) = ("198.51.100.7", 40_000);
const FRONTEND: (&str, u16) = ("203.0.113.10", 80);
const BACKEND: (&str, u16) = ("10.0.0.1", 8080);

/// Both engines over tables of the same contents.
struct Twins {
    layout: Layout,
    bmv2: Bmv2,
    native: Pipeline,
    /// The memory of each.
    bars: [Bars; 2],
}

fn spaces(bars: &Bars) -> Spaces<'_, crate::SimMemory> {
    Spaces {
        bar0: &bars.bar0,
        bar2: &bars.bar2,
    }
}

impl Twins {
    fn new() -> Option<Self> {
        if !bmv2_is_installed() {
            return None;
        }
        let config = small();
        let layout = Layout::new(&config).expect("good");
        let bars = || Bars::anonymous(&config).expect("memory");
        let twins = Self {
            bmv2: Bmv2::new(&config, Switch::Start(Start::default())).expect("a switch"),
            native: Pipeline::new(layout.clone()),
            bars: [bars(), bars()],
            layout,
        };
        twins.write(configure);
        Some(twins)
    }

    fn write(&self, write: impl Fn(&Writer<'_>)) {
        for bars in &self.bars {
            write(&Writer {
                bar0: &bars.bar0,
                bar2: &bars.bar2,
                layout: &self.layout,
            });
        }
    }

    /// Installs both entries of a flow, as a driver does.
    fn install(&self, flow: u32) {
        let at = self.layout.flow_state(flow).expect("a flow");
        self.write(|w| {
            flow_state::blank(w.bar2, at);
            install(w, flow);
        });
    }

    fn load(&mut self) {
        assert!(self.bmv2.load(spaces(&self.bars[0])));
    }

    /// What both engines make of a frame, which has to be the same.
    fn process(&mut self, conditions: Conditions, port: PortId, frame: &[u8]) -> Outcome {
        let [ours, theirs] = &self.bars;
        let found = self.bmv2.process(spaces(ours), conditions, port, frame);
        let expected = self.native.process(spaces(theirs), conditions, port, frame);
        assert_eq!(found, expected);
        assert!(self.bmv2.counters().balance());
        found.outcome
    }

    /// The state of a flow, which has to be the same.
    fn state(&mut self, flow: u32) -> FlowState {
        let [ours, theirs] = &self.bars;
        assert!(self.bmv2.harvest_states(spaces(ours), [flow].into_iter()));
        let at = self.layout.flow_state(flow).expect("a flow");
        let found = FlowState::load(&*ours.bar2, at);
        assert_eq!(found, FlowState::load(&*theirs.bar2, at));
        found
    }
}

fn configure(w: &Writer<'_>) {
    w.secret();
    w.port(0, PortKind::Uplink, 0);
    w.port(1, PortKind::Vport(1), 0);
    w.port(2, PortKind::Vport(2), 100);
    let IpAddr::V4(address) = ip("10.0.0.1") else {
        unreachable!()
    };
    let instance = InstanceConfig {
        address_v4: Some(address),
        ways_out: [WayOut::Snat; 4],
        vport: 1,
        ..InstanceConfig::default()
    };
    w.instance(1, instance);
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
    let address = ip(FRONTEND.0);
    w.frontend(Zone::UPLINK, address, Protocol::Tcp, FRONTEND.1, action);
}

fn install(w: &Writer<'_>, flow: u32) {
    let key = |zone, source: (&str, u16), destination: (&str, u16)| FlowKey {
        zone,
        protocol: Protocol::Tcp,
        source: ip(source.0),
        destination: ip(destination.0),
        source_port: source.1,
        destination_port: destination.1,
    };
    let action = |direction, side, to: (&str, u16), egress| FlowAction {
        flow,
        direction,
        side,
        address: ip(to.0),
        port: to.1,
        egress,
    };
    w.flow(
        key(Zone::UPLINK, CLIENT, FRONTEND),
        action(Direction::Forward, Side::Destination, BACKEND, 1),
    );
    w.flow(
        key(Zone::VNET, BACKEND, CLIENT),
        action(Direction::Return, Side::Source, FRONTEND, 0),
    );
}

fn at(tick: u32) -> Conditions {
    Conditions {
        tick,
        ..Conditions::default()
    }
}

#[test]
fn a_frame_becomes_the_same_in_the_switch() {
    let Some(mut twins) = Twins::new() else {
        return;
    };
    twins.load();
    let conditions = at(0x0102_0304);
    let syn = Wire::tcp(0, CLIENT, FRONTEND, SYN).frame();
    let ack = Wire::tcp(0, CLIENT, FRONTEND, ACK).frame();
    let outcome = twins.process(conditions, 0, &syn);
    assert!(matches!(outcome, Outcome::Forward { egress: 1, .. }));
    let outcome = twins.process(conditions, 0, &ack);
    let Outcome::Held(record) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(record.punt.reason, PuntReason::Midflow);
    assert_ne!(record.punt.flow_hash, 0);
    let reprocess = Conditions {
        reprocess: true,
        ..conditions
    };
    let missed = twins.process(reprocess, 0, &ack);
    assert_eq!(missed, Outcome::Drop(DropReason::ReprocessMiss));
    let driverless = Conditions {
        driverless: true,
        ..conditions
    };
    let stranger = Wire::tcp(1, BACKEND, CLIENT, SYN).frame();
    let dropped = twins.process(driverless, 1, &stranger);
    assert_eq!(dropped, Outcome::Drop(DropReason::Driverless));
    twins.install(3);
    twins.load();
    let known = twins.process(reprocess, 0, &ack);
    assert!(matches!(known, Outcome::Forward { egress: 1, .. }));
    for broken in [&[][..], &[0; 13], &[2; 24], &[0xff; 9217]] {
        let outcome = twins.process(conditions, 0, broken);
        assert!(matches!(outcome, Outcome::Drop(_)));
    }
}

#[test]
fn what_goes_round_again_is_copied_as_it_came() {
    let Some(mut twins) = Twins::new() else {
        return;
    };
    let key = FlowKey {
        zone: Zone::VNET,
        protocol: Protocol::Tcp,
        source: ip(BACKEND.0),
        destination: ip(FRONTEND.0),
        source_port: 9,
        destination_port: FRONTEND.1,
    };
    let action = FlowAction {
        flow: 7,
        direction: Direction::Forward,
        side: Side::Source,
        address: ip("203.0.113.20"),
        port: 1024,
        egress: EGRESS_RECIRCULATE,
    };
    twins.write(|w| {
        w.flow(key, action);
    });
    twins.load();
    let syn = Wire::tcp(1, (BACKEND.0, 9), FRONTEND, SYN).frame();
    for reprocess in [false, true] {
        let conditions = Conditions { reprocess, ..at(1) };
        let outcome = twins.process(conditions, 1, &syn);
        assert!(matches!(outcome, Outcome::Forward { egress: 1, .. }));
    }
    assert!(twins.bmv2.counters().punts[PuntReason::Learn as usize] == 2);
}

#[test]
fn an_injected_frame_leaves_as_it_is() {
    let Some(mut twins) = Twins::new() else {
        return;
    };
    twins.load();
    let frame = [7; 60];
    // Port 2 has a VLAN, ports from 3 on are off, some numbers are the switch's own.
    for (port, leaves) in [(0, true), (2, true), (3, false), (504, false), (510, false)] {
        let mut recorder = crate::pipeline::verdict::Recorder::default();
        let spaces = spaces(&twins.bars[0]);
        twins.bmv2.transmit(spaces, port, &frame, &mut recorder);
        twins.bmv2.complete(spaces, &mut recorder);
        assert_eq!(recorder.sent, leaves.then(|| (port, frame.to_vec())));
    }
    let counters = twins.bmv2.counters();
    assert_eq!(counters.drops[DropReason::EgressOff as usize], 3);
    assert!(counters.balance());
}

#[test]
fn the_state_of_a_flow_is_the_same_in_the_switch() {
    let Some(mut twins) = Twins::new() else {
        return;
    };
    twins.install(3);
    twins.load();
    assert_eq!(twins.state(3), FlowState::default(), "no packet yet");
    let from_client = |flags| Wire::tcp(0, CLIENT, FRONTEND, flags).frame();
    let from_backend = |flags| Wire::tcp(1, BACKEND, CLIENT, flags).frame();
    twins.process(at(5), 0, &from_client(SYN));
    twins.process(at(u32::MAX), 1, &from_backend(SYN | ACK));
    twins.process(at(7), 0, &from_client(ACK));
    let state = twins.state(3);
    assert_eq!(state.last_seen, Some(7));
    assert_eq!((state.forward.packets, state.reverse.packets), (2, 1));
    assert_eq!(state.reverse.flags, SYN | ACK);
    twins.process(at(9), 0, &from_client(FIN | ACK));
    assert_eq!(twins.state(3).forward.flags, SYN | ACK | FIN);

    twins.install(3);
    twins.load();
    assert_eq!(twins.state(3), FlowState::default(), "installed anew");
    twins.load();
    twins.process(at(11), 1, &from_backend(ACK));
    twins.load();
    let state = twins.state(3);
    assert_eq!((state.forward.packets, state.reverse.packets), (0, 1));
    let mut active = Vec::new();
    let [ours, _] = &twins.bars;
    let more: Vec<u32> = (0..600).collect();
    assert!(twins.bmv2.harvest_states(spaces(ours), more.into_iter()));
    assert!(
        twins
            .bmv2
            .harvest_activity(0, 128, |word| active.push(word))
    );
    assert!(twins.bmv2.harvest_activity(0, 64, |word| active.push(word)));
    assert_eq!(active, [1 << 3, 0, 0], "once");
}

/// Does rounds until the switch is down, and until it is up again.
fn until_up_again(twins: &mut Twins, tick: u32) {
    let deadline = Instant::now() + Duration::from_mins(1);
    for is_up in [false, true] {
        while twins.bmv2.advance(spaces(&twins.bars[0]), tick) != is_up {
            assert!(Instant::now() < deadline, "it is seen, and started again");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_killed_switch_is_started_again_with_entries_and_flow_state() {
    let Some(mut twins) = Twins::new() else {
        return;
    };
    twins.install(3);
    twins.load();
    let ack = Wire::tcp(0, CLIENT, FRONTEND, ACK).frame();
    twins.process(at(5), 0, &ack);
    twins.process(at(6), 0, &ack);
    let before = twins.state(3);
    for _ in 0..2 {
        let first = twins.bmv2.process_id().expect("a process");
        kill(Pid::from_raw(first.cast_signed()), Signal::SIGKILL).expect("ours");
        until_up_again(&mut twins, 1000);
        assert_ne!(twins.bmv2.process_id(), Some(first));
    }
    let [ours, _] = &twins.bars;
    assert!(twins.bmv2.harvest_states(spaces(ours), [3].into_iter()));
    let at_block = twins.layout.flow_state(3).expect("a flow");
    let mut after = FlowState::load(&*ours.bar2, at_block);
    assert_eq!(after.last_seen, Some(1000), "never idle too early");
    after.last_seen = before.last_seen;
    assert_eq!(after, before);
    twins.process(at(1001), 0, &ack);
    assert_eq!(twins.state(3).forward.packets, 3);
}

#[test]
fn frames_in_a_switch_that_dies_are_counted() {
    let Some(mut twins) = Twins::new() else {
        return;
    };
    twins.load();
    let id = twins.bmv2.process_id().expect("a process");
    kill(Pid::from_raw(id.cast_signed()), Signal::SIGKILL).expect("ours");
    let [ours, _] = &twins.bars;
    let syn = Wire::tcp(0, CLIENT, FRONTEND, SYN).frame();
    let trace = Conditions {
        trace: true,
        ..at(1)
    };
    let mut recorder = crate::pipeline::verdict::Recorder::default();
    let mut batch = Batch::default();
    batch.push(0, &syn);
    let bmv2 = &mut twins.bmv2;
    bmv2.run(spaces(ours), trace, &mut batch, &mut recorder);
    bmv2.complete(spaces(ours), &mut recorder);
    assert_eq!(recorder.records, [], "a trace that is lost");
    assert_eq!(bmv2.counters().punts_lost[PuntReason::Trace as usize], 1);
    assert!(bmv2.counters().balance());
    let verdict = twins.bmv2.process(spaces(ours), at(1), 0, &syn);
    assert_eq!(verdict.outcome, Outcome::Drop(LOST));
    let counters = twins.bmv2.counters();
    assert_eq!((counters.rx, counters.tx), (1, 0));
    assert!(counters.balance());
    let each = |_| panic!("it cannot say");
    assert!(!twins.bmv2.harvest_activity(0, 64, each));
}

#[test]
fn a_running_switch_is_used_and_left_running() {
    if !bmv2_is_installed() {
        return;
    }
    let json = include_str!("../../../p4/headgate.json");
    let mut process = Process::start(&Start::default(), json).expect("starts");
    let attach = process.listens();
    let deadline = Instant::now() + START;
    while connect(&attach).is_err() {
        assert!(Instant::now() < deadline, "it listens");
        std::thread::sleep(ASK);
    }
    let config = small();
    let bars = Bars::anonymous(&config).expect("memory");
    let layout = Layout::new(&config).expect("good");
    let w = Writer {
        bar0: &bars.bar0,
        bar2: &bars.bar2,
        layout: &layout,
    };
    configure(&w);
    let syn = Wire::tcp(0, CLIENT, FRONTEND, SYN).frame();
    for port_is_on in [true, false] {
        let source = Switch::Attach(attach.clone());
        let mut bmv2 = Bmv2::new(&config, source).expect("it runs");
        if port_is_on {
            assert!(bmv2.load(spaces(&bars)));
        }
        let verdict = bmv2.process(spaces(&bars), at(1), 0, &syn);
        let was_forwarded = matches!(verdict.outcome, Outcome::Forward { .. });
        assert_eq!(
            was_forwarded, port_is_on,
            "the second card finds no entries"
        );
    }
    assert_eq!(process.ended(), None);
}

#[test]
fn what_cannot_be_had_is_said() {
    let too_large = CardConfig {
        flows: 65_536,
        ..CardConfig::bmv2()
    };
    let said = |config: &CardConfig, source: Switch| {
        let error = Bmv2::new(config, source).expect_err("it cannot be had");
        error.to_string()
    };
    let start = || Switch::Start(Start::default());
    let text = said(&too_large, start());
    assert!(
        text.contains("65536 flows") && text.contains("32768"),
        "{text}"
    );
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "{}").expect("writes");
    let program = Some(file.path().to_owned());
    let text = said(
        &small(),
        Switch::Start(Start {
            program,
            ..Start::default()
        }),
    );
    let name = file.path().display().to_string();
    assert!(
        text.starts_with(&name) && text.contains("not a program"),
        "{text}"
    );
    let attach = Attach {
        runtime: ([127, 0, 0, 1], 1).into(),
        packets: PathBuf::from("/no/such/socket"),
    };
    let text = said(&small(), Switch::Attach(attach));
    assert!(text.contains("127.0.0.1:1"), "{text}");
}

/// How many entries a second the switch takes from BAR2.
#[test]
#[ignore = "a measurement"]
fn entries_a_second() {
    if !bmv2_is_installed() {
        return;
    }
    let config = CardConfig::bmv2();
    let bars = Bars::anonymous(&config).expect("memory");
    let layout = Layout::new(&config).expect("good");
    let w = Writer {
        bar0: &bars.bar0,
        bar2: &bars.bar2,
        layout: &layout,
    };
    configure(&w);
    let mut bmv2 = Bmv2::new(&config, Switch::Start(Start::default())).expect("a switch");
    let entries = 24_000;
    for flow in 0..entries / 2 {
        let port = flow as u16;
        let key = |zone, source: &str, destination: &str| FlowKey {
            zone,
            protocol: Protocol::Udp,
            source: ip(source),
            destination: ip(destination),
            source_port: port,
            destination_port: 80,
        };
        let action = FlowAction {
            flow,
            direction: Direction::Forward,
            side: Side::Destination,
            address: ip("10.0.0.1"),
            port: 8080,
            egress: 1,
        };
        w.flow(key(Zone::UPLINK, CLIENT.0, FRONTEND.0), action);
        w.flow(key(Zone::VNET, FRONTEND.0, CLIENT.0), action);
    }
    let began = Instant::now();
    assert!(bmv2.load(spaces(&bars)));
    let took = began.elapsed();
    let rate = f64::from(entries) / took.as_secs_f64();
    eprintln!("{entries} entries in {took:?}: {rate:.0} a second");
    let began = Instant::now();
    assert!(bmv2.load(spaces(&bars)));
    eprintln!("a rescan that changes nothing: {:?}", began.elapsed());
    let syn = Wire::tcp(0, CLIENT, FRONTEND, SYN).frame();
    let mut batch = Batch::default();
    let mut recorder = crate::pipeline::verdict::Recorder::default();
    let began = Instant::now();
    for _ in 0..200 {
        for _ in 0..64 {
            batch.push(0, &syn);
        }
        bmv2.run(spaces(&bars), at(1), &mut batch, &mut recorder);
        bmv2.complete(spaces(&bars), &mut recorder);
    }
    let rate = 200.0 * 64.0 / began.elapsed().as_secs_f64();
    eprintln!("{rate:.0} frames a second in batches of 64, each with a learn record");
    let began = Instant::now();
    for _ in 0..200 {
        batch.push(0, &syn);
        bmv2.run(spaces(&bars), at(1), &mut batch, &mut recorder);
        bmv2.complete(spaces(&bars), &mut recorder);
    }
    eprintln!("{:?} a frame alone", began.elapsed() / 200);
    assert_eq!(bmv2.counters().tx, bmv2.counters().rx);
    let began = Instant::now();
    assert!(bmv2.harvest_states(spaces(&bars), 0..500));
    eprintln!("{:?} for 500 states", began.elapsed());
    let began = Instant::now();
    assert!(bmv2.harvest_states(spaces(&bars), 0..4096));
    eprintln!("{:?} for 4096 states", began.elapsed());
}
