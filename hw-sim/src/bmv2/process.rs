//! The switch as a process: started with the program and a directory of its own, ended with the
//! card. Or one that somebody else started, which is only used.
#![expect(
    unsafe_code,
    reason = "a child that ends with its parent has no safe interface; one call, wrapped here"
)]

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::Bmv2Error;

/// The program of this repository, compiled.
const PROGRAM: &str = include_str!("../../../p4/headgate.json");
/// Bytes of the switch's last words in a message.
const LAST_WORDS: usize = 400;

/// Which switch forwards.
#[derive(Clone, Debug)]
pub enum Switch {
    /// One that is started, and ends with the card.
    Start(Start),
    /// One that runs already, and goes on.
    Attach(Attach),
}

/// How a switch is started.
#[derive(Clone, Debug)]
pub struct Start {
    /// The executable, a path or a name on `PATH`.
    pub switch: PathBuf,
    /// A compiled program instead of the one of this repository.
    pub program: Option<PathBuf>,
    /// The TCP port of its runtime interface; without one, any that is free.
    pub thrift_port: Option<u16>,
}

impl Default for Start {
    fn default() -> Self {
        Self {
            switch: PathBuf::from("simple_switch"),
            program: None,
            thrift_port: None,
        }
    }
}

/// Where a running switch is.
#[derive(Clone, Debug)]
pub struct Attach {
    /// Its runtime interface (`--thrift-port`).
    pub runtime: SocketAddr,
    /// The socket of its `--packet-in ipc://…`.
    pub packets: PathBuf,
}

impl Start {
    /// The program, and where it is from.
    pub(super) fn program(&self) -> Result<(Cow<'static, str>, String), Bmv2Error> {
        let Some(path) = &self.program else {
            let name = "the program of hw-sim".to_owned();
            return Ok((Cow::Borrowed(PROGRAM), name));
        };
        let name = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(json) => Ok((Cow::Owned(json), name)),
            Err(error) => Err(Bmv2Error::File(name, error)),
        }
    }
}

/// A running switch.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    directory: TempDir,
    port: u16,
}

impl Process {
    /// Starts a switch; it takes a moment until it listens.
    pub(super) fn start(start: &Start, program: &str) -> Result<Self, Bmv2Error> {
        let in_directory = |error| Bmv2Error::File("a directory for the switch".to_owned(), error);
        let directory = tempfile::Builder::new()
            .prefix("headgate-bmv2-")
            .tempdir()
            .map_err(in_directory)?;
        let path = |name: &str| directory.path().join(name);
        let address = |name: &str| format!("ipc://{}", path(name).display());
        fs::write(path("program.json"), program).map_err(in_directory)?;
        let log = File::create(path("log")).map_err(in_directory)?;
        let port = free_port(start.thrift_port)?;
        let mut command = Command::new(&start.switch);
        command
            .arg(path("program.json"))
            .args(["--packet-in", &address("packets")])
            .args(["--notifications-addr", &address("notifications")])
            .args(["--thrift-port", &port.to_string()])
            .args(["--log-level", "off"])
            .current_dir(directory.path())
            // What a terminal sends to the card's group ends the card, which ends the switch.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(in_directory)?)
            .stderr(log);
        end_with_parent(&mut command);
        let child = command.spawn().map_err(|error| Bmv2Error::Switch {
            path: start.switch.clone(),
            error,
        })?;
        Ok(Self {
            child,
            directory,
            port,
        })
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    pub(super) fn listens(&self) -> Attach {
        Attach {
            runtime: SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)),
            packets: self.directory.path().join("packets"),
        }
    }

    /// How it ended and its last words, when it did.
    pub(super) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        let words = last_words(&self.directory.path().join("log"));
        Some(if words.is_empty() {
            status.to_string()
        } else {
            format!("{status}: {words}")
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn last_words(log: &Path) -> String {
    let log = fs::read(log).unwrap_or_default();
    let from = log.len().saturating_sub(LAST_WORDS);
    let words = String::from_utf8_lossy(&log[from..]);
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The port wanted if it is free, or any that is. It is free for a moment only: a switch that finds
/// it taken ends, and is started again with another.
fn free_port(wanted: Option<u16>) -> Result<u16, Bmv2Error> {
    let port = wanted.unwrap_or(0);
    // The switch listens on every address.
    let bound = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port));
    let taken = |error| Bmv2Error::Port(port, error);
    let address = bound.and_then(|listener| listener.local_addr());
    Ok(address.map_err(taken)?.port())
}

/// The kernel kills the child when the thread that starts it ends, however it ends.
fn end_with_parent(command: &mut Command) {
    let parent = std::process::id();
    let in_child = move || {
        // SAFETY: the call takes no pointers.
        if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0 {
            return Err(io::Error::last_os_error());
        }
        if std::os::unix::process::parent_id() != parent {
            // It ended before the call.
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes two system calls and touches no memory that
    // another thread of the parent may have left locked: it allocates nothing.
    unsafe { command.pre_exec(in_child) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port");
        let port = taken.local_addr().expect("bound").port();
        let error = free_port(Some(port)).expect_err("taken").to_string();
        assert!(error.contains(&port.to_string()) && error.contains("--thrift-port"));
        assert_ne!(free_port(None).expect("a free one"), port);
    }

    #[test]
    fn a_switch_that_is_not_there_is_named() {
        let start = Start {
            switch: PathBuf::from("no-such-switch"),
            ..Start::default()
        };
        let error = Process::start(&start, "{}").expect_err("no such executable");
        let text = error.to_string();
        assert!(
            text.contains("no-such-switch") && text.contains("--switch"),
            "{text}"
        );
    }

    #[test]
    fn a_switch_that_ends_leaves_its_last_words() {
        let start = Start {
            switch: PathBuf::from("/bin/cat"),
            ..Start::default()
        };
        let mut process = Process::start(&start, "{}").expect("starts");
        let ended = std::iter::repeat_with(|| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            process.ended()
        });
        let ended = ended.take(1000).flatten().next().expect("it ended");
        assert!(ended.contains("--packet-in"), "{ended}");
    }
}
