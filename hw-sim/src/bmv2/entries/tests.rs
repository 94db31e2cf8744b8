//! What becomes of doorbells, with a stand-in for the switch.

use std::sync::mpsc::Receiver;

use firmware_api::entry::Entry;
use firmware_api::entry::flow::{Direction, FlowAction, FlowKey, Side};
use firmware_api::entry::frontend::{FrontendAction, FrontendKey};
use firmware_api::entry::port::PortKind;
use firmware_api::register;
use firmware_api::{Protocol, Zone};

use super::*;
use crate::Bars;
use crate::bmv2::runtime::tests::stand_in;
use crate::config::Layout;
use crate::fixture::{Writer, ip, small};
use crate::lookup::Spaces;

struct Bench {
    bars: Bars,
    layout: Layout,
    entries: Entries,
    program: Program,
    runtime: Runtime,
    called: Receiver<String>,
}

impl Bench {
    fn new() -> Self {
        let bars = Bars::anonymous(&small()).expect("memory");
        let layout = Layout::new(&small()).expect("good");
        let json = include_str!("../../../../p4/headgate.json");
        let (runtime, called) = stand_in();
        let bench = Self {
            bars,
            layout,
            entries: Entries::default(),
            program: Program::parse(json).expect("the schema's"),
            runtime,
            called,
        };
        bench.writer().secret();
        bench
    }

    fn writer(&self) -> Writer<'_> {
        Writer {
            bar0: &self.bars.bar0,
            bar2: &self.bars.bar2,
            layout: &self.layout,
        }
    }

    fn ring(&mut self, table: TableId, slots: &[u32]) {
        for first in slots {
            let (first, count) = (*first, 1);
            self.entries.written(Doorbell {
                table,
                first,
                count,
            });
        }
    }

    /// Carries out what was rung; returns the kinds of calls that it took, without repetition.
    fn apply(&mut self) -> Vec<String> {
        let spaces = Spaces {
            bar0: &*self.bars.bar0,
            bar2: &*self.bars.bar2,
        };
        let changes = self.entries.compare(&Tables::new(spaces, &self.layout));
        let (program, runtime) = (&self.program, &mut self.runtime);
        self.entries
            .apply(&changes, program, runtime)
            .expect("the stand-in answers");
        // Its answer to this one is behind the others.
        let _ = runtime.call(Call::Config).expect("answers");
        let mut kinds = Vec::new();
        loop {
            let method = self.called.recv().expect("it lives");
            let kind = method.trim_start_matches("standard:bm_").to_owned();
            if kind == "get_config" {
                return kinds;
            }
            if kinds.last() != Some(&kind) {
                kinds.push(kind);
            }
        }
    }
}

fn frontend(rule: u16) -> FrontendV4 {
    let std::net::IpAddr::V4(destination) = ip("203.0.113.10") else {
        unreachable!()
    };
    let key = FrontendKey {
        zone: Zone::UPLINK,
        protocol: Protocol::Tcp,
        destination,
        port: 80,
    };
    FrontendV4::new(key, FrontendAction::Balance(rule))
}

/// Two slots in which the frontend may stand.
fn two_slots(bench: &Bench) -> [u32; 2] {
    let first = bench.writer().insert(frontend(1));
    let second = bench.writer().insert(frontend(1));
    bench.writer().clear::<4, FrontendV4>(first);
    bench.writer().clear::<4, FrontendV4>(second);
    [first, second]
}

#[test]
fn an_entry_is_added_changed_and_deleted_at_every_place_of_its_table() {
    let mut bench = Bench::new();
    let [slot, _] = two_slots(&bench);
    let id = TableId::FrontendV4;
    bench.writer().write(slot, frontend(1));
    bench.ring(id, &[slot]);
    assert_eq!(bench.apply(), ["mt_add_entry"]);
    let handles = &bench.entries.tables[id as usize]
        .held
        .values()
        .next()
        .expect("one")
        .handles;
    assert_eq!(handles.len(), bench.program.instances(id).len());
    assert!(handles.iter().all(Option::is_some));
    bench.ring(id, &[slot]);
    assert!(bench.apply().is_empty(), "it is as it was");
    bench.writer().write(slot, frontend(1));
    bench.ring(id, &[slot]);
    assert!(bench.apply().is_empty(), "written again, the same");
    bench.writer().write(slot, frontend(2));
    bench.ring(id, &[slot]);
    assert_eq!(bench.apply(), ["mt_modify_entry"]);
    bench.writer().clear::<4, FrontendV4>(slot);
    bench.ring(id, &[slot]);
    assert_eq!(bench.apply(), ["mt_delete_entry"]);
    assert!(bench.entries.tables[id as usize].held.is_empty());
}

