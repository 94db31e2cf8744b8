//! What the driver shows: the documents of the control API, one type per question.
//!
//! The daemon fills and serializes them, the command line reads and renders them. Times are
//! milliseconds unless the name says otherwise.

use serde::{Deserialize, Serialize};

/// `status`: the whole at a glance.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// Version of the driver.
    pub version: String,
    /// Device kind and place: `sim`, `shm:/dev/shm/headgate0`, `pci:0000:3b:00.0`.
    pub device: String,
    /// `forwarding`, `driverless`, `engine down` or `gone`.
    pub device_state: String,
    /// Driver time since start.
    pub uptime: u64,
    /// The configuration in force.
    pub configuration: Configuration,
    /// Packets, as the card counts them.
    pub packets: Packets,
    /// Flows.
    pub flows: FlowTotals,
    /// Every table's occupancy.
    pub tables: Vec<TableUse>,
    /// Accesses to BAR memory by this driver.
    pub bars: Vec<BarUse>,
}

/// The configuration in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Configuration {
    /// The file it came from.
    pub file: String,
    /// How often a configuration was applied since start.
    pub applied: u64,
    /// Diagnostics of the last attempt that was refused; empty when the file is in force.
    pub refused: Vec<String>,
    /// Load balancers.
    pub load_balancers: usize,
    /// Load-balancing and inbound NAT rules.
    pub rules: usize,
    /// Instances.
    pub instances: usize,
}

/// Packets, as the card counts them. `received + reprocessed + injected = sent + held + dropped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packets {
    /// Frames that came in.
    pub received: u64,
    /// Frames that left.
    pub sent: u64,
    /// Packets handed to the driver.
    pub held: u64,
    /// Packets that the driver gave back.
    pub reprocessed: u64,
    /// Packets that the driver made.
    pub injected: u64,
    /// Packets that the card dropped.
    pub dropped: u64,
    /// Held packets that ended in the driver: answered, or refused.
    pub ended_in_driver: u64,
}

/// Flows in total.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct FlowTotals {
    /// Now.
    pub live: u32,
    /// The most at once.
    pub peak: u32,
    /// The most the card can hold.
    pub capacity: u32,
    /// Installed since start.
    pub installed: u64,
}

/// One table's occupancy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TableUse {
    /// Its name.
    pub table: String,
    /// Entries now.
    pub entries: u64,
    /// The most at once.
    pub peak: u64,
    /// Slots, stash included.
    pub capacity: u64,
    /// Of the entries, those in the stash.
    pub stash: u64,
    /// Entries moved to make room, since start.
    pub displaced: u64,
    /// Inserts refused because the table was full, since start.
    pub refused: u64,
}

/// Accesses to one BAR.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BarUse {
    /// `bar0` or `bar2`.
    pub bar: String,
    /// Loads.
    pub reads: u64,
    /// Stores.
    pub writes: u64,
    /// Bytes stored.
    pub bytes_written: u64,
}

/// One row of `rules`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Rule {
    /// `load balancer/rule`.
    pub name: String,
    /// `load balancing` or `inbound NAT`.
    pub kind: String,
    /// TCP, UDP or All.
    pub protocol: String,
    /// `address:port` of the frontend; port 0 = any.
    pub frontend: String,
    /// The pool, or the target of an inbound NAT rule.
    pub target: String,
    /// Backends that take new flows.
    pub eligible: usize,
    /// Backends.
    pub backends: usize,
    /// Flows now.
    pub flows: u64,
    /// Flows since start.
    pub flows_total: u64,
    /// Idle timeout in seconds.
    pub idle_timeout_seconds: u32,
    /// Resets are sent at the idle timeout.
    pub tcp_reset: bool,
    /// `secureByDefault` keeps new flows out.
    pub closed: bool,
}

/// One row of `backends`: a member of a pool under one rule.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Backend {
    /// The rule.
    pub rule: String,
    /// The instance.
    pub instance: String,
    /// `address:port` that the rule's flows go to.
    pub address: String,
    /// Whether it takes new flows.
    pub eligible: bool,
    /// `up`, `down`, `unknown`, or `not probed`.
    pub health: String,
    /// The service's reason code, e.g. `Up_Probe_Success` (spec L-MON-07).
    pub reason: String,
    /// Flows now.
    pub flows: u64,
    /// Flows since start.
    pub flows_total: u64,
}

