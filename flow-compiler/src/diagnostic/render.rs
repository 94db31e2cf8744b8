//! Diagnostics as people and programs read them.

use std::fmt::Write as _;

use super::{Diagnostic, Severity, Span};
use crate::source::Source;

/// How many characters of a line are shown at most.
const WINDOW: usize = 100;

/// Every diagnostic with its source line, a caret and the hint.
pub fn to_text(diagnostics: &[Diagnostic], source: &Source) -> String {
    to_text_in(diagnostics, std::slice::from_ref(source))
}

/// As [`to_text`], of several files in the order they were given.
pub fn to_text_in(diagnostics: &[Diagnostic], sources: &[Source]) -> String {
    let files: Vec<Vec<&str>> = sources.iter().map(|s| s.text.lines().collect()).collect();
    let mut out = String::new();
    for diagnostic in diagnostics {
        let span = diagnostic.location.span;
        let file = files.get(span.file as usize);
        let line = file.and_then(|lines| lines.get((span.line as usize).saturating_sub(1)));
        write_one(&mut out, diagnostic, line.copied().unwrap_or_default());
    }
    out
}

/// Every diagnostic as one JSON array.
pub fn to_json(diagnostics: &[Diagnostic]) -> serde_json::Value {
    serde_json::json!(diagnostics)
}

/// How many there are, such as `2 errors, 1 warning`.
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let errors = count(diagnostics, Severity::Error);
    let warnings = count(diagnostics, Severity::Warning);
    let plural = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
    match (errors, warnings) {
        (_, 0) => plural(errors, "error"),
        (0, _) => plural(warnings, "warning"),
        _ => format!(
            "{}, {}",
            plural(errors, "error"),
            plural(warnings, "warning")
        ),
    }
}

fn count(diagnostics: &[Diagnostic], severity: Severity) -> usize {
    diagnostics
        .iter()
        .filter(|d| d.severity() == severity)
        .count()
}

fn write_one(out: &mut String, diagnostic: &Diagnostic, line: &str) {
    let Diagnostic {
        code,
        location,
        message,
        hint,
    } = diagnostic;
    let severity = code.severity().name();
    let _ = writeln!(out, "{location}: {severity}[{code}]: {message}");
    write_excerpt(out, line, location.span);
    if let Some(hint) = hint {
        let _ = writeln!(out, "  hint: {hint}");
    }
    if let Some(arm) = code.arm() {
        let _ = writeln!(out, "  ARM: {arm}");
    }
}

/// The line, cut around the span when it is long, and carets under the span.
fn write_excerpt(out: &mut String, line: &str, span: Span) {
    if line.trim().is_empty() {
        return;
    }
    let column = (span.column as usize).saturating_sub(1);
    let end = column + (span.length as usize).min(WINDOW / 2);
    let start = if end <= WINDOW {
        0
    } else {
        column - WINDOW / 2
    };
    let shown: String = line
        .chars()
        .skip(start)
        .take(WINDOW)
        .map(printable)
        .collect();
    let width = shown.chars().count();
    let before = column.saturating_sub(start).min(width);
    let carets = (span.length as usize).clamp(1, (width - before).max(1));
    let number = span.line;
    let _ = writeln!(out, "{number:>5} | {}", shown.trim_end());
    let _ = writeln!(out, "      | {}{}", " ".repeat(before), "^".repeat(carets));
}

/// Keeps terminals safe from what a file contains, one character for one.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}
