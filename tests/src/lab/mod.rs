//! A laboratory of network namespaces: real TCP stacks around `hw-sim` and `host-driver`.
//!
//! Start with [`Lab::start`]; [`plan`] has the picture and the addresses. Everything is named after
//! this process and goes away with the [`Lab`], on a panic too; then it first prints what the two
//! programs said. Labs of one process run one after the other, each gets the machine for itself.

pub mod config;
mod files;
mod netns;
pub mod plan;
mod process;
mod requirements;
pub mod server;
pub mod talk;
mod topology;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use firmware_api::Family;

pub use config::Config;
pub use netns::Netns;
pub use topology::Topology;

use files::Files;
use process::Process;
use server::Server;
use talk::Answer;

/// How long the programs may take until every backend answers.
const READY: Duration = Duration::from_secs(20);

/// What forwards the packets of the card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The pipeline of hw-sim.
    #[default]
    Native,
    /// The P4 program in a switch of BMv2.
    Bmv2,
}

impl Engine {
    /// As `hw-sim --engine` names it.
    const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Bmv2 => "bmv2",
        }
    }
}

/// What a lab can be asked to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many times faster than time the card's and the driver's clocks run.
    pub time_scale: u32,
    /// The card's engine.
    pub engine: Engine,
    /// The configuration to begin with.
    pub config: Config,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            time_scale: 5,
            engine: Engine::default(),
            config: Config::default(),
        }
    }
}

impl Options {
    /// The default, on that engine.
    pub fn on(engine: Engine) -> Self {
        Self {
            engine,
            ..Self::default()
        }
    }
}

/// A running lab.
#[derive(Debug)]
pub struct Lab {
    engine: Engine,
    driver: Process,
    card: Process,
    /// The servers in the backends' namespaces, in their order.
    pub servers: Vec<Server>,
    /// The server of the Internet host, on ports 443 and 8443.
    pub internet: Server,
    /// The namespaces.
    pub topology: Topology,
    files: Files,
    _turn: MutexGuard<'static, ()>,
}

impl Lab {
    /// Builds a lab and waits until every backend answers through the frontends of both families.
    /// Where that is impossible it says `skipped:` and why.
    ///
    /// # Panics
    /// When something breaks that is no matter of missing rights or tools.
    pub fn start(options: &Options) -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let prefix = prefix();
        if let Err(reason) = requirements::check(&prefix, options.engine) {
            say(format_args!("skipped: {reason}"));
            return None;
        }
        process::build().expect("the programs");
        let topology = Topology::build(&prefix).expect("the namespaces");
        let files = Files::create(&prefix, &options.config).expect("the files");
        let mut lab = Self::launch(options, topology, files, turn).expect("the programs start");
        lab.await_card_and_backends();
        Some(lab)
    }

    fn launch(
        options: &Options,
        topology: Topology,
        files: Files,
        turn: MutexGuard<'static, ()>,
    ) -> io::Result<Self> {
        let servers = topology.backends.iter().enumerate().map(|(index, inside)| {
            let name = plan::backend_name(index);
            Server::start(inside, &name, &config::BACKEND_TCP, &config::BACKEND_UDP)
        });
        let servers = servers.collect::<io::Result<_>>()?;
        let internet = Server::start(&topology.internet, "internet", &[443, 8443], &[])?;
        let scale = options.time_scale.to_string();
        let start = |name, arguments: &[String]| {
            Process::start(name, &topology.switch, &files.log(name), arguments)
        };
        let card = start(
            "hw-sim",
            &files.card_arguments(options.engine.name(), &scale),
        )?;
        files.await_card(READY / 2);
        Ok(Self {
            engine: options.engine,
            driver: start("host-driver", &files.driver_arguments(&scale))?,
            card,
            servers,
            internet,
            topology,
            files,
            _turn: turn,
        })
    }

    fn await_card_and_backends(&mut self) {
        let start = Instant::now();
        let mut missing = plan::FAMILIES.map(|family| (family, plan::BACKENDS));
        while missing.iter().any(|(_, count)| *count > 0) {
            for process in [&mut self.card, &mut self.driver] {
                process.assert_running();
            }
            assert!(
                start.elapsed() < READY,
                "backends do not answer: {missing:?}"
            );
            for (family, count) in &mut missing {
                *count = plan::BACKENDS - self.healthy(*family);
            }
            thread::sleep(Duration::from_millis(50));
        }
        say(format_args!("lab ready after {:?}", start.elapsed()));
    }

    /// How many backends the driver's probes of that family have found healthy and it uses: those
    /// that answer a few requests.
    fn healthy(&self, family: Family) -> usize {
        let to = plan::service(family, config::HTTP);
        let found = self.topology.client.run(|| {
            let answers = (0..24).map_while(|_| talk::get_within(READY / 10, to, "/ready").ok());
            count(answers)
        });
        found.len()
    }

    /// That many, or on an engine that is slow, a third of it.
    pub fn some(&self, number: usize) -> usize {
        match self.engine {
            Engine::Native => number,
            Engine::Bmv2 => number / 3,
        }
    }

    /// Requests from the client, each on a connection of its own.
    ///
    /// # Panics
    /// When one fails.
    pub fn requests(&self, to: SocketAddr, number: usize) -> Vec<Answer> {
        let fetch = |n| match talk::get(to, &format!("/{n}")) {
            Ok(answer) => answer,
            Err(error) => panic!("request {n} to {to}: {error}"),
        };
        self.topology
            .client
            .run(|| (0..number).map(fetch).collect())
    }

    /// The server of that name.
    ///
    /// # Panics
    /// When there is none.
    pub fn server(&self, name: &str) -> &Server {
        let mut servers = self.servers.iter();
        servers
            .find(|server| server.name() == name)
            .expect("a backend's name")
    }

    /// Replaces the configuration file, as an editor does: by renaming.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn configure(&self, config: &Config) {
        self.files
            .write_config(config)
            .expect("the configuration file");
    }

    /// What a command of `host-driver` prints about the running one.
    pub fn inspect(&self, command: &str) -> String {
        process::ask("host-driver", &[command, "--socket", &self.files.socket()])
    }

    /// Ends the lab; both programs must have lived until now, and must end well.
    ///
    /// # Panics
    /// When they do not.
    pub fn finish(mut self) {
        for process in [&mut self.driver, &mut self.card] {
            process.assert_running();
            process.assert_ends();
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if thread::panicking() {
            say(format_args!("{}\n{}", self.card.said(), self.driver.said()));
            for command in ["status", "backends", "counters"] {
                let text = self.inspect(command);
                say(format_args!("--- host-driver {command} ---\n{text}"));
            }
        }
    }
}

/// How many answers each server gave.
pub fn count(answers: impl IntoIterator<Item = Answer>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.server).or_default() += 1;
    }
    counts
}

/// Waits until the condition holds.
///
/// # Panics
/// When it does not in time.
pub fn wait_until(what: &str, at_most: Duration, mut holds: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < at_most, "not within {at_most:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
    start.elapsed()
}

/// Prints a line that is seen even when the test passes.
pub fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn prefix() -> String {
    static LABS: AtomicU32 = AtomicU32::new(0);
    let number = LABS.fetch_add(1, Ordering::Relaxed);
    format!("hg{}-{number}-", std::process::id())
}
