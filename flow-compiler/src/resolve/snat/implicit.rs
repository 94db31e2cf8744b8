//! SNAT that load-balancing rules give without being asked (OUT-04, OUT-05).
//!
//! Standard: by every public frontend of the instance's rules, for the protocol of the rule
//! (L-OUT-04). Basic: by one frontend, for both protocols (OUT-08, SKU-09). Only where no outbound
//! rule serves the same family and protocol.

use std::collections::BTreeMap;
use std::net::IpAddr;

use firmware_api::{Family, Protocol};

use super::capacity::Demand;
use super::{MAX_DEFAULT_PORTS, Planner};
use crate::diagnostic::Span;
use crate::ir::{InstanceIndex, PoolIndex, Sku, SnatAllotment, family_of};
use crate::resolve::balancer::Balancer;

/// Seconds until an idle flow ends: four minutes, whatever the rule says.
const IDLE_SECONDS: u32 = 240;

/// What the rules of one pool give each of its members.
struct Grant {
    rule: String,
    span: Span,
    addresses: Vec<IpAddr>,
}

/// Instances, and what all their pools give them.
type Allotments = BTreeMap<InstanceIndex, (SnatAllotment, Span)>;

/// Adds the implicit ways out to a plan that has all outbound rules.
pub(super) fn add(planner: &mut Planner<'_>, balancers: &[Balancer<'_>]) {
    for family in [Family::V4, Family::V6] {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let mut allotments = Allotments::new();
            for balancer in balancers.iter().filter(|b| !b.internal) {
                add_balancer(planner, balancer, family, protocol, &mut allotments);
            }
            for (instance, (allotment, span)) in allotments {
                let ports = u64::from(allotment.ports);
                planner
                    .demands
                    .push(Demand::new(&allotment, protocol, ports, span));
                planner.allot(instance, family, protocol, allotment);
            }
        }
    }
}

fn add_balancer(
    planner: &Planner<'_>,
    balancer: &Balancer<'_>,
    family: Family,
    protocol: Protocol,
    allotments: &mut Allotments,
) {
    for (pool, grant) in grants(balancer, family, protocol) {
        let members = planner.members_of(&balancer.pools[pool.0].ir, family);
        let Some(tier) = planner.tier(members.len(), grant.span) else {
            continue;
        };
        let is_served = |i: &InstanceIndex| planner.plan.ways.contains_key(&(*i, family, protocol));
        for instance in members.into_iter().filter(|i| !is_served(i)) {
            let entry = allotments.entry(instance);
            let (allotment, _) = entry.or_insert_with(|| (nothing(&grant), grant.span));
            extend(allotment, &grant, tier);
        }
    }
}

/// By pool, in the order of the rules.
fn grants(
    balancer: &Balancer<'_>,
    family: Family,
    protocol: Protocol,
) -> BTreeMap<PoolIndex, Grant> {
    let mut grants: BTreeMap<PoolIndex, Grant> = BTreeMap::new();
    for site in balancer
        .rules
        .iter()
        .filter(|site| !site.ir.disable_outbound_snat)
    {
        let rule = &site.ir;
        let address = balancer.frontends[rule.frontend.0].ir.address;
        let programs = balancer.sku == Sku::Basic || rule.transport.protocols().contains(&protocol);
        if family_of(address) != family || !programs {
            continue;
        }
        let grant = grants.entry(rule.pool).or_insert_with(|| Grant {
            rule: balancer.full_name(&rule.name),
            span: site.config.span,
            addresses: Vec::new(),
        });
        let is_full = balancer.sku == Sku::Basic && !grant.addresses.is_empty();
        if !is_full && !grant.addresses.contains(&address) {
            grant.addresses.push(address);
        }
    }
    grants
}

fn nothing(grant: &Grant) -> SnatAllotment {
    SnatAllotment {
        rule: grant.rule.clone(),
        addresses: Vec::new(),
        ports: 0,
        idle_seconds: IDLE_SECONDS,
        tcp_reset: false,
    }
}

/// Adds what a pool gives; an address that another pool gave already does not count twice.
fn extend(allotment: &mut SnatAllotment, grant: &Grant, tier: u16) {
    for address in &grant.addresses {
        if !allotment.addresses.contains(address) {
            allotment.addresses.push(*address);
            allotment.ports = allotment.ports.saturating_add(tier).min(MAX_DEFAULT_PORTS);
        }
    }
}
