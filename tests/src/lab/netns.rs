//! A network namespace that goes away with its owner.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::process::{Command, Stdio};
use std::thread;

use nix::sched::{CloneFlags, setns};

/// A named network namespace.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Makes it, with its loopback up.
    pub fn create(name: String) -> io::Result<Self> {
        ip(&format!("netns add {name}"))?;
        let namespace = Self { name };
        ip(&format!("-n {} link set lo up", namespace.name))?;
        Ok(namespace)
    }

    /// The name `ip netns` knows it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs the closure on a thread of its own inside. Sockets opened there stay inside.
    ///
    /// # Panics
    /// When the namespace cannot be entered, and as the closure does.
    pub fn run<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> T {
        let work = || {
            self.enter();
            inside()
        };
        let joined = thread::scope(|scope| scope.spawn(work).join());
        joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Moves this thread inside.
    ///
    /// # Panics
    /// When the namespace cannot be entered.
    pub fn enter(&self) {
        let file = File::open(format!("/run/netns/{}", self.name)).expect("the namespace's file");
        setns(file, CloneFlags::CLONE_NEWNET).expect("entering a namespace");
    }

    /// A command that will run inside.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Sets kernel parameters below `/proc/sys/net`, each written as `path=value`.
    pub fn sysctl(&self, settings: &[&str]) -> io::Result<()> {
        self.run(|| {
            settings.iter().try_for_each(|setting| {
                let (path, value) = setting.split_once('=').expect("path=value");
                fs::write(format!("/proc/sys/net/{path}"), value)
            })
        })
    }

    /// Sets up links, addresses and routes: lines of `ip -batch`.
    pub fn ip(&self, lines: &str) -> io::Result<()> {
        let mut command = Command::new("ip");
        command.args(["-n", &self.name, "-batch", "-"]);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut stdin = child.stdin.take().expect("a piped stdin");
        stdin.write_all(lines.as_bytes())?;
        drop(stdin);
        let output = child.wait_with_output()?;
        succeeded(lines, &output)
    }

    /// The sum of the named counters of a table such as `TcpExt` in `/proc/net/netstat` or `Tcp`
    /// in `/proc/net/snmp`.
    ///
    /// # Panics
    /// When the kernel has no such counter.
    pub fn counter(&self, table: &str, name: &str) -> u64 {
        self.run(|| {
            let read = |file| fs::read_to_string(format!("/proc/thread-self/net/{file}"));
            let text = read("netstat").expect("netstat") + &read("snmp").expect("snmp");
            in_table(&text, table, name).unwrap_or_else(|| panic!("no counter {table} {name}"))
        })
    }

    /// A counter of `/proc/net/snmp6`, which is a list.
    ///
    /// # Panics
    /// When the kernel has no such counter.
    pub fn counter_v6(&self, name: &str) -> u64 {
        let text = self.run(|| fs::read_to_string("/proc/thread-self/net/snmp6"));
        let text = text.expect("snmp6");
        let lines = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        let line = lines.into_iter().find(|line| line.first() == Some(&name));
        let number = line.and_then(|line| line.get(1)?.parse().ok());
        number.unwrap_or_else(|| panic!("no counter {name}"))
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        if let Err(error) = ip(&format!("netns del {}", self.name)) {
            super::say(format_args!("{error}"));
        }
    }
}

/// Tables are pairs of lines: names, then numbers.
fn in_table(text: &str, table: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| {
        let (prefix, _) = line.split_once(':').unwrap_or_default();
        prefix == table
    });
    let (names, numbers) = (lines.next()?, lines.next()?);
    let mut pairs = names.split(' ').zip(numbers.split(' '));
    pairs.find(|(n, _)| *n == name)?.1.parse().ok()
}

/// Runs `ip` with words separated by spaces.
pub(super) fn ip(words: &str) -> io::Result<()> {
    run("ip", words)
}

/// Runs a program to its end with words separated by spaces.
pub(super) fn run(program: &str, words: &str) -> io::Result<()> {
    let output = Command::new(program).args(words.split(' ')).output()?;
    succeeded(words, &output)
}

fn succeeded(what: &str, output: &std::process::Output) -> io::Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{what}: {}", said.trim())))
}
