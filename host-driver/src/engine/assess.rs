//! What the traces of a second come to: the availability of rules (L-MON-05), and every two minutes the
//! health of load balancers (L-MON-06).

use std::collections::HashMap;

use firmware_api::Memory;

use super::Engine;
use crate::apply::InForce;
use crate::event::Kind;
use crate::metric::{ResourceHealth, resource_health};

/// The health of load balancers.
#[derive(Debug, Default)]
pub(super) struct Resources {
    /// By name, in the order of the configuration.
    pub(super) of: Vec<(String, ResourceHealth)>,
    /// Driver time at which they were last evaluated.
    assessed_at: u64,
}

impl Resources {
    /// The load balancers of a configuration that is in force; those that were there before keep
    /// what is known of them.
    pub(super) fn follow(&mut self, in_force: &InForce) {
        let before: HashMap<String, ResourceHealth> = self.of.drain(..).collect();
        let balancers = in_force.ir.load_balancers.iter();
        let known = balancers.map(|balancer| {
            let health = before.get(&balancer.name).copied();
            (balancer.name.clone(), health.unwrap_or_default())
        });
        self.of = known.collect();
    }
}

impl<M: Memory> Engine<M> {
    /// Books what became of the traces of the second that is over, and begins the next one.
    pub(super) fn look_at_traces(&mut self) {
        let lookout = &mut self.lookout;
        for target in lookout.traces.targets() {
            let unsent = (!lookout.is_card_up).then_some(false);
            let Some(is_delivered) = target.is_delivered().or(unsent) else {
                continue;
            };
            if let Some(window) = lookout.availability.get_mut(&target.rule) {
                window.note(is_delivered);
            }
            if let Some((_, health)) = lookout.resources.of.get_mut(target.balancer.0) {
                health.note(is_delivered);
            }
        }
        lookout.traces.begin(self.now);
    }

    /// Evaluates the health of load balancers when it is due, and tells what changed (L-MON-06).
    pub(super) fn assess_health(&mut self) {
        let resources = &mut self.lookout.resources;
        let since = self.started_at.max(resources.assessed_at);
        if self.now < since + resource_health::PERIOD {
            return;
        }
        resources.assessed_at = self.now;
        for (name, health) in &mut resources.of {
            if let Some(before) = health.evaluate(self.now) {
                let what = (Kind::ResourceHealthChanged, health.status().severity());
                let message = format!("{}; it was {}", health.message(), before.name());
                self.journal.tell(self.now, what, name.clone(), message);
            }
        }
    }
}
