//! A bare BMv2 `simple_switch` that runs the program of `p4/`: no card around it, commands and
//! packets only. It ends with its [`Switch`], and leaves nothing behind.

mod packets;
mod runtime;

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use firmware_api::PortId;
use firmware_api::schema::{CPU_PORT, FENCE, FENCE_PORT};
use tempfile::TempDir;

use packets::Packets;
use runtime::Runtime;

/// BMv2's switch.
pub const SWITCH: &str = "simple_switch";
/// BMv2's command line.
pub const COMMAND_LINE: &str = "simple_switch_CLI";
/// How long it may take to start, to take commands, to forward a packet.
const PATIENCE: Duration = Duration::from_secs(30);
/// Egress threads of the switch; each needs a fence of its own.
const EGRESS_THREADS: u16 = 4;

/// A running switch.
pub struct Switch {
    child: Child,
    packets: Packets,
    runtime: SocketAddr,
    _directory: TempDir,
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Switch {
    /// Starts a switch without entries.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let address = |name: &str| format!("ipc://{}", path(name).display());
        let port = free_port();
        let log = fs::File::create(path("log")).expect("a log");
        let mut child = Command::new(SWITCH)
            .arg(program())
            .args(["--packet-in", &address("packets")])
            .args(["--notifications-addr", &address("notifications")])
            .args(["--thrift-port", &port.to_string()])
            .args(["--log-level", "off"])
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the switch starts");
        let runtime = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let until = Instant::now() + PATIENCE;
        let packets = loop {
            let packets = Packets::connect(&path("packets"));
            if let (Ok(packets), Ok(_)) = (packets, Runtime::connect(runtime)) {
                break packets;
            }
            let log = || fs::read_to_string(path("log")).unwrap_or_default();
            let ended = child.try_wait().expect("a child of ours");
            assert!(ended.is_none(), "the switch ended: {ended:?}\n{}", log());
            assert!(Instant::now() < until, "no switch listens\n{}", log());
            sleep(Duration::from_millis(20));
        };
        Self {
            child,
            packets,
            runtime,
            _directory: directory,
        }
    }

    /// Gives commands to the switch over its runtime interface.
    ///
    /// # Errors
    /// The first command that is not understood or refused.
    pub fn command(&self, commands: &str) -> Result<(), String> {
        let mut runtime = Runtime::connect(self.runtime).map_err(|error| error.to_string())?;
        for command in commands.lines() {
            runtime
                .command(command)
                .map_err(|error| format!("{command}: {error}"))?;
        }
        Ok(())
    }

    /// Gives commands to the switch with BMv2's own command line; what it prints.
    ///
    /// # Panics
    /// When it does not run.
    pub fn command_line(&self, commands: &str) -> String {
        let mut child = Command::new(COMMAND_LINE)
            .args(["--thrift-port", &self.runtime.port().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command line starts");
        let mut stdin = child.stdin.take().expect("piped");
        let commands = commands.to_owned();
        let writer = std::thread::spawn(move || stdin.write_all(commands.as_bytes()));
        let output = child.wait_with_output().expect("it ends");
        let _ = writer.join();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Puts a frame into a port; what leaves because of it, by whichever port.
    ///
    /// # Panics
    /// When the switch is silent.
    pub fn forward(&mut self, port: PortId, frame: &[u8]) -> Vec<(PortId, Vec<u8>)> {
        self.packets.send(port, frame);
        for thread in 0..EGRESS_THREADS {
            self.packets.send(CPU_PORT, &fence(FENCE_PORT + thread));
        }
        let mut left = Vec::new();
        let mut fences = 0;
        while fences < EGRESS_THREADS {
            let (port, frame) = self.packets.receive(PATIENCE);
            if (FENCE_PORT..FENCE_PORT + EGRESS_THREADS).contains(&port) {
                fences += 1;
            } else {
                left.push((port, frame));
            }
        }
        left
    }
}

/// A record that comes back by the port it names, behind every packet that went in before it. It
/// says that there is no driver, as the commands did.
fn fence(port: PortId) -> [u8; 24] {
    let mut record = [0; 24];
    record[..2].copy_from_slice(&[FENCE, 1]);
    record[2..4].copy_from_slice(&port.to_le_bytes());
    record
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../p4/headgate.json")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}
