//! The switch as a card's engine.

use firmware_api::doorbell::Doorbell;
use firmware_api::inject::Inject;
use firmware_api::{Memory, PortId};

use super::traffic::Input;
use super::{Bmv2, Bmv2Error, FIRST_DELAY, State, flows};
use crate::batch::Batch;
use crate::config::Layout;
use crate::counters::Counters;
use crate::engine::Engine;
use crate::lookup::Spaces;
use crate::pipeline::{Conditions, Outlet};

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
        (self.given, self.accounted, self.traced) = (0, 0, 0);
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
        self.counters.came(conditions, batch.len());
        if !batch.is_empty() {
            self.with_switch(|_, session| {
                session.traffic.tell(conditions);
                Ok(())
            });
        }
        for frame in batch.frames() {
            let (bytes, port, tag) = (frame.bytes(), frame.ingress, frame.tag);
            let record = |inject: Inject| Input::Record(inject.encode(bytes.len() as u16));
            let input = if conditions.trace {
                self.traced += 1;
                record(Inject::Trace { port, tag })
            } else if conditions.reprocess {
                record(Inject::Reprocess(port))
            } else {
                Input::Frame(port)
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
            let (layout, program) = (&bmv2.layout, &bmv2.program);
            let runtime = &mut session.runtime;
            flows::harvest(&flows, spaces, layout, program, runtime)?;
            Ok(())
        });
        harvested.is_some()
    }
}
