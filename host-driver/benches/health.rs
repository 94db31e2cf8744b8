//! What one change of one member's health costs the driver: from the answer that changes it to the
//! last selection written.
//!
//! `cargo bench -p host-driver --bench health` prints milliseconds of processor time (elapsed time where
//! the kernel does not tell it) and BAR writes per change, for load
//! balancers of 1,500 and of 5,000 rules in all. Each pool has ten instances of its own and 250 rules
//! at most (L-LIM-01 allows 300 on an instance).

mod stand;

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Instant;

use hw_sim::ports::MemoryPorts;
use hw_sim::{Bars, Card, CardConfig};

const MEMBERS: u32 = 10;
const RULES_PER_POOL: u32 = 250;
const ROUNDS: usize = 21;

/// Load balancers, each of a frontend, a pool and its rules.
fn configuration(rules: u32) -> String {
    let pools = rules / RULES_PER_POOL;
    let mut text = String::from(
        "headgate: 1\nprofile: current\nuplink: { mac: \"02:00:00:00:00:01\", nextHopMac: \"02:00:00:00:00:fe\" }\ninstances:\n",
    );
    for n in 0..pools * MEMBERS {
        let (high, low) = (n / 200, n % 200 + 1);
        let _ = writeln!(
            text,
            "  - {{ name: i{n}, addresses: [10.0.{high}.{low}], vport: {}, mac: \"02:00:00:01:{high:02x}:{low:02x}\" }}",
            n + 1
        );
    }
    text.push_str("loadBalancers:\n");
    for pool in 0..pools {
        let members: Vec<String> = (pool * MEMBERS..(pool + 1) * MEMBERS)
            .map(|n| format!("{{ instance: i{n} }}"))
            .collect();
        let _ = writeln!(
            text,
            "  - name: b{pool}\n    sku: Standard\n    frontends: [ {{ name: f, address: 203.0.113.{} }} ]\n    backendPools: [ {{ name: p, members: [ {} ] }} ]\n    probes: [ {{ name: alive, protocol: Tcp, port: 9000 }} ]\n    loadBalancingRules:",
            pool + 10,
            members.join(", ")
        );
        for rule in 0..RULES_PER_POOL {
            let _ = writeln!(
                text,
                "      - {{ name: r{rule}, protocol: Tcp, frontend: f, frontendPort: {port}, backendPool: p, backendPort: {port}, probe: alive, disableOutboundSnat: true }}",
                port = 1000 + rule
            );
        }
    }
    text
}

/// What this thread computed so far, nanoseconds; neighbours on the machine do not count.
fn processor_time(start: Instant) -> u128 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let ran = told.and_then(|text| text.split(' ').next()?.parse().ok());
    ran.unwrap_or_else(|| start.elapsed().as_nanos())
}

fn measure(rules: u32) {
    let config = CardConfig {
        ports: 512,
        frontends: 1 << 17,
        selector: 1 << 23,
        ..CardConfig::default()
    };
    let bars = Bars::anonymous(&config).expect("memory");
    let mut card = Card::new(bars, &config).expect("a sound card");
    let mut ports = MemoryPorts::new(config.ports);
    let mut engine = stand::start_with(&mut card, &mut ports, &configuration(rules));
    engine.assume_healthy(|_| true);
    let member: IpAddr = [10, 0, 0, 1].into();
    let writes = |engine: &host_driver::engine::Engine<_>| {
        let bars = engine.status().bars;
        bars.iter().map(|bar| bar.writes).sum::<u64>()
    };
    let before = writes(&engine);
    let start = Instant::now();
    let mut spent: Vec<u128> = (0..ROUNDS)
        .map(|round| {
            let since = processor_time(start);
            engine.assume_healthy(|address| address != member || round % 2 == 1);
            (processor_time(start) - since) / 1_000
        })
        .collect();
    spent.sort_unstable();
    let median = spent[ROUNDS / 2];
    println!(
        "{rules} rules: {}.{:03} ms (least {}.{:03}, most {}.{:03}) and {} BAR writes per change of one member's health",
        median / 1000,
        median % 1000,
        spent[0] / 1000,
        spent[0] % 1000,
        spent[ROUNDS - 1] / 1000,
        spent[ROUNDS - 1] % 1000,
        (writes(&engine) - before) / ROUNDS as u64,
    );
}

fn main() {
    measure(1_500);
    measure(5_000);
}
