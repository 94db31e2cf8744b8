//! Lookups under a driver that writes.

use firmware_api::TableId;
use firmware_api::entry::flow::{Direction, FlowAction, FlowKey, FlowV4, Side};
use firmware_api::{Protocol, Zone};
use std::cell::Cell;
use std::net::Ipv4Addr;

use super::*;
use crate::bars::Bars;
use crate::fixture::{SECRET, Writer, small};
use crate::memory::SimMemory;

fn entry(source_port: u16) -> FlowV4 {
    let key = FlowKey {
        zone: Zone::UPLINK,
        protocol: Protocol::Tcp,
        source: Ipv4Addr::new(198, 51, 100, 7),
        destination: Ipv4Addr::new(203, 0, 113, 10),
        source_port,
        destination_port: 80,
    };
    let action = FlowAction {
        flow: source_port.into(),
        direction: Direction::Forward,
        side: Side::Destination,
        address: Ipv4Addr::new(10, 0, 0, 4),
        port: 8080,
        egress: 1,
    };
    FlowV4::new(key, action)
}

/// Runs `write` before the `at`-th load.
struct Interrupted<'a> {
    inner: &'a SimMemory,
    loads: Cell<usize>,
    at: usize,
    write: &'a dyn Fn(),
}

impl Interrupted<'_> {
    fn step(&self) {
        if self.loads.get() == self.at {
            (self.write)();
        }
        self.loads.set(self.loads.get() + 1);
    }
}

impl Memory for Interrupted<'_> {
    fn len(&self) -> u64 {
        self.inner.len()
    }
    fn load64(&self, at: u64) -> u64 {
        self.step();
        self.inner.load64(at)
    }
    fn store64(&self, at: u64, value: u64) {
        self.inner.store64(at, value);
    }
    fn load32(&self, at: u64) -> u32 {
        self.step();
        self.inner.load32(at)
    }
    fn store32(&self, at: u64, value: u32) {
        self.inner.store32(at, value);
    }
    fn clear_bits32(&self, at: u64, mask: u32) {
        self.inner.clear_bits32(at, mask);
    }
}

#[test]
fn present_keys_are_found_in_buckets_and_stash_and_near_misses_are_not() {
    let (bars, layout) = (
        Bars::anonymous(&small()).expect("memory"),
        Layout::new(&small()).expect("good"),
    );
    let writer = Writer {
        bar0: &bars.bar0,
        bar2: &bars.bar2,
        layout: &layout,
    };
    let spaces = Spaces {
        bar0: &*bars.bar0,
        bar2: &*bars.bar2,
    };
    let table = layout.table(TableId::FlowV4);
    let find = |port| find::<4, FlowV4>(spaces, table, SECRET, &entry(port).key());
    for port in 1..200 {
        writer.insert(entry(port));
    }
    let stash = table.geometry.stash_slots().start;
    writer.write(stash + 1, entry(1000));
    assert_eq!(find(1000), None, "the stash is not in use");
    bars.bar0.store32(table.stash_used, 2);
    for port in (1..200).chain([1000]) {
        let words = find(port).expect("present");
        assert_eq!(FlowV4::from_words(words).action().flow, u32::from(port));
    }
    assert!((200..1000).all(|port| find(port).is_none()));
    bars.bar0.store32(table.stash_used, u32::MAX);
    assert!(find(2000).is_none(), "the register is bounded by the stash");
}

/// The move of an entry from one bucket to the other, interrupting the lookup at every load.
#[test]
fn present_key_never_misses_a_move() {
    let config = small();
    let layout = Layout::new(&config).expect("good");
    let table = layout.table(TableId::FlowV4);
    for at in 0..24 {
        let bars = Bars::anonymous(&config).expect("memory");
        let writer = Writer {
            bar0: &bars.bar0,
            bar2: &bars.bar2,
            layout: &layout,
        };
        let key = entry(7).key();
        let [first, second] = table.geometry.buckets(key.hash::<FlowV4>(SECRET));
        let (from, to) = (
            table.geometry.first_slot(second),
            table.geometry.first_slot(first),
        );
        writer.write(from, entry(7));
        let write = || {
            writer.write(to, entry(7));
            let moves = bars.bar0.load32(table.moves);
            bars.bar0.store32(table.moves, moves + 1);
            writer.clear::<4, FlowV4>(from);
        };
        let interrupted = |inner, at| Interrupted {
            inner,
            loads: Cell::new(0),
            at,
            write: &write,
        };
        let spaces = Spaces {
            bar0: &interrupted(&bars.bar0, usize::MAX),
            bar2: &interrupted(&bars.bar2, at),
        };
        let found = find::<4, FlowV4>(spaces, table, SECRET, &key);
        assert!(found.is_some(), "interrupted at load {at}");
    }
}
