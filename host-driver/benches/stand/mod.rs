//! A driver on a card in this process, for benches.

use std::sync::Arc;

use firmware_api::hash::HashKey;
use flow_compiler::source::Source;
use host_driver::device::{Device, Shared};
use host_driver::engine::{Engine as Driver, Options};
use hw_sim::engine::Engine;
use hw_sim::ports::MemoryPorts;
use hw_sim::{Card, SimMemory};

/// The most rules of one instance (HG0410).
const RULES: u16 = 300;

/// As many rules, over as few instances as may have them; the first rule is for port 80.
fn configuration(rules: u16) -> String {
    let lines = |count: u16, line: &dyn Fn(u16) -> String| (0..count).map(line).collect::<String>();
    let instances = rules.div_ceil(RULES);
    let instance = |n| {
        let number = n + 4;
        format!(
            "  - {{ name: web-{n}, addresses: [10.0.0.{number}], vport: {}, \
             mac: \"02:00:00:00:00:{number:02x}\" }}\n",
            n + 1
        )
    };
    let pool = |n| format!("      - {{ name: pool-{n}, members: [ {{ instance: web-{n} }} ] }}\n");
    let rule = |n| {
        format!(
            "      - {{ name: http-{n}, protocol: Tcp, frontend: public, frontendPort: {}, \
             backendPool: pool-{}, backendPort: {} }}\n",
            80 + n,
            n / RULES,
            8080 + n
        )
    };
    format!(
        r#"
headgate: 1
profile: current
uplink: {{ mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }}
instances:
{}loadBalancers:
  - name: web
    sku: Standard
    frontends: [ {{ name: public, address: 203.0.113.10 }} ]
    backendPools:
{}    loadBalancingRules:
{}"#,
        lines(instances, &instance),
        lines(instances, &pool),
        lines(rules, &rule)
    )
}

/// Starts a driver with that many rules, and with memory for every flow of the card.
#[allow(dead_code, reason = "each bench is a program of its own")]
pub(crate) fn start<E: Engine>(
    card: &mut Card<E>,
    ports: &mut MemoryPorts,
    rules: u16,
) -> Driver<Shared<SimMemory>> {
    start_with(card, ports, &configuration(rules))
}

/// Starts a driver with that configuration.
pub(crate) fn start_with<E: Engine>(
    card: &mut Card<E>,
    ports: &mut MemoryPorts,
    configuration: &str,
) -> Driver<Shared<SimMemory>> {
    let bars = card.bars().clone();
    let share = |memory: &Arc<SimMemory>| Shared(Arc::clone(memory));
    let device = Device::open(share(&bars.bar0), share(&bars.bar2), share(&bars.rings));
    let mut driver = Driver::start(
        device.expect("our card"),
        &Source::new("bench.yaml", configuration),
        0,
        Options::new("sim", HashKey(3, 5)),
        || {
            card.poll(0, ports);
            true
        },
    )
    .expect("a sound configuration");
    driver.reserve();
    driver
}
