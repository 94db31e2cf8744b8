//! What `flow-compiler dump --format bmv2` prints makes a bare BMv2 forward as a card without a
//! driver does: given over the runtime interface, and to BMv2's own command line where it is
//! installed.

use std::path::Path;

use flow_compiler::bmv2::{self, Program};
use headgate_tests::rows::{self, Configuration, State, When};
use headgate_tests::switch::{COMMAND_LINE, SWITCH, Switch};
use headgate_tests::twin::{Native, Twin, is_on_path};
use hw_sim::pipeline::{Conditions, Outcome};

/// Where rows and their configuration are.
fn directory() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rows")
}

fn configuration() -> String {
    std::fs::read_to_string(directory().join("web.yaml")).expect("tests/rows/web.yaml")
}

/// The dump of a configuration, and its tables.
fn dump(text: &str) -> (String, State) {
    let lowered = rows::lowered(&rows::compiled(text).expect("a sound configuration"));
    let mut commands = Vec::new();
    bmv2::write(&lowered.tables, &Program::headgate(), None, &mut commands).expect("a vector");
    let commands = String::from_utf8(commands).expect("text");
    (commands, State::of(&lowered))
}

/// The packets of every row that has this configuration, unchanged.
fn inputs(text: &str) -> Vec<rows::Step> {
    let mut inputs = Vec::new();
    for entry in std::fs::read_dir(directory()).expect("tests/rows") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "row") {
            let rows = rows::file(&path).unwrap_or_else(|wrong| panic!("{wrong}"));
            let is_ours = |row: &rows::Row| {
                row.edits.is_empty() && row.configuration == Configuration::Text(text.to_owned())
            };
            inputs.extend(rows.into_iter().filter(is_ours).flat_map(|row| row.steps));
        }
    }
    inputs
}

/// Whether the switch forwards every packet as the native pipeline does without a driver.
fn forwards_as_a_card_without_driver(switch: &mut Switch, text: &str, state: &State) {
    let mut native = Native::default();
    native.load(state);
    let conditions = Conditions::from(&When {
        driver_absent: true,
        ..When::default()
    });
    let inputs = inputs(text);
    assert!(inputs.len() > 200, "only {} packets", inputs.len());
    let mut forwarded = 0;
    for step in inputs {
        let frame = step.packet.arriving(&state.link(step.ingress));
        let verdict = native.process(conditions, step.ingress, &frame);
        let expected: Vec<_> = match verdict.outcome {
            Outcome::Forward { egress, frame } => vec![(egress, frame)],
            Outcome::Drop(_) => Vec::new(),
            Outcome::Held(_) | Outcome::Traced(_) => panic!("nothing is held without a driver"),
        };
        forwarded += expected.len();
        let found = switch.forward(step.ingress, &frame);
        assert_eq!(found, expected, "{} {}", step.ingress, step.packet);
    }
    assert!(forwarded > 50, "only {forwarded} packets are forwarded");
}

#[test]
fn a_bare_switch_forwards_by_the_dump() {
    if !is_on_path(SWITCH) {
        return println!("skipped: {SWITCH} is not on PATH");
    }
    let text = configuration();
    let (commands, state) = dump(&text);
    let mut switch = Switch::start();
    switch.command(&commands).expect("the switch takes it");
    forwards_as_a_card_without_driver(&mut switch, &text, &state);
}

#[test]
fn the_command_line_takes_the_dump() {
    for program in [SWITCH, COMMAND_LINE] {
        if !is_on_path(program) {
            return println!("skipped: {program} is not on PATH");
        }
    }
    let text = configuration();
    let (commands, state) = dump(&text);
    let mut switch = Switch::start();
    let printed = switch.command_line(&commands);
    let adds = |line: &&str| line.starts_with("table_add");
    assert_eq!(
        printed.matches("Entry has been added").count(),
        commands.lines().filter(adds).count(),
        "{printed}"
    );
    forwards_as_a_card_without_driver(&mut switch, &text, &state);
}
