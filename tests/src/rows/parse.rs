//! Files of rows: lines of `what: text`. What stands before the first `row:` holds for all of them;
//! indented lines belong to the line above; `#` begins a comment line.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use firmware_api::{DropReason, EGRESS_RECIRCULATE, PortId, PuntReason};

use super::entry::{Entry, Pattern};
use super::packet::Packet;
use super::row::{Change, Configuration, Edit, Fate, Flow, Row, Step, Told, When};
use super::value::{self, AGAIN};

/// Reads the rows of a file.
///
/// # Errors
/// `FILE:LINE: what is wrong`.
pub fn file(path: &Path) -> Result<Vec<Row>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let beside = |name: &str| {
        let path = path.with_file_name(name);
        std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    rows(&text, &name, beside)
}

/// Reads rows; `beside` has the text of files beside theirs.
///
/// # Errors
/// `NAME:LINE: what is wrong`.
pub fn rows(
    text: &str,
    name: &str,
    beside: impl Fn(&str) -> Result<String, String>,
) -> Result<Vec<Row>, String> {
    let mut reading = Reading {
        name,
        common: Row::default(),
        rows: Vec::new(),
        when: When::default(),
    };
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    while at < lines.len() {
        let first = at;
        at += 1;
        let line = lines[first].trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut block = String::new();
        while at < lines.len() && lines[at].starts_with("  ") {
            block += &lines[at][2..];
            block.push('\n');
            at += 1;
        }
        let (what, rest) = line.split_once(':').unwrap_or((line, ""));
        reading
            .line(first + 1, what, rest.trim(), &block, &beside)
            .map_err(|wrong| format!("{name}:{}: {wrong}", first + 1))?;
    }
    Ok(reading.rows)
}

struct Reading<'t> {
    name: &'t str,
    common: Row,
    rows: Vec<Row>,
    when: When,
}

impl Reading<'_> {
    fn line(
        &mut self,
        line: usize,
        what: &str,
        text: &str,
        block: &str,
        beside: &impl Fn(&str) -> Result<String, String>,
    ) -> Result<(), String> {
        if !block.is_empty() && what != "config" {
            return Err(format!("`{what}` has one line only"));
        }
        if what == "row" {
            self.when = When::default();
            self.rows.push(Row {
                place: format!("{}:{line}", self.name),
                name: text.to_owned(),
                ..self.common.clone()
            });
            return Ok(());
        }
        let row = self.rows.last_mut().unwrap_or(&mut self.common);
        match what {
            "config" if text == "none" => row.configuration = Configuration::None,
            "config" if text.is_empty() => {
                row.configuration = Configuration::Text(block.to_owned());
            }
            "config" => row.configuration = Configuration::Text(beside(text)?),
            "spec" => {
                let ids = text.split([' ', ',']).filter(|id| !id.is_empty());
                row.spec.extend(ids.map(str::to_owned));
            }
            "with" => row.edits.push(Edit::With(Entry::parse(text)?)),
            "without" => row.edits.push(Edit::Without(Pattern::parse(text)?)),
            "when" => self.when = when(text)?,
            "in" => {
                let (port, packet) = text.split_once(' ').ok_or("in: PORT PACKET")?;
                row.steps.push(Step {
                    line,
                    when: self.when,
                    ingress: read_port(port)?,
                    packet: Packet::parse(packet)?,
                    fate: Fate::Held(told("echo")?),
                    copies: Vec::new(),
                });
            }
            "out" | "drop" | "punt" | "copy" => {
                let step = row.steps.last_mut().ok_or("nothing came in before")?;
                match what {
                    "out" => step.fate = out(text)?,
                    "drop" => step.fate = Fate::Dropped(reason(text, DropReason::ALL)?),
                    "punt" => step.fate = Fate::Held(told(text)?),
                    _ => step.copies.push(told(text)?),
                }
            }
            "flow" => row.flows.push(flow(line, text)?),
            _ => return Err(format!("there is no `{what}:`")),
        }
        Ok(())
    }
}

