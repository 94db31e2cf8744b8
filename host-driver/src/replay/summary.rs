//! What a replay found out.

use std::path::PathBuf;

use serde::Serialize;

use crate::control::view::{
    Backend, Configuration, Counter, Counters, Rule, Snat, Status, TableUse,
};
use crate::device::DeviceAccesses;

/// What happened in a replay.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// The capture.
    pub capture: PathBuf,
    /// Where the frames that left were written.
    pub output: Option<PathBuf>,
    /// Milliseconds from the first packet to the last.
    pub span: u64,
    /// The configuration.
    pub configuration: Configuration,
    /// Packets.
    pub packets: PacketCounts,
    /// Dropped by the card, by reason.
    pub drops: Vec<Counter>,
    /// Given up by the driver, by cause.
    pub refusals: Vec<Counter>,
    /// Connections that were installed.
    pub connections: u64,
    /// Rules, with their connections.
    pub rules: Vec<Rule>,
    /// Backends, with their connections.
    pub backends: Vec<Backend>,
    /// SNAT ports.
    pub snat: Vec<Snat>,
    /// Occupancy of each table.
    pub tables: Vec<TableUse>,
    /// Accesses to BAR memory.
    pub accesses: Accesses,
}

/// What became of packets: `replayed + made = left + dropped + ended_in_driver`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PacketCounts {
    /// Put into the card.
    pub replayed: u64,
    /// Of these, those of which the capture holds only the beginning.
    pub cut: u64,
    /// Made by the driver: answers to ARP and neighbour discovery, resets.
    pub made: u64,
    /// Left the card.
    pub left: u64,
    /// Dropped by the card.
    pub dropped: u64,
    /// Answered or given up by the driver.
    pub ended_in_driver: u64,
}

/// Accesses to BAR memory, by what they were for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Accesses {
    /// Reset, tables, rings.
    pub start: AccessCount,
    /// Packets: connections installed, packets given back, ends of connections.
    pub packets: AccessCount,
    /// Time: heartbeat, counters, aging.
    pub time: AccessCount,
}

/// Accesses to both BARs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AccessCount {
    /// Loads.
    pub reads: u64,
    /// Stores.
    pub writes: u64,
    /// Bytes stored.
    pub bytes_written: u64,
}

impl From<DeviceAccesses> for AccessCount {
    fn from(DeviceAccesses { bar0, bar2 }: DeviceAccesses) -> Self {
        Self {
            reads: bar0.reads + bar2.reads,
            writes: bar0.writes + bar2.writes,
            bytes_written: bar0.bytes_written + bar2.bytes_written,
        }
    }
}

impl std::ops::Sub for AccessCount {
    type Output = Self;
    fn sub(self, earlier: Self) -> Self {
        Self {
            reads: self.reads - earlier.reads,
            writes: self.writes - earlier.writes,
            bytes_written: self.bytes_written - earlier.bytes_written,
        }
    }
}

impl std::ops::AddAssign for AccessCount {
    fn add_assign(&mut self, more: Self) {
        self.reads += more.reads;
        self.writes += more.writes;
        self.bytes_written += more.bytes_written;
    }
}

/// What the engine says at the end.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    pub(super) status: Status,
    pub(super) counters: Counters,
    pub(super) rules: Vec<Rule>,
    pub(super) backends: Vec<Backend>,
    pub(super) snat: Vec<Snat>,
}

impl Summary {
    /// Takes what the engine says at the end.
    pub(super) fn conclude(&mut self, findings: Findings) {
        let Findings {
            status,
            counters,
            rules,
            backends,
            snat,
        } = findings;
        self.configuration = status.configuration;
        self.packets.made = counters.packets.injected;
        self.packets.dropped = counters.packets.dropped;
        self.packets.ended_in_driver = counters.packets.ended_in_driver;
        self.drops = occurred(counters.drops);
        self.refusals = occurred(counters.refusals);
        self.connections = status.flows.installed;
        self.tables = status.tables;
        self.rules = rules;
        self.backends = backends;
        self.snat = snat;
    }
}

fn occurred(mut counters: Vec<Counter>) -> Vec<Counter> {
    counters.retain(|counter| counter.count > 0);
    counters
}
