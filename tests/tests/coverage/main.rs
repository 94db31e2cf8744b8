//! `tests/coverage.txt` is complete and true: every behaviour of the specification has a test that
//! names it, or a reason that its class allows.
//!
//! A behaviour is an ID, its classes, and below it, indented, a line for each proof or reason:
//! `path: test function`, `path.row: name of a row`, or `reason: kind`.

mod ids;
mod ledger;
mod proof;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use ledger::{Line, Row};

/// The behaviours of each part, in their order: prefix, and how many there are.
const PARTS: [(&str, usize); 33] = [
    ("GEN", 9),
    ("DIST", 7),
    ("FWD", 9),
    ("NATR", 5),
    ("PROT", 3),
    ("RCFG", 3),
    ("PRB", 10),
    ("CSD", 17),
    ("ILB", 6),
    ("OUT", 13),
    ("SNAT", 27),
    ("IDLE", 10),
    ("RST", 7),
    ("SKU", 13),
    ("OPS", 4),
    ("L-DIST", 11),
    ("L-FIP", 13),
    ("L-HA", 13),
    ("L-PRB", 28),
    ("L-ADM", 8),
    ("L-IDLE", 8),
    ("L-OUT", 30),
    ("L-NAT", 8),
    ("L-ICMP", 4),
    ("L-BEP", 6),
    ("L-SKU", 2),
    ("L-IP6", 2),
    ("L-FRAG", 1),
    ("L-XREG", 5),
    ("L-GW", 5),
    ("L-MON", 9),
    ("L-LIM", 6),
    ("A", 41),
];

/// Why a behaviour of class X alone has no test.
const NOT_OURS: [&str; 3] = ["guest", "operator advice", "service level"];

/// Products that are not this one, and the behaviours that are theirs.
const OTHER_PRODUCTS: [(&str, &[&str]); 3] = [
    (
        "global load balancer",
        &[
            "L-XREG-01",
            "L-XREG-02",
            "L-XREG-03",
            "L-XREG-04",
            "L-XREG-05",
            "A-20",
        ],
    ),
    (
        "gateway load balancer",
        &[
            "L-GW-01", "L-GW-02", "L-GW-03", "L-GW-04", "L-GW-05", "L-LIM-02",
        ],
    ),
    ("availability zones", &["SKU-13"]),
];

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("a workspace").to_path_buf()
}

fn rows() -> Vec<Row> {
    let path = root().join("tests/coverage.txt");
    let text = std::fs::read_to_string(&path).expect("tests/coverage.txt");
    ledger::parse(&text).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn expected() -> Vec<String> {
    PARTS
        .iter()
        .flat_map(|(prefix, count)| (1..=*count).map(move |n| format!("{prefix}-{n:02}")))
        .chain(["A-06b".to_owned()]) // numbered beside the others
        .collect()
}

fn fail_on(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_behaviour_is_listed_once() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let rows = rows();
    for row in &rows {
        *seen.entry(&row.id).or_default() += 1;
    }
    let expected = expected();
    let mut wrong: Vec<String> = expected
        .iter()
        .filter(|id| !seen.contains_key(id.as_str()))
        .map(|id| format!("{id} is missing"))
        .collect();
    for (id, count) in seen {
        if count > 1 {
            wrong.push(format!("{id} is listed {count} times"));
        }
        if !expected.iter().any(|known| known == id) {
            wrong.push(format!("{id} is no behaviour of the specification"));
        }
    }
    fail_on(&wrong);
}

#[test]
fn every_proof_exists_and_names_its_behaviour() {
    let mut files = proof::Files::new(root());
    let mut wrong = Vec::new();
    for row in &rows() {
        for line in &row.lines {
            if let Line::Proof { path, name } = line
                && let Err(why) = files.check(&row.id, path, name)
            {
                wrong.push(format!("{}: {why}", row.id));
            }
        }
    }
    fail_on(&wrong);
}

#[test]
fn every_behaviour_has_a_proof_or_a_reason_that_its_class_allows() {
    let wrong: Vec<String> = rows().iter().filter_map(unproved).collect();
    fail_on(&wrong);
}

/// What is wrong with a row's proofs and reasons.
fn unproved(row: &Row) -> Option<String> {
    let is = |wanted: fn(&Line) -> bool| row.lines.iter().any(wanted);
    let is_proved = is(|line| matches!(line, Line::Proof { .. }));
    for line in &row.lines {
        if let Line::Reason(reason) = line
            && let Err(why) = allowed(row, reason)
        {
            return Some(format!("{}: {why}", row.id));
        }
    }
    let has_reason = is(|line| matches!(line, Line::Reason(_)));
    if !(is_proved || has_reason) {
        return Some(format!("{} has neither proof nor reason", row.id));
    }
    if has_reason && is_proved {
        return Some(format!("{} has a proof and needs no reason", row.id));
    }
    None
}

fn allowed(row: &Row, reason: &str) -> Result<(), String> {
    if NOT_OURS.contains(&reason) {
        return if row.classes == ["X"] {
            Ok(())
        } else {
            Err(format!("`{reason}` is for class X alone"))
        };
    }
    let product = OTHER_PRODUCTS.iter().find(|(name, _)| *name == reason);
    match product {
        Some((_, ids)) if ids.contains(&row.id.as_str()) => Ok(()),
        Some(_) => Err(format!("it does not belong to the {reason}")),
        None => Err(format!("`{reason}` is no reason")),
    }
}

/// Writes past the capture of tests how many behaviours are proved, and why the others are not.
#[test]
fn what_is_proved_is_counted() {
    let rows = rows();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        let mut kinds: Vec<&str> = row.lines.iter().map(Line::kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            *counts.entry(kind).or_default() += 1;
        }
    }
    let text = format!("{} behaviours: {counts:?}\n", rows.len());
    std::io::stderr()
        .write_all(text.as_bytes())
        .expect("a standard error");
}

#[test]
fn a_proof_or_reason_that_does_not_hold_is_found() {
    for (text, is_fine) in [
        ("OPS-01 X\n    reason: guest", true),
        ("GEN-01 D\n    reason: guest", false),
        ("DIST-04 D,C\n    reason: operator advice", false),
        ("OPS-01 X\n    reason: no time", false),
        ("L-GW-01 D\n    reason: gateway load balancer", true),
        ("GEN-01 D\n    reason: gateway load balancer", false),
        ("GEN-01 D", false),
        ("A-04 A\n    reason: operator advice", false),
    ] {
        let rows = ledger::parse(text).expect("a ledger");
        assert_eq!(unproved(&rows[0]).is_none(), is_fine, "{text}");
    }
    let mut files = proof::Files::new(root());
    let own = "tests/tests/coverage/main.rs";
    for (id, path, name) in [
        ("GEN-01", "tests/tests/nowhere.rs", "f"),
        ("GEN-01", own, "no_such_function"),
        ("GEN-01", own, "unproved"),
        ("GEN-02", own, "every_behaviour_is_listed_once"),
        ("GEN-01", "tests/rows/uplink.row", "no such row"),
        (
            "GEN-02",
            "tests/rows/uplink.row",
            "a datagram to a frontend",
        ),
    ] {
        assert!(files.check(id, path, name).is_err(), "{path}: {name}");
    }
}
