//! Availability sets and scale sets: what holds for a whole set, not for each instance by itself.
//!
//! An instance that names no set is a standalone machine and a group of its own. Who shares a set
//! is known of a pool only when some member names one; of other pools nothing is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::balancer::Balancer;
use super::instances::Instances;
use super::{Site, members};
use crate::config;
use crate::diagnostic::{Code, Report};
use crate::ir::{InstanceIndex, Pool, Sku};

/// Groups with members in one pool (L-LIM-04).
const GROUPS_PER_POOL: usize = 150;

/// Instances that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group<'a> {
    Availability(&'a str),
    Scale(&'a str),
    /// A standalone machine; also one of which no set is known.
    Alone(&'a str),
}

impl fmt::Display for Group<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Availability(name) => write!(f, "availability set `{name}`"),
            Self::Scale(name) => write!(f, "scale set `{name}`"),
            Self::Alone(name) => write!(f, "instance `{name}`"),
        }
    }
}

impl Group<'_> {
    const fn is_set(self) -> bool {
        !matches!(self, Self::Alone(_))
    }
}

/// Reports what the sets of a configuration do not allow.
pub(super) fn check(balancers: &[Balancer<'_>], instances: &Instances<'_>, report: &Report) {
    let sets = Sets { instances, report };
    for balancer in balancers {
        if balancer.sku == Sku::Basic {
            sets.check_basic(balancer);
        }
        for site in &balancer.pools {
            sets.check_count(site);
        }
        sets.check_pools(balancer);
        sets.check_outbound(balancer);
    }
    sets.check_skus(balancers);
    sets.check_balancers(balancers);
}

struct Sets<'s, 'a> {
    instances: &'s Instances<'a>,
    report: &'s Report,
}

impl<'a> Sets<'_, 'a> {
    fn group(&self, instance: InstanceIndex) -> Group<'a> {
        self.instances.groups[instance.0]
    }

    /// The instances of each group in a pool.
    fn groups(&self, pool: &Pool) -> BTreeMap<Group<'a>, BTreeSet<InstanceIndex>> {
        let mut groups: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for instance in members(pool) {
            let group = groups.entry(self.group(instance)).or_default();
            group.insert(instance);
        }
        groups
    }

    /// As [`Sets::groups`]; nothing when no member names a set.
    fn known_groups(&self, pool: &Pool) -> BTreeMap<Group<'a>, BTreeSet<InstanceIndex>> {
        let groups = self.groups(pool);
        if groups.keys().any(|group| group.is_set()) {
            groups
        } else {
            BTreeMap::new()
        }
    }

    /// SKU-06, L-LIM-03: all members of a Basic load balancer are of one set.
    fn check_basic(&self, balancer: &Balancer<'_>) {
        let mut first = None;
        for site in &balancer.pools {
            let groups = self.known_groups(&site.ir);
            first = first.or(groups.keys().next().copied());
            let other = groups.keys().find(|group| Some(**group) != first);
            if let (Some(first), Some(other)) = (first, other) {
                let (name, pool) = (&balancer.name, &site.ir.name);
                let message = format!(
                    "load balancer `{name}` is Basic and serves {first}; pool `{pool}` adds {other}"
                );
                let hint =
                    "take members of one availability set or scale set, or write `sku: Standard`";
                self.report
                    .add(Code::SeveralSetsOnBasic, site.config.span, message, hint);
            }
        }
    }

    /// L-LIM-04.
    fn check_count(&self, site: &Site<'_, Pool, config::Pool>) {
        let count = self.known_groups(&site.ir).len();
        if count > GROUPS_PER_POOL {
            let message = format!(
                "the members of pool `{}` are {count} sets and standalone machines; at most {GROUPS_PER_POOL} may be",
                site.ir.name
            );
            let hint = "split the pool, or put machines into sets";
            self.report
                .add(Code::TooManySets, site.config.span, message, hint);
        }
    }

    /// L-BEP-05: an availability set is in one pool of a load balancer. Pools with the same instances
    /// of it are one to this rule: each family has a pool of its own (L-IP6-01).
    fn check_pools(&self, balancer: &Balancer<'_>) {
        let mut seen = BTreeMap::new();
        for site in balancer.pools.iter().filter(|site| !site.ir.by_address) {
            for (group, own) in self.groups(&site.ir) {
                let Group::Availability(_) = group else {
                    continue;
                };
                let name = &site.ir.name;
                let (first, others) = seen.entry(group).or_insert((name, own.clone()));
                if *others != own {
                    let message =
                        format!("pools `{first}` and `{name}` have different instances of {group}");
                    let hint = "put all of them into one pool";
                    self.report
                        .add(Code::SetInSeveralPools, site.config.span, message, hint);
                }
            }
        }
    }

    /// L-OUT-23: outbound rules are for whole sets.
    fn check_outbound(&self, balancer: &Balancer<'_>) {
        for site in &balancer.outbound_rules {
            let pool = &balancer.pools[site.ir.pool.0].ir;
            for (group, own) in self.groups(pool) {
                let missing = (0..self.instances.all.len())
                    .map(InstanceIndex)
                    .find(|i| self.group(*i) == group && !own.contains(i));
                if let Some(missing) = missing {
                    let message = format!(
                        "outbound rule `{}` is for part of {group}: instance `{}` is not in pool `{}`",
                        balancer.full_name(&site.ir.name),
                        self.instances.all[missing.0].name,
                        pool.name
                    );
                    let hint = "add every instance of the set to the pool";
                    self.report
                        .add(Code::PartOfSetOutbound, site.config.span, message, hint);
                }
            }
        }
    }

    /// SKU-04: a group is behind one SKU only.
    fn check_skus(&self, balancers: &[Balancer<'_>]) {
        for (group, behind) in self.behind(balancers, |_| true) {
            let (first, _) = behind[0];
            let other = behind.iter().find(|(other, _)| other.sku != first.sku);
            if let Some((other, instance)) = other {
                let message = format!(
                    "{group} is behind `{}` ({}) and `{}` ({})",
                    first.name,
                    first.sku.name(),
                    other.name,
                    other.sku.name()
                );
                let hint = "give both load balancers the same SKU";
                let span = self.instances.spans[instance.0];
                self.report.add(Code::MixedSkus, span, message, hint);
            }
        }
    }

    /// L-BEP-05: an availability set is behind one public and one internal load balancer at most.
    fn check_balancers(&self, balancers: &[Balancer<'_>]) {
        for internal in [false, true] {
            let of_kind: Vec<&Balancer<'_>> = balancers
                .iter()
                .filter(|b| b.internal == internal)
                .collect();
            for (group, behind) in self.behind(of_kind, |pool| !pool.by_address) {
                if let (Group::Availability(_), [(first, _), (second, instance), ..]) =
                    (group, behind.as_slice())
                {
                    let kind = if internal { "internal" } else { "public" };
                    let message = format!(
                        "{group} is behind two {kind} load balancers, `{}` and `{}`",
                        first.name, second.name
                    );
                    let hint = "make one load balancer of them, with several frontends";
                    let span = self.instances.spans[instance.0];
                    self.report
                        .add(Code::SetBehindSeveralBalancers, span, message, hint);
                }
            }
        }
    }

    /// By group, the load balancers that have members of it in such pools, each with the first member.
    fn behind<'b, 'c: 'b>(
        &self,
        balancers: impl IntoIterator<Item = &'b Balancer<'c>>,
        counts: impl Fn(&Pool) -> bool,
    ) -> BTreeMap<Group<'a>, Vec<(&'b Balancer<'c>, InstanceIndex)>> {
        let mut behind: BTreeMap<_, Vec<(&Balancer<'_>, _)>> = BTreeMap::new();
        for balancer in balancers {
            let pools = balancer.pools.iter().map(|site| &site.ir);
            for instance in pools.filter(|pool| counts(pool)).flat_map(members) {
                let group = behind.entry(self.group(instance)).or_default();
                if group
                    .last()
                    .is_none_or(|(last, _)| !std::ptr::eq(*last, balancer))
                {
                    group.push((balancer, instance));
                }
            }
        }
        behind
    }
}
