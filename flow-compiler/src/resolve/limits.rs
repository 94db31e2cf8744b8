//! How many of each thing there may be (spec 2.14, A-24).

use std::collections::HashMap;

use super::balancer::Balancer;
use super::instances::Instances;
use super::members;
use super::sets::Group;
use crate::diagnostic::{Code, Report};
use crate::ir::{InstanceIndex, Profile, Sku};
use crate::maglev;

/// Rules on one instance (L-LIM-01).
const RULES_PER_INSTANCE: usize = 300;
/// Outbound rules of a load balancer (L-LIM-01).
const OUTBOUND_RULES: usize = 600;

/// The limits of a SKU.
struct Limits {
    frontends: usize,
    rules: usize,
    members: usize,
    members_seed: usize,
}

const fn limits(sku: Sku) -> Limits {
    match sku {
        Sku::Basic => Limits {
            frontends: 200,
            rules: 250,
            members: 300,
            members_seed: 100,
        },
        Sku::Standard => Limits {
            frontends: 600,
            rules: 1500,
            members: 5000,
            members_seed: 1000,
        },
    }
}

/// Reports what there is too much of.
pub(super) fn check(
    profile: Profile,
    balancers: &[Balancer<'_>],
    instances: &Instances<'_>,
    report: &Report,
) {
    for balancer in balancers {
        check_balancer(balancer, report);
        check_pools(profile, balancer, report);
    }
    check_rules_per_instance(balancers, instances, report);
    check_basic(balancers, instances, report);
}

fn check_balancer(balancer: &Balancer<'_>, report: &Report) {
    let limits = limits(balancer.sku);
    let config = balancer.config;
    let rules = config.rules.len() + config.nat_rules.len();
    let counts = [
        (
            Code::TooManyFrontends,
            config.frontends.len(),
            limits.frontends,
            "frontends",
        ),
        (Code::TooManyRules, rules, limits.rules, "rules"),
        (
            Code::TooManyOutboundRules,
            config.outbound_rules.len(),
            OUTBOUND_RULES,
            "outbound rules",
        ),
    ];
    for (code, count, limit, noun) in counts {
        if count > limit {
            let (name, sku) = (&balancer.name, balancer.sku.name());
            let message =
                format!("load balancer `{name}` has {count} {noun}; {sku} allows {limit}");
            report.add(
                code,
                config.span,
                message,
                "spread them over several load balancers",
            );
        }
    }
}

fn check_pools(profile: Profile, balancer: &Balancer<'_>, report: &Report) {
    let limits = limits(balancer.sku);
    for site in &balancer.pools {
        let (name, count) = (&site.ir.name, site.ir.members.len());
        let has = format!("pool `{name}` has {count} members");
        if count > limits.members {
            let message = format!("{has}; {} allows {}", balancer.sku.name(), limits.members);
            report.add(
                Code::PoolTooLarge,
                site.config.span,
                message,
                "split the pool",
            );
        } else if profile == Profile::Seed && count > limits.members_seed {
            let message = format!("{has}; the seed documents allow {}", limits.members_seed);
            let hint = "use `profile: current`, or split the pool";
            report.add(Code::PoolBeyondSeed, site.config.span, message, hint);
        }
        let weights: Vec<u32> = site.ir.members.iter().map(|member| member.weight).collect();
        if !maglev::can_express(&weights) {
            let message = format!("the weights of pool `{name}` are too many and too uneven");
            let hint = "use smaller weights: together at most 10000 after dividing by their common divisor";
            report.add(Code::WeightsTooLarge, site.config.span, message, hint);
        }
    }
}

/// L-LIM-01: every kind of rule counts, through pools or directly.
fn check_rules_per_instance(
    balancers: &[Balancer<'_>],
    instances: &Instances<'_>,
    report: &Report,
) {
    let mut counts = vec![0; instances.all.len()];
    for balancer in balancers {
        let pools = balancer.rules.iter().map(|site| site.ir.pool);
        let outbound_pools = balancer.outbound_rules.iter().map(|site| site.ir.pool);
        for pool in pools.chain(outbound_pools) {
            members(&balancer.pools[pool.0].ir).for_each(|i| counts[i.0] += 1);
        }
        balancer
            .nat_rules
            .iter()
            .for_each(|site| counts[site.ir.target.0] += 1);
    }
    for (index, count) in counts.into_iter().enumerate() {
        if count > RULES_PER_INSTANCE {
            let name = &instances.all[index].name;
            let message = format!(
                "{count} rules concern instance `{name}`; at most {RULES_PER_INSTANCE} may"
            );
            let hint = "spread the rules over more pools and instances";
            report.add(
                Code::TooManyRulesOnInstance,
                instances.spans[index],
                message,
                hint,
            );
        }
    }
}

/// L-LIM-03: an instance is behind one public and one internal Basic load balancer at most. Of
/// availability sets that holds as a whole: see `sets`.
fn check_basic(balancers: &[Balancer<'_>], instances: &Instances<'_>, report: &Report) {
    let mut behind: HashMap<(usize, bool), &Balancer<'_>> = HashMap::new();
    for balancer in balancers.iter().filter(|b| b.sku == Sku::Basic) {
        for InstanceIndex(index) in balancer.pools.iter().flat_map(|site| members(&site.ir)) {
            let first = *behind.entry((index, balancer.internal)).or_insert(balancer);
            let is_in_set = matches!(instances.groups[index], Group::Availability(_));
            if !std::ptr::eq(first, balancer) && !is_in_set {
                let name = &instances.all[index].name;
                let message = format!(
                    "instance `{name}` is behind two Basic load balancers of one kind, `{}` and `{}`",
                    first.name, balancer.name
                );
                let hint = "make one load balancer of them, or write `sku: Standard`";
                report.add(
                    Code::SecondBasicBalancer,
                    instances.spans[index],
                    message,
                    hint,
                );
            }
        }
    }
}
