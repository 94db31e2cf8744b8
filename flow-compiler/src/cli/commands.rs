//! What each command does.

use std::io;
use std::path::Path;

use firmware_api::TableId;
use flow_compiler::diagnostic::{self, Diagnostic};
use flow_compiler::diff::Change;
use flow_compiler::dump;
use flow_compiler::explain::{Explanation, Ingress, Packet};
use flow_compiler::ids::Ids;
use flow_compiler::ir::Ir;
use flow_compiler::lower::{Live, Lowered, lower};
use flow_compiler::names::Names;
use flow_compiler::source::Source;
use flow_compiler::tables::STATIC_TABLES;
use flow_compiler::{Compiled, Rejected, bmv2};
use serde_json::{Value, json};

use super::output::{print, print_json, print_with, say, write_file};
use super::progress::Shown;
use super::{DumpFormat, Failure, Format, SchemaFormat};

pub(super) fn check(config: &Path, format: Format) -> Result<(), Failure> {
    let source = load(config)?;
    let result = flow_compiler::compile(&source);
    let (diagnostics, ir) = match &result {
        Ok(Compiled { ir, warnings }) => (warnings, Some(ir)),
        Err(Rejected(diagnostics)) => (diagnostics, None),
    };
    match format {
        Format::Json => print_json(&json!({
            "file": source.name,
            "ok": ir.is_some(),
            "diagnostics": diagnostic::to_json(diagnostics),
        }))?,
        Format::Text => {
            print(&diagnostic::to_text(diagnostics, &source))?;
            print(&verdict(&source, diagnostics, ir))?;
        }
    }
    ir.map(|_| ()).ok_or(Failure::No)
}

fn verdict(source: &Source, diagnostics: &[Diagnostic], ir: Option<&Ir>) -> String {
    let name = &source.name;
    let findings = diagnostic::summary(diagnostics);
    match ir {
        None => format!("{name}: refused, {findings}\n"),
        Some(ir) if diagnostics.is_empty() => format!("{name}: ok, {}\n", contents(ir)),
        Some(ir) => format!("{name}: ok with {findings}, {}\n", contents(ir)),
    }
}

fn contents(ir: &Ir) -> String {
    let balancers = &ir.load_balancers;
    let rules: usize = balancers
        .iter()
        .map(|b| b.rules.len() + b.nat_rules.len() + b.outbound_rules.len())
        .sum();
    let count = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
    format!(
        "{}, {}, {}",
        count(balancers.len(), "load balancer"),
        count(rules, "rule"),
        count(ir.instances.len(), "instance")
    )
}

pub(super) fn compile(config: &Path, output: &Path) -> Result<(), Failure> {
    let Lowered { tables, names } = tables(config, &mut Ids::default())?;
    let entries = STATIC_TABLES
        .iter()
        .map(|table| tables.len(*table) as u64)
        .sum();
    let write = |out: &mut dyn io::Write| {
        dump::write_json(&tables, &names, None, &mut Shown::new(out, entries))
    };
    if output == Path::new("-") {
        return print_with(write);
    }
    write_file(output, write)
}

pub(super) fn dump(
    config: &Path,
    table: Option<TableId>,
    format: DumpFormat,
) -> Result<(), Failure> {
    let Lowered { tables, names } = tables(config, &mut Ids::default())?;
    match format {
        DumpFormat::Text => print(&dump::to_text(&tables, &names, table)),
        DumpFormat::Json => print_with(|mut out: &mut dyn io::Write| {
            dump::write_json(&tables, &names, table, &mut out)
        }),
        DumpFormat::Bmv2 => {
            let program = bmv2::Program::headgate();
            print_with(|mut out: &mut dyn io::Write| {
                bmv2::write(&tables, &program, table, &mut out)
            })
        }
    }
}

pub(super) fn diff(old: &Path, new: &Path, format: Format) -> Result<(), Failure> {
    let mut ids = Ids::default();
    let old = tables(old, &mut ids)?;
    let new = tables(new, &mut ids)?;
    let changes = flow_compiler::diff::diff(&old.tables, &new.tables);
    let (was, is) = (&old.names, &new.names);
    match format {
        Format::Text => {
            let line = |change: &Change| dump::change_text(change, was, is) + "\n";
            print(&changes.iter().map(line).collect::<String>())?;
        }
        Format::Json => {
            let list = changes
                .iter()
                .map(|change| dump::change_json(change, was, is));
            print_json(&Value::Array(list.collect()))?;
        }
    }
    if changes.is_empty() {
        Ok(())
    } else {
        Err(Failure::No)
    }
}

pub(super) fn explain(
    config: &Path,
    packet: &str,
    from: &str,
    format: Format,
) -> Result<(), Failure> {
    let packet = Packet::parse(packet).map_err(|error| {
        let pointer = format!("{}^", " ".repeat(error.position - 1));
        Failure::Input(format!("--packet: {error}\n  {packet}\n  {pointer}"))
    })?;
    let ir = ir(config)?;
    let Lowered { tables, names } = lowered(&ir, &mut Ids::default())?;
    let ingress = ingress(&names, from)?;
    let explanation: Explanation =
        flow_compiler::explain::explain(&tables, &names, &ir.settings, packet, ingress);
    match format {
        Format::Text => print(&explanation.to_text(&names)),
        Format::Json => print_json(&explanation.to_json(&names)),
    }
}

pub(super) fn schema(format: SchemaFormat) -> Result<(), Failure> {
    match format {
        SchemaFormat::Json => print_json(&flow_compiler::schema::schema()),
        SchemaFormat::Markdown => print(&flow_compiler::schema::page()),
    }
}

fn ingress(names: &Names, from: &str) -> Result<Ingress, Failure> {
    match names.port_of(from) {
        Some(firmware_api::UPLINK_PORT) => Ok(Ingress::Uplink),
        Some(port) => Ok(Ingress::Vport(port)),
        None => {
            let known: Vec<&str> = names.vports.values().map(|i| i.name.as_str()).collect();
            let known = known.join(", ");
            Err(Failure::Input(format!(
                "--from: there is no instance `{from}`; use uplink or one of: {known}"
            )))
        }
    }
}

pub(super) fn load(path: &Path) -> Result<Source, Failure> {
    Source::load(path).map_err(|e| Failure::Input(format!("cannot read {}: {e}", path.display())))
}

/// The tables of a configuration; its diagnostics are talk.
fn tables(path: &Path, ids: &mut Ids) -> Result<Lowered, Failure> {
    lowered(&ir(path)?, ids)
}

fn ir(path: &Path) -> Result<Ir, Failure> {
    let source = load(path)?;
    let compiled = flow_compiler::compile(&source).map_err(|Rejected(diagnostics)| {
        say(&diagnostic::to_text(&diagnostics, &source));
        say(&verdict(&source, &diagnostics, None));
        Failure::No
    })?;
    say(&diagnostic::to_text(&compiled.warnings, &source));
    Ok(compiled.ir)
}

fn lowered(ir: &Ir, ids: &mut Ids) -> Result<Lowered, Failure> {
    lower(ir, ids, Live::ALL_UP).map_err(|error| Failure::Input(error.to_string()))
}
