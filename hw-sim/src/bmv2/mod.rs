//! BMv2 as a card's engine: its `simple_switch` runs the P4 program of `p4/`, and the card drives
//! it as a driver of its own would.
//!
//! ```text
//! doorbells ─► entries (what BAR2 has, what the switch holds) ─► runtime (Thrift) ─┐
//! harvest ◄── flows (registers and counters ◄─► state blocks) ◄── runtime ◄────────┤ simple_switch
//! frames ──► traffic (records, fences) ──► packets (socket) ───────────────────────┤
//! ports, punt ring ◄── traffic ◄── packets ◄───────────────────────────────────────┘
//! process: starts the switch and sees it end      program: checks the JSON, gives names
//! ```
//!
//! The ports stay the card's. A round gives the switch its frames, and is over when fences say that
//! everything came out: between rounds nothing is in the switch, so tables change between packets,
//! and counters and flow state are exact.
//!
//! A switch that ends, or is silent for seconds, is started again, with delays that double up to
//! [`LONGEST_DELAY`]; it gets all entries from BAR2, as by a rescan, and the flows' state as it was
//! last harvested. Frames that were in it count as dropped by [`LOST`].

mod entries;
mod flows;
mod packets;
mod process;
mod program;
mod runtime;
#[cfg(test)]
mod tests;
mod traffic;
mod verdict;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use firmware_api::doorbell::Doorbell;
use firmware_api::inject::Inject;
use firmware_api::punt::Punt;
use firmware_api::schema::{CPU_PORT, CPU_SESSION, PORTS};
use firmware_api::{DropReason, Memory, PortId, TableId};

use crate::batch::Batch;
use crate::config::{CardConfig, ConfigError, Layout};
use crate::counters::Counters;
use crate::engine::Engine;
use crate::lookup::{Spaces, Tables};
use crate::pipeline::{Conditions, Outlet, flow_hash};
use entries::Entries;
use flows::{Array, Flows};
use packets::Packets;
use process::Process;
pub use process::{Attach, Start, Switch};
use program::Program;
pub use program::ProgramError;
use runtime::{Call, Refused, Reply, Runtime};
use traffic::{Input, Output, Traffic};

/// How a frame counts that the switch took and never gave back: its port had no pipeline behind it.
pub const LOST: DropReason = DropReason::PortOff;
/// The first delay before an ended switch is started again.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The longest one.
pub const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// How long a switch may take until it listens.
const START: Duration = Duration::from_secs(20);
/// How often it is asked meanwhile.
const ASK: Duration = Duration::from_millis(10);
/// Starts with another port when one that was free is taken.
const STARTS: usize = 3;
/// Packets of an egress queue of the switch: more than are ever on their way.
const QUEUE: u32 = 16_384;

