//! A row: tables, packets in, and what has to become of each.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use firmware_api::{DropReason, EGRESS_RECIRCULATE, PortId, PuntReason};

use super::entry::{Entry, Pattern};
use super::packet::Packet;
use super::value::AGAIN;

/// A change to the tables of a row's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// This entry too, or instead of the one with its keys.
    With(Entry),
    /// Not these entries.
    Without(Pattern),
}

/// Under which conditions the packets of a row run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// The driver's heartbeat is stale.
    pub driver_absent: bool,
    /// The driver gives the packet back.
    pub reprocess: bool,
    /// The punt ring has no room.
    pub ring_full: bool,
    /// The device tick.
    pub tick: u32,
}

/// One packet and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its line in the file.
    pub line: usize,
    /// The conditions.
    pub when: When,
    /// Where it comes in.
    pub ingress: PortId,
    /// What comes in.
    pub packet: Packet,
    /// What becomes of it.
    pub fate: Fate,
    /// What the driver is told of it.
    pub copies: Vec<Told>,
}

/// What becomes of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It leaves, changed.
    Leaves(PortId, Change),
    /// It leaves as this packet.
    LeavesAs(PortId, Packet),
    /// It is dropped.
    Dropped(DropReason),
    /// The driver holds it.
    Held(Told),
}

/// Ends of a packet that are no longer what they were. Port 0 is the old one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The new source.
    pub source: Option<(IpAddr, u16)>,
    /// The new destination.
    pub destination: Option<(IpAddr, u16)>,
}

impl Change {
    /// The packet with its new ends.
    #[must_use]
    pub fn of(&self, packet: &Packet) -> Packet {
        let mut changed = packet.clone();
        if let Some((address, port)) = self.source {
            changed = changed.source(address, port);
        }
        if let Some((address, port)) = self.destination {
            changed = changed.destination(address, port);
        }
        changed
    }
}

/// A punt record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Why.
    pub reason: PuntReason,
    /// The rule, by number or name.
    pub rule: Option<String>,
    /// The backend, by number or instance.
    pub backend: Option<String>,
    /// The flow.
    pub flow: Option<u32>,
    /// How many bytes are captured; when not said, the whole frame or its headers.
    pub captured: Option<u16>,
    /// The packet goes through the pipeline a second time.
    pub again: bool,
    /// How the captured packet differs from the one that came in.
    pub change: Change,
}

/// What a flow's state block says at a row's end, as far as the row cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its line in the file.
    pub line: usize,
    /// Which flow.
    pub flow: u32,
    /// Names as in [`Flow::NAMES`], and their values.
    pub facts: Vec<(&'static str, u64)>,
}

impl Flow {
    /// What can be said: first of the initiator's direction, then of the other.
    pub const NAMES: [&'static str; 9] = [
        "seen",
        "packets",
        "bytes",
        "flags",
        "ack",
        "packets-back",
        "bytes-back",
        "flags-back",
        "ack-back",
    ];
}

/// A configuration in a row's file, or beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Configuration {
    /// Empty tables.
    #[default]
    None,
    /// The text of a configuration.
    Text(String),
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The file and line of its first line.
    pub place: String,
    /// What it shows.
    pub name: String,
    /// The specification's IDs.
    pub spec: Vec<String>,
    /// The configuration.
    pub configuration: Configuration,
    /// What is different in the tables.
    pub edits: Vec<Edit>,
    /// The packets.
    pub steps: Vec<Step>,
    /// The flow state behind them.
    pub flows: Vec<Flow>,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaves(port, change) if *change == Change::default() => {
                write!(f, "out: {port} same")
            }
            Self::Leaves(port, change) => write!(f, "out: {port}{change}"),
            Self::LeavesAs(port, packet) => write!(f, "out: {port} {packet}"),
            Self::Dropped(reason) => write!(f, "drop: {reason}"),
            Self::Held(told) => write!(f, "punt: {told}"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, end) in [("src", self.source), ("dst", self.destination)] {
            match end {
                None => {}
                Some((address, 0)) => write!(f, " {name} {address}")?,
                Some((address, port)) => write!(f, " {name} {}", SocketAddr::new(address, port))?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        if let Some(rule) = &self.rule {
            write!(f, " rule {rule}")?;
        }
        if let Some(backend) = &self.backend {
            write!(f, " backend {backend}")?;
        }
        if let Some(flow) = self.flow {
            write!(f, " flow {flow}")?;
        }
        if let Some(captured) = self.captured {
            write!(f, " captured {captured}")?;
        }
        if self.again {
            write!(f, " again")?;
        }
        write!(f, "{}", self.change)
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.driver_absent, "driver absent"),
            (self.reprocess, "reprocess"),
            (self.ring_full, "ring full"),
        ];
        let mut said: Vec<String> = words
            .into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, words)| words.to_owned())
            .collect();
        if self.tick != 0 {
            said.push(format!("tick {}", self.tick));
        }
        if said.is_empty() {
            said.push("driver alive".to_owned());
        }
        f.write_str(&said.join(", "))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "row: {}", self.name)?;
        if !self.spec.is_empty() {
            writeln!(f, "spec: {}", self.spec.join(" "))?;
        }
        if let Configuration::Text(text) = &self.configuration {
            writeln!(f, "config:")?;
            for line in text.lines() {
                writeln!(f, "  {line}")?;
            }
        }
        for edit in &self.edits {
            match edit {
                Edit::With(entry) => writeln!(f, "with: {entry}")?,
                Edit::Without(pattern) => writeln!(f, "without: {pattern}")?,
            }
        }
        let mut when = When::default();
        for step in &self.steps {
            if step.when != when {
                when = step.when;
                writeln!(f, "when: {when}")?;
            }
            writeln!(f, "in: {} {}", print_port(step.ingress), step.packet)?;
            writeln!(f, "{}", step.fate)?;
            for told in &step.copies {
                writeln!(f, "copy: {told}")?;
            }
        }
        for flow in &self.flows {
            write!(f, "flow: {}", flow.flow)?;
            for (name, value) in &flow.facts {
                write!(f, " {name} {value}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A port, or that the packet goes through the pipeline again.
fn print_port(port: PortId) -> String {
    match port {
        EGRESS_RECIRCULATE => AGAIN.to_owned(),
        port => port.to_string(),
    }
}