fn when(text: &str) -> Result<When, String> {
    let mut when = When::default();
    for words in text.split(',') {
        match words.trim() {
            "driver alive" => {}
            "driver absent" => when.driver_absent = true,
            "reprocess" => when.reprocess = true,
            "ring full" => when.ring_full = true,
            words => {
                let tick = words.strip_prefix("tick ").and_then(|n| n.parse().ok());
                when.tick = tick.ok_or_else(|| format!("there is no condition `{words}`"))?;
            }
        }
    }
    Ok(when)
}

fn out(text: &str) -> Result<Fate, String> {
    let (port, how) = text
        .split_once(' ')
        .ok_or("out: PORT same, or PORT dst …")?;
    let port = read_port(port)?;
    let mut words = how.split_whitespace().peekable();
    match words.peek().copied() {
        Some("same") => Ok(Fate::Leaves(port, Change::default())),
        Some("src" | "dst") => {
            let mut change = Change::default();
            while let Some(name) = words.next() {
                end(&mut change, name, &mut words)?;
            }
            Ok(Fate::Leaves(port, change))
        }
        _ => Ok(Fate::LeavesAs(port, Packet::parse(how)?)),
    }
}

fn end<'t>(
    change: &mut Change,
    name: &str,
    words: &mut impl Iterator<Item = &'t str>,
) -> Result<(), String> {
    let place = match name {
        "src" => &mut change.source,
        "dst" => &mut change.destination,
        _ => return Err(format!("there is no `{name}` here")),
    };
    let text = words.next().ok_or_else(|| format!("which {name}?"))?;
    let socket = text.parse().map(|s: SocketAddr| (s.ip(), s.port()));
    let address = || text.parse().map(|address: IpAddr| (address, 0));
    let end = socket.or_else(|_| address());
    *place = Some(end.map_err(|_| format!("`{text}` is no address"))?);
    Ok(())
}

fn told(text: &str) -> Result<Told, String> {
    let mut words = text.split_whitespace();
    let mut told = Told {
        reason: reason(words.next().unwrap_or_default(), PuntReason::ALL)?,
        rule: None,
        backend: None,
        flow: None,
        captured: None,
        again: false,
        change: Change::default(),
    };
    while let Some(name) = words.next() {
        let mut number = || {
            let text = words.next().unwrap_or_default();
            value::number(text).ok_or_else(|| format!("`{text}` is no number"))
        };
        match name {
            "flow" => told.flow = Some(number()? as u32),
            "captured" => told.captured = Some(number()? as u16),
            "rule" => told.rule = words.next().map(str::to_owned),
            "backend" => told.backend = words.next().map(str::to_owned),
            AGAIN => told.again = true,
            _ => end(&mut told.change, name, &mut words)?,
        }
    }
    Ok(told)
}

fn flow(line: usize, text: &str) -> Result<Flow, String> {
    let mut words = text.split_whitespace();
    let number = |text: Option<&str>| {
        let text = text.unwrap_or_default();
        value::number(text).ok_or_else(|| format!("`{text}` is no number"))
    };
    let mut flow = Flow {
        line,
        flow: number(words.next())? as u32,
        facts: Vec::new(),
    };
    while let Some(name) = words.next() {
        let known = Flow::NAMES.into_iter().find(|known| *known == name);
        let name = known.ok_or_else(|| format!("there is no `{name}` in a flow's state"))?;
        flow.facts.push((name, number(words.next())?));
    }
    Ok(flow)
}

fn reason<R: Copy + ToString>(name: &str, all: &[R]) -> Result<R, String> {
    let found = all.iter().find(|reason| reason.to_string() == name);
    found
        .copied()
        .ok_or_else(|| format!("there is no reason `{name}`"))
}

fn read_port(text: &str) -> Result<PortId, String> {
    match text {
        AGAIN => Ok(EGRESS_RECIRCULATE),
        text => text.parse().map_err(|_| format!("`{text}` is no port")),
    }
}
