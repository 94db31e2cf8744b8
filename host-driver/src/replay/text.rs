//! The summary of a replay for people: what a newcomer sees first.

use std::fmt::Write;

use super::summary::{AccessCount, PacketCounts, Summary};
use crate::control::text::{Table, count, duration, heading, nouns, rate, reasons, tables};
use crate::control::view::{Backend, Snat};

/// Indent of everything under a heading.
const INDENT: usize = 2;

/// The summary as text.
pub fn render(summary: &Summary) -> String {
    let mut out = opening(summary);
    let mut section = |title: &str, text: String| {
        if !text.is_empty() {
            let _ = write!(out, "\n{}{text}", heading(title));
        }
    };
    section("Packets", packets(&summary.packets));
    section("Dropped", indented(&reasons(&summary.drops)));
    section(
        "Given up by the driver",
        indented(&reasons(&summary.refusals)),
    );
    section("Connections", connections(summary));
    section("SNAT ports", snat(&summary.snat));
    section("Tables", indented(&tables(&summary.tables)));
    section("Accesses to the card", accesses(summary));
    if let Some(output) = &summary.output {
        let _ = writeln!(out, "\nWhat left the card is in {}.", output.display());
    }
    out
}

fn indented(table: &Table) -> String {
    if table.is_empty() {
        String::new()
    } else {
        table.indented(INDENT)
    }
}

fn opening(summary: &Summary) -> String {
    let configuration = &summary.configuration;
    format!(
        "Replayed {} with {}:\n{}, {}, {}; traffic of {}.\n",
        summary.capture.display(),
        configuration.file,
        nouns(configuration.load_balancers as u64, "load balancer"),
        nouns(configuration.rules as u64, "rule"),
        nouns(configuration.instances as u64, "instance"),
        duration(summary.span),
    )
}

fn packets(packets: &PacketCounts) -> String {
    let lines = [
        (packets.replayed, "in", true),
        (
            packets.made,
            "made by the driver: answers to neighbours, resets",
            false,
        ),
        (packets.left, "out", true),
        (packets.dropped, "dropped", true),
        (
            packets.ended_in_driver,
            "answered or given up by the driver",
            false,
        ),
        (packets.cut, "not whole in the capture", false),
    ];
    let width = lines
        .iter()
        .map(|(n, ..)| count(*n).len())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for (n, what, always) in lines {
        if always || n > 0 {
            let _ = writeln!(out, "{:INDENT$}{:>width$}  {what}", "", count(n));
        }
    }
    out
}

/// Each rule with its backends, then what instances opened.
fn connections(summary: &Summary) -> String {
    let mut table = Table::new([
        "RULE",
        "FRONTEND",
        ">CONNECTIONS",
        "BACKEND",
        "ADDRESS",
        "HEALTH",
    ]);
    for rule in &summary.rules {
        let of_rule = summary
            .backends
            .iter()
            .filter(|backend| backend.rule == rule.name);
        let frontend = format!("{} {}", rule.protocol, rule.frontend);
        let mut rows = 0;
        for backend in of_rule {
            table.row([
                rule.name.clone(),
                frontend.clone(),
                count(backend.flows_total),
                backend.instance.clone(),
                backend.address.clone(),
                backend.health.clone(),
            ]);
            table.mark(5, is_down(backend));
            rows += 1;
        }
        if rows == 0 {
            let (total, target) = (count(rule.flows_total), rule.target.clone());
            table.row([
                rule.name.clone(),
                frontend,
                total,
                target,
                String::new(),
                String::new(),
            ]);
        }
    }
    let inbound: u64 = summary.rules.iter().map(|rule| rule.flows_total).sum();
    let others = summary.connections.saturating_sub(inbound);
    let mut out = indented(&table);
    if others > 0 {
        let _ = writeln!(
            out,
            "{:INDENT$}and {} that instances opened",
            "",
            count(others)
        );
    }
    out
}

fn is_down(backend: &Backend) -> bool {
    backend.health == "down"
}

/// The instances that used ports, or wanted some.
fn snat(rows: &[Snat]) -> String {
    let mut table = Table::new([
        "INSTANCE",
        "PROTOCOL",
        ">ALLOCATED",
        ">USED AT ONCE",
        ">FAILED",
        "ADDRESSES",
    ]);
    for row in rows.iter().filter(|row| row.peak > 0 || row.failed > 0) {
        table.row([
            row.instance.clone(),
            row.protocol.clone(),
            count(row.allocated),
            count(row.peak),
            count(row.failed),
            row.addresses.join(" "),
        ]);
        table.mark(4, row.failed > 0);
    }
    indented(&table)
}

fn accesses(summary: &Summary) -> String {
    let mut table = Table::new(["FOR", ">READS", ">WRITES", ">BYTES WRITTEN"]);
    let mut row = |what: &str, n: &AccessCount| {
        table.row([
            what.into(),
            count(n.reads),
            count(n.writes),
            count(n.bytes_written),
        ]);
    };
    let accesses = &summary.accesses;
    row("start: tables and rings", &accesses.start);
    row("time: heartbeat, counters, aging", &accesses.time);
    row("packets", &accesses.packets);
    let per_connection = |n| rate(n, summary.connections);
    table.row([
        format!("  each of {}", nouns(summary.connections, "connection")),
        per_connection(accesses.packets.reads),
        per_connection(accesses.packets.writes),
        per_connection(accesses.packets.bytes_written),
    ]);
    indented(&table)
}

#[cfg(test)]
mod tests;
