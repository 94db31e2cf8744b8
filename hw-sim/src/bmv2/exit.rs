//! Where what comes out of the switch goes: frames to the ports, records to the punt ring.

use firmware_api::punt::Punt;
use firmware_api::{DropReason, Memory, PuntReason};

use super::traffic::Output;
use crate::counters::Counters;
use crate::lookup::Tables;
use crate::pipeline::{Outlet, flow_hash};

/// Where what comes out of the switch goes.
pub(super) struct Exit<'a, M, O> {
    pub tables: Tables<'a, M>,
    pub counters: &'a mut Counters,
    pub accounted: &'a mut u64,
    pub traced: &'a mut u64,
    pub outlet: &'a mut O,
}

impl<M: Memory, O: Outlet> Exit<'_, M, O> {
    pub(super) fn take(&mut self, output: Output<'_>) {
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
        let bytes = &bytes[..bytes.len().min(usize::from(punt.captured))];
        punt.captured = bytes.len() as u16;
        if punt.reason != PuntReason::Trace {
            punt.flow_hash = flow_hash(&self.tables, &punt, bytes);
        }
        let written = self.outlet.punt(&punt, bytes);
        self.counters.punt(punt.reason, written);
        if punt.reason == PuntReason::Trace {
            *self.accounted += 1;
            *self.traced = self.traced.saturating_sub(1);
        }
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
