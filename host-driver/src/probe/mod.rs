//! The sockets of the health probes: sends each target's probes on time and reports what they saw.
//!
//! One scheduler owns all targets. Each probe under way is one task with one socket, so a target
//! never has two, and removing a target closes its socket. What an outcome means is
//! [`health`](crate::health)'s to say.

mod certificate;
mod clock;
mod exchange;
mod http;
mod source;
mod tls;

#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    future::pending,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use rustls::ClientConfig;
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinError, JoinSet},
    time::{Instant, sleep_until},
};

use self::{exchange::Question, source::Opener};
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
            Protocol::Https(path) => Question::Https {
                request: http::request(backend, http::TLS_PORT, path),
                tls: self.tls.clone()?,
            },
        };
        let task = Arc::new(Task {
            target,
            backend,
            question,
            timeout_ms: probe.timeout_ms(),
        });
        let interval_ms = probe.interval_ms();
        self.commands
            .send(Command::Add { task, interval_ms })
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
    Add { task: Arc<Task>, interval_ms: u64 },
    Remove(TargetId),
}

/// What it takes to probe one target once.
#[derive(Debug)]
struct Task {
    target: TargetId,
    backend: SocketAddr,
    question: Question,
    timeout_ms: u64,
}

/// A target and its place in the schedule.
#[derive(Debug)]
struct Slot {
    serial: u64,
    task: Arc<Task>,
    schedule: Schedule,
    in_flight: Option<AbortHandle>,
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
    slots: HashMap<TargetId, Slot>,
    /// Send times, soonest first. Those of removed targets stay until they come up; serials tell
    /// them apart.
    due: BinaryHeap<Reverse<(u64, u64, TargetId)>>,
    in_flight: JoinSet<(u64, TargetId)>,
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
            slots: HashMap::new(),
            due: BinaryHeap::new(),
            in_flight: JoinSet::new(),
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
            self.send_due();
            let next = self
                .due
                .peek()
                .map(|Reverse((due, ..))| self.shared.clock.instant(*due));
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.apply(command),
                    None => return,
                },
                Some(finished) = self.in_flight.join_next() => self.finished(finished),
                () = until(next) => {}
                () = reports.closed() => return,
            }
        }
    }

    fn apply(&mut self, command: Command) {
        match command {
            Command::Add { task, interval_ms } => self.add(task, interval_ms),
            Command::Remove(target) => self.remove(target),
        }
    }

    fn add(&mut self, task: Arc<Task>, interval_ms: u64) {
        let target = task.target;
        self.remove(target);
        let serial = self.added;
        self.added += 1;
        let now = self.shared.clock.now_ms();
        let slot = Slot {
            serial,
            task,
            schedule: Schedule::new(now, interval_ms, serial),
            in_flight: None,
        };
        self.due.extend(
            slot.schedule
                .next_due(now)
                .map(|due| Reverse((due, serial, target))),
        );
        self.slots.insert(target, slot);
    }

    fn remove(&mut self, target: TargetId) {
        if let Some(probe) = self.slots.remove(&target).and_then(|slot| slot.in_flight) {
            probe.abort();
        }
    }

    fn send_due(&mut self) {
        let now = self.shared.clock.now_ms();
        while let Some(Reverse((due, serial, target))) = self.due.peek().copied() {
            if due > now {
                return;
            }
            self.due.pop();
            let Some(slot) = slot(&mut self.slots, target, serial) else {
                continue;
            };
            slot.schedule.sent(now);
            let probe = probe_once(slot.task.clone(), serial, self.shared.clone());
            slot.in_flight = Some(self.in_flight.spawn(probe));
        }
    }

    fn finished(&mut self, finished: Result<(u64, TargetId), JoinError>) {
        let (serial, target) = match finished {
            Ok(finished) => finished,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => return,
        };
        let Some(slot) = slot(&mut self.slots, target, serial) else {
            return;
        };
        slot.in_flight = None;
        slot.schedule.finished();
        let next = slot.schedule.next_due(self.shared.clock.now_ms());
        self.due
            .extend(next.map(|due| Reverse((due, serial, target))));
    }
}

async fn until(next: Option<Instant>) {
    match next {
        Some(next) => sleep_until(next).await,
        None => pending().await,
    }
}

/// The target's slot, if it is still the one that was given this serial.
fn slot(slots: &mut HashMap<TargetId, Slot>, target: TargetId, serial: u64) -> Option<&mut Slot> {
    slots.get_mut(&target).filter(|slot| slot.serial == serial)
}

async fn probe_once(task: Arc<Task>, serial: u64, shared: Shared) -> (u64, TargetId) {
    let clock = shared.clock;
    let deadline = clock.instant(clock.now_ms().saturating_add(task.timeout_ms));
    let (outcome, connection) =
        exchange::ask(&task.question, task.backend, &shared.opener, deadline).await;
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
    (serial, task.target)
}
