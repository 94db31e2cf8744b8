//! What users see: the built command on whole files.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The folder that holds `examples`.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace")
        .to_owned()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flow-compiler"));
    command.current_dir(root()).args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the command runs")
}

/// Exit code, output and talk in one text.
fn told(output: &Output) -> String {
    let mut text = format!("exit {}\n", output.status.code().expect("an exit code"));
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !bytes.is_empty() {
            let _ = write!(text, "--- {name}\n{}", String::from_utf8_lossy(bytes));
        }
    }
    text
}

const EXAMPLE: &str = "examples/quickstart.yaml";

/// A file of this test.
fn file(name: &str, text: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("a writable folder");
    path.to_str().expect("a readable name").to_owned()
}

fn quickstart() -> String {
    std::fs::read_to_string(root().join(EXAMPLE)).expect("the example")
}

/// `check -` with this text.
fn check_text(text: &str, arguments: &[&str]) -> Output {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut input = child.stdin.take().expect("an input");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    child.wait_with_output().expect("it ends")
}

#[test]
fn check_says_that_all_is_well() {
    insta::assert_snapshot!(told(&run(&["check", EXAMPLE])));
}

#[test]
fn check_says_what_is_wrong() {
    let text = quickstart()
        .replace("frontend: public-v6", "frontend: public-v7")
        .replace("vport: 2", "vport: 1");
    insta::assert_snapshot!("check_text", told(&check_text(&text, &["check", "-"])));
    insta::assert_snapshot!(
        "check_json",
        told(&check_text(&text, &["check", "-", "--format", "json"]))
    );
}

#[test]
fn json_is_a_configuration_too() {
    let text = r#"{ "headgate": 1, "instances": [{ "name": "a", "addresses": ["10.0.0.4"],
        "vport": 1, "mac": "02:00:00:00:00:04" }], "loadBalancers": [] }"#;
    assert!(told(&check_text(text, &["check", "-"])).contains("ok, 0 load balancers"));
}

#[test]
fn a_mark_at_the_beginning_is_no_part_of_the_text() {
    let marked = check_text("\u{feff}headgate: 1\n", &["check", "-"]);
    assert!(told(&marked).contains("<stdin>: ok"));
}

#[test]
fn dump_prints_every_table() {
    insta::assert_snapshot!(told(&run(&["dump", EXAMPLE])));
}

#[test]
fn dump_prints_one_table_for_programs() {
    insta::assert_snapshot!(told(&run(&[
        "dump",
        EXAMPLE,
        "--table",
        "frontend_v4",
        "--format",
        "json"
    ])));
}

#[test]
fn compile_writes_what_dump_prints() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tables.json");
    let output = run(&[
        "compile",
        EXAMPLE,
        "-o",
        path.to_str().expect("a readable name"),
    ]);
    assert_eq!(told(&output), "exit 0\n");
    let written = std::fs::read_to_string(&path).expect("it is there");
    let written: serde_json::Value = serde_json::from_str(&written).expect("JSON");
    let dumped = run(&["dump", EXAMPLE, "--format", "json"]);
    let dumped: serde_json::Value = serde_json::from_slice(&dumped.stdout).expect("JSON");
    assert_eq!(written, dumped);
    assert_eq!(
        written["selector"].as_array().expect("slots").len(),
        3 * 307
    );
}

#[test]
fn diff_is_ordered_and_complete() {
    let new = quickstart()
        .replace("frontendPort: 50001", "frontendPort: 50002")
        .replace("\n      - { name: dns", "\n      - { name: dns2");
    let new = file("diff-new.yaml", &new);
    let output = run(&["diff", EXAMPLE, &new]);
    let told = told(&output);
    let lines = told.lines().filter(|line| !line.contains(" selector "));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
    assert_eq!(told.matches("+ selector ").count(), 307);
    assert_eq!(told.matches("- selector ").count(), 307);
}

#[test]
fn a_member_that_leaves_moves_no_slot_of_the_others() {
    let new = quickstart().replace(", { instance: web-3 }]", "]");
    let output = run(&["diff", EXAMPLE, &file("diff-leave.yaml", &new)]);
    let told = told(&output);
    let slots: Vec<&str> = told
        .lines()
        .filter(|line| line.contains(" selector "))
        .collect();
    assert!(
        slots
            .iter()
            .all(|line| line.starts_with('~') && line.contains("instance=web-3)")),
        "{told}"
    );
    assert_eq!(slots.len(), 3 * 102);
}

#[test]
fn no_difference_is_yes() {
    assert_eq!(told(&run(&["diff", EXAMPLE, EXAMPLE])), "exit 0\n");
    assert_eq!(
        told(&run(&["diff", EXAMPLE, EXAMPLE, "--format", "json"])),
        "exit 0\n--- stdout\n[]\n"
    );
}

