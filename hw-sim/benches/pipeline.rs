//! Packets per second of the native pipeline on one core: hits among a million installed
//! connections, 64-byte IPv4 TCP frames, in random order; parse, lookup, translation, checksums and
//! state update included. Asserts that no packet allocates.
//!
//! `cargo bench -p hw-sim --bench pipeline [-- --connections N] [-- --ways N]`
#![expect(
    unsafe_code,
    reason = "a global allocator that counts is an unsafe trait"
)]
#![expect(
    clippy::cast_precision_loss,
    reason = "rates are printed with three digits"
)]

use std::alloc::{GlobalAlloc, Layout as Allocation, System};
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use firmware_api::control;
use firmware_api::entry::flow::{Direction, FlowAction, FlowKey, FlowV4, Side};
use firmware_api::entry::instance::{Instance, InstanceConfig};
use firmware_api::entry::port::{Port, PortConfig, PortKind};
use firmware_api::entry::{Entry, ExactEntry};
use firmware_api::hash::HashKey;
use firmware_api::packet::checksum;
use firmware_api::punt::Punt;
use firmware_api::register::{HASH_KEY_0, HASH_KEY_1};
use firmware_api::{Memory, PortId, Protocol, TableId, Zone};
use hw_sim::config::Layout;
use hw_sim::lookup::Spaces;
use hw_sim::pipeline::{Conditions, Outlet};
use hw_sim::{Bars, Batch, CardConfig, Pipeline};

/// The system's allocator, counted.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Allocation) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Allocation) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SECRET: HashKey = HashKey(0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344);
const FRONTEND: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
const BACKEND: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const UPLINK_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const VPORT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
/// Packets of one round: many times the cache, in random order.
const PACKETS: usize = 1 << 20;
const ROUNDS: usize = 9;

/// Ends the road for every packet.
struct Sink(u64);

impl Outlet for Sink {
    fn transmit(&mut self, port: PortId, frame: &[u8]) -> bool {
        self.0 += u64::from(port) + frame.len() as u64;
        black_box(frame);
        true
    }

    fn punt(&mut self, _punt: &Punt, _bytes: &[u8]) -> bool {
        panic!("a hit is not punted")
    }
}

struct Bench {
    bars: Bars,
    layout: Layout,
    connections: u32,
}

fn client(connection: u32) -> (Ipv4Addr, u16) {
    (
        Ipv4Addr::from(0x0b00_0000 + connection / 50_000),
        (1024 + connection % 50_000) as u16,
    )
}

impl Bench {
    fn new(connections: u32, ways: u8) -> Self {
        let config = CardConfig {
            flows: connections,
            ways,
            ..CardConfig::default()
        };
        let bench = Self {
            bars: Bars::anonymous(&config).expect("memory"),
            layout: Layout::new(&config).expect("good"),
            connections,
        };
        bench.bars.bar0.store64(HASH_KEY_0.offset, SECRET.0);
        bench.bars.bar0.store64(HASH_KEY_1.offset, SECRET.1);
        bench.port(0, PortKind::Uplink, Zone::UPLINK, UPLINK_MAC);
        bench.port(1, PortKind::Vport(1), Zone::VNET, VPORT_MAC);
        let instance = InstanceConfig {
            address_v4: Some(BACKEND),
            vport: 1,
            ..InstanceConfig::default()
        };
        bench.row::<8, Instance>(1, Instance::new(instance));
        bench.install();
        bench
    }

    fn port(&self, id: u32, kind: PortKind, zone: Zone, own_mac: [u8; 6]) {
        let port = Port::new(PortConfig {
            kind,
            zone,
            own_mac,
            peer_mac_v4: [2, 0, 0, 0, 0, 9],
            peer_mac_v6: [2, 0, 0, 0, 0, 9],
            vlan: 0,
        });
        self.row::<4, Port>(id, port);
    }

    fn row<const N: usize, E: Entry<N>>(&self, slot: u32, entry: E) {
        let at = self.layout.table(E::TABLE).offset + u64::from(slot) * 8 * N as u64;
        for (i, word) in control::seal(entry.to_words(), 0).iter().enumerate() {
            self.bars.bar2.store64(at + 8 * i as u64, *word);
        }
    }

    /// Both entries of every connection, each in the emptier of its two buckets.
    fn install(&self) {
        let geometry = self.layout.table(TableId::FlowV4).geometry;
        let mut used = vec![0u8; geometry.rows as usize];
        let mut homeless = 0;
        for connection in 0..self.connections {
            for entry in Self::entries(connection) {
                let buckets = geometry.buckets(entry.key().hash::<FlowV4>(SECRET));
                let bucket = buckets
                    .into_iter()
                    .min_by_key(|bucket| used[*bucket as usize])
                    .expect("two buckets");
                let way = used[bucket as usize];
                if way == geometry.ways {
                    homeless += 1;
                    continue;
                }
                used[bucket as usize] += 1;
                self.row::<4, FlowV4>(geometry.first_slot(bucket) + u32::from(way), entry);
            }
        }
        let entries = u64::from(self.connections) * 2;
        println!(
            "installed {} connections, flow_v4 load {:.1} %, {} ways, {homeless} entries without a place",
            self.connections,
            (entries - homeless) as f64 * 100.0 / f64::from(geometry.bucket_slots()),
            geometry.ways,
        );
        assert!(homeless * 1000 <= entries, "placement without displacement");
    }

