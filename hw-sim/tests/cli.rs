//! The `hw-sim` binary as its users see it.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use firmware_api::Memory;
use firmware_api::register::{GONE, MAGIC, TICK};
use hw_sim::Bars;

fn hw_sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hw-sim"));
    command.args(arguments).stderr(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> Output {
    hw_sim(arguments).output().expect("runs")
}

fn start(dir: &Path) -> Child {
    let dir_text = dir.to_str().expect("text");
    let child = hw_sim(&[
        "run",
        "--dir",
        dir_text,
        "--flows",
        "64",
        "--time-scale",
        "100",
    ])
    .spawn()
    .expect("runs");
    let deadline = Instant::now() + Duration::from_secs(10);
    let is_up = || Bars::open_dir(dir).is_ok_and(|bars| bars.bar0.load32(TICK.offset) > 0);
    while !is_up() {
        assert!(Instant::now() < deadline, "the card comes up");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn terminate(child: &mut Child) -> Option<i32> {
    let id = child.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &id]).status();
    assert!(killed.expect("kill runs").success());
    child.wait().expect("ends").code()
}

#[test]
fn a_card_runs_answers_and_stops_cleanly() {
    let temp = tempfile::tempdir().expect("a directory");
    let dir = temp.path().join("card");
    let dir_text = dir.to_str().expect("text");
    let mut child = start(&dir);

    let registers = output(&["registers", "--dir", dir_text]);
    let text = String::from_utf8(registers.stdout).expect("text");
    assert!(registers.status.success());
    assert!(
        text.contains("FLOW_COUNT               0x0000000000000040\n"),
        "{text}"
    );
    assert!(text.contains("TABLE_GEOMETRY[12] "), "{text}");
    let counters = output(&["counters", "--dir", dir_text]);
    let text = String::from_utf8(counters.stdout).expect("text");
    let first = text.lines().next().expect("a line");
    assert_eq!(first.split_whitespace().collect::<Vec<_>>(), ["rx", "0"]);
    assert!(text.contains("\ndrop punt_ring_full"), "{text}");

    let second = output(&["run", "--dir", dir_text]);
    assert_eq!(second.status.code(), Some(3), "refuses a live card");

    let driver = Bars::open_dir(&dir).expect("maps");
    assert_eq!(terminate(&mut child), Some(0));
    assert_eq!(driver.bar0.load64(MAGIC.offset), GONE);
    assert!(!dir.exists());
}

#[test]
fn mistakes_have_their_exit_codes() {
    let code = |arguments: &[&str]| output(arguments).status.code();
    assert_eq!(code(&["registers", "--dir", "/nonexistent/card"]), Some(3));
    assert_eq!(code(&["run"]), Some(2));
    let temp = tempfile::tempdir().expect("a directory");
    let dir = temp.path().join("card");
    let dir = dir.to_str().expect("text");
    assert_eq!(code(&["run", "--dir", dir, "--port", "0"]), Some(2));
    assert_eq!(code(&["run", "--dir", dir, "--flows", "0"]), Some(2));
    assert_eq!(code(&["run", "--dir", dir, "--pcap-in", "99=x"]), Some(2));
    assert_eq!(
        code(&["run", "--dir", dir, "--pcap-in", "0=/nonexistent"]),
        Some(2)
    );
    assert_eq!(
        code(&["run", "--dir", dir, "--port", "0=no-such-if"]),
        Some(3)
    );
}

#[test]
fn a_closed_pipe_is_success() {
    let temp = tempfile::tempdir().expect("a directory");
    let dir = temp.path().join("card");
    let mut child = start(&dir);
    let mut reader = hw_sim(&["registers", "--dir", dir.to_str().expect("text")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("runs");
    drop(reader.stdout.take());
    assert_eq!(reader.wait().expect("ends").code(), Some(0));
    assert_eq!(terminate(&mut child), Some(0));
}

#[test]
fn options_of_a_switch_are_checked() {
    let dir = tempfile::tempdir().expect("a directory");
    let card = dir.path().join("card");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hw-sim"));
        command.args(["run", "--dir"]).arg(&card).args(arguments);
        let output = command.output().expect("runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!card.exists(), "nothing is left");
        (output.status.code(), said)
    };
    let (code, said) = run(&["--thrift-port", "9090"]);
    assert!(code == Some(2) && said.contains("--engine bmv2"), "{said}");
    let (code, said) = run(&["--engine", "bmv2", "--flows", "65536"]);
    assert!(code == Some(2) && said.contains("32768 flows"), "{said}");
    let (code, said) = run(&["--engine", "bmv2", "--switch", "/no/such/switch"]);
    assert!(
        code == Some(3) && said.contains("/no/such/switch"),
        "{said}"
    );
    let (code, said) = run(&["--engine", "bmv2", "--p4", "/no/such/program.json"]);
    assert!(
        code == Some(3) && said.contains("/no/such/program.json"),
        "{said}"
    );
    let attach = [
        "--attach",
        "127.0.0.1:1",
        "--attach-socket",
        "/no/such/socket",
    ];
    let (code, said) = run(&[&["--engine", "bmv2"], &attach[..]].concat());
    assert!(code == Some(3) && said.contains("127.0.0.1:1"), "{said}");
    let taken = std::net::TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let (code, said) = run(&["--engine", "bmv2", "--thrift-port", &port]);
    assert!(code == Some(3) && said.contains(&port), "{said}");
}
