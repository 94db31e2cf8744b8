//! Every diagnostic, from the smallest configuration that deserves it.

mod cases;

use std::collections::BTreeSet;

use cases::{cases, diagnose, rules};
use flow_compiler::diagnostic::{Code, Diagnostic, to_text};
use flow_compiler::source::Source;

fn numbers(diagnostics: &[Diagnostic]) -> Vec<&'static str> {
    diagnostics.iter().map(|d| d.code.number()).collect()
}

#[test]
fn every_case_deserves_its_codes() {
    for (codes, text) in cases() {
        let found = diagnose(&text);
        let head: String = text.chars().take(2500).collect();
        assert_eq!(
            numbers(&found),
            codes,
            "{head}\n{}",
            to_text(&found, &Source::new("case.yaml", &text))
        );
    }
}

#[test]
fn every_code_has_a_case() {
    let covered: BTreeSet<&str> = cases()
        .iter()
        .flat_map(|(codes, _)| codes.iter().copied())
        .collect();
    let missing: Vec<_> = Code::ALL
        .iter()
        .map(|c| c.number())
        .filter(|n| !n.starts_with("HG08")) // the importer's: see tests/import.rs
        .filter(|n| !covered.contains(n))
        .collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}

#[test]
fn what_people_read() {
    let small = cases().into_iter().filter(|(_, text)| text.len() < 2500);
    let texts = small.map(|(_, text)| to_text(&diagnose(&text), &Source::new("case.yaml", &text)));
    insta::assert_snapshot!(texts.collect::<Vec<_>>().join("\n"));
}

#[test]
fn arm_codes_are_told_to_programs() {
    let text = rules(&[
        "name: http, protocol: Tcp, frontend: v4, frontendPort: 80, backendPool: web, backendPort: 8080",
        "name: x, protocol: Tcp, frontend: v4b, frontendPort: 80, backendPool: web, backendPort: 8080",
    ]);
    insta::assert_json_snapshot!(flow_compiler::diagnostic::to_json(&diagnose(&text)));
}
