//! Runs a row on a twin and says what is not as the row says.

use std::fmt::Write as _;
use std::net::IpAddr;

use firmware_api::entry::ExactEntry as _;
use firmware_api::entry::flow::{Direction, FlowAction, FlowKey, FlowV4, FlowV6, Side};
use firmware_api::flow_state::FlowState;
use firmware_api::packet::{Class, parse};
use firmware_api::punt::Punt;
use firmware_api::ring::ONE_SLOT_PAYLOAD;
use firmware_api::{EGRESS_RECIRCULATE, PortId, Protocol, TableId, Zone};
use flow_compiler::ir::Ir;
use flow_compiler::names::Names;
use hw_sim::Verdict;
use hw_sim::pipeline::{Conditions, Outcome, Record};

use super::packet::{Head, Packet};
use super::row::{Change, Configuration, Edit, Fate, Flow, Row, Step, Told, When};
use super::state::{State, compiled, lowered};
use super::{describe, value};
use crate::twin::{SECRET, Twin, foretells, trace};

/// A row's tables, and what its names mean.
pub struct Prepared {
    /// The tables.
    pub state: State,
    /// What the configuration means, when it has one.
    pub ir: Option<Ir>,
    names: Names,
}

impl From<&When> for Conditions {
    fn from(when: &When) -> Self {
        Self {
            tick: when.tick,
            driverless: when.driver_absent,
            reprocess: when.reprocess,
            trace: false,
        }
    }
}

impl Row {
    /// The row's tables.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub fn prepare(&self) -> Result<Prepared, String> {
        let mut prepared = match &self.configuration {
            Configuration::None => Prepared {
                state: State::default(),
                ir: None,
                names: Names::default(),
            },
            Configuration::Text(text) => {
                let ir = compiled(text).map_err(|wrong| format!("{}: {wrong}", self.place))?;
                let lowered = lowered(&ir);
                Prepared {
                    state: State::of(&lowered),
                    ir: Some(ir),
                    names: lowered.names,
                }
            }
        };
        for edit in &self.edits {
            match edit {
                Edit::With(entry) => prepared.state.insert(entry.clone()),
                Edit::Without(pattern) if prepared.state.remove(pattern) == 0 => {
                    return Err(format!("{}: there is no {pattern}", self.place));
                }
                Edit::Without(_) => {}
            }
        }
        Ok(prepared)
    }

    /// Runs the row; what is not as it says, for people.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn judge(&self, twin: &mut dyn Twin) -> Result<(), String> {
        let prepared = self.prepare()?;
        twin.load(&prepared.state);
        for step in &self.steps {
            prepared
                .step(step, twin)
                .map_err(|wrong| self.wrong(step.line, twin.name(), &wrong))?;
        }
        for flow in &self.flows {
            let state = twin.flow_state(flow.flow);
            for (name, expected) in &flow.facts {
                let found = fact(&state, name);
                if found != *expected {
                    let wrong =
                        format!("  expected  {name} {expected}\n  found     {name} {found}\n");
                    return Err(self.wrong(flow.line, twin.name(), &wrong));
                }
            }
        }
        Ok(())
    }

    /// The row with what the twin makes of it instead of what it says.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub fn as_found(&self, twin: &mut dyn Twin) -> Result<Self, String> {
        let prepared = self.prepare()?;
        twin.load(&prepared.state);
        let mut found = self.clone();
        for step in &mut found.steps {
            let frame = prepared.arriving(step.ingress, &step.packet);
            let verdict = twin.process(Conditions::from(&step.when), step.ingress, &frame);
            step.fate = prepared.fate(step, &verdict);
            let copies = verdict.copies.iter();
            step.copies = copies.map(|record| prepared.told(step, record)).collect();
        }
        Ok(found)
    }

    pub(super) fn wrong(&self, line: usize, twin: &str, wrong: &str) -> String {
        let Self { place, name, .. } = self;
        let file = place.split(':').next().unwrap_or_default();
        format!("{place}: {name}\n  on {twin}, line {file}:{line}\n{wrong}")
    }
}

impl Prepared {
    /// One packet.
    fn step(&self, step: &Step, twin: &mut dyn Twin) -> Result<(), String> {
        let frame = self.arriving(step.ingress, &step.packet);
        let conditions = Conditions::from(&step.when);
        let found = if step.when.ring_full {
            match twin.with_full_ring(conditions, step.ingress, &frame) {
                Some(found) => found,
                None => return Ok(()),
            }
        } else {
            let traced = trace(twin, conditions, step.ingress, &frame);
            let found = twin.process(conditions, step.ingress, &frame);
            if !conditions.reprocess {
                foretells(&traced, conditions, &frame, &found)
                    .map_err(|wrong| format!("  traced before it came\n{wrong}"))?;
            }
            found
        };
        let expected = self.expected(step, &found);
        if found == expected {
            return Ok(());
        }
        let mut wrong = format!("  in        {} {}\n", step.ingress, step.packet);
        let mut sides = [&expected, &found].map(|verdict| self.lines(step, verdict));
        if sides[0] == sides[1] {
            sides = [&expected, &found].map(|verdict| vec![format!("{verdict:x?}")]);
        }
        for (name, lines) in ["expected", "found"].into_iter().zip(sides) {
            for (i, line) in lines.iter().enumerate() {
                let _ = writeln!(wrong, "  {:8}  {line}", if i == 0 { name } else { "" });
            }
        }
        Err(wrong)
    }

