//! What the driver looks at once per second for metrics and events: the card's state, availability,
//! the health of load balancers, SNAT ports, losses. Nothing here is on the packet path.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use firmware_api::entry::backend::BackendId;
use firmware_api::entry::rule::RuleId;
use firmware_api::{Memory, PuntReason};
use flow_compiler::names::RuleRef;

use super::Engine;
use super::assess::Resources;
use super::metrics::Labels;
use super::trace::Traces;
use crate::apply::{MemberState, members};
use crate::device::{Counters, Status};
use crate::event::{Kind, Severity};
use crate::health::Health;
use crate::metric::Availability;
use crate::miss::Refusal;
use crate::snat::InstanceId;
use crate::table::Audit;

/// Rules of one instance above which an event is told (L-MON-08).
const MANY_RULES: usize = 300;
/// Percent of an instance's ports on an address above which an event is told (L-MON-08).
const HIGH_USAGE: u64 = 75;

/// What was seen last.
#[derive(Debug, Default)]
pub(crate) struct Lookout {
    pub(super) traces: Traces,
    /// Of load-balancing rules, by number.
    pub(super) availability: BTreeMap<RuleId, Availability>,
    pub(super) resources: Resources,
    /// Who takes new flows, as the selections on the card have it.
    pub(super) members: Arc<Vec<MemberState>>,
    pub(super) labels: Arc<Labels>,
    eligible: HashSet<(RuleId, BackendId)>,
    /// Rules without a backend that takes new flows.
    dead: Vec<RuleId>,
    /// Instances that are in many rules, and how many.
    busy: Vec<(String, usize)>,
    pub(super) card: Option<Status>,
    /// The last error that the card latched.
    pub(super) card_error: u64,
    /// The card forwards.
    pub(super) is_card_up: bool,
    snat_failed: HashMap<(InstanceId, crate::snat::Protocol), u64>,
    punts_lost: u64,
    no_room: u64,
    pub(super) audit: Audit,
}

impl Lookout {
    pub(super) fn is_eligible(&self, rule: RuleId, backend: BackendId) -> bool {
        self.eligible.contains(&(rule, backend))
    }
}

/// More in use than is good.
fn is_high(used: u32, allocated: u32) -> bool {
    u64::from(used) * 100 > u64::from(allocated) * HIGH_USAGE
}

impl<M: Memory> Engine<M> {
    /// Keeps an event and says it in the log.
    pub(crate) fn tell(&mut self, kind: Kind, subject: impl Into<String>, message: String) {
        let what = (kind, kind.severity());
        self.journal.tell(self.now, what, subject.into(), message);
    }

    /// As [`Engine::tell`], unless the same was told of the subject a short while ago.
    fn remind(&mut self, kind: Kind, subject: &str, message: impl FnOnce(&Self) -> String) {
        if self.journal.admits(self.now, kind, subject) {
            let message = message(self);
            self.tell(kind, subject, message);
        }
    }

    /// Takes note of who takes new flows, after the selections were written.
    pub(crate) fn note_members(&mut self, states: Vec<MemberState>) {
        let Some(in_force) = &self.in_force else {
            return;
        };
        let mut rules_of = BTreeMap::new();
        for state in &states {
            *rules_of.entry(state.instance).or_insert(0) += 1;
        }
        let busy = rules_of
            .into_iter()
            .filter(|(_, rules)| *rules > MANY_RULES);
        let busy = busy.map(|(i, rules)| (in_force.ir.instance(i).name.clone(), rules));
        let balancing = in_force.lowered.names.rules.iter();
        let balancing = balancing
            .filter(|(_, name)| matches!(name.rule, RuleRef::LoadBalancing(..)))
            .filter(|(_, name)| name.rule.is_open(&in_force.ir)) // one that is closed is not broken
            .map(|(id, _)| *id);
        let alive: HashSet<RuleId> = states
            .iter()
            .filter(|state| state.eligible)
            .map(|state| state.rule)
            .collect();
        let labels = Labels::of(in_force);
        let lookout = &mut self.lookout;
        lookout.busy = busy.collect();
        lookout.eligible = states
            .iter()
            .filter(|state| state.eligible)
            .filter_map(|state| Some((state.rule, state.backend?)))
            .collect();
        let before = std::mem::take(&mut lookout.availability);
        lookout.availability = balancing
            .map(|id| (id, before.get(&id).copied().unwrap_or_default()))
            .collect();
        let rules = lookout.availability.keys();
        lookout.traces.follow(in_force, &self.tables, &self.active);
        lookout.resources.follow(in_force);
        lookout.dead = rules.filter(|id| !alive.contains(id)).copied().collect();
        lookout.members = Arc::new(states);
        lookout.labels = Arc::new(labels);
    }

