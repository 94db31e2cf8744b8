//! What installing a connection costs, and how full an exact table can get.
//!
//! `cargo bench -p host-driver --bench table` prints, on one core: connections per second into a
//! filled flow table, BAR accesses and heap allocations per connection; then, for four and eight
//! ways, the load at the first failure and the cost of an insert at rising load.
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod allocations;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use firmware_api::entry::flow::{Direction, FlowAction, FlowKey, FlowV4, Side};
use firmware_api::geometry::Geometry;
use firmware_api::hash::HashKey;
use firmware_api::register::{self, BAR0_LEN};
use firmware_api::table::Match;
use firmware_api::{Memory, Protocol, TableId, Zone};
use host_driver::device::{Device, Mapping, RingSizes};
use host_driver::table::{ExactTable, FlowEntry, Tables};

const SECRET: HashKey = HashKey(0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210);

/// Memory that looks like a card with that flow table.
fn card(flow_v4: Geometry, flows: u32) -> Device<Mapping> {
    let space = |len| Mapping::anonymous(len as usize).expect("memory");
    let bar0 = space(BAR0_LEN);
    bar0.store64(register::MAGIC.offset, register::MAGIC_VALUE);
    bar0.store32(register::ABI_VERSION.offset, register::ABI_VERSION_VALUE);
    bar0.store32(register::PORT_COUNT.offset, 4);
    bar0.store32(register::FLOW_COUNT.offset, flows);
    let mut offset = 0;
    for id in TableId::ALL {
        let geometry = match id.kind() {
            _ if *id == TableId::FlowV4 => flow_v4,
            Match::Exact => Geometry::exact(64, flow_v4.ways, 4),
            Match::Index => Geometry::index(64),
        };
        let index = *id as u64;
        bar0.store64(register::TABLE_OFFSET.at(index), offset);
        let at = register::TABLE_GEOMETRY.at(index);
        bar0.store64(at, geometry.encode());
        let len = u64::from(geometry.slots()) * id.entry_len();
        offset += len.next_multiple_of(64);
    }
    bar0.store64(register::FLOW_STATE_OFFSET.offset, offset);
    let bar2 = space(offset + u64::from(flows) * 64);
    // Pages are there before anything is measured, as on a card.
    for page in (0..bar2.len()).step_by(4096) {
        bar2.store64(page, 0);
    }
    Device::open(bar0, bar2, space(16 << 20)).expect("a card")
}

/// The entries of connection `number`: client to frontend, backend to client.
fn pair(number: u32) -> [FlowEntry; 2] {
    // A bijection, so that connections differ and neighbours do not resemble each other.
    let mixed = number.wrapping_mul(0x9e37_79b1).rotate_left(15);
    let client = Ipv4Addr::from(0x6440_0000 | mixed >> 12);
    let source_port = 1024 + (mixed & 0xfff) as u16 * 15;
    let frontend = Ipv4Addr::new(203, 0, 113, 10);
    let backend = Ipv4Addr::new(10, 0, 0, mixed as u8);
    let key =
        |zone, source: Ipv4Addr, destination: Ipv4Addr, source_port, destination_port| FlowKey {
            zone,
            protocol: Protocol::Tcp,
            source,
            destination,
            source_port,
            destination_port,
        };
    let action = |direction, side, address, port| FlowAction {
        flow: number,
        direction,
        side,
        address,
        port,
        egress: 1,
    };
    let forward = FlowV4::new(
        key(Zone::UPLINK, client, frontend, source_port, 80),
        action(Direction::Forward, Side::Destination, backend, 8080),
    );
    let reverse = FlowV4::new(
        key(Zone::VNET, backend, client, 8080, source_port),
        action(Direction::Return, Side::Source, frontend, 80),
    );
    [forward, reverse].map(FlowEntry::V4)
}

const BATCH: usize = 64;

/// One batch of punts: their entries are known before the first of them is dealt with.
fn batch(
    tables: &mut Tables,
    device: &mut Device<Mapping>,
    numbers: std::ops::Range<u32>,
    mut each: impl FnMut(&mut Tables, &Device<Mapping>, FlowEntry, FlowEntry),
) {
    for first in numbers.clone().step_by(BATCH) {
        let mut entries = [pair(first)[0]; 2 * BATCH];
        let len = (numbers.end - first).min(BATCH as u32);
        for (both, number) in entries.chunks_exact_mut(2).zip(first..first + len) {
            both.copy_from_slice(&pair(number));
        }
        let entries = &entries[..2 * len as usize];
        tables.prefetch(device, entries);
        for both in entries.chunks_exact(2) {
            each(tables, device, both[0], both[1]);
        }
        tables.flush(device);
        drain_doorbells(device);
    }
}

fn install(tables: &mut Tables, device: &mut Device<Mapping>, numbers: std::ops::Range<u32>) {
    batch(
        tables,
        device,
        numbers,
        |tables, device, forward, reverse| {
            let installed = tables.install_pair(device, forward, reverse);
            installed.expect("room");
        },
    );
}