    /// The packet as it comes in on a port.
    pub fn arriving(&self, ingress: PortId, packet: &Packet) -> Vec<u8> {
        packet.arriving(&self.state.link(ingress))
    }

    fn expected(&self, step: &Step, found: &Verdict) -> Verdict {
        let records = |told: &Told, found: Option<&Record>| self.record(step, told, found);
        let outcome = match &step.fate {
            Fate::Dropped(reason) => Outcome::Drop(*reason),
            Fate::Leaves(port, change) => {
                let packet = change.of(&step.packet);
                self.forward(*port, &forwarded(packet))
            }
            Fate::LeavesAs(port, packet) => self.forward(*port, packet),
            Fate::Held(told) => {
                let other = match &found.outcome {
                    Outcome::Held(record) => Some(record),
                    _ => None,
                };
                Outcome::Held(records(told, other))
            }
        };
        let copies = step.copies.iter().enumerate();
        Verdict {
            outcome,
            copies: copies
                .map(|(i, told)| records(told, found.copies.get(i)))
                .collect(),
        }
    }

    fn forward(&self, egress: PortId, packet: &Packet) -> Outcome {
        let frame = packet.leaving(&self.state.link(egress));
        Outcome::Forward { egress, frame }
    }

    /// The record that the row means. Names stand for the numbers that are found, if they fit.
    fn record(&self, step: &Step, told: &Told, found: Option<&Record>) -> Record {
        let packet = told.change.of(&step.packet);
        let mut bytes = self.arriving(step.ingress, &packet);
        let ingress = if told.again {
            EGRESS_RECIRCULATE
        } else {
            step.ingress
        };
        let length = bytes.len() as u16;
        let usual = if told.reason.is_copy() {
            headers_len(&bytes)
        } else {
            length
        };
        let captured = told.captured.unwrap_or(usual);
        bytes.truncate(captured.into());
        let rule = |id: u16| self.names.rule(id);
        let backend = |id: u16| self.names.backend(id);
        Record {
            punt: Punt {
                reason: told.reason,
                ingress,
                timestamp: step.when.tick,
                rule: number(told.rule.as_ref(), found.and_then(|r| r.punt.rule), rule),
                backend: number(
                    told.backend.as_ref(),
                    found.and_then(|r| r.punt.backend),
                    backend,
                ),
                flow_hash: self.flow_hash(ingress, &packet),
                flow: told.flow,
                length,
                captured,
            },
            bytes,
        }
    }

    /// The low half of the flow hash of the packet's key, made from the key's own definition.
    fn flow_hash(&self, ingress: PortId, packet: &Packet) -> u32 {
        let protocol = match packet.head {
            Head::Tcp(..) => Protocol::Tcp,
            Head::Udp(..) => Protocol::Udp,
            Head::Icmp(..) => Protocol::Icmp,
            _ => Protocol::None,
        };
        let (Some((source_port, destination_port)), Some(ends)) =
            (packet.key_ports(), packet.addresses())
        else {
            return 0;
        };
        let entry = self.state.get(TableId::Port, &[ingress.into()]);
        let zone = entry.and_then(|entry| entry.parameter("zone"));
        let key = FlowKey {
            zone: Zone::new(zone.unwrap_or(0) as u8),
            protocol,
            source: (),
            destination: (),
            source_port,
            destination_port,
        };
        let hash = match ends {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                FlowV4::new(with_ends(key, source, destination), nothing(source))
                    .key()
                    .hash::<FlowV4>(SECRET)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                FlowV6::new(with_ends(key, source, destination), nothing(source))
                    .key()
                    .hash::<FlowV6>(SECRET)
            }
            _ => 0,
        };
        hash as u32
    }

    /// A verdict as the lines of a row.
    pub fn lines(&self, step: &Step, verdict: &Verdict) -> Vec<String> {
        let mut lines = vec![self.fate(step, verdict).to_string()];
        let copies = verdict.copies.iter();
        lines.extend(copies.map(|record| format!("copy: {}", self.told(step, record))));
        lines
    }

    /// What a verdict says of the packet.
    pub fn fate(&self, step: &Step, verdict: &Verdict) -> Fate {
        match &verdict.outcome {
            Outcome::Drop(reason) => Fate::Dropped(*reason),
            Outcome::Held(record) | Outcome::Traced(record) => Fate::Held(self.told(step, record)),
            Outcome::Forward { egress, frame } => {
                let link = self.state.link(*egress);
                let packet = describe::left(frame, &link);
                let change = changed(&step.packet, &packet);
                if forwarded(change.of(&step.packet)).leaving(&link) == *frame {
                    return Fate::Leaves(*egress, change);
                }
                Fate::LeavesAs(*egress, packet)
            }
        }
    }

    /// What a record says, as a row says it.
    pub fn told(&self, step: &Step, record: &Record) -> Told {
        let Record { punt, bytes } = record;
        let link = self.state.link(step.ingress);
        // What is not captured of a copy is what came in.
        let mut whole = self.arriving(step.ingress, &step.packet);
        if whole.len() >= bytes.len() {
            whole[..bytes.len()].copy_from_slice(bytes);
        }
        let told = |captured| Told {
            reason: punt.reason,
            rule: punt.rule.map(|id| id.to_string()),
            backend: punt.backend.map(|id| id.to_string()),
            flow: punt.flow,
            captured,
            again: punt.ingress == EGRESS_RECIRCULATE && step.ingress != EGRESS_RECIRCULATE,
            change: changed(&step.packet, &describe::arrived(&whole, &link)),
        };
        let usual = self.record(step, &told(None), Some(record));
        told((usual.punt.captured != punt.captured).then_some(punt.captured))
    }
}

