//! Every row of `tests/rows` on every engine, and the oracle's word on those it can judge.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use firmware_api::{DropReason, PuntReason};
use headgate_tests::rows::{self, Fate, Row, State};
use headgate_tests::twin::{Bmv2Twin, Native};

fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("rows");
    let entries = std::fs::read_dir(&directory).expect("tests/rows");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|ext| ext == "row"))
        .collect();
    files.sort();
    files
}

fn rows() -> Vec<Row> {
    let read = |path: &PathBuf| rows::file(path).unwrap_or_else(|wrong| panic!("{wrong}"));
    files().iter().flat_map(read).collect()
}

fn judge(rows: &[Row], judge: impl FnMut(&Row) -> Result<(), String>) {
    let wrong: Vec<String> = rows.iter().map(judge).filter_map(Result::err).collect();
    let count = wrong.len();
    assert!(
        wrong.is_empty(),
        "{count} rows fail\n\n{}",
        wrong.join("\n")
    );
}

#[test]
fn rows_hold_on_the_native_pipeline() {
    let mut native = Native::default();
    judge(&rows(), |row| row.judge(&mut native));
}

#[test]
fn rows_hold_on_bmv2() {
    match Bmv2Twin::start() {
        Ok(mut bmv2) => judge(&rows(), |row| row.judge(&mut bmv2)),
        Err(why) => println!("skipped: {why}"),
    }
}

#[test]
fn rows_hold_before_the_oracle() {
    let mut judged = 0;
    judge(&rows(), |row| {
        judged += row.ask_the_oracle()?;
        Ok(())
    });
    assert!(judged > 100, "the oracle judges only {judged} packets");
}

/// A reason that no packet alone can bring about, and that of traces: every row's packets are
/// traced before they come in.
const BESIDE: [&str; 2] = ["driver_refused", "trace"];

#[test]
fn every_outcome_has_a_row() {
    let rows = rows();
    let steps = || rows.iter().flat_map(|row| &row.steps);
    let mut seen: BTreeSet<String> = BESIDE.map(str::to_owned).into();
    for step in steps() {
        seen.extend(step.copies.iter().map(|told| told.reason.to_string()));
        match &step.fate {
            Fate::Dropped(reason) => drop(seen.insert(reason.to_string())),
            Fate::Held(told) => drop(seen.insert(told.reason.to_string())),
            Fate::Leaves(..) | Fate::LeavesAs(..) => {}
        }
    }
    let drops = DropReason::ALL.iter().map(ToString::to_string);
    let punts = PuntReason::ALL.iter().map(ToString::to_string);
    let missing: Vec<String> = drops
        .chain(punts)
        .filter(|name| !seen.contains(name))
        .collect();
    assert!(missing.is_empty(), "no row has {missing:?}");
}

#[test]
fn rows_are_read_back_as_they_are_written() {
    for row in rows() {
        let text = row.to_string();
        let again = rows::rows(&text, "again", |name| Err(format!("no {name}")))
            .unwrap_or_else(|wrong| panic!("{wrong}\n{text}"));
        assert_eq!(again.len(), 1, "{text}");
        assert_eq!(again[0].to_string(), text);
        let state = |row: &Row| -> State { row.prepare().expect("a sound row").state };
        assert_eq!(state(&again[0]), state(&row), "{text}");
    }
}
