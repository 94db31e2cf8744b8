//! A driver on a card in this process, for benches.

use std::sync::Arc;

use firmware_api::hash::HashKey;
use flow_compiler::source::Source;
use host_driver::device::{Device, Shared};
use host_driver::engine::{Engine as Driver, Options};
use hw_sim::engine::Engine;
use hw_sim::ports::MemoryPorts;
use hw_sim::{Card, SimMemory};

const CONFIGURATION: &str = r#"
headgate: 1
profile: current
uplink: { mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }
instances:
  - { name: web-1, addresses: [10.0.0.4], vport: 1, mac: "02:00:00:00:00:04" }
loadBalancers:
  - name: web
    sku: Standard
    frontends: [ { name: public, address: 203.0.113.10 } ]
    backendPools: [ { name: web, members: [ { instance: web-1 } ] } ]
    loadBalancingRules:
      - { name: http, protocol: Tcp, frontend: public, frontendPort: 80, backendPool: web, backendPort: 8080 }
"#;

/// Starts a driver of one rule over one instance, with memory for every flow of the card.
#[allow(dead_code, reason = "each bench is a program of its own")]
pub(crate) fn start<E: Engine>(
    card: &mut Card<E>,
    ports: &mut MemoryPorts,
) -> Driver<Shared<SimMemory>> {
    start_with(card, ports, CONFIGURATION)
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