/// What a packet's description says when it has left: the link header is the port's.
fn forwarded(packet: Packet) -> Packet {
    packet.without(&["from", "to", "tag", "inner-tag", "tpid"])
}

/// How the ends of a packet became those of another.
fn changed(before: &Packet, after: &Packet) -> Change {
    let (Some(old), Some(new)) = (ends(before), ends(after)) else {
        return Change::default();
    };
    Change {
        source: (old.0 != new.0).then_some(new.0),
        destination: (old.1 != new.1).then_some(new.1),
    }
}

pub(super) type End = (IpAddr, u16);

pub(super) fn ends(packet: &Packet) -> Option<(End, End)> {
    match packet.head {
        Head::Tcp(from, to) | Head::Udp(from, to) => {
            Some(((from.ip(), from.port()), (to.ip(), to.port())))
        }
        _ => packet.addresses().map(|(from, to)| ((from, 0), (to, 0))),
    }
}

/// The number that a row's text means.
fn number(text: Option<&String>, found: Option<u16>, name: impl Fn(u16) -> String) -> Option<u16> {
    let text = text?;
    if let Some(number) = value::number(text) {
        return Some(number as u16);
    }
    let fits = found.filter(|id| name(*id) == *text);
    fits.or_else(|| (0..u16::MAX).find(|id| name(*id) == *text))
}

/// Bytes up to the end of the transport header, as far as a copy has room.
pub(crate) fn headers_len(frame: &[u8]) -> u16 {
    let Ok(headers) = parse(frame) else {
        return frame.len() as u16;
    };
    let l4 = headers.l4;
    if headers.class != Class::Tcp {
        return l4 + 8;
    }
    let options_end = l4 + u16::from(frame[usize::from(l4) + 12] >> 4) * 4;
    options_end.min((ONE_SLOT_PAYLOAD as u16).max(l4 + 20))
}

fn with_ends<A>(key: FlowKey<()>, source: A, destination: A) -> FlowKey<A> {
    FlowKey {
        zone: key.zone,
        protocol: key.protocol,
        source,
        destination,
        source_port: key.source_port,
        destination_port: key.destination_port,
    }
}

const fn nothing<A>(address: A) -> FlowAction<A> {
    FlowAction {
        flow: 0,
        direction: Direction::Forward,
        side: Side::Source,
        address,
        port: 0,
        egress: 0,
    }
}

fn fact(state: &FlowState, name: &str) -> u64 {
    let FlowState {
        last_seen,
        forward,
        reverse,
    } = state;
    match name {
        "seen" => last_seen.map_or(0, u64::from),
        "packets" => forward.packets,
        "bytes" => forward.bytes,
        "flags" => forward.flags.into(),
        "ack" => forward.ack.into(),
        "packets-back" => reverse.packets,
        "bytes-back" => reverse.bytes,
        "flags-back" => reverse.flags.into(),
        _ => reverse.ack.into(),
    }
}

/// The facts of a flow's state, those that are not zero.
pub fn facts(state: &FlowState) -> Vec<(&'static str, u64)> {
    let all = Flow::NAMES.map(|name| (name, fact(state, name)));
    all.into_iter().filter(|(_, value)| *value != 0).collect()
}