/// One row of `flows`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Flow {
    /// Flow id: the state block on the card.
    pub id: u32,
    /// TCP or UDP.
    pub protocol: String,
    /// `inbound`, `outbound`, `local` or `steered`.
    pub kind: String,
    /// Who opened it.
    pub initiator: String,
    /// Frontend, or public address and SNAT port.
    pub outside: String,
    /// Backend, or remote end.
    pub inside: String,
    /// Rule, for inbound flows.
    pub rule: Option<String>,
    /// Instance at the private end.
    pub instance: Option<String>,
    /// `open`, `half-closed`, `closed` or `reset`.
    pub phase: String,
    /// Until it is looked at again: the earliest it can end.
    pub expires_in: u64,
}

/// `flows`: some of them, and how many there are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Flows {
    /// Those that were asked for.
    pub flows: Vec<Flow>,
    /// All there are.
    pub total: u64,
}

/// One row of `snat`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snat {
    /// The instance.
    pub instance: String,
    /// TCP or UDP.
    pub protocol: String,
    /// Its public addresses, in the order they are filled.
    pub addresses: Vec<String>,
    /// Ports that it owns.
    pub allocated: u64,
    /// Ports with at least one flow.
    pub used: u64,
    /// The most used at once.
    pub peak: u64,
    /// Flows on these ports.
    pub flows: u64,
    /// Flows that found no port, since start.
    pub failed: u64,
}

/// A counter and its name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Counter {
    /// The reason.
    pub reason: String,
    /// How often.
    pub count: u64,
}

/// `counters`: why packets ended or went to the driver.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Packets, as the card counts them.
    pub packets: Packets,
    /// Dropped by the card, by reason.
    pub drops: Vec<Counter>,
    /// Handed to the driver, by reason.
    pub punts: Vec<Counter>,
    /// Records lost because the punt ring was full, by reason.
    pub punts_lost: Vec<Counter>,
    /// What the driver gave up, by cause.
    pub refusals: Vec<Counter>,
}

/// `health`: load balancers, and the rules that are probed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Every load balancer.
    pub load_balancers: Vec<ResourceHealth>,
    /// Every rule that is probed.
    pub rules: Vec<RuleHealth>,
}

/// The health of a load balancer as a resource (L-MON-06).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceHealth {
    /// The load balancer.
    pub load_balancer: String,
    /// `Available`, `Degraded`, `Unavailable` or `Unknown`.
    pub availability_state: String,
    /// Average availability of its rules over the two minutes before the last evaluation, in whole
    /// percent, rounded down; none while it is unknown.
    pub availability_percent: Option<u32>,
}

/// A rule that is probed, under the service's names (L-MON-07).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleHealth {
    /// The rule.
    pub rule: String,
    /// Backends that are up.
    pub up: usize,
    /// Backends that are down.
    pub down: usize,
    /// Each of them.
    pub load_balancer_backend_addresses: Vec<BackendHealth>,
}

/// A backend of a rule that is probed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendHealth {
    /// Its address.
    pub ip_address: String,
    /// The instance; here it stands for its network interface.
    pub network_interface_ip_configuration_id: String,
    /// `Up` or `Down`.
    pub state: String,
    /// The service's reason code; empty before the first probe.
    pub reason: String,
}

/// One row of `nat`: a frontend port that leads to one instance (L-NAT-07).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NatMapping {
    /// The instance.
    pub instance: String,
    /// `load balancer/rule`.
    pub inbound_nat_rule_name: String,
    /// TCP, UDP or All.
    pub protocol: String,
    /// Address of the frontend.
    pub frontend_address: String,
    /// Port of the frontend.
    pub frontend_port: u16,
    /// Address that packets are sent to.
    pub backend_address: String,
    /// Port that packets are sent to.
    pub backend_port: u16,
}

/// One line of `events`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Counts from 1 on at each start; a gap means that events were not kept.
    pub sequence: u64,
    /// When, by the wall's clock: RFC 3339.
    pub time: String,
    /// `info`, `warning` or `critical`.
    pub severity: String,
    /// What, e.g. `NoHealthyBackends`.
    pub event: String,
    /// To whom: a rule, an instance, an address, a card.
    pub subject: String,
    /// For people.
    pub message: String,
}

/// `apply`: what became of a configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Applied {
    /// Whether it is in force now.
    pub accepted: bool,
    /// Table entries written.
    pub changes: usize,
    /// Flows that ended with it.
    pub flows_ended: usize,
    /// Diagnostics, ready to print; errors when it was refused, else warnings.
    pub diagnostics: Vec<String>,
}

/// `explain`: where a packet would go, and what only the running driver knows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Explanation {
    /// The pipeline's stages and verdict by the tables, as `flow-compiler explain` says it.
    pub stages: Vec<String>,
    /// Verdict.
    pub verdict: String,
    /// The flow entry that it hits, or why there is none.
    pub live: Vec<String>,
}