/// Why there is no switch.
#[derive(Debug, thiserror::Error)]
pub enum Bmv2Error {
    /// A size is out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The card is larger than the program.
    #[error("a card with engine bmv2 cannot have {value} {what}: the P4 program has {most}")]
    Size {
        /// What there would be too many of.
        what: String,
        /// How many the card would have.
        value: u64,
        /// How many the program has.
        most: u64,
    },
    /// A file cannot be read or made.
    #[error("{0}: {1}")]
    File(String, io::Error),
    /// The program is not the schema's.
    #[error("{name}: {error}; p4/compile makes one that fits")]
    Program {
        /// Where the program is from.
        name: String,
        /// What is wrong.
        error: ProgramError,
    },
    /// The switch's executable does not run.
    #[error("{}: {error}; install BMv2, or say where its simple_switch is with --switch", path.display())]
    Switch {
        /// The executable.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The port of the runtime interface cannot be had.
    #[error("port {0}: {1}; choose another with --thrift-port, or leave the choice to hw-sim")]
    Port(u16, io::Error),
    /// The switch ended before it listened.
    #[error("the switch ended with {0}")]
    Ended(String),
    /// Nobody listens.
    #[error("no switch answers at {what}: {error}")]
    Silent {
        /// An address or a socket.
        what: String,
        /// Why not.
        error: io::Error,
    },
    /// The runtime interface failed.
    #[error("the switch's runtime interface: {0}")]
    Runtime(#[from] thrift::Error),
    /// The switch does not do what it has to.
    #[error("the switch does not take {what}: {error}")]
    Refused {
        /// What it was asked.
        what: &'static str,
        /// Its answer.
        error: String,
    },
    /// The packet socket failed.
    #[error("the switch's packet socket: {0}")]
    Packets(io::Error),
}

/// A switch that forwards.
#[derive(Debug)]
struct Session {
    runtime: Runtime,
    traffic: Traffic,
    /// `drops` of the program when they were last read.
    drops: [u64; DropReason::ALL.len()],
    /// Behind the sockets, so that it ends after them.
    process: Option<Process>,
}

/// Where the switch stands.
#[derive(Debug)]
enum State {
    /// It forwards.
    Up(Box<Session>),
    /// It was started and does not listen yet.
    Starting(Option<Process>, Instant),
    /// It ended; it is started when the delay is over.
    Down(Instant),
}

/// BMv2, or rather its `simple_switch`, behind a card.
#[derive(Debug)]
pub struct Bmv2 {
    layout: Layout,
    source: Switch,
    json: String,
    program: Program,
    state: State,
    delay: Duration,
    entries: Entries,
    flows: Flows,
    counters: Counters,
    /// Frames given to the switch, and what became of them, since the last reset.
    given: u64,
    accounted: u64,
}

impl Bmv2 {
    /// A switch for a card of that configuration, which [`CardConfig::bmv2`] bounds; it forwards
    /// when this returns.
    ///
    /// # Errors
    /// When the card is larger than the program, or no switch can be had.
    pub fn new(config: &CardConfig, source: Switch) -> Result<Self, Bmv2Error> {
        fits(config)?;
        let (json, name) = match &source {
            Switch::Start(start) => {
                let (json, name) = start.program()?;
                (json.into_owned(), name)
            }
            Switch::Attach(attach) => {
                let name = format!("the program of the switch at {}", attach.runtime);
                (config_of(attach)?, name)
            }
        };
        let program = Program::parse(&json).map_err(|error| Bmv2Error::Program { name, error })?;
        let mut bmv2 = Self {
            layout: Layout::new(config)?,
            state: State::Down(Instant::now()),
            source,
            json,
            program,
            delay: FIRST_DELAY,
            entries: Entries::default(),
            flows: Flows::default(),
            counters: Counters::default(),
            given: 0,
            accounted: 0,
        };
        bmv2.start_at_last()?;
        Ok(bmv2)
    }

    /// The process id of a switch that was started.
    pub fn process_id(&self) -> Option<u32> {
        match &self.state {
            State::Up(session) => session.process.as_ref().map(Process::id),
            State::Starting(process, _) => process.as_ref().map(Process::id),
            State::Down(_) => None,
        }
    }

    /// Starts the switch and waits until it forwards.
    fn start_at_last(&mut self) -> Result<(), Bmv2Error> {
        let mut starts = 1;
        loop {
            match self.step() {
                Ok(true) => return Ok(()),
                Ok(false) => std::thread::sleep(ASK),
                Err(Bmv2Error::Ended(_)) if starts < STARTS => {
                    starts += 1;
                    self.state = State::Down(Instant::now());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One step of a start; whether the switch forwards.
    fn step(&mut self) -> Result<bool, Bmv2Error> {
        match &mut self.state {
            State::Up(_) => {}
            State::Down(until) if Instant::now() < *until => return Ok(false),
            State::Down(_) => {
                let process = match &self.source {
                    Switch::Start(start) => Some(Process::start(start, &self.json)?),
                    Switch::Attach(_) => None,
                };
                self.state = State::Starting(process, Instant::now());
                return Ok(false);
            }
            State::Starting(process, since) => {
                if let Some(ended) = process.as_mut().and_then(Process::ended) {
                    return Err(Bmv2Error::Ended(ended));
                }
                let attach = match (&self.source, &process) {
                    (Switch::Attach(attach), _) => attach.clone(),
                    (Switch::Start(_), process) => {
                        process.as_ref().expect("a started one").listens()
                    }
                };
                let (runtime, packets) = match connect(&attach) {
                    Ok(both) => both,
                    Err(_) if process.is_some() && since.elapsed() < START => return Ok(false),
                    Err(error) => return Err(error),
                };
                let session = Session::new(runtime, packets, process.take(), &self.program)?;
                self.state = State::Up(Box::new(session));
            }
        }
        Ok(true)
    }

    /// The switch cannot be used any more: what was in it is lost, and it is started again.
    fn fail(&mut self, error: &Bmv2Error) {
        let ended = match &mut self.state {
            State::Up(session) => session.process.as_mut().and_then(Process::ended),
            _ => None,
        };
        let (ended, delay) = (ended.unwrap_or_default(), self.delay);
        tracing::error!(%error, %ended, ?delay, "the switch is down; it is started again");
        self.state = State::Down(Instant::now() + delay);
        self.delay = (delay * 2).min(LONGEST_DELAY);
        self.lose(self.given - self.accounted);
    }

    fn lose(&mut self, frames: u64) {
        self.counters.drops[LOST as usize] += frames;
        self.accounted += frames;
    }

    /// Does something with the switch; a failure takes it down. `None` while it is down.
    fn with_switch<T>(
        &mut self,
        act: impl FnOnce(&mut Self, &mut Session) -> Result<T, Bmv2Error>,
    ) -> Option<T> {
        let down = State::Down(Instant::now());
        let mut session = match std::mem::replace(&mut self.state, down) {
            State::Up(session) => session,
            other => {
                self.state = other;
                return None;
            }
        };
        let result = act(self, &mut session);
        self.state = State::Up(session);
        result.map_err(|error| self.fail(&error)).ok()
    }

    /// Makes the switch hold what BAR2 has. `Some(tick)` when it has just started.
    fn take_up<M: Memory>(
        &mut self,
        session: &mut Session,
        spaces: Spaces<'_, M>,
        started: Option<u32>,
    ) -> Result<(), Bmv2Error> {
        let (layout, program) = (&self.layout, &self.program);
        let runtime = &mut session.runtime;
        let tables = Tables::new(spaces, layout);
        let changes = self.entries.compare(&tables);
        let held = &self.entries;
        let looked_at = &changes.flows;
        self.flows
            .take_up(looked_at, spaces, layout, held, program, runtime)?;
        self.entries.apply(&changes, program, runtime)?;
        if let Some(tick) = started {
            let held = &self.entries;
            self.flows
                .restore(tick, spaces, layout, held, program, runtime)?;
        }
        Ok(())
    }

    /// Gives the switch a frame.
    fn give<M: Memory>(
        &mut self,
        spaces: Spaces<'_, M>,
        input: Input,
        frame: &[u8],
        outlet: &mut impl Outlet,
    ) {
        self.given += 1;
        let given = self.with_switch(|bmv2, session| {
            let mut exit = bmv2.exit(spaces, outlet);
            let given = session.traffic.give(input, frame, |out| exit.take(out));
            given.map_err(Bmv2Error::Packets)
        });
        if given.is_none() {
            self.lose(self.given - self.accounted);
        }
    }

    fn exit<'a, M, O>(&'a mut self, spaces: Spaces<'a, M>, outlet: &'a mut O) -> Exit<'a, M, O>
    where
        M: Memory,
    {
        Exit {
            tables: Tables::new(spaces, &self.layout),
            counters: &mut self.counters,
            accounted: &mut self.accounted,
            outlet,
        }
    }

    /// What the switch itself dropped, told by the frames that did not come out.
    fn count_drops(&mut self, session: &mut Session) -> Result<(), Bmv2Error> {
        let missing = self.given - self.accounted;
        if missing == 0 {
            return Ok(());
        }
        let before = session.drops;
        session.read_drops(&self.program)?;
        let mut dropped = 0;
        for (i, (now, before)) in session.drops.iter().zip(before).enumerate() {
            let more = now.saturating_sub(before);
            self.counters.drops[i] += more;
            dropped += more;
        }
        self.accounted += dropped;
        if dropped != missing {
            tracing::warn!(
                missing,
                dropped,
                "the switch does not account for its frames"
            );
            self.lose(missing.saturating_sub(dropped));
        }
        Ok(())
    }
}

/// The card must not be larger than the program, whose flows are numbered as the card's.
fn fits(config: &CardConfig) -> Result<(), Bmv2Error> {
    let most = CardConfig::bmv2();
    let check = |what: &str, value: u64, most: u64| {
        let what = what.to_owned();
        (value <= most)
            .then_some(())
            .ok_or(Bmv2Error::Size { what, value, most })
    };
    check("ports", config.ports.into(), PORTS.into())?;
    check("flows", config.flows.into(), most.flows.into())?;
    for id in TableId::ALL {
        let what = format!("slots of table {id}");
        let slots = config.geometry(*id).slots().into();
        check(&what, slots, id.schema().size.into())?;
    }
    Ok(())
}

/// Connects to both interfaces. The runtime interface answers some time before all of its services
/// do.
fn connect(attach: &Attach) -> Result<(Runtime, Packets), Bmv2Error> {
    let mut runtime = Runtime::connect(attach.runtime).map_err(|error| Bmv2Error::Silent {
        what: attach.runtime.to_string(),
        error,
    })?;
    let packets = Packets::connect(&attach.packets).map_err(|error| Bmv2Error::Silent {
        what: attach.packets.display().to_string(),
        error,
    })?;
    let mirror = Call::MirrorTo {
        session: CPU_SESSION,
        port: CPU_PORT,
    };
    done("a mirroring session", runtime.call(mirror)?)?;
    let depth = Call::EgressQueueDepth { packets: QUEUE };
    done("the depth of its queues", runtime.call(depth)?)?;
    Ok((runtime, packets))
}

/// The program of a running switch.
fn config_of(attach: &Attach) -> Result<String, Bmv2Error> {
    let mut runtime = Runtime::connect(attach.runtime).map_err(|error| Bmv2Error::Silent {
        what: attach.runtime.to_string(),
        error,
    })?;
    match done("a question for its program", runtime.call(Call::Config)?)? {
        Reply::Text(json) => Ok(json),
        _ => Ok(String::new()),
    }
}

fn done(what: &'static str, reply: Result<Reply, Refused>) -> Result<Reply, Bmv2Error> {
    reply.map_err(|refused| {
        let error = refused.to_string();
        Bmv2Error::Refused { what, error }
    })
}

impl Session {
    /// Makes a switch ready: no entries, no state, no counts.
    fn new(
        runtime: Runtime,
        packets: Packets,
        process: Option<Process>,
        program: &Program,
    ) -> Result<Self, Bmv2Error> {
        let mut session = Self {
            runtime,
            traffic: Traffic::new(packets).map_err(Bmv2Error::Packets)?,
            drops: Default::default(),
            process,
        };
        session.clear(program)?;
        Ok(session)
    }

    /// Empties tables, registers and counters.
    fn clear(&mut self, program: &Program) -> Result<(), Bmv2Error> {
        let instances = TableId::ALL.iter().flat_map(|id| program.instances(*id));
        let tables = instances.map(|instance| Call::ClearEntries {
            table: &instance.table,
        });
        let registers = Array::ALL.iter().map(|array| Call::ResetRegisters {
            register: program.register(*array),
        });
        let counters = Call::ResetCounters {
            counter: &program.drops,
        };
        let calls = tables.chain(registers).chain([counters]);
        let mut refused = None;
        self.runtime
            .calls(calls.map(|call| ((), call)), |(), reply| {
                refused = refused.take().or(reply.err());
            })?;
        self.drops = Default::default();
        done("a reset", refused.map_or(Ok(Reply::Done), Err))?;
        Ok(())
    }

    fn read_drops(&mut self, program: &Program) -> thrift::Result<()> {
        let counter = program.drops.as_str();
        let calls = (0..DropReason::ALL.len()).map(|i| {
            let index = i as u32;
            (i, Call::ReadCounter { counter, index })
        });
        let drops = &mut self.drops;
        self.runtime.calls(calls, |i, reply| {
            drops[i] = reply.as_ref().map_or(drops[i], Reply::number);
        })
    }
}

/// Where what comes out of the switch goes.
struct Exit<'a, M, O> {
    tables: Tables<'a, M>,
    counters: &'a mut Counters,
    accounted: &'a mut u64,
    outlet: &'a mut O,
}

impl<M: Memory, O: Outlet> Exit<'_, M, O> {
    fn take(&mut self, output: Output<'_>) {
        match output {
            Output::Frame(port, frame) => {
                *self.accounted += 1;
                if self.outlet.transmit(port, frame) {
                    self.counters.tx += 1;
                } else {
                    self.counters.drop(DropReason::EgressOff);
                }
            }
            Output::Record(words, bytes) => match Punt::decode(words) {
                Ok(punt) => self.punt(punt, bytes),
                Err(error) => tracing::warn!(?error, "a record of the switch makes no sense"),
            },
        }
    }

    fn punt(&mut self, mut punt: Punt, bytes: &[u8]) {
        if bytes.len() != usize::from(punt.captured) {
            eprintln!("DBG {punt:?} {} {:02x?}", bytes.len(), bytes);
        }
        let bytes = &bytes[..bytes.len().min(usize::from(punt.captured))];
        punt.captured = bytes.len() as u16;
        punt.flow_hash = flow_hash(&self.tables, &punt, bytes);
        let written = self.outlet.punt(&punt, bytes);
        self.counters.punt(punt.reason, written);
        if punt.reason.is_copy() {
            return;
        }
        *self.accounted += 1;
        if written {
            self.counters.held += 1;
        } else {
            self.counters.drop(DropReason::PuntRingFull);
        }
    }
}

impl Engine for Bmv2 {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn reset(&mut self) {
        self.entries.forget();
        self.flows.forget();
        (self.given, self.accounted) = (0, 0);
        self.with_switch(|bmv2, session| session.clear(&bmv2.program));
        self.counters = Counters::default();
    }

    fn written(&mut self, bell: Doorbell) {
        self.entries.written(bell);
    }

    fn rescan(&mut self) {
        self.entries.rescan();
    }

    fn advance<M: Memory>(&mut self, spaces: Spaces<'_, M>, tick: u32) -> bool {
        let mut started = None;
        if !matches!(self.state, State::Up(_)) {
            match self.step() {
                Ok(true) => {
                    started = Some(tick);
                    self.entries.forget();
                    self.flows.forget();
                    self.entries.rescan();
                }
                Ok(false) => return false,
                Err(error) => {
                    self.fail(&error);
                    return false;
                }
            }
        }
        let up = self.with_switch(|bmv2, session| {
            session.traffic.probe().map_err(Bmv2Error::Packets)?;
            if bmv2.entries.is_stale() {
                bmv2.take_up(session, spaces, started)?;
            }
            Ok(())
        });
        if let (Some(()), Some(_)) = (up, started) {
            self.delay = FIRST_DELAY;
            tracing::info!(process = self.process_id(), "the switch is up again");
        }
        up.is_some()
    }

    fn run<M: Memory>(
        &mut self,
        spaces: Spaces<'_, M>,
        conditions: Conditions,
        batch: &mut Batch,
        outlet: &mut impl Outlet,
    ) {
        let came = batch.len() as u64;
        if conditions.reprocess {
            self.counters.reprocessed += came;
        } else {
            self.counters.rx += came;
        }
        if !batch.is_empty() {
            self.with_switch(|_, session| {
                session.traffic.tell(conditions);
                Ok(())
            });
        }
        for frame in batch.frames() {
            let bytes = frame.bytes();
            let input = if conditions.reprocess {
                Input::Record(Inject::Reprocess(frame.ingress).encode(bytes.len() as u16))
            } else {
                Input::Frame(frame.ingress)
            };
            self.give(spaces, input, bytes, outlet);
        }
        batch.clear();
    }

    fn transmit<M: Memory>(
        &mut self,
        spaces: Spaces<'_, M>,
        port: PortId,
        frame: &[u8],
        outlet: &mut impl Outlet,
    ) {
        self.counters.injected += 1;
        let record = Inject::Transmit(port).encode(frame.len() as u16);
        self.give(spaces, Input::Record(record), frame, outlet);
    }

    fn complete<M: Memory>(&mut self, spaces: Spaces<'_, M>, outlet: &mut impl Outlet) {
        self.with_switch(|bmv2, session| {
            if !session.traffic.is_open() {
                return Ok(());
            }
            let mut exit = bmv2.exit(spaces, outlet);
            let completed = session.traffic.complete(|out| exit.take(out));
            completed.map_err(Bmv2Error::Packets)?;
            bmv2.count_drops(session)
        });
    }

    fn harvest_activity(&mut self, first: u32, count: u32, each: impl FnMut(u64)) -> bool {
        let harvested = self.with_switch(|bmv2, session| {
            let runtime = &mut session.runtime;
            flows::harvest_activity(first, count, &bmv2.program, runtime, each)?;
            Ok(())
        });
        harvested.is_some()
    }

    fn harvest_states<M: Memory>(
        &mut self,
        spaces: Spaces<'_, M>,
        flows: impl Iterator<Item = u32>,
    ) -> bool {
        let flows: Vec<_> = flows.collect();
        let harvested = self.with_switch(|bmv2, session| {
            let (layout, held, program) = (&bmv2.layout, &bmv2.entries, &bmv2.program);
            let runtime = &mut session.runtime;
            bmv2.flows
                .harvest(&flows, spaces, layout, held, program, runtime)?;
            Ok(())
        });
        harvested.is_some()
    }
}