    /// A rule's number stands for something else, or for nothing, from now on.
    pub(crate) fn forget_rule(&mut self, rule: RuleId) {
        self.ledger.forget_rule(rule);
        self.lookout.availability.remove(&rule);
    }

    /// What is due once per second.
    pub(super) fn look_out(&mut self, counters: &Counters) {
        self.look_at_card();
        self.look_at_losses(counters);
        self.look_at_rules();
        self.look_at_snat();
        self.audit_tables();
    }

    fn look_at_card(&mut self) {
        let status = self.device.status();
        let is_enabled = self.device.is_enabled();
        let before = self.lookout.card.replace(status);
        if status.error != 0 {
            self.lookout.card_error = status.error;
        }
        let is_stuck = before.is_some_and(|before| before.tick == status.tick);
        let trouble = match status {
            Status { ready: false, .. } => "the card is not ready",
            Status {
                engine_down: true, ..
            } => "the forwarding engine behind the card died",
            _ if !is_enabled => "the card was disabled or reset by somebody else",
            _ if is_stuck => "the card's clock stands still",
            _ => "",
        };
        self.lookout.is_card_up = trouble.is_empty();
        let card = self.name.clone();
        if !trouble.is_empty() {
            self.remind(Kind::CardNotForwarding, &card, |_| trouble.to_owned());
        }
        if status.driverless {
            self.remind(Kind::CardDriverless, &card, |_| {
                "the card misses the driver's heartbeat".to_owned()
            });
        }
        // The latch keeps the first error until it is told and cleared.
        if status.error != 0 && self.journal.admits(self.now, Kind::CardError, &card) {
            let message = format!("the card latched error {:#x}", status.error);
            self.tell(Kind::CardError, card, message);
            self.device.clear_error();
        }
    }

    fn look_at_losses(&mut self, counters: &Counters) {
        let lost = |reason: &PuntReason| (reason.name(), counters.lost(*reason));
        let all: Vec<_> = PuntReason::ALL.iter().map(lost).collect();
        let total = all.iter().map(|(_, count)| count).sum();
        let card = self.name.clone();
        if total > self.lookout.punts_lost {
            self.lookout.punts_lost = total;
            self.remind(Kind::PuntsLost, &card, |_| {
                let seen = all.iter().filter(|(_, count)| *count > 0);
                let seen: Vec<_> = seen.map(|(name, n)| format!("{name} {n}")).collect();
                format!(
                    "the punt ring was full; lost since the card's reset: {}",
                    seen.join(", ")
                )
            });
        }
        let no_room =
            self.refusals.get(Refusal::TableFull) + self.refusals.get(Refusal::FlowIdsExhausted);
        if no_room > self.lookout.no_room {
            self.lookout.no_room = no_room;
            self.remind(Kind::FlowTableFull, &card, |engine| {
                format!(
                    "{no_room} new flows found no room so far; {} of {} flows live",
                    engine.flows.records.len(),
                    engine.flows.records.capacity()
                )
            });
        }
    }

    fn look_at_rules(&mut self) {
        self.look_at_traces();
        let windows = self.lookout.availability.iter();
        let alarms = windows.filter_map(|(rule, window)| Some((*rule, *window, window.alarm()?)));
        for (rule, window, kind) in alarms.collect::<Vec<_>>() {
            let name = self.rule_name(rule);
            self.remind(kind, &name, |_| {
                format!("{} % over the last minute", window.percent())
            });
        }
        self.assess_health();
        self.look_at_dead_rules();
        for (instance, rules) in self.lookout.busy.clone() {
            self.remind(Kind::ApproachingMaxRulesPerNicLimit, &instance, |_| {
                format!("{rules} rules; above {MANY_RULES}")
            });
        }
    }

