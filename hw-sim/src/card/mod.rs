//! The device: one round of work per [`Card::poll`], single-threaded and deterministic.
//!
//! A round reads control, error-clear and heartbeat registers, then rings doorbells, carries out
//! injects and harvests, then takes up to 64 frames of each port through the engine, and
//! publishes punts, counters and clock. Nothing that the driver writes can make it panic: what is
//! not sound is latched as an error, and the ring concerned is left alone until the next reset.
//! While the engine is down, frames, injects and harvest commands wait.

mod error;
mod harvest;
mod heartbeat;
mod host_ring;
mod punts;
mod records;
pub mod registers;
#[cfg(test)]
mod tests;

use firmware_api::doorbell::Doorbell;
use firmware_api::inject::Inject;
use firmware_api::punt::Punt;
use firmware_api::register::{
    CONTROL, CONTROL_ENABLE, CONTROL_RESET, EVENT_HARVEST, EVENT_PUNT, RESCAN, STATUS,
    STATUS_DRIVERLESS, STATUS_ENGINE_DOWN, STATUS_READY, STATUS_RESET_DONE, TICK,
};
use firmware_api::ring::Payload;
use firmware_api::{Memory, PortId};

use crate::bars::Bars;
use crate::batch::{BATCH, Batch};
use crate::config::{CardConfig, ConfigError, Layout};
use crate::counters::Counters;
use crate::engine::Engine;
use crate::lookup::Spaces;
use crate::memory::SimMemory;
use crate::pipeline::{Conditions, Outlet, Pipeline};
use crate::ports::Ports;
pub use error::{DriverError, Source};
use harvest::Harvest;
use heartbeat::Heartbeat;
use host_ring::{DOORBELL, INJECT};
use punts::Punts;
use records::Records;
use registers::{ErrorLatch, raise};

/// Injects of one round.
const RECORDS: usize = 256;

/// How much one round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Frames taken from ports.
    pub frames: usize,
    /// Inject records.
    pub injects: usize,
    /// Doorbell records.
    pub doorbells: usize,
    /// Harvest commands, rescans and resets.
    pub commands: usize,
}

impl Work {
    /// Whether there was nothing to do.
    pub fn is_idle(&self) -> bool {
        *self == Self::default()
    }
}

/// A simulated card, whose packets the engine forwards.
#[derive(Debug)]
pub struct Card<E = Pipeline> {
    bars: Bars,
    engine: E,
    heartbeat: Heartbeat,
    harvest: Harvest,
    latch: ErrorLatch,
    punts: Punts,
    injects: Records,
    doorbells: Records,
    /// `RESCAN` when it was last carried out.
    rescans: u32,
    status: u32,
    tick: u32,
    /// Reused from round to round.
    batch: Batch,
    payload: Box<Payload>,
}

impl Card {
    /// A card that has just come up, over zeroed spaces made for that configuration.
    ///
    /// # Errors
    /// When a size is out of range.
    pub fn new(bars: Bars, config: &CardConfig) -> Result<Self, ConfigError> {
        Ok(Self::with_engine(bars, Pipeline::new(Layout::new(config)?)))
    }
}

impl<E: Engine> Card<E> {
    /// A card that has just come up, over zeroed spaces made for the engine's layout.
    pub fn with_engine(bars: Bars, engine: E) -> Self {
        registers::reset(&*bars.bar0, engine.layout());
        bars.bar0.store32(CONTROL.offset, 0);
        bars.bar0
            .store32(STATUS.offset, STATUS_READY | STATUS_DRIVERLESS);
        Self {
            bars,
            engine,
            heartbeat: Heartbeat::default(),
            harvest: Harvest::default(),
            latch: ErrorLatch::default(),
            punts: Punts::default(),
            injects: Records::new(INJECT),
            doorbells: Records::new(DOORBELL),
            rescans: 0,
            status: STATUS_READY | STATUS_DRIVERLESS,
            tick: 0,
            batch: Batch::default(),
            payload: Box::default(),
        }
    }

    /// The memory it shares with its driver.
    pub const fn bars(&self) -> &Bars {
        &self.bars
    }

    /// What forwards its packets.
    pub const fn engine(&self) -> &E {
        &self.engine
    }

    /// What happened to frames since the last reset.
    pub fn counters(&self) -> &Counters {
        self.engine.counters()
    }

    /// Whether the host lets it take frames. Until then they stay where they are.
    pub fn is_enabled(&self) -> bool {
        let control = self.bars.bar0.load32(CONTROL.offset);
        control & (CONTROL_ENABLE | CONTROL_RESET) == CONTROL_ENABLE
    }