fn remove(tables: &mut Tables, device: &mut Device<Mapping>, numbers: std::ops::Range<u32>) {
    batch(
        tables,
        device,
        numbers,
        |tables, device, forward, reverse| {
            assert!(tables.remove_pair(device, forward.key(), reverse.key()));
        },
    );
}

/// The card's part: it has read every doorbell at once.
fn drain_doorbells(device: &Device<Mapping>) {
    let bar0 = device.bar0().inner();
    let base = bar0.load64(register::DOORBELL_BASE.offset);
    let producer = bar0.load32(register::DOORBELL_PRODUCER.offset);
    device.rings().store32(base, producer);
}

fn measure_pairs(geometry: Geometry, connections: u32) {
    const ROUND: u32 = 16_384;
    const ROUNDS: u32 = 24;
    let flows = connections + ROUND * ROUNDS;
    let mut device = card(geometry, flows);
    device.set_up_rings(RingSizes::default()).expect("rings");
    let mut tables = Tables::new(device.capabilities(), SECRET);
    install(&mut tables, &mut device, 0..connections);
    let (mut installing, mut removing) = (Duration::ZERO, Duration::ZERO);
    let (accesses, allocations) = (device.accesses(), allocations::so_far());
    let moved = tables.flow_v4.usage().displacements;
    for round in 0..ROUNDS {
        // The oldest go and new ones come: the load stays and every access is somewhere else.
        let first = connections + round * ROUND;
        let start = Instant::now();
        remove(&mut tables, &mut device, round * ROUND..(round + 1) * ROUND);
        removing += start.elapsed();
        let start = Instant::now();
        install(&mut tables, &mut device, first..first + ROUND);
        installing += start.elapsed();
    }
    let count = f64::from(ROUND * ROUNDS);
    let spent = device.accesses() - accesses;
    let allocations = allocations::so_far() - allocations;
    let usage = tables.flow_v4.usage();
    println!(
        "{} ways, {} connections, load {:.1} %: install {:.2} M/s, remove {:.2} M/s",
        geometry.ways,
        connections,
        100.0 * usage.load(),
        count / installing.as_secs_f64() / 1e6,
        count / removing.as_secs_f64() / 1e6,
    );
    println!(
        "    per connection installed and removed: BAR2 {:.2} writes {:.1} bytes, BAR0 {:.3} writes, \
         {} reads, {:.3} displacements; {} allocations in all",
        spent.bar2.writes as f64 / count,
        spent.bar2.bytes_written as f64 / count,
        spent.bar0.writes as f64 / count,
        spent.bar0.reads + spent.bar2.reads,
        (usage.displacements - moved) as f64 / count,
        allocations,
    );
}

/// Fills a table until it refuses, without and then with its stash.
fn measure_load(ways: u8, seed: u64) {
    const SLOTS: u32 = 1 << 20;
    const STASH: u16 = 64;
    let geometry = Geometry::exact(SLOTS / u32::from(ways), ways, STASH);
    let device = card(geometry, 64);
    let info = *device.capabilities().table(TableId::FlowV4);
    let secret = HashKey(seed, !seed);
    let mut table = ExactTable::<4, FlowV4>::new(info, secret);
    let marks = [50, 80, 90, 95, 97, 99];
    let mut costs = vec![];
    let (mut start, mut since) = (Instant::now(), 0);
    let mut stashed_at = None;
    for number in 0.. {
        let [FlowEntry::V4(entry), _] = pair(number) else {
            unreachable!("pairs are IPv4")
        };
        if table.insert(&device, entry).is_err() {
            break;
        }
        since += 1;
        let usage = table.usage();
        if stashed_at.is_none() && usage.stashed > 0 {
            stashed_at = Some(usage.load());
        }
        if let Some(mark) = marks.get(costs.len())
            && usage.load() * 100.0 >= f64::from(*mark)
        {
            let cost = start.elapsed().as_nanos() as f64 / f64::from(since);
            costs.push(format!("{mark} %: {cost:.0} ns"));
            (start, since) = (Instant::now(), 0);
        }
    }
    let start = Instant::now();
    let mut refused = 0;
    for number in 1 << 24..(1 << 24) + 1000 {
        let [FlowEntry::V4(entry), _] = pair(number) else {
            unreachable!("pairs are IPv4")
        };
        refused += u32::from(table.insert(&device, entry).is_err());
    }
    let refusal = start.elapsed().as_nanos() as f64 / f64::from(refused.max(1));
    println!(
        "{ways} ways, seed {seed}: first without a place at {:.2} %, full with {STASH} in the stash \
         at {:.2} %",
        100.0 * stashed_at.unwrap_or(1.0),
        100.0 * table.usage().load(),
    );
    println!(
        "    insert up to {}; refusal {refusal:.0} ns",
        costs.join(", ")
    );
}

fn main() {
    for ways in [4, 8] {
        let half = Geometry::exact((1 << 22) / u32::from(ways), ways, 64);
        measure_pairs(half, 1_100_000);
        let tight = Geometry::exact((1 << 21) / u32::from(ways), ways, 64);
        measure_pairs(tight, 943_718);
        measure_pairs(tight, 1_000_000);
    }
    for ways in [4, 8] {
        for seed in 1..=3 {
            measure_load(ways, seed);
        }
    }
}
