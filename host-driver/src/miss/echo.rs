//! `echo`: somebody pings a frontend. The answer depends on the health of its rules' members
//! (spec A-13, L-ICMP-01..04).

use std::collections::HashMap;
use std::net::IpAddr;

use firmware_api::inject::Inject;
use firmware_api::{EGRESS_RECIRCULATE, Memory};
use flow_compiler::ir::{Ir, family_of};
use flow_compiler::lower::Lowered;
use flow_compiler::names::RuleRef;

use super::{Packet, Refusal};
use crate::emit::echo::{Answer, MAX_REQUEST, answer};
use crate::engine::Engine;

/// What each frontend answers; one without open rules or members answers nothing.
pub(crate) fn answers(ir: &Ir, lowered: &Lowered) -> HashMap<IpAddr, Answer> {
    let mut answers = HashMap::new();
    for (id, name) in &lowered.names.rules {
        let RuleRef::LoadBalancing(balancer, index) = name.rule else {
            continue;
        };
        let balancer = &ir.load_balancers[balancer.0];
        let rule = &balancer.rules[index];
        if !rule.is_open {
            continue;
        }
        let frontend = balancer.frontend(rule.frontend);
        let family = family_of(frontend);
        let mut members = balancer.pools[rule.pool.0].members.iter();
        if !members.any(|m| ir.instance(m.instance).address(family).is_some()) {
            continue;
        }
        let slots = lowered.tables.rule.get(id).map_or(0, |r| r.selector_size);
        let known = answers.entry(frontend).or_insert(Answer::Unreachable);
        if slots > 0 {
            *known = Answer::Reply;
        }
    }
    answers
}

impl<M: Memory> Engine<M> {
    pub(super) fn on_echo(&mut self, packet: &Packet<'_>) -> Result<(), Refusal> {
        if packet.headers.transport_len() > MAX_REQUEST {
            return Err(Refusal::PingTooLong);
        }
        let frontend = packet.destination.address;
        let kind = *self.active.pings.get(&frontend).ok_or(Refusal::NoMembers)?;
        let mut frame = std::mem::take(&mut self.scratch);
        let sent = if answer(packet.frame, &packet.headers, kind, &mut frame) {
            // An instance with a public address of its own pinged a frontend of this card: the
            // answer takes the way of every packet to that address.
            let inject = match packet.punt.ingress {
                EGRESS_RECIRCULATE => Inject::Reprocess(EGRESS_RECIRCULATE),
                port => Inject::Transmit(port),
            };
            self.inject(inject, &frame)
        } else {
            Err(Refusal::Unparsed)
        };
        self.scratch = frame;
        sent.inspect(|()| self.refusals.count_answered())
    }
}
