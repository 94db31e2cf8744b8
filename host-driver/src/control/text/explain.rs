//! `explain` and `apply`.

use std::fmt::Write;

use super::{Facts, nouns};
use crate::control::view::{Applied, Explanation};

/// Stages, verdict, and what only the running driver knows.
pub fn explanation(explanation: &Explanation) -> String {
    let mut out = String::new();
    for stage in &explanation.stages {
        let _ = writeln!(out, "{stage}");
    }
    let mut facts = Facts::default().with("verdict", &explanation.verdict);
    for (i, line) in explanation.live.iter().enumerate() {
        facts = facts.with(if i == 0 { "running" } else { "" }, line);
    }
    let gap = if out.is_empty() { "" } else { "\n" };
    let _ = write!(out, "{gap}{facts}");
    out
}

/// What became of a configuration.
pub fn applied(name: &str, applied: &Applied) -> String {
    let mut out = String::new();
    for diagnostic in &applied.diagnostics {
        let _ = writeln!(out, "{}", diagnostic.trim_end());
    }
    let _ = if applied.accepted {
        let changes = nouns(applied.changes as u64, "table entry");
        let ended = nouns(applied.flows_ended as u64, "flow");
        writeln!(out, "{name}: in force; {changes} written, {ended} ended")
    } else {
        writeln!(
            out,
            "{name}: refused; the configuration before it stays in force"
        )
    };
    out
}
