//! The native pipeline as a card's engine: it reads BAR2 itself, caches nothing, and is done with
//! a batch when it returns.

use firmware_api::doorbell::Doorbell;
use firmware_api::{DropReason, Memory, PortId};

use super::{Conditions, Outlet, Pipeline, is_on};
use crate::batch::Batch;
use crate::config::Layout;
use crate::counters::Counters;
use crate::engine::Engine;
use crate::lookup::{Spaces, Tables};

impl Engine for Pipeline {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn reset(&mut self) {
        Self::reset(self);
    }

    fn written(&mut self, _bell: Doorbell) {}

    fn rescan(&mut self) {}

    fn advance<M: Memory>(&mut self, _spaces: Spaces<'_, M>, _tick: u32) -> bool {
        true
    }

    fn run<M: Memory>(
        &mut self,
        spaces: Spaces<'_, M>,
        conditions: Conditions,
        batch: &mut Batch,
        outlet: &mut impl Outlet,
    ) {
        Self::run(self, spaces, conditions, batch, outlet);
    }

    fn transmit<M: Memory>(
        &mut self,
        spaces: Spaces<'_, M>,
        port: PortId,
        frame: &[u8],
        outlet: &mut impl Outlet,
    ) {
        self.counters.injected += 1;
        let on = is_on(&Tables::new(spaces, &self.layout), port);
        if on && outlet.transmit(port, frame) {
            self.counters.tx += 1;
        } else {
            self.counters.drop(DropReason::EgressOff);
        }
    }

    fn complete<M: Memory>(&mut self, _spaces: Spaces<'_, M>, _outlet: &mut impl Outlet) {}

    fn harvest_activity(&mut self, first: u32, count: u32, each: impl FnMut(u64)) -> bool {
        self.activity.harvest(first, count).for_each(each);
        true
    }

    fn harvest_states<M: Memory>(
        &mut self,
        _spaces: Spaces<'_, M>,
        _flows: impl Iterator<Item = u32>,
    ) -> bool {
        true
    }
}
