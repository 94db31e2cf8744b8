//! The members of every rule: who they are, how they are, and whether they take new flows.

use std::collections::{HashMap, HashSet};

use firmware_api::entry::backend::{BackendConfig, BackendId};
use firmware_api::entry::rule::RuleId;
use flow_compiler::ir::{
    InstanceIndex, LoadBalancerIndex, LoadBalancingRule, NatRule, PowerState, Sku, family_of,
};
use flow_compiler::names::RuleRef;

use super::{InForce, Watch};
use crate::health::{Health, Member, Reason, eligible};

/// One member under one rule.
#[derive(Clone, Debug)]
pub(crate) struct MemberState {
    pub(crate) rule: RuleId,
    pub(crate) instance: InstanceIndex,
    /// The instance runs; of one that does not nothing is measured (L-MON-09).
    pub(crate) is_running: bool,
    /// Where its flows go.
    pub(crate) config: BackendConfig,
    /// Its number on the card, when it has one.
    pub(crate) backend: Option<BackendId>,
    /// It takes new flows.
    pub(crate) eligible: bool,
    /// What its probe finds; `None` when the rule has no probe.
    pub(crate) health: Option<Health>,
    pub(crate) reason: Option<Reason>,
    /// Flows that stay on a member end when no member of the rule is left.
    ends_all: bool,
}

impl MemberState {
    /// What the probe or the administrator says; `None` for a member of a rule without a probe
    /// (L-ADM-06).
    pub(crate) fn is_up(&self) -> Option<bool> {
        let health = self.health?;
        Some(match self.reason {
            Some(Reason::UpAdmin) => true,
            Some(Reason::DownAdmin) => false,
            _ => health == Health::Up,
        })
    }
}

/// The members of every rule, rule by rule.
pub(crate) fn members(in_force: &InForce, watch: &Watch) -> Vec<MemberState> {
    let backends: HashMap<BackendConfig, BackendId> = in_force
        .lowered
        .tables
        .backend
        .iter()
        .map(|(id, config)| (*config, *id))
        .collect();
    let mut states = Vec::new();
    for (id, name) in &in_force.lowered.names.rules {
        match name.rule {
            RuleRef::LoadBalancing(balancer, index) => {
                let rule = &in_force.ir.load_balancers[balancer.0].rules[index];
                states.extend(balanced(in_force, watch, *id, balancer, rule));
            }
            RuleRef::InboundNat(balancer, index) => {
                let rule = &in_force.ir.load_balancers[balancer.0].nat_rules[index];
                states.push(forwarded(in_force, *id, balancer, rule));
            }
        }
    }
    for state in &mut states {
        state.backend = backends.get(&state.config).copied();
    }
    states
}

fn balanced(
    in_force: &InForce,
    watch: &Watch,
    id: RuleId,
    index: LoadBalancerIndex,
    rule: &LoadBalancingRule,
) -> Vec<MemberState> {
    let ir = &in_force.ir;
    let balancer = &ir.load_balancers[index.0];
    let frontend = balancer.frontend(rule.frontend);
    let family = family_of(frontend);
    let mut states = Vec::new();
    let mut pool = Vec::new();
    for member in &balancer.pools[rule.pool.0].members {
        let instance = ir.instance(member.instance);
        let Some(own) = instance.address(family) else {
            continue;
        };
        // An instance that does not run is not probed, and nothing is told of it (L-PRB-13).
        let found = rule.probe.map(|probe| {
            let target = ir.probe_target(index, probe, member.instance, family);
            target.map_or((Health::Down, None), |target| watch.health(ir, &target))
        });
        let health = found.map(|(health, _)| health);
        pool.push(Member {
            health: health.unwrap_or(Health::Up),
            admin: member.admin_state,
        });
        states.push(MemberState {
            rule: id,
            instance: member.instance,
            is_running: instance.power_state == PowerState::Running,
            config: BackendConfig {
                address: if rule.floating_ip { frontend } else { own },
                port: rule.backend_port,
                egress: instance.vport,
            },
            backend: None,
            eligible: false,
            health,
            reason: found.and_then(|(_, reason)| reason),
            ends_all: balancer.sku == Sku::Basic,
        });
    }
    let behaviour = rule
        .probe
        .map(|probe| balancer.probes[probe.0].no_healthy_backends);
    for ((state, member), bit) in states.iter_mut().zip(&pool).zip(eligible(&pool, behaviour)) {
        state.eligible = bit;
        if behaviour.is_some() {
            state.reason = member.reason(state.reason, bit);
        }
    }
    states
}

/// An inbound NAT rule's target takes flows whether it is probed or not (NATR-05).
fn forwarded(
    in_force: &InForce,
    id: RuleId,
    index: LoadBalancerIndex,
    rule: &NatRule,
) -> MemberState {
    let frontend = in_force.ir.load_balancers[index.0].frontend(rule.frontend);
    let instance = in_force.ir.instance(rule.target);
    let own = instance.address(family_of(frontend)).unwrap_or(frontend);
    MemberState {
        rule: id,
        instance: rule.target,
        is_running: instance.power_state == PowerState::Running,
        config: BackendConfig {
            address: if rule.floating_ip { frontend } else { own },
            port: rule.backend_port,
            egress: instance.vport,
        },
        backend: None,
        eligible: true,
        health: None,
        reason: None,
        ends_all: false,
    }
}

/// Rules whose flows all end because no member takes new flows (spec A-08).
pub(super) fn rules_that_end(states: &[MemberState]) -> HashSet<RuleId> {
    let mut dead: HashSet<RuleId> = states
        .iter()
        .filter(|s| s.ends_all)
        .map(|s| s.rule)
        .collect();
    for state in states.iter().filter(|s| s.eligible) {
        dead.remove(&state.rule);
    }
    dead
}