    fn rule_name(&self, rule: RuleId) -> String {
        match &self.in_force {
            Some(in_force) => in_force.lowered.names.rule(rule),
            None => format!("#{rule}"),
        }
    }

    /// Rules without a backend; those of which some backend was not probed yet have time.
    fn look_at_dead_rules(&mut self) {
        let mut dead: Vec<_> = self
            .lookout
            .dead
            .iter()
            .map(|id| (*id, self.rule_name(*id)))
            .collect();
        let (now, kind) = (self.now, Kind::NoHealthyBackends);
        dead.retain(|(_, name)| self.journal.is_due(now, kind, name));
        let Some(in_force) = self.in_force.as_ref().filter(|_| !dead.is_empty()) else {
            return;
        };
        let states = members(in_force, &self.watch);
        for (rule, name) in dead {
            let of_rule = || states.iter().filter(|state| state.rule == rule);
            let is_unknown =
                |state: &MemberState| state.health == Some(Health::Down) && state.reason.is_none();
            if of_rule().any(is_unknown) {
                continue;
            }
            self.remind(Kind::NoHealthyBackends, &name, |engine| {
                let Some(in_force) = &engine.in_force else {
                    return String::new();
                };
                let why: Vec<_> = of_rule()
                    .map(|state| {
                        let name = &in_force.ir.instance(state.instance).name;
                        let reason = state.reason.map_or("", |reason| reason.name());
                        format!("{name} {reason}").trim_end().to_owned()
                    })
                    .collect();
                match why.as_slice() {
                    [] => "the backend pool is empty".to_owned(),
                    some => format!("no backend takes new flows: {}", some.join(", ")),
                }
            });
        }
    }

    fn look_at_snat(&mut self) {
        let usages: Vec<_> = self.snat.usages().collect();
        for (instance, protocol, usage) in usages {
            let before = self
                .lookout
                .snat_failed
                .insert((instance, protocol), usage.failed);
            if usage.failed > before.unwrap_or(0) {
                let subject = format!("{} {protocol}", self.vport_name(instance));
                self.remind(Kind::SnatPortExhaustion, &subject, |_| {
                    format!(
                        "{} flows found no SNAT port so far; {} of {} ports in use",
                        usage.failed, usage.used, usage.allocated
                    )
                });
            }
        }
        let mut usages = self.snat.address_usages();
        usages.retain(|usage| is_high(usage.used, usage.allocated));
        for usage in usages {
            let subject = format!(
                "{} {} {}",
                self.vport_name(usage.instance),
                usage.protocol,
                usage.address
            );
            self.remind(Kind::HighSnatPortUsage, &subject, |_| {
                format!("{} of {} SNAT ports in use", usage.used, usage.allocated)
            });
        }
    }

    /// The instance on the vport that stands for it in the allocator.
    pub(super) fn vport_name(&self, instance: InstanceId) -> String {
        self.port_name(instance.0 as u16)
    }

    fn audit_tables(&mut self) {
        let found = self.tables.audit(&self.device, &mut self.lookout.audit);
        for (table, slot) in found {
            self.remind(Kind::TableDrift, table.name(), |_| {
                format!("slot {slot} does not hold what the driver wrote; restart the driver")
            });
        }
    }

    /// Says what changed with the backends' health.
    pub(crate) fn tell_health(&mut self) {
        for news in self.watch.take_news() {
            let severity = match news.health {
                Health::Up => Severity::Info,
                Health::Down => Severity::Warning,
            };
            let what = (Kind::HealthChanged, severity);
            self.journal
                .tell(self.now, what, news.subject, news.message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l_mon_08_more_than_75_percent_is_high() {
        assert!(!is_high(0, 0));
        assert!(!is_high(768, 1024));
        assert!(is_high(769, 1024));
    }
}