    /// Whether it takes frames: the host lets it, and the engine is up.
    pub fn is_forwarding(&self) -> bool {
        self.is_enabled() && self.status & STATUS_ENGINE_DOWN == 0
    }

    /// Does one round at `now_ms` of the device clock.
    pub fn poll(&mut self, now_ms: u64, ports: &mut impl Ports) -> Work {
        let bar0 = self.bars.bar0.clone();
        self.tick = now_ms as u32;
        bar0.store32(TICK.offset, self.tick);
        let mut work = Work::default();
        let control = bar0.load32(CONTROL.offset);
        if self.reset(control) {
            work.commands += 1;
        }
        let driverless = self.heartbeat.is_stale(&*bar0, now_ms);
        self.set_status(STATUS_DRIVERLESS, driverless);
        if control & CONTROL_RESET != 0 {
            return work;
        }
        self.latch.refresh(&*bar0);
        let enabled = control & CONTROL_ENABLE != 0;
        // Read before the doorbells: what was written before an inject is in force before it.
        let injects = enabled.then(|| self.produced_injects());
        work.doorbells = self.ring_doorbells();
        work.commands += usize::from(self.rescan());
        let is_up = {
            let (bar0, bar2) = (&*self.bars.bar0, &*self.bars.bar2);
            self.engine.advance(Spaces { bar0, bar2 }, self.tick)
        };
        self.set_status(STATUS_ENGINE_DOWN, !is_up);
        if !is_up {
            return work;
        }
        if let Some(producer) = injects {
            let conditions = Conditions {
                tick: self.tick,
                driverless,
                ..Conditions::default()
            };
            work.injects = self.inject(producer, conditions, ports);
            work.frames = self.receive(conditions, ports);
        }
        work.commands += usize::from(self.harvest());
        if !work.is_idle() {
            self.engine.counters().publish(&*bar0);
        }
        work
    }

    /// Carries out a reset, once per time that the host asks for it.
    fn reset(&mut self, control: u32) -> bool {
        let asked = control & CONTROL_RESET != 0;
        let done = self.status & STATUS_RESET_DONE != 0;
        if asked && !done {
            let bar0 = &*self.bars.bar0;
            self.bars.clear_tables();
            registers::reset(bar0, self.engine.layout());
            bar0.store32(TICK.offset, self.tick);
            self.engine.reset();
            self.rescans = 0;
            self.heartbeat = Heartbeat::default();
            self.harvest = Harvest::default();
            self.latch = ErrorLatch::default();
            self.punts = Punts::default();
            self.injects = Records::new(INJECT);
            self.doorbells = Records::new(DOORBELL);
        }
        self.set_status(STATUS_RESET_DONE, asked);
        asked && !done
    }

    fn set_status(&mut self, bit: u32, on: bool) {
        let status = if on {
            self.status | bit
        } else {
            self.status & !bit
        };
        if status != self.status {
            self.status = status;
            self.bars.bar0.store32(STATUS.offset, status);
        }
    }

    /// Takes every table doorbell that was rung so far.
    fn ring_doorbells(&mut self) -> usize {
        let (bar0, rings) = (&*self.bars.bar0, &*self.bars.rings);
        let engine = &mut self.engine;
        let taken = self.doorbells.refresh(bar0, rings).and_then(|()| {
            let producer = self.doorbells.produced(bar0);
            let payload = &mut self.payload;
            self.doorbells
                .drain(rings, producer, usize::MAX, payload, |words, _| {
                    let slots = |id| engine.layout().table(id).geometry.slots();
                    let bell = Doorbell::decode(words).ok().filter(|bell| {
                        let slots = slots(bell.table);
                        bell.first <= slots && bell.count <= slots - bell.first
                    });
                    bell.map(|bell| engine.written(bell)).is_some()
                })
        });
        taken.unwrap_or_else(|error| {
            self.latch.set(bar0, error);
            0
        })
    }

    /// Follows `RESCAN`.
    fn rescan(&mut self) -> bool {
        let rescans = self.bars.bar0.load32(RESCAN.offset);
        let asked = rescans != self.rescans;
        if asked {
            self.rescans = rescans;
            self.engine.rescan();
        }
        asked
    }

    /// Where the inject ring ends now.
    fn produced_injects(&mut self) -> u32 {
        let (bar0, rings) = (&*self.bars.bar0, &*self.bars.rings);
        if let Err(error) = self.injects.refresh(bar0, rings) {
            self.latch.set(bar0, error);
        }
        self.injects.produced(bar0)
    }

