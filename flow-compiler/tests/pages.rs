//! The pages are what the code says. `BLESS=1 cargo test -p flow-compiler --test pages` writes them.

#[path = "diagnostics/cases.rs"]
mod cases;
#[path = "import/cases.rs"]
mod import_cases;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use flow_compiler::diagnostic::{Code, Diagnostic, to_text};
use flow_compiler::source::Source;

/// Compares a page of this crate with what it has to be, or writes it.
fn check_page(name: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, wanted).expect("a writable folder");
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "{name} is out of date: run the test with BLESS=1"
    );
}

#[test]
fn the_configuration_page_is_current() {
    check_page("CONFIGURATION.md", &flow_compiler::schema::page());
}

#[test]
fn the_diagnostics_page_is_current() {
    check_page("DIAGNOSTICS.md", &diagnostics_page());
}

/// A file that deserves a code, and everything that is said about it.
struct Example {
    source: Source,
    told: Vec<Diagnostic>,
}

impl Example {
    /// Configurations before imports, few findings before many, short texts before long ones.
    fn cost(&self) -> (bool, usize, usize) {
        let is_import = self.source.name != "case.yaml";
        (is_import, self.told.len(), self.source.text.len())
    }

    fn has(&self, code: Code) -> bool {
        self.told.iter().any(|d| d.code == code)
    }

    /// What is said about it under a code, once.
    fn message(&self, code: Code) -> String {
        let of_code = self.told.iter().find(|d| d.code == code);
        to_text(of_code.cloned().as_slice(), &self.source)
    }
}

/// Every case of the tests, configurations first.
fn examples() -> Vec<Example> {
    let configurations = cases::cases().into_iter().map(|(_, text)| Example {
        told: cases::diagnose(&text),
        source: Source::new("case.yaml", text),
    });
    let imported = import_cases::all()
        .into_iter()
        .map(|(_, source, imported)| Example {
            told: imported.diagnostics,
            source,
        });
    configurations.chain(imported).collect()
}

/// The groups of codes by their first digits.
const GROUPS: [(&str, &str); 9] = [
    ("HG00", "The text"),
    ("HG01", "Fields and values"),
    ("HG02", "Names"),
    ("HG03", "Instances and the uplink"),
    ("HG04", "Load balancers, pools and limits"),
    ("HG05", "Load-balancing and inbound NAT rules"),
    ("HG06", "Probes"),
    ("HG07", "Outbound rules and SNAT ports"),
    ("HG08", "Import"),
];

fn diagnostics_page() -> String {
    let examples = examples();
    let mut out = HEAD.to_owned();
    let _ = writeln!(
        out,
        "\nMost examples hang on these lines; line numbers count them:\n"
    );
    let base = format!("{}{}", cases::BASE, cases::PUBLIC);
    let _ = writeln!(out, "```yaml\n{}```", fenced(&base));
    let mut group = "";
    for code in Code::ALL {
        let (prefix, title) = group_of(*code);
        if prefix != group {
            group = prefix;
            let _ = writeln!(out, "\n## {title}");
        }
        write_code(&mut out, *code, &examples);
    }
    out
}

const HEAD: &str = "\
# Diagnostics

What `flow-compiler check`, `flow-compiler import` and `host-driver` say about a configuration, each with the smallest file of our tests
that deserves it. An error refuses the configuration, a warning does not. A code never changes its meaning. Where the public
ARM interface refuses the same mistake, its error code is named. IDs such as `L-OUT-10` name rules of Azure's behaviour.
The tests print this page: `BLESS=1 cargo test -p flow-compiler --test pages`.
";

fn group_of(code: Code) -> (&'static str, &'static str) {
    let found = GROUPS
        .iter()
        .find(|(prefix, _)| code.number().starts_with(prefix));
    *found.expect("every code belongs to a group")
}

fn write_code(out: &mut String, code: Code, examples: &[Example]) {
    let severity = code.severity().name();
    let _ = writeln!(out, "\n### {code} ({severity})\n\n{}", code.meaning());
    if let Some(arm) = code.arm() {
        let _ = writeln!(out, "ARM: `{arm}`.");
    }
    let example = examples.iter().filter(|e| e.has(code));
    let example = example.min_by_key(|e| e.cost());
    let example = example.unwrap_or_else(|| panic!("{code} has no example"));
    let kind = example.source.name.rsplit('.').next().unwrap_or_default();
    let kind = if kind == "csdef" { "xml" } else { kind };
    let _ = writeln!(out, "\n```{kind}\n{}```", shown(&example.source.text));
    let _ = writeln!(out, "\n```text\n{}```", fenced(&example.message(code)));
}

/// The text without the lines that most examples begin with; long ones are cut.
fn shown(text: &str) -> String {
    let web = text.strip_prefix(cases::BASE).map_or_else(
        || text.to_owned(),
        |rest| {
            let rest = rest.strip_prefix(cases::PUBLIC).map_or_else(
                || rest.to_owned(),
                |rules| format!("# … load balancer web, as above\n{rules}"),
            );
            format!("# … instances a and b, as above\n{rest}")
        },
    );
    fenced(&web.replace(
        "instances a and b, as above\n# … load balancer web, as above",
        "as above",
    ))
}

/// Lines and characters of an example, at most.
const LINES: usize = 24;
const WIDTH: usize = 320;

fn fenced(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines().take(LINES) {
        let visible = line.replace(|c: char| c.is_control(), "\u{fffd}");
        let cut: String = visible.chars().take(WIDTH).collect();
        let more = if cut.len() < visible.len() {
            " …"
        } else {
            ""
        };
        let _ = writeln!(out, "{}{more}", cut.replace("```", "` ` `"));
    }
    let lines = text.lines().count();
    if lines > LINES {
        let _ = writeln!(out, "… {} more lines", lines - LINES);
    }
    if out.is_empty() {
        out.push('\n');
    }
    out
}

#[test]
fn groups_are_those_of_the_codes() {
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for code in Code::ALL {
        *found.entry(group_of(*code).0).or_default() += 1;
        assert!(code.meaning().ends_with('.'), "{code}: {}", code.meaning());
    }
    assert_eq!(found.len(), GROUPS.len());
}
