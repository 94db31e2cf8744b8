//! Members on their way out (L-ADM-07, A-11, A-12).
//!
//! A pool with a drain period gives the TCP flows of a member that leaves it, or that the
//! administrator sets down, that long to end by themselves. Then both ends are reset and the flows
//! are gone. A member that comes back in time keeps its flows. The settings may leave the flows of a
//! member that is set down no time at all.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use firmware_api::entry::rule::RuleId;
use firmware_api::{Memory, PortId, Protocol};
use flow_compiler::ir::{AdminState, Ir, LoadBalancer, LoadBalancingRule, family_of};
use flow_compiler::names::RuleRef;

use super::InForce;
use crate::conn::{Conn, Origin};
use crate::engine::{Engine, Flows};

/// A member under one rule, as its flows know it: the rule, where packets leave, and to whom.
type Seat = (RuleId, PortId, IpAddr);

/// Members whose drain period runs or is over.
#[derive(Debug, Default)]
pub(crate) struct Drains {
    seats: HashMap<Seat, Drain>,
    /// When the next period ends.
    next: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Drain {
    since: u64,
    until: u64,
    is_over: bool,
}

/// A rule that gives members on their way out a period, milliseconds.
#[derive(Debug)]
struct DrainingRule {
    /// Of members that left; none = for ever.
    after_leaving: Option<u64>,
    /// Of members that the administrator set down.
    after_down: u64,
    /// Members that may keep their flows.
    staying: HashSet<Seat>,
    /// Members that the administrator set down.
    down: HashSet<Seat>,
}

impl DrainingRule {
    /// How long the flows of a seat last; none = for ever.
    fn period(&self, seat: &Seat) -> Option<u64> {
        if self.staying.contains(seat) {
            None
        } else if self.down.contains(seat) {
            Some(self.after_down)
        } else {
            self.after_leaving
        }
    }
}

impl Drains {
    /// Takes a new configuration in place of another.
    fn follow(&mut self, now: u64, old: Option<&InForce>, new: &InForce) {
        let rules: HashMap<RuleId, DrainingRule> = draining_rules(new).collect();
        let period = |seat: &Seat| rules.get(&seat.0)?.period(seat);
        self.seats.retain(|seat, _| period(seat).is_some());
        if rules.is_empty() {
            self.next = None;
            return;
        }
        let before = old.into_iter().flat_map(|old| {
            balanced(old).flat_map(|(id, balancer, rule)| seats(&old.ir, id, balancer, rule))
        });
        let before = before.map(|(seat, _)| seat);
        let down = rules.values().flat_map(|rule| rule.down.iter().copied());
        for seat in before.chain(down) {
            if period(&seat).is_some() {
                self.begin(now, seat);
            }
        }
        for (seat, drain) in &mut self.seats {
            if let Some(period) = period(seat) {
                drain.until = drain.since.saturating_add(period);
            }
        }
        self.find_next();
    }

    fn begin(&mut self, now: u64, seat: Seat) {
        self.seats.entry(seat).or_insert(Drain {
            since: now,
            until: now,
            is_over: false,
        });
    }

    fn find_next(&mut self) {
        let running = self.seats.values().filter(|drain| !drain.is_over);
        self.next = running.map(|drain| drain.until).min();
    }

    /// Ends the periods that are over; true when some are.
    fn end_due(&mut self, now: u64) -> bool {
        if self.next.is_none_or(|next| now < next) {
            return false;
        }
        for drain in self.seats.values_mut() {
            drain.is_over |= now >= drain.until;
        }
        self.find_next();
        true
    }

    /// Whether the flow's member had its time.
    pub(crate) fn is_over(&self, conn: &Conn) -> bool {
        if self.seats.is_empty() || conn.protocol != Protocol::Tcp {
            return false;
        }
        let Origin::Inbound { rule, .. } = conn.origin else {
            return false;
        };
        let seat = (rule, conn.responder_egress, conn.inside.address);
        self.seats.get(&seat).is_some_and(|drain| drain.is_over)
    }
}

/// The load-balancing rules, each with its load balancer.
fn balanced(
    in_force: &InForce,
) -> impl Iterator<Item = (RuleId, &LoadBalancer, &LoadBalancingRule)> {
    let names = in_force.lowered.names.rules.iter();
    names.filter_map(|(id, name)| match name.rule {
        RuleRef::LoadBalancing(index, rule) => {
            let balancer = &in_force.ir.load_balancers[index.0];
            Some((*id, balancer, &balancer.rules[rule]))
        }
        RuleRef::InboundNat(..) => None,
    })
}

fn draining_rules(in_force: &InForce) -> impl Iterator<Item = (RuleId, DrainingRule)> {
    let at_once = in_force.ir.settings.admin_down_reset.then_some(0);
    balanced(in_force).filter_map(move |(id, balancer, rule)| {
        let seconds = balancer.pools[rule.pool.0].drain_seconds;
        let after_leaving = seconds.map(|seconds| u64::from(seconds) * 1_000);
        let after_down = at_once.or(after_leaving)?;
        // Without a probe the administrator's word has no effect (L-ADM-05).
        let is_down = |state| rule.probe.is_some() && state == AdminState::Down;
        let all: Vec<(Seat, AdminState)> = seats(&in_force.ir, id, balancer, rule).collect();
        let of = |down: bool| {
            let some = all.iter().filter(move |(_, state)| is_down(*state) == down);
            some.map(|(seat, _)| *seat).collect()
        };
        Some((
            id,
            DrainingRule {
                after_leaving,
                after_down,
                staying: of(false),
                down: of(true),
            },
        ))
    })
}

/// The members of a rule that have an address of its family.
fn seats(
    ir: &Ir,
    id: RuleId,
    balancer: &LoadBalancer,
    rule: &LoadBalancingRule,
) -> impl Iterator<Item = (Seat, AdminState)> {
    let frontend = balancer.frontend(rule.frontend);
    balancer.pools[rule.pool.0]
        .members
        .iter()
        .filter_map(move |member| {
            let instance = ir.instance(member.instance);
            let own = instance.address(family_of(frontend))?;
            let address = if rule.floating_ip { frontend } else { own };
            Some(((id, instance.vport, address), member.admin_state))
        })
}

impl<M: Memory> Engine<M> {
    /// Starts the drain periods of members that are on their way out of the configuration in force.
    pub(super) fn follow_drains(&mut self, old: Option<&InForce>) {
        if let Some(new) = &self.in_force {
            self.drains.follow(self.now, old, new);
        }
    }

    /// Has the flows of members looked at whose drain period ended; they end there with resets.
    pub(crate) fn end_drained(&mut self) {
        if !self.drains.end_due(self.now) {
            return;
        }
        let Flows { records, wheel, .. } = &mut self.flows;
        for (id, _) in records.iter().filter(|(_, conn)| self.drains.is_over(conn)) {
            wheel.set(id, self.now);
        }
    }
}
