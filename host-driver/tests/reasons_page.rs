//! The page of reasons has every reason once, in order, and no other.

use firmware_api::{DropReason, PuntReason};
use host_driver::miss::Refusal;

const PAGE: &str = include_str!("../REASONS.md");

/// The names of the rows under a heading; every cell says something.
fn rows(heading: &str) -> Vec<&'static str> {
    let (_, rest) = PAGE
        .split_once(&format!("\n## {heading}\n"))
        .expect("the heading");
    let section = rest.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(
            cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()),
            "{row}"
        );
        cells[0].trim_matches('`')
    })
    .collect()
}

#[test]
fn every_reason_is_on_the_page_once() {
    let drops: Vec<_> = DropReason::ALL.iter().map(|r| r.name()).collect();
    let punts: Vec<_> = PuntReason::ALL.iter().map(|r| r.name()).collect();
    let refusals: Vec<_> = Refusal::ALL.iter().map(|r| r.name()).collect();
    assert_eq!(rows("Drops"), drops);
    assert_eq!(rows("Punts"), punts);
    assert_eq!(rows("Refusals"), refusals);
}
