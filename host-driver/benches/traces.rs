//! What it costs to ask the card once per second where a new flow of each rule would go (L-MON-05),
//! for the most rules that a load balancer has.
//!
//! `cargo bench -p host-driver --bench traces` prints the time that a second of 1,500 rules takes of
//! the driver's core and of the native pipeline's, and heap allocations per trace.
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod allocations;
mod stand;

use std::time::{Duration, Instant};

use firmware_api::PuntReason;
use hw_sim::ports::MemoryPorts;
use hw_sim::{Bars, Card, CardConfig};

const RULES: u16 = 1_500;
const SECONDS: u64 = 60;

fn main() {
    let config = CardConfig::default();
    let bars = Bars::anonymous(&config).expect("memory");
    let mut card = Card::new(bars, &config).expect("a sound card");
    let mut ports = MemoryPorts::new(config.ports);
    let mut driver = stand::start(&mut card, &mut ports, RULES);
    driver.assume_healthy(|_| true);
    let (mut looks, mut traces, mut pipeline) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut allocations = 0;
    for second in 0..2 + SECONDS {
        let now = second * 1_000;
        if second == 2 {
            (looks, traces, pipeline, allocations) = Default::default();
        }
        // What is looked at once per second, and the first of the traces.
        let begin = Instant::now();
        driver.step(now);
        looks += begin.elapsed();
        loop {
            let begin = Instant::now();
            let card = card.poll(now, &mut ports);
            pipeline += begin.elapsed();
            let (begin, before) = (Instant::now(), allocations::so_far());
            let work = driver.step(now);
            traces += begin.elapsed();
            allocations += allocations::so_far() - before;
            if card.is_idle() && work.is_idle() {
                break;
            }
        }
    }
    let told = card.counters().punts[PuntReason::Trace as usize];
    let all = u64::from(RULES) * (SECONDS + 2);
    assert_eq!(told, all, "each rule, each second");
    let per_second = |time: Duration| time.as_secs_f64() * 1e3 / SECONDS as f64;
    let each = |time: Duration| time.as_secs_f64() * 1e9 / (SECONDS * u64::from(RULES)) as f64;
    println!(
        "{RULES} rules, per second: {:.2} ms of the driver ({:.0} ns a trace), {:.2} ms of looking at \
         everything else and booking, {:.2} ms of the pipeline; {allocations} allocations of traces",
        per_second(traces),
        each(traces),
        per_second(looks),
        per_second(pipeline),
    );
}
