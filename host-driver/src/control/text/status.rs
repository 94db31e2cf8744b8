//! `status`: the whole at a glance.

use std::fmt::Write;

use super::{Facts, Table, count, duration, heading, nouns, percent};
use crate::control::view::{BarUse, Configuration, Status, TableUse};

/// The whole at a glance.
pub fn status(status: &Status) -> String {
    let Status {
        packets,
        flows,
        configuration,
        ..
    } = status;
    let facts = Facts::default()
        .with(
            "driver",
            format!(
                "version {}, for {}",
                status.version,
                duration(status.uptime)
            ),
        )
        .with(
            "device",
            format!("{}: {}", status.device, status.device_state),
        )
        .with("configuration", origin(configuration))
        .with("", contents(configuration))
        .with(
            "packets",
            format!(
                "{} received, {} sent, {} dropped, {} made here",
                count(packets.received),
                count(packets.sent),
                count(packets.dropped),
                count(packets.injected)
            ),
        )
        .with(
            "flows",
            format!(
                "{} now, {} at most, room for {}, {} since start",
                count(flows.live.into()),
                count(flows.peak.into()),
                count(flows.capacity.into()),
                count(flows.installed)
            ),
        );
    let mut out = facts.to_string();
    if !configuration.refused.is_empty() {
        let _ = write!(
            out,
            "\n{}",
            heading("The last change was refused; the configuration before it is in force")
        );
        for diagnostic in &configuration.refused {
            let _ = writeln!(out, "{}", diagnostic.trim_end());
        }
    }
    let table = tables(&status.tables);
    if !table.is_empty() {
        let _ = write!(out, "\n{}{table}", heading("Tables"));
    }
    let _ = write!(
        out,
        "\n{}{}",
        heading("Accesses to the card"),
        bars(&status.bars)
    );
    out
}

fn origin(configuration: &Configuration) -> String {
    let times = nouns(configuration.applied, "time");
    format!("{}, applied {times}", configuration.file)
}

fn contents(configuration: &Configuration) -> String {
    format!(
        "{}, {}, {}",
        nouns(configuration.load_balancers as u64, "load balancer"),
        nouns(configuration.rules as u64, "rule"),
        nouns(configuration.instances as u64, "instance"),
    )
}

/// The tables that have, or had, entries.
pub fn tables(tables: &[TableUse]) -> Table {
    let mut out = Table::new([
        "TABLE",
        ">ENTRIES",
        ">PEAK",
        ">CAPACITY",
        ">FULL",
        ">STASH",
        ">MOVED",
        ">REFUSED",
    ]);
    for table in tables
        .iter()
        .filter(|table| table.peak > 0 || table.refused > 0)
    {
        out.row([
            table.table.clone(),
            count(table.entries),
            count(table.peak),
            count(table.capacity),
            percent(table.entries, table.capacity),
            count(table.stash),
            count(table.displaced),
            count(table.refused),
        ]);
        out.mark(7, table.refused > 0);
    }
    out
}

fn bars(bars: &[BarUse]) -> Table {
    let mut table = Table::new(["BAR", ">READS", ">WRITES", ">BYTES WRITTEN"]);
    for bar in bars {
        table.row([
            bar.bar.clone(),
            count(bar.reads),
            count(bar.writes),
            count(bar.bytes_written),
        ]);
    }
    table
}
