//! `hw-sim registers`, `hw-sim counters`: what a running card says.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use firmware_api::register::{BAR0_LEN, MAGIC, MAGIC_VALUE};
use firmware_api::{DropReason, Memory, PuntReason};
use hw_sim::Bars;
use hw_sim::card::registers::read_all;
use hw_sim::counters::Counters;

use super::Failure;

fn open(dir: &Path) -> Result<Bars, Failure> {
    let bars = Bars::open_dir(dir).map_err(|error| {
        let hint = format!("`hw-sim run --dir {}` starts a card there", dir.display());
        Failure::Device(format!("{error}; {hint}"))
    })?;
    if bars.bar0.len() < BAR0_LEN || bars.bar0.load64(MAGIC.offset) != MAGIC_VALUE {
        let message = format!("{} does not hold a card's memory", dir.display());
        return Err(Failure::Device(message));
    }
    Ok(bars)
}

pub(super) fn registers(dir: &Path) -> Result<(), Failure> {
    let bars = open(dir)?;
    let mut out = BufWriter::new(io::stdout().lock());
    for reading in read_all(&*bars.bar0) {
        let name = match reading.index {
            Some(index) => format!("{}[{index}]", reading.name),
            None => reading.name.to_owned(),
        };
        writeln!(out, "{name:<24} {:#018x}", reading.value)?;
    }
    out.flush()?;
    Ok(())
}

pub(super) fn counters(dir: &Path) -> Result<(), Failure> {
    let bars = open(dir)?;
    let counters = Counters::read(&*bars.bar0);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut line = |name: String, value: u64| writeln!(out, "{name:<28} {value:>12}");
    for (name, value) in [
        ("rx", counters.rx),
        ("tx", counters.tx),
        ("held", counters.held),
        ("reprocessed", counters.reprocessed),
        ("injected", counters.injected),
    ] {
        line(name.to_owned(), value)?;
    }
    for (reason, value) in DropReason::ALL.iter().zip(counters.drops) {
        line(format!("drop {reason}"), value)?;
    }
    for (reason, value) in PuntReason::ALL.iter().zip(counters.punts) {
        line(format!("punt {reason}"), value)?;
    }
    for (reason, value) in PuntReason::ALL.iter().zip(counters.punts_lost) {
        line(format!("punt_lost {reason}"), value)?;
    }
    out.flush()?;
    Ok(())
}
