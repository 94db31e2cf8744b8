//! BMv2 as a card's engine: its `simple_switch` runs the P4 program of `p4/`, and the card drives
//! it as a driver of its own would.
//!
//! ```text
//! doorbells ─► entries (what BAR2 has, what the switch holds) ─► runtime (Thrift) ─┐
//! harvest ◄── flows (registers and counters ◄─► state blocks) ◄── runtime ◄────────┤ simple_switch
//! frames ──► traffic (records, fences) ──► packets (socket) ───────────────────────┤
//! ports, punt ring ◄── traffic ◄── packets ◄───────────────────────────────────────┘
//! process: starts the switch and sees it end      program: checks the JSON, gives names
//! session: one life of the switch                 engine, exit: the card's side
//! ```
//!
//! The ports stay the card's. A round gives the switch its frames, and is over when fences say that
//! everything came out: between rounds nothing is in the switch, so tables change between packets,
//! and counters and flow state are exact.
//!
//! A switch that ends, or is silent for seconds, is started again, with delays that double up to
//! [`LONGEST_DELAY`]; it gets all entries from BAR2, as by a rescan, and the flows' state as it was
//! last harvested. Frames that were in it count as dropped by [`LOST`].

mod engine;
mod entries;
mod error;
mod exit;
mod flows;
mod packets;
mod process;
mod program;
mod runtime;
mod session;
#[cfg(test)]
mod tests;
mod traffic;
mod verdict;

use std::time::{Duration, Instant};

use firmware_api::schema::PORTS;
use firmware_api::{DropReason, Memory, PuntReason, TableId};

use crate::config::{CardConfig, Layout};
use crate::counters::Counters;
use crate::lookup::{Spaces, Tables};
use crate::pipeline::Outlet;
use entries::Entries;
pub use error::Bmv2Error;
use exit::Exit;
use flows::Flows;
use process::Process;
pub use process::{Attach, Start, Switch};
use program::Program;
pub use program::ProgramError;
use session::{Session, config_of, connect};
use traffic::Input;

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
    /// Of the frames that are not accounted for, those that are traced.
    traced: u64,
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
            traced: 0,
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
        let traced = std::mem::take(&mut self.traced).min(frames);
        self.counters.punts_lost[PuntReason::Trace as usize] += traced;
        self.counters.drops[LOST as usize] += frames - traced;
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
        let looked_at = &changes.flows;
        self.flows
            .take_up(looked_at, spaces, layout, program, runtime)?;
        self.entries.apply(&changes, program, runtime)?;
        if let Some(tick) = started {
            self.flows.restore(tick, spaces, layout, program, runtime)?;
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
            traced: &mut self.traced,
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