#[test]
fn present_key_never_misses_while_an_entry_moves_and_doorbells_come_in_any_order() {
    let mut bench = Bench::new();
    let [old, new] = two_slots(&bench);
    let id = TableId::FrontendV4;
    bench.writer().write(old, frontend(1));
    bench.ring(id, &[old]);
    assert_eq!(bench.apply(), ["mt_add_entry"]);
    bench.writer().write(new, frontend(1));
    bench.writer().clear::<4, FrontendV4>(old);
    bench.ring(id, &[old]);
    assert!(bench.apply().is_empty(), "an old doorbell, a new slot");
    bench.ring(id, &[new, old]);
    assert!(bench.apply().is_empty());
    bench.writer().write(old, frontend(2));
    bench.ring(id, &[old]);
    bench.apply();
    bench.writer().clear::<4, FrontendV4>(new);
    bench.ring(id, &[new]);
    bench.apply();
    let held = bench.entries.tables[id as usize].held.values().next();
    let words = unsealed(id, padded(frontend(2).to_words()));
    let own = |words: Words| words[3] & !firmware_api::control::VALID;
    assert_eq!(
        held.map(|held| own(held.words)),
        Some(own(words)),
        "the one that stays"
    );
}

#[test]
fn a_rescan_finds_what_no_doorbell_told() {
    let mut bench = Bench::new();
    bench.writer().insert(frontend(1));
    bench.writer().port(1, PortKind::Vport(1), 0);
    bench.entries.rescan();
    assert_eq!(bench.apply(), ["mt_add_entry"]);
    bench.writer().port(1, PortKind::Off, 0);
    bench.entries.rescan();
    assert_eq!(bench.apply(), ["mt_delete_entry"], "a port that is off");
    bench.entries.forget();
    bench.entries.rescan();
    assert_eq!(bench.apply(), ["mt_add_entry"], "a switch that starts anew");
}

#[test]
fn a_stash_slot_counts_as_far_as_the_driver_uses_the_stash() {
    let mut bench = Bench::new();
    let id = TableId::FrontendV4;
    let slot = bench.layout.table(id).geometry.bucket_slots();
    bench.writer().write(slot, frontend(1));
    bench.ring(id, &[slot]);
    assert!(bench.apply().is_empty(), "a lookup does not find it");
    let used = register::STASH_USED.at(id as u64);
    bench.bars.bar0.store32(used, 1);
    bench.ring(id, &[slot]);
    assert_eq!(bench.apply(), ["mt_add_entry"]);
}

#[test]
fn an_entry_that_changes_stays_the_same_entry() {
    let mut bench = Bench::new();
    let key = FlowKey {
        zone: Zone::UPLINK,
        protocol: Protocol::Tcp,
        source: ip("198.51.100.7"),
        destination: ip("203.0.113.10"),
        source_port: 40_000,
        destination_port: 80,
    };
    let action = |flow, port| FlowAction {
        flow,
        direction: Direction::Return,
        side: Side::Destination,
        address: ip("10.0.0.1"),
        port,
        egress: 1,
    };
    let slot = bench.writer().flow(key, action(3, 8080));
    let id = TableId::FlowV4;
    bench.ring(id, &[slot]);
    assert_eq!(bench.apply(), ["mt_add_entry"]);
    let mut rewrite = |flow, port| {
        bench.writer().clear::<4, FlowV4>(slot);
        assert_eq!(bench.writer().flow(key, action(flow, port)), slot);
        bench.ring(id, &[slot]);
        bench.apply()
    };
    assert_eq!(rewrite(3, 8081), ["mt_modify_entry"]);
    assert_eq!(rewrite(4, 8081), ["mt_modify_entry"]);
}
