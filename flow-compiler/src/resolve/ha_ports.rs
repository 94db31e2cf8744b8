//! HA ports rules beside other rules (L-HA-04..07). Families are judged apart.

use std::collections::BTreeSet;

use super::balancer::Balancer;
use super::{Site, members};
use crate::config;
use crate::diagnostic::{Code, Report};
use crate::ir::{InstanceIndex, LoadBalancingRule};

type Rule<'a> = Site<'a, LoadBalancingRule, config::LoadBalancingRule>;

/// Reports HA ports rules that cannot stand beside another rule.
pub(super) fn check(balancers: &[Balancer<'_>], report: &Report) {
    for (index, balancer) in balancers.iter().enumerate() {
        for rule in balancer.rules.iter().filter(|rule| rule.ir.is_ha_ports()) {
            check_same_balancer(balancer, rule, report);
            if !rule.ir.floating_ip {
                check_other_balancers(balancers, index, rule, report);
                check_nat_rules(balancers, balancer, rule, report);
            }
        }
    }
}

/// Without floating IP the rule stands alone; with it, beside floating rules only.
fn check_same_balancer(balancer: &Balancer<'_>, rule: &Rule<'_>, report: &Report) {
    let family = balancer.frontend_family(rule.ir.frontend);
    let backends = backends(balancer, rule);
    let excluded = balancer.rules.iter().find(|other| {
        !std::ptr::eq(*other, rule)
            && balancer.frontend_family(other.ir.frontend) == family
            && match (rule.ir.floating_ip, other.ir.floating_ip) {
                (true, true) => false,
                (true, false) => !backends.is_disjoint(&self::backends(balancer, other)),
                (false, _) => true,
            }
    });
    if let Some(other) = excluded {
        report_excluded(balancer, rule, &balancer.full_name(&other.ir.name), report);
    }
}

/// L-HA-04: no other internal load balancer for the same backends.
fn check_other_balancers(
    balancers: &[Balancer<'_>],
    index: usize,
    rule: &Rule<'_>,
    report: &Report,
) {
    let balancer = &balancers[index];
    let family = balancer.frontend_family(rule.ir.frontend);
    let backends = backends(balancer, rule);
    let others = balancers
        .iter()
        .enumerate()
        .filter(|(i, b)| *i != index && b.internal);
    for (_, other) in others {
        let shared = other.rules.iter().find(|r| {
            other.frontend_family(r.ir.frontend) == family
                && !backends.is_disjoint(&self::backends(other, r))
        });
        if let Some(shared) = shared {
            report_excluded(balancer, rule, &other.full_name(&shared.ir.name), report);
        }
    }
}

/// An internal inbound NAT rule is another way to the same backend: with a public rule on that port
/// nothing would tell whose a reply is.
fn check_nat_rules(
    balancers: &[Balancer<'_>],
    balancer: &Balancer<'_>,
    rule: &Rule<'_>,
    report: &Report,
) {
    let family = balancer.frontend_family(rule.ir.frontend);
    let backends = backends(balancer, rule);
    for other in balancers.iter().filter(|b| b.internal) {
        let shared = other.nat_rules.iter().find(|nat| {
            other.frontend_family(nat.ir.frontend) == family && backends.contains(&nat.ir.target)
        });
        if let Some(shared) = shared {
            report_excluded(balancer, rule, &other.full_name(&shared.ir.name), report);
        }
    }
}

fn backends(balancer: &Balancer<'_>, rule: &Rule<'_>) -> BTreeSet<InstanceIndex> {
    members(&balancer.pools[rule.ir.pool.0].ir).collect()
}

fn report_excluded(balancer: &Balancer<'_>, rule: &Rule<'_>, other: &str, report: &Report) {
    let name = balancer.full_name(&rule.ir.name);
    let message = format!("HA ports rule `{name}` cannot stand beside `{other}`");
    let hint = "enable floating IP on both, or use one rule and one internal load balancer for these backends";
    report.add(Code::HaPortsNotAlone, rule.config.span, message, hint);
}
