//! Which members of a pool take new flows, and which slots each of them owns.

use firmware_api::Family;

use super::Lowering;
use crate::ids::{Owners, SelectionKey};
use crate::ir::{
    AdminState, LoadBalancer, LoadBalancerIndex, LoadBalancingRule, Member, NoHealthyBackends,
    ProbeIndex, family_of,
};
use crate::maglev::{Identity, identity, refill, size_for};

/// The slots of rules that select alike.
pub(super) struct Selection {
    /// Who owns each slot; empty when the pool has no members of the family.
    pub(super) owners: Owners,
    /// No member may take new flows; the slots stay as they are, for when one may.
    pub(super) is_silent: bool,
}

impl Lowering<'_> {
    /// Makes the selection that a rule uses, unless another rule has.
    pub(super) fn select(
        &mut self,
        index: LoadBalancerIndex,
        balancer: &LoadBalancer,
        rule: &LoadBalancingRule,
    ) -> SelectionKey {
        let pool = &balancer.pools[rule.pool.0];
        let family = family_of(balancer.frontend(rule.frontend));
        let key = SelectionKey {
            load_balancer: balancer.name.clone(),
            pool: pool.name.clone(),
            family,
            probe: rule
                .probe
                .map(|probe| balancer.probes[probe.0].name.clone()),
        };
        if !self.selections.contains_key(&key) {
            let has_family = |m: &Member| self.ir.instance(m.instance).address(family).is_some();
            let members: Vec<Member> = pool.members.iter().copied().filter(has_family).collect();
            let eligible = match rule.probe {
                Some(probe) => self.eligible(index, balancer, probe, &members, family),
                None => members.clone(),
            };
            let selection = self.fill(&key, &members, &eligible);
            self.selections.insert(key.clone(), selection);
        }
        key
    }

    /// The administrator decides before the probe (L-ADM-01..03); when that leaves nobody, the
    /// probe's `AllProbedUp` brings back those the probe took out (L-PRB-17, A-37).
    fn eligible(
        &self,
        index: LoadBalancerIndex,
        balancer: &LoadBalancer,
        probe: ProbeIndex,
        members: &[Member],
        family: Family,
    ) -> Vec<Member> {
        let is_up = |member: &Member| {
            let target = self.ir.probe_target(index, probe, member.instance, family);
            target.is_some_and(|target| (self.live.is_up)(&target))
        };
        let stands = |member: &Member| match member.admin_state {
            AdminState::Probed => is_up(member),
            AdminState::Up => true,
            AdminState::Down => false,
        };
        let standing: Vec<Member> = members.iter().copied().filter(stands).collect();
        let behaviour = balancer.probes[probe.0].no_healthy_backends;
        if !standing.is_empty() || behaviour == NoHealthyBackends::AllProbedDown {
            return standing;
        }
        let is_probed = |member: &Member| member.admin_state == AdminState::Probed;
        members.iter().copied().filter(is_probed).collect()
    }

    /// Gives the slots to the eligible members, moving as few as possible. A selection grows with
    /// its pool and never shrinks: another size would move nearly every slot.
    fn fill(&self, key: &SelectionKey, members: &[Member], eligible: &[Member]) -> Selection {
        if members.is_empty() {
            return Selection {
                owners: Owners::new(),
                is_silent: true,
            };
        }
        let weights: Vec<u32> = members.iter().map(|member| member.weight).collect();
        let needed = size_for(&weights) as usize;
        let previous = self.previous(key).filter(|owners| owners.len() >= needed);
        let owners = previous.unwrap_or_else(|| vec![None; needed]);
        let takers = self.takers(if eligible.is_empty() {
            members
        } else {
            eligible
        });
        let slots = refill(&owners, &takers);
        Selection {
            owners: slots
                .iter()
                .map(|index| Some(takers[*index as usize].0))
                .collect(),
            is_silent: eligible.is_empty(),
        }
    }

    /// The slots as they were; those of the same pool's other rules when this is a new kind.
    fn previous(&self, key: &SelectionKey) -> Option<Owners> {
        let selections = &self.ids.selections;
        let sibling = || {
            let same = |k: &&SelectionKey| {
                (&k.load_balancer, &k.pool, k.family) == (&key.load_balancer, &key.pool, key.family)
            };
            selections.keys().find(same).map(|k| &selections[k])
        };
        selections.get(key).or_else(sibling).cloned()
    }

    fn takers(&self, members: &[Member]) -> Vec<(Identity, u32)> {
        let taker = |m: &Member| (identity(&self.ir.instance(m.instance).name), m.weight);
        members.iter().map(taker).collect()
    }
}
