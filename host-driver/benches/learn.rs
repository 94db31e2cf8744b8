//! What the driver makes of learn records: connections per second from the punt ring to both
//! entries installed, on one core, with a million connections in place.
//!
//! `cargo bench -p host-driver --bench learn` prints connections per second, BAR accesses and heap
//! allocations per connection, and what it costs to read the counters of all connections in turn.
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod allocations;
mod stand;

use std::sync::Arc;
use std::time::{Duration, Instant};

use firmware_api::punt::Punt;
use firmware_api::{Memory, PuntReason, register, ring};
use host_driver::device::Shared;
use host_driver::engine::Engine;
use hw_sim::ports::MemoryPorts;
use hw_sim::{Bars, Card, CardConfig, SimMemory};

const INSTALLED: u32 = 1_000_000;
const BATCH: u32 = 64;
const ROUND: u32 = 16_384;
const ROUNDS: u32 = 15;

/// The device's side of the punt ring, and a SYN to put into it.
struct Puncher {
    memory: Arc<SimMemory>,
    bar0: Arc<SimMemory>,
    layout: ring::Layout,
    producer: u32,
    syn: Vec<u8>,
}

impl Puncher {
    fn new(bars: &Bars) -> Self {
        let base = bars.bar0.load64(register::PUNT_BASE.offset);
        let slots = bars.bar0.load32(register::PUNT_SLOTS.offset);
        let layout = ring::Layout::new(base, slots, bars.rings.len()).expect("the driver's ring");
        let mut syn = vec![
            2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xfe, 8, 0, 0x45, 0, 0, 40, 0, 0, 0x40,
        ];
        syn.extend([
            0, 64, 6, 0, 0, 100, 64, 0, 0, 203, 0, 113, 10, 0, 0, 0, 80, 0, 0, 0, 1, 0, 0,
        ]);
        syn.extend([0, 0, 0x50, 2, 0x20, 0, 0, 0, 0, 0]);
        Self {
            memory: Arc::clone(&bars.rings),
            bar0: Arc::clone(&bars.bar0),
            layout,
            producer: 0,
            syn,
        }
    }

    /// Puts the learn records of these connections into the ring.
    fn learn(&mut self, numbers: std::ops::Range<u32>) {
        let consumer = self.bar0.load32(register::PUNT_CONSUMER.offset);
        for number in numbers {
            // A bijection, so that neighbours do not resemble each other.
            let mixed = number.wrapping_mul(0x9e37_79b1).rotate_left(15);
            self.syn[26..30].copy_from_slice(&(0x6440_0000 | mixed >> 12).to_be_bytes());
            let port = 1024 + (mixed & 0xfff) as u16 * 15;
            self.syn[34..36].copy_from_slice(&port.to_be_bytes());
            self.syn[24..26].fill(0);
            let sum = !firmware_api::packet::checksum::sum(&self.syn[14..34]);
            self.syn[24..26].copy_from_slice(&sum.to_be_bytes());
            let punt = Punt {
                reason: PuntReason::Learn,
                ingress: 0,
                timestamp: 0,
                rule: Some(0),
                backend: Some(0),
                flow_hash: 0,
                flow: None,
                length: self.syn.len() as u16,
                captured: self.syn.len() as u16,
            };
            let pushed = ring::push(
                &*self.memory,
                self.layout,
                self.producer,
                consumer,
                punt.encode(),
                &self.syn,
            );
            self.producer = pushed.expect("a sound ring").expect("room");
        }
        self.layout.set_device_index(&*self.memory, self.producer);
    }
}

fn main() {
    let flows = INSTALLED + ROUND * (ROUNDS + 1);
    let config = CardConfig {
        flows,
        ports: 4,
        ..CardConfig::default()
    };
    let bars = Bars::anonymous(&config).expect("memory");
    for page in (0..bars.bar2.len()).step_by(4096) {
        bars.bar2.store64(page, 0); // pages are there before anything is measured, as on a card
    }
    let mut card = Card::new(bars, &config).expect("a card");
    let bars = card.bars().clone();
    let mut ports = MemoryPorts::new(0);
    let mut engine = stand::start(&mut card, &mut ports, 1);
    let mut puncher = Puncher::new(&bars);
    let mut install = |numbers: std::ops::Range<u32>| {
        let mut spent = Duration::ZERO;
        for first in numbers.step_by(BATCH as usize) {
            puncher.learn(first..first + BATCH);
            let start = Instant::now();
            engine.step(0);
            spent += start.elapsed();
            card.poll(0, &mut ports); // takes the doorbells
        }
        (spent, engine.accesses())
    };
    install(0..INSTALLED / BATCH * BATCH);
    let (_, mut accesses) = install(INSTALLED..INSTALLED + ROUND);
    let mut rates = Vec::with_capacity(ROUNDS as usize);
    let allocations = allocations::so_far();
    let before = accesses;
    for round in 1..=ROUNDS {
        let first = INSTALLED + round * ROUND;
        let (spent, now) = install(first..first + ROUND);
        rates.push(f64::from(ROUND) / spent.as_secs_f64());
        accesses = now;
    }
    let allocations = allocations::so_far() - allocations;
    rates.sort_by(f64::total_cmp);
    let count = f64::from(ROUND * ROUNDS);
    let used = accesses - before;
    let live = engine.status().flows.live;
    println!("learn records to installed pairs, {live} connections at the end");
    println!(
        "connections/s   median {:.0}, min {:.0}, max {:.0} of {ROUNDS} rounds",
        rates[rates.len() / 2],
        rates[0],
        rates[rates.len() - 1]
    );
    println!(
        "per connection  {:.2} BAR2 writes, {:.1} BAR2 bytes, {:.3} BAR0 writes, {:.4} BAR reads",
        used.bar2.writes as f64 / count,
        used.bar2.bytes_written as f64 / count,
        used.bar0.writes as f64 / count,
        (used.bar0.reads + used.bar2.reads) as f64 / count,
    );
    println!("allocations     {allocations}");
    assert_eq!(allocations, 0, "a learn record allocates");
    read_all(&mut engine, &mut card, &mut ports);
}

/// A minute of virtual time without packets: every connection is read twice.
fn read_all(engine: &mut Engine<Shared<SimMemory>>, card: &mut Card, ports: &mut MemoryPorts) {
    let (mut spent, mut longest) = (Duration::ZERO, Duration::ZERO);
    let allocations = allocations::so_far();
    for now in 1..=60_000 {
        let start = Instant::now();
        engine.step(now);
        let step = start.elapsed();
        spent += step;
        longest = longest.max(step);
        card.poll(now, ports);
    }
    let allocations = allocations::so_far() - allocations;
    println!(
        "counters read   {:.2} % of the core, longest step {longest:?}, {allocations} allocations per minute",
        spent.as_secs_f64() / 0.6,
    );
}
