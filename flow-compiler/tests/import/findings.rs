//! Every finding of the importer, from the smallest file that deserves it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use flow_compiler::diagnostic::{Code, to_text_in};
use flow_compiler::import::Imported;

use crate::cases::all;

fn found(imported: &Imported) -> Vec<&'static str> {
    let numbers = imported.diagnostics.iter().map(|d| d.code.number());
    // Every import with instances numbers them.
    numbers.filter(|number| *number != "HG0807").collect()
}

#[test]
fn every_case_deserves_its_codes() {
    let mut wrong = String::new();
    for ((codes, text), source, imported) in all() {
        let mut found = found(&imported);
        if codes == ["HG0842"] {
            found.retain(|number| *number != "HG0802");
        }
        if found != codes {
            let told = to_text_in(&imported.diagnostics, std::slice::from_ref(&source));
            let _ = writeln!(wrong, "wanted {codes:?}, found {found:?}\n{text}\n{told}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_code_has_a_case() {
    let covered: BTreeSet<&str> = all()
        .iter()
        .flat_map(|(_, _, imported)| found(imported))
        .collect();
    let own = Code::ALL
        .iter()
        .map(|code| code.number())
        .filter(|n| n.starts_with("HG08"));
    let missing: Vec<&str> = own
        .filter(|n| *n != "HG0807" && !covered.contains(n))
        .collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}

#[test]
fn what_people_read() {
    let texts = all()
        .into_iter()
        .filter(|(case, ..)| case.0 != ["HG0842"])
        .map(|(_, source, imported)| {
            to_text_in(&imported.diagnostics, std::slice::from_ref(&source))
        });
    insta::assert_snapshot!(
        texts
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    );
}
