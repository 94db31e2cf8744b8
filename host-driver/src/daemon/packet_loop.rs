//! The engine's thread: steps the engine, and hands it what the other threads have for it.
//!
//! It spins while there is work and a little longer, then sleeps on the channel of events, so that
//! an event wakes it at once and a packet at most a nap later.

use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use firmware_api::Memory;

use crate::control::{Ask, Question};
use crate::engine::Engine;
use crate::probe::{Clock, Report, Targets};

/// Steps without work before the thread sleeps.
const SPINS: u32 = 64;
/// Steps without work before it sleeps longer.
const DROWSY: u32 = 2_000;
const NAP: Duration = Duration::from_micros(200);
const LONG_NAP: Duration = Duration::from_millis(1);

/// What the other threads have for the engine.
#[derive(Debug)]
pub(super) enum Event {
    /// A question, and where the answer goes.
    Ask(Ask),
    /// What a probe saw.
    Report(Report),
    /// The end.
    Stop,
}

/// The engine and what connects it to the other threads.
#[derive(Debug)]
pub(super) struct PacketLoop<M: Memory> {
    pub(super) engine: Engine<M>,
    pub(super) clock: Clock,
    pub(super) events: Receiver<Event>,
    pub(super) targets: Targets,
}

impl<M: Memory> PacketLoop<M> {
    /// Runs until [`Event::Stop`], or until nobody is left who could send it.
    pub(super) fn run(mut self) {
        self.change_probes();
        let mut idle = 0;
        loop {
            let work = self.engine.step(self.clock.now_ms());
            idle = if work.is_idle() {
                u32::saturating_add(idle, 1)
            } else {
                0
            };
            match next_event(&self.events, idle) {
                Ok(Event::Ask(ask)) => self.answer(ask),
                Ok(Event::Report(report)) => {
                    self.engine.observe(self.clock.now_ms(), report);
                }
                Err(Nothing::Yet) => continue,
                Ok(Event::Stop) | Err(Nothing::Ever) => break,
            }
            idle = 0;
        }
        self.engine.stop();
    }

    fn answer(&mut self, ask: Ask) {
        let changes = matches!(ask.question, Question::Apply { .. });
        let answer = self.engine.answer(&ask.question);
        if changes {
            self.change_probes();
        }
        // Whoever asked may have left.
        let _ = ask.reply.send(answer);
    }

    fn change_probes(&mut self) {
        let changes = self.engine.take_probe_changes();
        for target in changes.remove {
            self.targets.remove(target);
        }
        for (target, backend, probe) in changes.add {
            if let Err(error) = self.targets.add(target, backend, &probe) {
                tracing::warn!(%backend, port = probe.port(), %error, "a backend is not probed");
            }
        }
    }
}

/// Why there is no event.
enum Nothing {
    Yet,
    Ever,
}

fn next_event(events: &Receiver<Event>, idle: u32) -> Result<Event, Nothing> {
    let nap = match idle {
        0..SPINS => {
            std::hint::spin_loop();
            return events.try_recv().map_err(|error| match error {
                TryRecvError::Empty => Nothing::Yet,
                TryRecvError::Disconnected => Nothing::Ever,
            });
        }
        SPINS..DROWSY => NAP,
        _ => LONG_NAP,
    };
    events.recv_timeout(nap).map_err(|error| match error {
        RecvTimeoutError::Timeout => Nothing::Yet,
        RecvTimeoutError::Disconnected => Nothing::Ever,
    })
}
