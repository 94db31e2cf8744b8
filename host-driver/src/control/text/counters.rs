//! `counters`: packets and why they ended.

use std::fmt::Write;

use super::{Facts, Table, count, heading, meaning};
use crate::control::view::{Counter, Counters, Packets};

/// Packets, then each list of reasons that is not empty.
pub fn counters(counters: &Counters) -> String {
    let mut out = packets(&counters.packets).to_string();
    for (title, list) in [
        ("Dropped by the card", &counters.drops),
        ("Handed to the driver", &counters.punts),
        ("Lost on the way to the driver", &counters.punts_lost),
        ("Given up by the driver", &counters.refusals),
    ] {
        let table = reasons(list);
        if !table.is_empty() {
            let _ = write!(out, "\n{}{table}", heading(title));
        }
    }
    out
}

fn packets(packets: &Packets) -> Facts {
    let counts = [
        ("received", packets.received),
        ("sent", packets.sent),
        ("dropped", packets.dropped),
        ("held for the driver", packets.held),
        ("given back by it", packets.reprocessed),
        ("made by it", packets.injected),
        ("ended in it", packets.ended_in_driver),
    ];
    let width = counts
        .iter()
        .map(|(_, n)| count(*n).len())
        .max()
        .unwrap_or(0);
    counts.iter().fold(Facts::default(), |facts, (name, n)| {
        facts.with(name, format!("{:>width$}", count(*n)))
    })
}

/// The reasons that occurred, most frequent first, with what they mean.
pub fn reasons(list: &[Counter]) -> Table {
    let mut seen: Vec<_> = list.iter().filter(|counter| counter.count > 0).collect();
    seen.sort_by(|a, b| b.count.cmp(&a.count).then(a.reason.cmp(&b.reason)));
    let mut table = Table::new([">COUNT", "REASON", "MEANING"]);
    for counter in seen {
        let meaning = meaning(&counter.reason).to_owned();
        table.row([count(counter.count), counter.reason.clone(), meaning]);
    }
    table
}
