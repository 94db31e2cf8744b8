//! SNAT that load-balancing rules give without being asked (OUT-04, OUT-05).
//!
//! Standard: by every public frontend of the instance's rules, for the protocol of the rule
//! (L-OUT-04). Basic: by one frontend, for both protocols (OUT-08, SKU-09); so do pools by address
//! (L-OUT-24). Only where no outbound rule serves the same family and protocol.

use std::collections::BTreeMap;
use std::net::IpAddr;

use firmware_api::{Family, Protocol};

use super::{IDLE_SECONDS, MAX_DEFAULT_PORTS, Planner};
use crate::diagnostic::Span;
use crate::ir::{InstanceIndex, PoolIndex, Sku, SnatAllotment, SnatQuota, family_of};
use crate::resolve::balancer::Balancer;

/// What the rules of one pool give each of its members.
struct Grant {
    rule: String,
    span: Span,
    addresses: Vec<IpAddr>,
}

/// What all pools of an instance give it.
struct Sum {
    rule: String,
    span: Span,
    addresses: Vec<IpAddr>,
    ports: u16,
}

type Sums = BTreeMap<InstanceIndex, Sum>;

/// Adds the implicit ways out to a plan that has all outbound rules.
pub(super) fn add(planner: &mut Planner<'_>, balancers: &[Balancer<'_>]) {
    for family in [Family::V4, Family::V6] {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let mut sums = Sums::new();
            for balancer in balancers.iter().filter(|b| !b.internal) {
                add_balancer(planner, balancer, family, protocol, &mut sums);
            }
            for (instance, sum) in sums {
                let allotment = sum.allotment();
                planner.demands.add(&allotment, protocol, 1, sum.span);
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
    sums: &mut Sums,
) {
    for (pool, grant) in grants(balancer, family, protocol) {
        let members = planner.members_of(&balancer.pools[pool.0].ir, family);
        let Some(tier) = planner.tier(members.len(), grant.span) else {
            continue;
        };
        let is_served = |i: &InstanceIndex| planner.plan.ways.contains_key(&(*i, family, protocol));
        for instance in members.into_iter().filter(|i| !is_served(i)) {
            sums.entry(instance)
                .or_insert_with(|| Sum::new(&grant))
                .add(&grant, tier);
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
        let is_basic = balancer.sku == Sku::Basic || balancer.pools[rule.pool.0].ir.by_address;
        let programs = is_basic || rule.transport.protocols().contains(&protocol);
        if family_of(address) != family || !programs {
            continue;
        }
        let grant = grants.entry(rule.pool).or_insert_with(|| Grant {
            rule: balancer.full_name(&rule.name),
            span: site.config.span,
            addresses: Vec::new(),
        });
        let is_full = is_basic && !grant.addresses.is_empty();
        if !is_full && !grant.addresses.contains(&address) {
            grant.addresses.push(address);
        }
    }
    grants
}

impl Sum {
    fn new(first: &Grant) -> Self {
        Self {
            rule: first.rule.clone(),
            span: first.span,
            addresses: Vec::new(),
            ports: 0,
        }
    }

    /// Adds what a pool gives; an address that another pool gave already does not count twice.
    fn add(&mut self, grant: &Grant, tier: u16) {
        for address in &grant.addresses {
            if !self.addresses.contains(address) {
                self.addresses.push(*address);
                self.ports = self.ports.saturating_add(tier).min(MAX_DEFAULT_PORTS);
            }
        }
    }

    fn allotment(&self) -> SnatAllotment {
        SnatAllotment {
            rule: self.rule.clone(),
            quotas: SnatQuota::spread(self.ports, &self.addresses),
            idle_seconds: IDLE_SECONDS,
            tcp_reset: false,
        }
    }
}