    /// Carries out injects in their order: held packets, and traced ones, go through the engine in
    /// batches.
    fn inject(&mut self, producer: u32, now: Conditions, ports: &mut impl Ports) -> usize {
        let (bar0, bar2, rings) = (&*self.bars.bar0, &*self.bars.bar2, &*self.bars.rings);
        if let Err(error) = self.punts.refresh(bar0, rings) {
            self.latch.set(bar0, error);
        }
        let (reprocess, trace) = (true, true);
        let (held, traced) = (Conditions { reprocess, ..now }, Conditions { trace, ..now });
        let mut conditions = held;
        let spaces = Spaces { bar0, bar2 };
        let (engine, batch) = (&mut self.engine, &mut self.batch);
        let mut outlet = CardOutlet {
            bar0,
            rings,
            punts: &mut self.punts,
            ports,
        };
        let payload = &mut self.payload;
        let taken = self
            .injects
            .drain(rings, producer, RECORDS, payload, |words, frame| {
                let Ok(inject) = Inject::decode(words) else {
                    return false;
                };
                let wanted = match inject {
                    Inject::Trace { .. } => traced,
                    Inject::Reprocess(_) | Inject::Transmit(_) => held,
                };
                let is_transmit = matches!(inject, Inject::Transmit(_));
                if is_transmit || batch.is_full() || wanted != conditions {
                    engine.run(spaces, conditions, batch, &mut outlet);
                    conditions = wanted;
                }
                match inject {
                    Inject::Transmit(port) => engine.transmit(spaces, port, frame, &mut outlet),
                    Inject::Reprocess(port) => drop(batch.push(port, frame)),
                    Inject::Trace { port, tag } => drop(batch.push_traced(port, tag, frame)),
                }
                true
            });
        engine.run(spaces, conditions, batch, &mut outlet);
        engine.complete(spaces, &mut outlet);
        let published = self.punts.publish(rings);
        self.published(published);
        taken.unwrap_or_else(|error| {
            self.latch.set(&*self.bars.bar0, error);
            0
        })
    }

    /// Takes up to a batch of frames from each port.
    fn receive(&mut self, conditions: Conditions, ports: &mut impl Ports) -> usize {
        let (bar0, bar2, rings) = (&*self.bars.bar0, &*self.bars.bar2, &*self.bars.rings);
        let spaces = Spaces { bar0, bar2 };
        let mut frames = 0;
        for port in 0..self.engine.layout().ports {
            ports.receive(port, &mut self.batch);
            if self.batch.is_empty() {
                continue;
            }
            frames += self.batch.len();
            let mut outlet = CardOutlet {
                bar0,
                rings,
                punts: &mut self.punts,
                ports,
            };
            self.engine
                .run(spaces, conditions, &mut self.batch, &mut outlet);
        }
        let mut outlet = CardOutlet {
            bar0,
            rings,
            punts: &mut self.punts,
            ports,
        };
        self.engine.complete(spaces, &mut outlet);
        ports.flush();
        let published = self.punts.publish(rings);
        self.published(published);
        frames
    }

    fn published(&mut self, published: Result<bool, DriverError>) {
        let bar0 = &*self.bars.bar0;
        match published {
            Ok(true) => raise(bar0, EVENT_PUNT),
            Ok(false) => {}
            Err(error) => self.latch.set(bar0, error),
        }
    }

    fn harvest(&mut self) -> bool {
        let (bar0, bar2, rings) = (&*self.bars.bar0, &*self.bars.bar2, &*self.bars.rings);
        let spaces = Spaces { bar0, bar2 };
        let done = self
            .harvest
            .poll(spaces, rings, &mut self.engine, self.tick);
        done.map_or_else(
            |error| {
                self.latch.set(bar0, error);
                true
            },
            |done| {
                if done {
                    raise(bar0, EVENT_HARVEST);
                }
                done
            },
        )
    }
}

/// The card's ports and punt ring behind the engine.
struct CardOutlet<'a, P> {
    bar0: &'a SimMemory,
    rings: &'a SimMemory,
    punts: &'a mut Punts,
    ports: &'a mut P,
}

impl<P: Ports> Outlet for CardOutlet<'_, P> {
    fn transmit(&mut self, port: PortId, frame: &[u8]) -> bool {
        self.ports.transmit(port, frame)
    }

    fn punt(&mut self, punt: &Punt, bytes: &[u8]) -> bool {
        self.punts.push(self.bar0, self.rings, punt, bytes)
    }
}

/// The most frames that one round takes from one port.
pub const FRAMES_PER_PORT: usize = BATCH;
