//! The sockets of the health probes: sends each target's probes on time and reports what they saw.
//!
//! Each target has one task, which sends its probes one after the other with one socket each, so a
//! target never has two, and removing it closes its socket. What an outcome means is
//! [`health`](crate::health)'s to say.

mod certificate;
mod clock;
mod exchange;
mod http;
mod session;
mod source;
mod tls;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use rustls::ClientConfig;
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::sleep_until,
};

use self::{
    exchange::{OverTls, Question},
    source::Opener,
};
use crate::health::{Outcome, Probe, Protocol, Schedule};

pub use self::{
    clock::Clock,
    source::Sources,
    tls::{TlsUnavailable, available as tls_available},
};

/// How long a probe that is over waits for the backend's side of the close.
const CLOSE_MS: u64 = 1_000;

/// The caller's name for a target. A target that replaces another under the same name may be
/// reported on by probes of the old one that were under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub u32);

/// What one probe saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whom it asked.
    pub target: TargetId,
    /// When it was over, by the prober's clock.
    pub at: u64,
    /// What it saw.
    pub outcome: Outcome,
}

/// Why a target cannot be probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// The prober cannot speak TLS.
    #[error(transparent)]
    TlsUnavailable(#[from] TlsUnavailable),
    /// The prober is gone.
    #[error("the prober has stopped")]
    Stopped,
}

/// Adds and removes the targets of a running [`Prober`], which stops when this is dropped.
#[derive(Debug)]
pub struct Targets {
    commands: mpsc::UnboundedSender<Command>,
    tls: Result<Arc<ClientConfig>, TlsUnavailable>,
}

impl Targets {
    /// Starts to probe a backend, in place of a target of the same name if there is one.
    pub fn add(&self, target: TargetId, backend: IpAddr, probe: &Probe) -> Result<(), AddError> {
        let backend = SocketAddr::new(backend, probe.port());
        let question = match probe.protocol() {
            Protocol::Tcp => Question::Connect,
            Protocol::Http(path) => Question::Http(http::request(backend, http::PORT, path)),
            Protocol::Https(path) => Question::Https(OverTls::new(
                http::request(backend, http::TLS_PORT, path),
                self.tls.as_ref().map_err(|why| *why)?,
                target,
            )),
        };
        let task = Task {
            target,
            backend,
            question,
            timeout_ms: probe.timeout_ms(),
            interval_ms: probe.interval_ms(),
        };
        self.commands
            .send(Command::Add(task))
            .map_err(|_| AddError::Stopped)
    }

    /// Stops probing a target and closes its socket. Reports already sent stay in the channel.
    pub fn remove(&self, target: TargetId) {
        // A prober that has stopped probes nobody.
        let _ = self.commands.send(Command::Remove(target));
    }
}

#[derive(Debug)]
enum Command {
    Add(Task),
    Remove(TargetId),
}

/// What it takes to probe one target.
#[derive(Debug)]
struct Task {
    target: TargetId,
    backend: SocketAddr,
    question: Question,
    timeout_ms: u64,
    interval_ms: u64,
}

/// What every probe needs.
#[derive(Clone, Debug)]
struct Shared {
    clock: Clock,
    opener: Arc<Opener>,
    reports: mpsc::Sender<Report>,
}

/// Sends the probes of all targets.
#[derive(Debug)]
pub struct Prober {
    shared: Shared,
    commands: mpsc::UnboundedReceiver<Command>,
    targets: HashMap<TargetId, AbortHandle>,
    tasks: JoinSet<Infallible>,
    added: u64,
}

impl Prober {
    /// A prober without targets. When `reports` is full it waits, and probes leave late.
    pub fn new(clock: Clock, sources: Sources, reports: mpsc::Sender<Report>) -> (Targets, Self) {
        let (sender, commands) = mpsc::unbounded_channel();
        let prober = Self {
            shared: Shared {
                clock,
                opener: Arc::new(Opener::new(sources)),
                reports,
            },
            commands,
            targets: HashMap::new(),
            tasks: JoinSet::new(),
            added: 0,
        };
        let targets = Targets {
            commands: sender,
            tls: tls::config(),
        };
        (targets, prober)
    }

    /// Probes until [`Targets`] or the receiver of the reports is dropped.
    pub async fn run(mut self) {
        let reports = self.shared.reports.clone();
        loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::Add(task)) => self.add(task),
                    Some(Command::Remove(target)) => self.remove(target),
                    None => return,
                },
                Some(Err(ended)) = self.tasks.join_next() => {
                    if let Ok(panic) = ended.try_into_panic() {
                        std::panic::resume_unwind(panic);
                    }
                }
                () = reports.closed() => return,
            }
        }
    }

    fn add(&mut self, task: Task) {
        let target = task.target;
        self.remove(target);
        let now = self.shared.clock.now_ms();
        let schedule = Schedule::new(now, task.interval_ms, self.added);
        self.added += 1;
        let probing = probe(task, schedule, self.shared.clone());
        self.targets.insert(target, self.tasks.spawn(probing));
    }

    fn remove(&mut self, target: TargetId) {
        if let Some(task) = self.targets.remove(&target) {
            task.abort();
        }
    }
}

async fn probe(task: Task, mut schedule: Schedule, shared: Shared) -> Infallible {
    let clock = shared.clock;
    loop {
        sleep_until(clock.instant(schedule.next_due(clock.now_ms()))).await;
        schedule.sent(clock.now_ms());
        probe_once(&task, &shared).await;
    }
}

async fn probe_once(task: &Task, shared: &Shared) {
    let clock = shared.clock;
    let sent = clock.now_ms();
    let deadline = clock.instant(sent.saturating_add(task.timeout_ms));
    let (outcome, connection) =
        exchange::ask(&task.question, task.backend, &shared.opener, sent, deadline).await;
    let at = clock.now_ms();
    // Nobody is left to report to when the prober is about to stop.
    let _ = shared
        .reports
        .send(Report {
            target: task.target,
            at,
            outcome,
        })
        .await;
    if let Some(connection) = connection {
        exchange::close(connection, clock.instant(at.saturating_add(CLOSE_MS))).await;
    }
}
