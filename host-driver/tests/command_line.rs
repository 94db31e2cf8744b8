//! The binary from outside: exit codes, and a daemon from its start to SIGTERM.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Without probes: a daemon on an embedded card would send them to whoever has these addresses here.
const CONFIG: &str = r#"
headgate: 1
profile: seed
instances:
  - { name: web-1, addresses: [10.0.0.4], vport: 1, mac: "02:00:00:00:00:04" }
loadBalancers:
  - name: web
    sku: Standard
    frontends: [ { name: public, address: 203.0.113.10 } ]
    backendPools: [ { name: web, members: [ { instance: web-1 } ] } ]
    loadBalancingRules:
      - { name: http, protocol: Tcp, frontend: public, frontendPort: 80, backendPool: web,
          backendPort: 8080 }
"#;
/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory with a configuration.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a directory"));
        fs::write(place.path("web.yaml"), CONFIG).expect("writes");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host-driver"));
        command
            .current_dir(self.0.path())
            .args(arguments)
            .env("RUST_LOG", "info");
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        ended(&self.command(arguments).output().expect("runs"))
    }
}

fn ended(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("was not killed");
    (code, text(&output.stdout), text(&output.stderr))
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A running daemon, killed if a test leaves it behind.
struct Daemon(Option<Child>);

impl Daemon {
    fn start(place: &Place) -> Self {
        Self::start_with(place, &[])
    }

    fn start_with(place: &Place, more: &[&str]) -> Self {
        let arguments = [
            "run", "--config", "web.yaml", "--device", "sim", "--socket", "s",
        ];
        let child = place
            .command(&arguments)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut daemon = Self(Some(child));
        wait_for("the daemon", || {
            daemon.has_not_ended();
            place.run(&["status", "--socket", "s"]).0 == 0
        });
        daemon
    }

    fn has_not_ended(&mut self) {
        let child = self.0.as_mut().expect("runs");
        if child.try_wait().expect("is ours").is_some() {
            let output = self
                .0
                .take()
                .expect("ran")
                .wait_with_output()
                .expect("ended");
            panic!("the daemon ended: {:?}", ended(&output));
        }
    }

    fn terminate(mut self) -> (i32, String, String) {
        let child = self.0.take().expect("runs");
        let pid = child.id().to_string();
        let killed = Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill runs");
        assert!(killed.success());
        ended(&child.wait_with_output().expect("ends"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    let place = Place::new();
    for arguments in [
        &["fly"][..],
        &["run", "--config", "web.yaml"],
        &["run", "--config", "web.yaml", "--device", "usb:1"],
        &[
            "run", "--config", "web.yaml", "--device", "sim", "--out", "x.pcap",
        ],
        &[
            "run", "--config", "web.yaml", "--device", "shm:d", "--replay", "x.pcap",
        ],
        &[
            "run",
            "--config",
            "none.yaml",
            "--device",
            "sim",
            "--socket",
            "s",
        ],
        &[
            "run",
            "--config",
            "web.yaml",
            "--device",
            "sim",
            "--replay",
            "none.pcap",
        ],
        &[
            "run", "--config", "web.yaml", "--device", "sim", "--flows", "0", "--socket", "s",
        ],
        &["apply", "none.yaml", "--socket", "s"],
    ] {
        let (code, _, error) = place.run(arguments);
        assert_eq!(code, 2, "{arguments:?}: {error}");
        assert!(!error.is_empty());
    }
}

#[test]
fn a_refused_configuration_ends_with_1() {
    let place = Place::new();
    fs::write(
        place.path("bad.yaml"),
        CONFIG.replace("backendPool: web", "backendPool: wob"),
    )
    .expect("writes");
    let arguments = [
        "run", "--config", "bad.yaml", "--device", "sim", "--socket", "s",
    ];
    let (code, _, error) = place.run(&arguments);
    assert_eq!(code, 1, "{error}");
    assert!(
        error.contains("bad.yaml:") && error.contains("wob"),
        "{error}"
    );
    assert!(!place.path("s").exists());
}

#[test]
fn trouble_ends_with_3() {
    let place = Place::new();
    let (code, _, error) = place.run(&["status", "--socket", "none"]);
    assert_eq!(code, 3, "{error}");
    assert!(
        error.contains("none") && error.contains("host-driver run"),
        "{error}"
    );
    for device in ["shm:none", "pci:0000:ff:1f.7"] {
        let arguments = [
            "run", "--config", "web.yaml", "--device", device, "--socket", "s",
        ];
        let (code, _, error) = place.run(&arguments);
        assert_eq!(code, 3, "{error}");
    }
}

#[test]
fn a_daemon_answers_applies_and_stops() {
    let place = Place::new();
    let daemon = Daemon::start(&place);

    let (code, out, _) = place.run(&["status", "--socket", "s"]);
    assert!(code == 0 && out.contains("web.yaml"), "{out}");
    assert!(!out.contains('\u{1b}'), "styles are for terminals");
    let (code, out, _) = place.run(&["rules", "--socket", "s", "--format", "json"]);
    assert_eq!(code, 0);
    serde_json::from_str::<serde_json::Value>(&out).expect("JSON");

    let second = [
        "run", "--config", "web.yaml", "--device", "sim", "--socket", "s",
    ];
    let (code, _, error) = place.run(&second);
    assert!(code == 3 && error.contains("running"), "{error}");

    fs::write(place.path("other.yaml"), CONFIG.replace("80,", "81,")).expect("writes");
    let (code, out, error) = place.run(&["apply", "other.yaml", "--socket", "s"]);
    assert!(code == 0 && out.contains("in force"), "{out}{error}");
    fs::write(place.path("bad.yaml"), "headgate: 2\n").expect("writes");
    let (code, out, _) = place.run(&["apply", "bad.yaml", "--socket", "s"]);
    assert!(code == 1 && out.contains("refused"), "{out}");

    let (code, _, error) = daemon.terminate();
    assert_eq!(code, 0, "{error}");
    assert!(
        error.contains("SIGTERM") && error.contains("stopped"),
        "{error}"
    );
    assert!(!place.path("s").exists());
}

#[test]
fn the_configuration_file_is_followed() {
    let place = Place::new();
    let daemon = Daemon::start(&place);
    let replace = |text: &str| {
        fs::write(place.path("new"), text).expect("writes");
        fs::rename(place.path("new"), place.path("web.yaml")).expect("renames");
    };
    replace("headgate: 2\n");
    std::thread::sleep(Duration::from_millis(1_500));
    replace(&CONFIG.replace("80,", "81,"));
    std::thread::sleep(Duration::from_millis(1_500));
    let (code, _, error) = daemon.terminate();
    assert_eq!(code, 0);
    let [refused, in_force] = ["refused", "a new configuration is in force"].map(|t| error.find(t));
    assert!(refused.is_some() && refused < in_force, "{error}");
}

/// What a scraper gets.
fn scrape(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).expect("connects");
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
        .expect("writes");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("reads");
    reply
}

#[test]
fn metrics_are_scraped_and_events_followed() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = taken.local_addr().expect("has one");
    let metrics = ["--metrics", &address.to_string()];
    let arguments = [
        "run", "--config", "web.yaml", "--device", "sim", "--socket", "s",
    ];
    let (code, _, error) = place.run(&[&arguments[..], &metrics].concat());
    assert!(
        code == 3 && error.contains("--metrics 127.0.0.1"),
        "{error}"
    );
    drop(taken);

    let daemon = Daemon::start_with(&place, &metrics);
    let reply = scrape(address);
    assert!(reply.starts_with("HTTP/1.1 200 OK"), "{reply}");
    for part in ["\nheadgate_rules 1\n", "rule=\"web/http\""] {
        assert!(reply.contains(part), "{part} in {reply}");
    }
    let (code, out, _) = place.run(&["metrics", "--socket", "s"]);
    assert!(code == 0 && out.contains("\nheadgate_rules 1\n"), "{out}");

    let (code, out, _) = place.run(&["events", "--socket", "s", "--format", "json"]);
    assert_eq!(code, 0);
    let events = out.lines().map(serde_json::from_str::<serde_json::Value>);
    let events: Vec<_> = events.map(|event| event.expect("JSON")).collect();
    assert_eq!(events[1]["event"], "DriverStarted", "{out}");

    let mut follower = place.command(&["events", "--socket", "s", "--follow", "--after", "2"]);
    let follower = follower.stdout(Stdio::piped()).spawn().expect("starts");
    fs::write(place.path("bad.yaml"), "headgate: 2\n").expect("writes");
    place.run(&["apply", "bad.yaml", "--socket", "s"]);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(daemon.terminate().0, 0);
    let (_, out, _) = ended(&follower.wait_with_output().expect("ends with the driver"));
    assert!(
        out.contains("  warning   ConfigurationRefused  bad.yaml: refused"),
        "{out}"
    );
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let place = Place::new();
    let _daemon = Daemon::start(&place);
    let mut status = place
        .command(&["status", "--socket", "s"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(status.stdout.take());
    assert!(status.wait().expect("ends").success());
}

/// A capture of one ARP-sized frame per timestamp (seconds).
fn capture(path: &Path, times: &[u32]) -> Vec<u8> {
    let mut file = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1]
        .map(u32::to_le_bytes)
        .concat();
    for time in times {
        file.extend([*time, 0, 60, 60].map(u32::to_le_bytes).concat());
        file.extend([0xff; 6]);
        file.extend([2, 0, 0, 0, 0, 4]);
        file.extend([0; 48]);
    }
    fs::write(path, &file).expect("writes");
    file
}

#[test]
fn a_replay_tells_what_happened_and_is_the_same_each_time() {
    let place = Place::new();
    capture(&place.path("in.pcap"), &[100, 103]);
    let arguments = [
        "run",
        "--config",
        "web.yaml",
        "--device",
        "sim",
        "--replay",
        "in.pcap",
        "--out",
        "new/out.pcap",
        "--format",
    ];
    let run = |format| place.run(&[&arguments[..], &[format]].concat());
    let (code, text, error) = run("text");
    assert_eq!(code, 0, "{error}");
    assert!(
        text.contains("2  in") && text.contains("traffic of 3.0 s"),
        "{text}"
    );
    assert_eq!(run("text").1, text);
    let summary: serde_json::Value = serde_json::from_str(&run("json").1).expect("JSON");
    assert_eq!(summary["packets"]["replayed"], 2);
    assert!(place.path("new/out.pcap").exists());
}

#[test]
fn a_capture_that_ends_early_is_replayed_up_to_there() {
    let place = Place::new();
    let file = capture(&place.path("in.pcap"), &[100, 101, 102]);
    fs::write(place.path("in.pcap"), &file[..file.len() - 1]).expect("writes");
    let (code, out, error) = place.run(&[
        "run", "--config", "web.yaml", "--device", "sim", "--replay", "in.pcap",
    ]);
    assert_eq!(code, 2);
    assert!(out.contains("2  in"), "{out}");
    assert!(error.contains("in.pcap: packet 3: "), "{error}");
}
