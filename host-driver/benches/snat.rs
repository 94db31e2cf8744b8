//! SNAT allocation with a million flows alive: 50 instances with 1,024 ports each (SNAT-11).
//!
//! Prints the memory per live flow, from the resident set of the process.

use std::hint::black_box;
use std::net::Ipv4Addr;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use host_driver::snat::{Allocator, Endpoint, Flow, InstanceId, Plan, Protocol, Quota, Share};

const INSTANCES: u32 = 50;
const LIVE: u32 = 1_000_000;
const PUBLIC: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

type Live = Vec<(Flow, Endpoint)>;

/// The n-th flow of the world. Each destination endpoint has `share` flows of each instance.
fn flow(protocol: Protocol, n: u32, share: u32) -> Flow {
    let (instance, turn) = (n % INSTANCES, n / INSTANCES);
    let inside = Endpoint::new(Ipv4Addr::from_bits(0x0a00_0000 + instance), turn as u16);
    let host = (turn / share).wrapping_mul(0x9e37_79b1);
    let remote = Endpoint::new(Ipv4Addr::from_bits(host), 443);
    Flow {
        instance: InstanceId(instance),
        protocol,
        inside,
        remote,
    }
}

fn allocator(protocol: Protocol) -> Allocator {
    let address = PUBLIC.into();
    let addresses = vec![Quota {
        address,
        ports: 1024,
    }];
    let share = |n| Share {
        instance: InstanceId(n),
        protocol,
        addresses: addresses.clone(),
    };
    let plan = Plan {
        shares: (0..INSTANCES).map(share).collect(),
        reserved: Vec::new(),
    };
    let mut allocator = Allocator::with_held_flows(LIVE as usize / 10);
    drop(allocator.configure(plan).expect("51,200 ports fit"));
    allocator
}

fn fill(allocator: &mut Allocator, live: &mut Live, protocol: Protocol, count: u32, share: u32) {
    live.extend((0..count).map(|n| {
        let flow = flow(protocol, n, share);
        (flow, allocator.allocate(&flow).expect("a port is free"))
    }));
}

/// Resident bytes of this process; 0 where there is no procfs.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok())
        .unwrap_or(0)
        * 4096
}

/// Replaces one live flow after another, in an order without locality.
fn churn(
    c: &mut Criterion,
    name: &str,
    protocol: Protocol,
    count: u32,
    share: u32,
) -> (Allocator, Live) {
    let mut live = vec![(flow(protocol, 0, 1), Endpoint::new(PUBLIC, 0)); count as usize];
    live.clear();
    let before = resident();
    let mut allocator = allocator(protocol);
    fill(&mut allocator, &mut live, protocol, count, share);
    let bytes = resident().saturating_sub(before) / live.len();
    eprintln!("{name}: {bytes} bytes per live flow");
    let (mut at, mut now) = (0, 0);
    let mut group = c.benchmark_group("snat");
    group.throughput(Throughput::Elements(1));
    group.bench_function(format!("{name}/release+allocate"), |b| {
        b.iter(|| {
            at = (at + 7_368_787) % live.len();
            let (flow, public) = &mut live[at];
            black_box(allocator.release(now, flow, *public, 0));
            *public = allocator.allocate(flow).expect("its old port is free");
        });
    });
    group.bench_function(format!("{name}/hold+tick+allocate"), |b| {
        b.iter(|| {
            at = (at + 7_368_787) % live.len();
            now += 1;
            let (flow, public) = &mut live[at];
            black_box(allocator.release(now, flow, *public, 15));
            if at % 2 == 0 {
                allocator.tick(now + 15, |flow, public| _ = black_box((flow, public)));
            }
            *public = allocator
                .allocate(flow)
                .expect("its old port is free or held for it");
        });
    });
    group.finish();
    (allocator, live)
}

fn snat(c: &mut Criterion) {
    // Kept until the end: a case must not be filled into memory that another has freed.
    let _kept = [
        churn(
            c,
            "tcp 1M flows, a destination each",
            Protocol::Tcp,
            LIVE,
            1,
        ),
        churn(
            c,
            "tcp 1M flows, 10 to a destination",
            Protocol::Tcp,
            LIVE,
            10,
        ),
        churn(
            c,
            "tcp 1M flows, 1000 to a destination",
            Protocol::Tcp,
            LIVE,
            1000,
        ),
        churn(c, "udp, all 51200 ports", Protocol::Udp, 51_200, 1),
    ];
}

criterion_group!(benches, snat);
criterion_main!(benches);
