//! No file makes the importer panic, and a refusal always says why.

use std::fmt::Write as _;

use flow_compiler::compile;
use flow_compiler::diagnostic::to_text_in;
use flow_compiler::import::{Imported, Options, arm, csdef};
use flow_compiler::source::Source;
use proptest::prelude::*;

use super::samples::sample;

fn judge(sources: &[Source], imported: &Imported) {
    let text = to_text_in(&imported.diagnostics, sources);
    let Some(yaml) = &imported.yaml else {
        assert!(text.contains("error[HG"), "{text}");
        return;
    };
    let checked = compile(&Source::new("imported.yaml", yaml));
    match checked {
        Ok(_) => {}
        Err(rejected) => {
            assert!(!imported.is_complete(), "{:#?}\n{yaml}", rejected.0);
            // What is written is YAML, however wrong.
            let wrong = [
                "HG0001", "HG0002", "HG0003", "HG0004", "HG0005", "HG0006", "HG0007",
            ];
            let found = |n: &str| rejected.0.iter().any(|d| d.code.number() == n);
            assert!(!wrong.iter().any(|n| found(n)), "{:#?}\n{yaml}", rejected.0);
        }
    }
}

fn judge_arm(text: &str) {
    let sources = [Source::new("any.json", text)];
    judge(&sources, &arm(&sources, 0, &Options::default()));
}

fn judge_csdef(text: &str) {
    let sources = [Source::new("any.csdef", text)];
    judge(&sources, &csdef(&sources, &Options::default()));
}

/// Pieces that JSON, XML and templates give a meaning.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<char>().prop_map(String::from),
        "[0-9]{1,12}",
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            "null",
            "true",
            "-1",
            "0",
            "65536",
            "\"\"",
            "[]",
            "{}",
            "\"[parameters('x')]\"",
            "\"[variables('lbName')]\"",
            "\"[concat('a', 1)]\"",
            "\"[[x]\"",
            "\"[reference('x')]\"",
            "\"id\": ",
            "\"name\": ",
            "\"properties\": ",
            "/providers/",
            "/ipConfigurations/",
            "<",
            ">",
            "/>",
            "&lt;",
            "<!--",
            "<![CDATA[",
            "<InputEndpoint ",
            " port=\"0\"",
            "\u{0}",
            "\u{feff}",
            "\n",
        ])
        .prop_map(str::to_owned),
    ]
}

fn cuts() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, String)>> {
    prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, fragment()), 1..4)
}

fn damaged(text: &str, cuts: Vec<(prop::sample::Index, usize, String)>) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for (at, length, part) in cuts {
        let at = at.index(characters.len());
        let end = (at + length).min(characters.len());
        characters.splice(at..end, part.chars());
    }
    characters.into_iter().collect()
}

/// Replaces whole values, so that the text stays JSON.
fn replaced(text: &str, at: prop::sample::Index, value: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let at = at.index(lines.len());
    let mut out = String::new();
    for (index, line) in lines.iter().enumerate() {
        match line.split_once("\": ") {
            Some((name, rest)) if index == at && !rest.ends_with(['{', '[']) => {
                let comma = if rest.ends_with(',') { "," } else { "" };
                let _ = writeln!(out, "{name}\": {value}{comma}");
            }
            _ => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_text(parts in prop::collection::vec(fragment(), 0..60)) {
        judge_arm(&parts.concat());
        judge_csdef(&parts.concat());
    }

    #[test]
    fn any_damage(cuts in cuts(), which in 0usize..6) {
        let samples = [
            ("../examples/import", "load-balancer.json"),
            ("../examples/import", "nics.json"),
            ("tests/import/files", "template.json"),
            ("tests/import/files", "list.json"),
            ("tests/import/files", "scale-set.json"),
            ("../examples/import", "service.csdef"),
        ];
        let (folder, name) = samples[which];
        let text = damaged(&sample(folder, name).text, cuts);
        if name == "service.csdef" { judge_csdef(&text) } else { judge_arm(&text) }
    }

    #[test]
    fn any_value(
        at in any::<prop::sample::Index>(),
        which in 0usize..4,
        value in prop::sample::select(vec![
            "null", "true", "-1", "0", "8", "65535", "4294967296", "1e3", "\"\"", "\"x\"", "[]", "[[]]", "{}", "[1]",
            "\"/\"", "\"[parameters('prefix')]\"", "\"[reference('x')]\"", "\"[\u{2028}]\"", "\"\\u0000\"",
            "\"203.0.113.0/24\"", "\"::1\"", "\"All\"", "{\"id\": 3}", "[{\"id\": \"a/b\"}]",
        ]),
    ) {
        let samples = [
            ("../examples/import", "load-balancer.json"),
            ("tests/import/files", "template.json"),
            ("tests/import/files", "list.json"),
            ("tests/import/files", "scale-set.json"),
        ];
        let (folder, name) = samples[which];
        judge_arm(&replaced(&sample(folder, name).text, at, value));
    }
}

#[test]
fn depth_and_repetition_are_bounded() {
    judge_arm(&"[".repeat(200_000));
    judge_arm(&"{\"a\":".repeat(100_000));
    judge_arm(&format!("{}{}", "[".repeat(90), "]".repeat(90)));
    judge_csdef(&"<a>".repeat(100_000));
    judge_csdef(&format!("{}{}", "<a>".repeat(5_000), "</a>".repeat(5_000)));
    let template = |variables: &str| {
        format!(
            r#"{{"variables": {{{variables}}}, "resources": [{{"type": "Microsoft.Network/loadBalancers",
            "name": "[variables('v0')]", "properties": {{}}}}]}}"#
        )
    };
    let chain = |end: usize, value: &dyn Fn(usize) -> String| {
        let variables: Vec<String> = (0..end)
            .map(|i| format!("\"v{i}\": {}", value(i)))
            .collect();
        template(&format!("{}, \"v{end}\": \"x\"", variables.join(", ")))
    };
    judge_arm(&chain(60, &|i| {
        format!("\"[concat(variables('v{0}'), variables('v{0}'))]\"", i + 1)
    }));
    judge_arm(&chain(5_000, &|i| format!("\"[variables('v{}')]\"", i + 1)));
    let deep = |i| {
        format!(
            "{}\"[variables('v{}')]\"{}",
            "[".repeat(60),
            i + 1,
            "]".repeat(60)
        )
    };
    judge_arm(&chain(60, &deep));
    let twice = |i| format!("[\"[variables('v{0}')]\", \"[variables('v{0}')]\"]", i + 1);
    judge_arm(&chain(60, &twice));
    judge_arm(&template(&format!(
        "\"v0\": \"[{}'x'{}]\"",
        "concat(".repeat(5_000),
        ")".repeat(5_000)
    )));
}
