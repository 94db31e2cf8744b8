//! What BMv2 reaches as a card's engine: connections per second from the SYN at a port until both
//! entries are in the switch, entries per second over its runtime interface, and packets per second,
//! with those of the native pipeline on the same trace beside them.
//!
//! `cargo bench -p host-driver --bench bmv2` needs `simple_switch` on PATH.
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod stand;

use std::hint::black_box;
use std::time::{Duration, Instant};

use firmware_api::packet::checksum;
use firmware_api::punt::Punt;
use firmware_api::schema::P4Entry;
use firmware_api::{Memory, PortId, TableId};
use hw_sim::bmv2::{Bmv2, Bmv2Error, Start, Switch};
use hw_sim::config::Layout;
use hw_sim::engine::Engine;
use hw_sim::lookup::Spaces;
use hw_sim::pipeline::{Conditions, Outlet};
use hw_sim::ports::MemoryPorts;
use hw_sim::{Bars, Batch, Card, CardConfig, Pipeline, SimMemory};

/// Connections that are opened, and stay.
const CONNECTIONS: u32 = 16_384;
/// Packets of the trace, one of each connection.
const PACKETS: usize = CONNECTIONS as usize;
const ROUNDS: usize = 7;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// A 60-byte frame of a connection, from its client.
fn frame(connection: u32, flags: u8) -> [u8; 60] {
    let mut f = [0; 60];
    f[..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    f[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 0xfe]);
    f[12..24].copy_from_slice(&[8, 0, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6]);
    f[26..30].copy_from_slice(&(0x6440_0000 | (connection / 50_000)).to_be_bytes());
    f[30..34].copy_from_slice(&[203, 0, 113, 10]);
    let port = 1024 + (connection % 50_000) as u16;
    f[34..36].copy_from_slice(&port.to_be_bytes());
    f[36..38].copy_from_slice(&80u16.to_be_bytes());
    f[46..50].copy_from_slice(&[0x50, flags, 0x20, 0]);
    let sum = !checksum::sum(&f[14..34]);
    f[24..26].copy_from_slice(&sum.to_be_bytes());
    let sum = checksum::transport(&f[26..30], &f[30..34], 6, &f[34..54]);
    f[50..52].copy_from_slice(&sum.to_be_bytes());
    f
}

/// Ends the road for every packet.
#[derive(Default)]
struct Sink {
    sent: u64,
}

impl Outlet for Sink {
    fn transmit(&mut self, _port: PortId, frame: &[u8]) -> bool {
        self.sent += 1;
        black_box(frame);
        true
    }

    fn punt(&mut self, punt: &Punt, _bytes: &[u8]) -> bool {
        panic!("a hit is not punted: {punt:?}")
    }
}

fn switch(config: &CardConfig) -> Result<Bmv2, Bmv2Error> {
    Bmv2::new(config, Switch::Start(Start::default()))
}

/// Opens the connections through card and driver; returns how long it took.
fn open(card: &mut Card<Bmv2>) -> Duration {
    let mut ports = MemoryPorts::new(2);
    let mut driver = stand::start(card, &mut ports, 1);
    let start = Instant::now();
    for first in (0..CONNECTIONS).step_by(64) {
        for connection in first..first + 64 {
            ports.send(0, &frame(connection, SYN));
        }
        card.poll(0, &mut ports);
        driver.step(0);
        ports.take();
    }
    while driver.status().flows.live < CONNECTIONS || !card.poll(0, &mut ports).is_idle() {
        driver.step(0);
    }
    start.elapsed()
}

/// Valid entries in BAR2.
fn entries(spaces: Spaces<'_, SimMemory>, layout: &Layout) -> usize {
    let of = |id: &TableId| {
        let (table, words) = (layout.table(*id), id.entry_len() / 8);
        let slots = 0..table.geometry.slots();
        let valid = slots.filter(|slot| {
            let at = table.offset + u64::from(*slot) * id.entry_len();
            let words: Vec<u64> = (0..words).map(|i| spaces.bar2.load64(at + 8 * i)).collect();
            P4Entry::of(*id, *slot, &words).is_some()
        });
        valid.count()
    };
    TableId::ALL.iter().map(of).sum()
}

/// Packets per second of the trace through an engine.
fn rate<E: Engine>(engine: &mut E, spaces: Spaces<'_, SimMemory>, trace: &[[u8; 60]]) -> f64 {
    let mut batch = Batch::default();
    let mut sink = Sink::default();
    let start = Instant::now();
    for chunk in trace.chunks(64) {
        for frame in chunk {
            batch.push(0, frame);
        }
        engine.run(spaces, Conditions::default(), &mut batch, &mut sink);
    }
    engine.complete(spaces, &mut sink);
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(sink.sent, trace.len() as u64, "every packet left");
    trace.len() as f64 / seconds
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn main() {
    let config = CardConfig {
        ports: 4,
        ..CardConfig::bmv2()
    };
    let engine = match switch(&config) {
        Ok(engine) => engine,
        Err(error) => return println!("skipped: {error}"),
    };
    let bars = Bars::anonymous(&config).expect("memory");
    let mut card = Card::with_engine(bars, engine);
    let bars = card.bars().clone();
    let took = open(&mut card).as_secs_f64();
    println!(
        "connections, end to end    {:>9.0} /s   {CONNECTIONS} connections in {took:.2} s",
        f64::from(CONNECTIONS) / took
    );
    drop(card);

    let layout = Layout::new(&config).expect("good");
    let spaces = Spaces {
        bar0: &*bars.bar0,
        bar2: &*bars.bar2,
    };
    let count = entries(spaces, &layout);
    let mut rates = Vec::new();
    let mut bmv2 = None;
    for _ in 0..ROUNDS {
        let mut fresh = switch(&config).expect("as before");
        let start = Instant::now();
        assert!(fresh.load(spaces));
        rates.push(count as f64 / start.elapsed().as_secs_f64());
        bmv2 = Some(fresh);
    }
    println!(
        "entries, runtime interface {:>9.0} /s   {count} entries of BAR2, {ROUNDS} rounds",
        median(&mut rates)
    );

    let mut bmv2 = bmv2.expect("the last one");
    let mut native = Pipeline::new(layout);
    let trace: Vec<[u8; 60]> = (0..CONNECTIONS).map(|c| frame(c, ACK)).collect();
    let (mut slow, mut fast) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        slow.push(rate(&mut bmv2, spaces, &trace));
        fast.push(rate(&mut native, spaces, &trace));
    }
    let (slow, fast) = (median(&mut slow), median(&mut fast));
    println!("packets, BMv2              {slow:>9.0} /s   {PACKETS} hits a round, {ROUNDS} rounds");
    println!(
        "packets, native            {fast:>9.0} /s   {:.0} times as many",
        fast / slow
    );
}
