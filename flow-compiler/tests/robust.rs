//! `nothing_trusted`: no text makes the compiler panic, and a refusal always says why.

use flow_compiler::source::Source;
use flow_compiler::{Rejected, compile};
use proptest::prelude::*;

const QUICKSTART: &str = include_str!("../../examples/quickstart.yaml");

fn judge(text: &str) {
    if let Err(Rejected(diagnostics)) = compile(&Source::new("any", text)) {
        assert!(!diagnostics.is_empty());
        let text = flow_compiler::diagnostic::to_text(&diagnostics, &Source::new("any", text));
        assert!(text.contains("error[HG"), "{text}");
    }
}

/// Pieces that YAML and the configuration give a meaning.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<char>().prop_map(String::from),
        prop::sample::select(vec![
            "\n",
            "\n  ",
            ": ",
            "- ",
            "[",
            "]",
            "{",
            "}",
            ",",
            "&a ",
            "*a",
            "!!int ",
            "'",
            "\"",
            "|\n",
            ">-\n",
            "#",
            "---\n",
            "...\n",
            "? ",
            "<<: ",
            "\t",
            "\u{0}",
            "\u{feff}",
            "%YAML 1.2\n",
            "null",
            "~",
            "-1",
            "99999999999999999999",
            "0x10",
            "true",
            "::",
            "0.0.0.0",
            "fe80::1",
            "name: ",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn nothing_trusted_any_text(parts in prop::collection::vec(fragment(), 0..60)) {
        judge(&parts.concat());
    }

    #[test]
    fn nothing_trusted_any_damage_to_a_valid_configuration(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, fragment()), 1..4),
    ) {
        let mut characters: Vec<char> = QUICKSTART.chars().collect();
        for (at, length, part) in cuts {
            let at = at.index(characters.len());
            let end = (at + length).min(characters.len());
            characters.splice(at..end, part.chars());
        }
        judge(&characters.into_iter().collect::<String>());
    }

    #[test]
    fn nothing_trusted_any_packet(text in "(tcp|udp|icmp| |>|:|\\[|\\]|[0-9a-f.]{0,9}|flags|S|\\PC){0,12}") {
        let _ = flow_compiler::explain::Packet::parse(&text);
    }
}

#[test]
fn deep_nesting_and_repetition_are_refused() {
    judge(&"[".repeat(200_000));
    judge(&"{a: ".repeat(100_000));
    judge(&"- ".repeat(100_000));
    judge(&"? ".repeat(50_000));
    let line = |i: u32| format!("a{}: &a{} [*a{i}, *a{i}]", i + 1, i + 1);
    let laughs: Vec<String> = (0..40).map(line).collect();
    judge(&format!("a0: &a0 [x]\n{}", laughs.join("\n")));
    judge(&format!("headgate: 1\n{}", "x: 1\n".repeat(50_000)));
}
