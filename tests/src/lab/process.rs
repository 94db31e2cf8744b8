//! The two programs under test: built, started in a namespace, watched, stopped.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::netns::Netns;

/// How long a program may take to end after SIGTERM.
const FAREWELL: Duration = Duration::from_secs(5);

/// A running program. Dropped, it ends.
#[derive(Debug)]
pub(super) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it inside the namespace; what it prints goes to the file.
    pub(super) fn start(
        name: &'static str,
        inside: &Netns,
        log: &Path,
        arguments: &[String],
    ) -> io::Result<Self> {
        let output = File::create(log)?;
        let program = profile_directory().join(name);
        let mut command = inside.command(&program.to_string_lossy());
        command
            .args(arguments)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command.stdout(output.try_clone()?).stderr(output);
        let child = command.spawn()?;
        Ok(Self {
            name,
            child,
            log: log.to_owned(),
        })
    }

    /// Checks that it has not ended of its own accord.
    pub(super) fn assert_running(&mut self) {
        let ended = self.ended();
        assert!(ended.is_none(), "{} ended: {ended:?}", self.name);
    }

    /// Asks it to end, and checks that it does so with success.
    pub(super) fn assert_ends(&mut self) {
        let status = self.stop();
        let well = status.is_some_and(|status| status.success());
        assert!(well, "{} did not end well: {status:?}", self.name);
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to end and waits; kills it when it does not. `None` when it had to be killed.
    fn stop(&mut self) -> Option<ExitStatus> {
        if let Some(status) = self.ended() {
            return Some(status);
        }
        // The child has not been waited for, so that the number is still its own.
        let _ = kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        );
        let deadline = Instant::now() + FAREWELL;
        while Instant::now() < deadline {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        None
    }

    /// What it printed last.
    pub(super) fn said(&self) -> String {
        const LINES: usize = 60;
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
        format!("--- {} ({} lines) ---\n{last}", self.name, lines.len())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs a program of the workspace to its end and returns what it printed.
pub(super) fn ask(name: &str, arguments: &[&str]) -> String {
    let program = profile_directory().join(name);
    // `timeout` is there wherever `ip` is; a daemon that hangs must not hang the test.
    let output = Command::new("timeout")
        .arg("5")
        .arg(program)
        .args(arguments)
        .output();
    match output {
        Ok(output) => [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .concat(),
        Err(error) => error.to_string(),
    }
}

/// Builds the programs, so that the test never runs yesterday's.
pub(super) fn build() -> io::Result<()> {
    let directory = profile_directory();
    let profile = match directory.file_name().and_then(OsStr::to_str) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| env!("CARGO").to_owned());
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--quiet",
        "--bins",
        "-p",
        "hw-sim",
        "-p",
        "host-driver",
    ]);
    command.args(["--profile", profile, "--target-dir"]);
    command.arg(directory.parent().unwrap_or(&directory));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("building the programs: {said}")))
}

/// `target/<profile>`, where Cargo puts programs; this test is in its `deps`.
fn profile_directory() -> PathBuf {
    let this = std::env::current_exe().expect("this program's path");
    let deps = this.parent().expect("a directory");
    deps.parent().expect("a directory above deps").to_owned()
}
