//! What users get from whole files.

use std::path::Path;

use flow_compiler::compile;
use flow_compiler::diagnostic::Diagnostic;
use flow_compiler::import::{Imported, Options, arm, csdef};
use flow_compiler::source::Source;

const EXAMPLES: &str = "../examples/import";
const TESTS: &str = "tests/import/files";

pub(super) fn sample(folder: &str, name: &str) -> Source {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join(name);
    Source::new(name, std::fs::read_to_string(path).expect("a sample"))
}

fn addresses(pairs: &[(&str, &str)]) -> Options {
    let pairs = pairs
        .iter()
        .map(|(name, address)| ((*name).to_owned(), (*address).to_owned()));
    Options {
        addresses: pairs.collect(),
        ..Options::default()
    }
}

/// The YAML of a complete import; it passes the check that every configuration passes.
fn complete(imported: &Imported) -> String {
    let yaml = imported.yaml.clone().expect("something was found");
    assert!(imported.is_complete(), "{yaml}");
    assert!(imported.unused.is_empty(), "{:?}", imported.unused);
    if let Err(rejected) = compile(&Source::new("imported.yaml", &yaml)) {
        panic!("{:#?}\n{yaml}", rejected.0);
    }
    yaml
}

#[test]
fn az_lb_show() {
    let names = ["load-balancer.json", "nics.json", "public-ips.json"];
    let sources = names.map(|name| sample(EXAMPLES, name));
    insta::assert_snapshot!(complete(&arm(&sources, 0, &Options::default())));
}

#[test]
fn az_lb_list_internal_dual_stack_and_members_by_address() {
    let sources = [sample(TESTS, "list.json"), sample(TESTS, "nva-nic.json")];
    insta::assert_snapshot!(complete(&arm(&sources, 0, &Options::default())));
}

#[test]
fn addresses_of_the_command_line_are_enough() {
    let sources = [sample(EXAMPLES, "load-balancer.json")];
    let options = addresses(&[
        ("shop-ip", "203.0.113.10"),
        ("out", "203.0.113.32/31"),
        ("web-1", "10.0.0.4"),
        ("web-2", "10.0.0.5"),
    ]);
    let yaml = complete(&arm(&sources, 0, &options));
    assert!(
        yaml.contains("{ name: out-1, address: 203.0.113.33 }"),
        "{yaml}"
    );
}

#[test]
fn a_template_of_loops_conditions_and_a_nested_template() {
    let sources = [sample(TESTS, "loops.json")];
    let options = addresses(&[("shop", "203.0.113.5")]);
    insta::assert_snapshot!(complete(&arm(&sources, 0, &options)));
}

#[test]
fn a_template_with_parameters() {
    let sources = [
        sample(TESTS, "template.json"),
        sample(TESTS, "parameters.json"),
    ];
    let options = addresses(&[("demo-ip", "203.0.113.5")]);
    let yaml = complete(&arm(&sources, 1, &options));
    insta::assert_snapshot!(yaml);
    // A parameter file is recognized without being named as one.
    assert_eq!(complete(&arm(&sources, 0, &options)), yaml);
}

#[test]
fn a_template_without_its_parameters() {
    let imported = arm(&[sample(TESTS, "template.json")], 0, &Options::default());
    assert!(!imported.is_complete());
    insta::assert_snapshot!(imported.yaml.expect("what was found"));
}

#[test]
fn a_scale_set() {
    let sources = [sample(TESTS, "scale-set.json")];
    let options = addresses(&[
        ("fleet_0", "10.2.0.4"),
        ("fleet_1", "10.2.0.5, fd00:2::5"),
        ("fleet_2", "10.2.0.6"),
    ]);
    insta::assert_snapshot!(complete(&arm(&sources, 0, &options)));
    let imported = arm(&sources, 0, &Options::default());
    let numbers: Vec<&str> = imported
        .diagnostics
        .iter()
        .map(|d| d.code.number())
        .collect();
    assert_eq!(
        numbers.iter().filter(|n| **n == "HG0806").count(),
        3,
        "{numbers:?}"
    );
    assert!(!numbers.contains(&"HG0506"), "{numbers:?}");
}

#[test]
fn a_service_definition() {
    let mut options = addresses(&[
        ("vip", "203.0.113.40"),
        ("Front_IN_0", "10.0.0.4"),
        ("Front_IN_1", "10.0.0.5"),
        ("Media_IN_0", "10.0.0.6"),
    ]);
    options.instances = [("Front".to_owned(), 2), ("Media".to_owned(), 1)].into();
    insta::assert_snapshot!(complete(&csdef(
        &[sample(EXAMPLES, "service.csdef")],
        &options
    )));
}

#[test]
fn parameters_that_no_template_has_are_told() {
    let options = Options {
        parameters: [("backendPrt".to_owned(), "80".to_owned())].into(),
        ..Options::default()
    };
    let imported = arm(&[sample(TESTS, "template.json")], 0, &options);
    let told = |d: &&Diagnostic| d.message == "no template has a parameter `backendprt`";
    let found = imported.diagnostics.iter().find(told).expect("it is told");
    assert_eq!(found.hint.as_deref(), Some("did you mean `backendport`?"));
    assert_eq!(found.location.file, "command line");
}

#[test]
fn addresses_that_nothing_asks_for_are_told() {
    let sources = [sample(TESTS, "list.json"), sample(TESTS, "nva-nic.json")];
    let imported = arm(&sources, 0, &addresses(&[("nva-2", "10.1.0.12")]));
    assert_eq!(imported.unused, ["nva-2"]);
}