#[test]
fn explain_tells_the_way_of_a_packet() {
    let explain = |packet: &str, more: &[&str]| {
        let arguments = [&["explain", EXAMPLE, "--packet", packet], more].concat();
        format!(
            "$ explain {packet} {}\n{}",
            more.join(" "),
            told(&run(&arguments))
        )
    };
    let texts = [
        explain("tcp 198.51.100.7:40000 > 203.0.113.10:80 flags S", &[]),
        explain("tcp 198.51.100.7:40000 > 203.0.113.10:80 flags .", &[]),
        explain("tcp [2001:db8:1::7]:40000 > [2001:db8::10]:80", &[]),
        explain("tcp 198.51.100.7:40000 > 203.0.113.10:50001", &[]),
        explain("udp 198.51.100.7:40000 > 203.0.113.10:54", &[]),
        explain("icmp echo 198.51.100.7 > 203.0.113.99", &[]),
        explain(
            "tcp 10.0.0.4:8080 > 198.51.100.7:40000 flags SA",
            &["--from", "web-1"],
        ),
        explain(
            "tcp 10.0.0.4:40000 > 198.51.100.7:443",
            &["--from", "web-1"],
        ),
        explain(
            "tcp 10.0.0.5:40000 > 198.51.100.7:443",
            &["--from", "web-1"],
        ),
        explain("tcp 10.0.0.9:40000 > 203.0.113.10:80", &["--from", "db-1"]),
        explain(
            "tcp 198.51.100.7:40000 > 203.0.113.10:80",
            &["--format", "json"],
        ),
    ];
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn bad_usage_names_the_cure() {
    let explain = |arguments: &[&str]| told(&run(&[&["explain", EXAMPLE], arguments].concat()));
    let texts = [
        explain(&["--packet", "tcp 198.51.100.7:40000 203.0.113.10:80"]),
        explain(&["--packet", "tcp 198.51.100.7 > 203.0.113.10:80"]),
        explain(&["--packet", "tcp 2001:db8::1:80 > 203.0.113.10:80"]),
        explain(&["--packet", "tcp 198.51.100.7:1 > 203.0.113.10:80 flags SX"]),
        explain(&[
            "--packet",
            "udp 198.51.100.7:1 > 203.0.113.10:80",
            "--from",
            "web-9",
        ]),
        told(&run(&["dump", EXAMPLE, "--table", "flow_v4"])),
        told(&run(&["check", "no-such-file.yaml"])),
    ];
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn output_that_cannot_be_written_is_3() {
    let output = run(&["compile", EXAMPLE, "-o", "no-such-folder/tables.json"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        String::from_utf8_lossy(&output.stderr).starts_with("error: cannot write no-such-folder")
    );
}

#[test]
fn a_closed_pipe_is_success() {
    let mut child = command(&["dump", EXAMPLE, "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(told(&output), "exit 0\n");
}

#[test]
fn a_refused_configuration_is_no_everywhere() {
    let broken = file("broken.yaml", "headgate: 1\nprofile: sead\n");
    for arguments in [
        &["dump", &broken][..],
        &["compile", &broken, "-o", "-"],
        &["diff", EXAMPLE, &broken],
        &[
            "explain",
            &broken,
            "--packet",
            "udp 10.0.0.1:1 > 10.0.0.2:2",
        ],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `seed`?"));
    }
}

#[test]
fn a_dump_for_bmv2_is_commands_and_nothing_else() {
    let output = run(&["dump", EXAMPLE, "--format", "bmv2"]);
    assert!(output.status.success(), "{}", told(&output));
    let commands = String::from_utf8(output.stdout).expect("text");
    let mut lines = commands.lines();
    assert_eq!(lines.next(), Some("mirroring_add 1 510"));
    assert_eq!(lines.next(), Some("register_write ingress.driverless 0 1"));
    assert!(lines.all(|line| line.starts_with("table_add ingress.") && line.contains(" =>")));
    let backend = run(&["dump", EXAMPLE, "--format", "bmv2", "--table", "backend"]);
    let backend = String::from_utf8(backend.stdout).expect("text");
    assert!(
        backend.contains(".forward_v4 0 => 10.0.0.4 8080 1\n"),
        "{backend}"
    );
}

#[test]
fn import_writes_a_configuration_that_is_accepted() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("imported.yaml");
    let out = out.to_str().expect("a readable name");
    let folder = "examples/import";
    let files = ["load-balancer", "nics", "public-ips"].map(|name| format!("{folder}/{name}.json"));
    let imported = run(&[
        "import", "arm", &files[0], &files[1], &files[2], "--out", out,
    ]);
    assert_eq!(imported.status.code(), Some(0), "{}", told(&imported));
    assert!(imported.stdout.is_empty());
    assert!(told(&run(&["check", out])).contains("ok, 1 load balancer, 6 rules, 3 instances"));
}

#[test]
fn an_import_that_is_not_complete_is_no() {
    let file = "examples/import/service.csdef";
    let output = run(&["import", "csdef", file]);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("address: ADDRESS-OF-vip"));
    assert!(told(&output).contains("pass `--address vip=ADDRESS`"));
    for arguments in [
        &["import", "csdef", file, "--address", "vop=203.0.113.1"][..],
        &["import", "csdef", file, "--address", "vip"],
        &["import", "arm", "no-such-file.json"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn schema_prints_what_is_published() {
    let output = run(&["schema"]);
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(printed, flow_compiler::schema::schema());
    let page = run(&["schema", "--format", "markdown"]);
    assert_eq!(
        String::from_utf8(page.stdout).expect("text"),
        flow_compiler::schema::page()
    );
}