    fn entries(connection: u32) -> [FlowV4; 2] {
        let (client, port) = client(connection);
        let key = |zone, source, source_port, destination, destination_port| FlowKey {
            zone,
            protocol: Protocol::Tcp,
            source,
            destination,
            source_port,
            destination_port,
        };
        let action = |direction, side, address, port, egress| FlowAction {
            flow: connection,
            direction,
            side,
            address,
            port,
            egress,
        };
        [
            FlowV4::new(
                key(Zone::UPLINK, client, port, FRONTEND, 80),
                action(Direction::Forward, Side::Destination, BACKEND, 8080, 1),
            ),
            FlowV4::new(
                key(Zone::VNET, BACKEND, 8080, client, port),
                action(Direction::Return, Side::Source, FRONTEND, 80, 0),
            ),
        ]
    }

    /// Frames of random connections, both directions, in batches of one port each.
    fn frames(&self) -> Vec<[u8; 64]> {
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        (0..PACKETS)
            .map(|i| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let connection = (random >> 20) as u32 % self.connections;
                frame(connection, i / 64 % 2 == 0)
            })
            .collect()
    }
}

/// A 64-byte frame (60 and frame check sequence) of a connection: an ACK.
fn frame(connection: u32, inbound: bool) -> [u8; 64] {
    let (client, client_port) = client(connection);
    let (mac, source, source_port, destination, destination_port) = if inbound {
        (UPLINK_MAC, client, client_port, FRONTEND, 80)
    } else {
        (VPORT_MAC, BACKEND, 8080, client, client_port)
    };
    let mut f = [0; 64];
    f[..6].copy_from_slice(&mac);
    f[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
    f[12..16].copy_from_slice(&[8, 0, 0x45, 0]);
    f[16..18].copy_from_slice(&46u16.to_be_bytes());
    f[22..24].copy_from_slice(&[64, 6]);
    f[26..30].copy_from_slice(&source.octets());
    f[30..34].copy_from_slice(&destination.octets());
    let sum = !checksum::sum(&f[14..34]);
    f[24..26].copy_from_slice(&sum.to_be_bytes());
    f[34..36].copy_from_slice(&u16::to_be_bytes(source_port));
    f[36..38].copy_from_slice(&u16::to_be_bytes(destination_port));
    f[46..48].copy_from_slice(&[0x50, 0x10]);
    let sum = checksum::transport(&f[26..30], &f[30..34], 6, &f[34..60]);
    f[50..52].copy_from_slice(&sum.to_be_bytes());
    f
}

fn option(name: &str, default: u32) -> u32 {
    let mut arguments = std::env::args().skip_while(|a| a != name).skip(1);
    arguments
        .next()
        .map_or(default, |n| n.parse().expect("a number"))
}

fn main() {
    let connections = option("--connections", 1 << 20);
    let ways = option("--ways", CardConfig::default().ways.into()) as u8;
    let bench = Bench::new(connections, ways);
    let frames = bench.frames();
    let mut pipeline = Pipeline::new(bench.layout.clone());
    let mut batch = Batch::default();
    let mut sink = Sink(0);
    let spaces = Spaces {
        bar0: &*bench.bars.bar0,
        bar2: &*bench.bars.bar2,
    };
    let mut rates = Vec::with_capacity(ROUNDS);
    for round in 0..=ROUNDS {
        let conditions = Conditions {
            tick: round as u32,
            ..Conditions::default()
        };
        let allocations = ALLOCATIONS.load(Ordering::Relaxed);
        let start = Instant::now();
        for (i, chunk) in frames.chunks(64).enumerate() {
            for frame in chunk {
                batch.push((i % 2) as PortId, &frame[..60]);
            }
            pipeline.run(spaces, conditions, &mut batch, &mut sink);
        }
        let seconds = start.elapsed().as_secs_f64();
        let allocations = ALLOCATIONS.load(Ordering::Relaxed) - allocations;
        assert_eq!(allocations, 0, "a packet allocated");
        if round > 0 {
            rates.push(PACKETS as f64 / seconds / 1e6);
        }
    }
    let sent = pipeline.counters.tx as f64 / pipeline.counters.rx as f64;
    assert!(sent > 0.999, "{:?}", pipeline.counters);
    rates.sort_by(f64::total_cmp);
    println!(
        "hit path, {PACKETS} packets a round, {ROUNDS} rounds: median {:.2} M packets/s, min {:.2}, max {:.2}; 0 allocations",
        rates[ROUNDS / 2],
        rates[0],
        rates[ROUNDS - 1],
    );
}
