//! The outbound plan: which way out every instance has, and with how many SNAT ports.
//!
//! Order of the ways (OUT-07, L-OUT-01): the instance's 1:1 public address, outbound rules, what
//! load-balancing rules give implicitly, the platform's address, nothing.

mod capacity;
mod implicit;
mod platform;

use std::collections::BTreeSet;
use std::net::IpAddr;

use firmware_api::{Family, Protocol};

use super::balancer::Balancer;
use super::instances::Instances;
use super::{Site, members};
use crate::config;
use crate::diagnostic::{Code, Report};
use crate::ir::{
    Instance, InstanceIndex, Outbound, OutboundPlan, OutboundRule, Pool, PortRange, SnatAllotment,
    SnatQuota, family_of,
};
use capacity::Demands;

/// Most SNAT ports of an instance by default, however many frontends there are.
const MAX_DEFAULT_PORTS: u16 = 1024;
/// Seconds until a flow ends that no outbound rule sent out: four minutes.
const IDLE_SECONDS: u32 = 240;

/// The default SNAT ports of each member of a pool (SNAT-11..16); none above 1000.
pub(super) const fn default_ports(members: usize) -> Option<u16> {
    Some(match members {
        ..=50 => 1024,
        51..=100 => 512,
        101..=200 => 256,
        201..=400 => 128,
        401..=800 => 64,
        801..=1000 => 32,
        _ => return None,
    })
}

/// The plan of a configuration; reports rules that contradict each other and address space that
/// does not suffice.
pub(super) fn plan(
    balancers: &[Balancer<'_>],
    instances: &Instances<'_>,
    uplink: Option<&config::Uplink>,
    report: &Report,
) -> OutboundPlan {
    let mut planner = Planner {
        instances: &instances.all,
        plan: OutboundPlan::default(),
        demands: Demands::default(),
        report,
    };
    planner.reserve_blocks(balancers);
    planner.add_outbound_rules(balancers);
    implicit::add(&mut planner, balancers);
    if let Some(uplink) = uplink {
        platform::add(&mut planner, uplink, balancers, instances);
    }
    planner.add_one_to_one();
    check_rules(balancers, report);
    planner.demands.check(&planner.plan.reserved_blocks, report);
    planner.plan
}

/// A plan in the making.
struct Planner<'p> {
    instances: &'p [Instance],
    plan: OutboundPlan,
    demands: Demands,
    report: &'p Report,
}

impl Planner<'_> {
    /// the blocks of the ports that rules listen on.
    fn reserve_blocks(&mut self, balancers: &[Balancer<'_>]) {
        for balancer in balancers.iter().filter(|b| !b.internal) {
            let rules = balancer
                .rules
                .iter()
                .map(|s| (s.ir.frontend, PortRange::one(s.ir.frontend_port)));
            let nat_rules = balancer
                .nat_rules
                .iter()
                .map(|s| (s.ir.frontend, s.ir.listens_on()));
            for (frontend, ports) in rules.chain(nat_rules) {
                let address = balancer.frontends[frontend.0].ir.address;
                self.plan
                    .reserved_blocks
                    .entry(address)
                    .or_default()
                    .extend(ports.first / 8..=ports.last / 8);
            }
        }
    }

    fn add_outbound_rules(&mut self, balancers: &[Balancer<'_>]) {
        for balancer in balancers {
            for site in &balancer.outbound_rules {
                for family in [Family::V4, Family::V6] {
                    self.add_outbound_rule(balancer, site, family);
                }
            }
        }
    }

    fn add_outbound_rule(
        &mut self,
        balancer: &Balancer<'_>,
        site: &Site<'_, OutboundRule, config::OutboundRule>,
        family: Family,
    ) {
        let rule = &site.ir;
        let frontends = rule
            .frontends
            .iter()
            .map(|f| balancer.frontends[f.0].ir.address);
        let addresses: Vec<IpAddr> = frontends.filter(|a| family_of(*a) == family).collect();
        if addresses.is_empty() {
            return;
        }
        let served = self.members_of(&balancer.pools[rule.pool.0].ir, family);
        let default = || scaled(self.tier(served.len(), site.config.span)?, addresses.len());
        let Some(ports) = rule.ports.or_else(default) else {
            return;
        };
        let allotment = SnatAllotment {
            rule: balancer.full_name(&rule.name),
            quotas: SnatQuota::spread(ports, &addresses),
            idle_seconds: rule.idle_seconds,
            tcp_reset: rule.tcp_reset,
        };
        for protocol in rule.transport.protocols() {
            let members = served.len() as u64;
            self.demands
                .add(&allotment, *protocol, members, site.config.span);
            for instance in &served {
                self.allot(*instance, family, *protocol, allotment.clone());
            }
        }
    }

    /// The default ports of a pool of that size; reports a pool that is too large for them.
    fn tier(&self, members: usize, span: crate::diagnostic::Span) -> Option<u16> {
        let ports = default_ports(members);
        if ports.is_none() {
            let message = format!("{members} members are too many for the default SNAT ports");
            let hint = "set `allocatedOutboundPorts` in an outbound rule; the default ends at 1000 members";
            self.report
                .add(Code::PoolTooLargeForDefaultPorts, span, message, hint);
        }
        ports
    }

    fn members_of(&self, pool: &Pool, family: Family) -> Vec<InstanceIndex> {
        let has_family = |i: &InstanceIndex| self.instances[i.0].address(family).is_some();
        members(pool).filter(has_family).collect()
    }

    fn allot(
        &mut self,
        instance: InstanceIndex,
        family: Family,
        protocol: Protocol,
        allotment: SnatAllotment,
    ) {
        let way = self
            .plan
            .ways
            .entry((instance, family, protocol))
            .or_default();
        match way {
            Outbound::Snat(allotments) => allotments.push(allotment),
            _ => *way = Outbound::Snat(vec![allotment]),
        }
    }

    /// Scenario 1 overrides everything (OUT-03).
    fn add_one_to_one(&mut self) {
        for (index, instance) in self.instances.iter().enumerate() {
            for address in instance.public_addresses.iter().copied() {
                for protocol in [Protocol::Tcp, Protocol::Udp] {
                    let key = (InstanceIndex(index), family_of(address), protocol);
                    self.plan.ways.insert(key, Outbound::OneToOne { address });
                }
            }
        }
    }
}

/// several frontends multiply the ports, up to a cap.
fn scaled(tier: u16, frontends: usize) -> Option<u16> {
    let ports = usize::from(tier).saturating_mul(frontends);
    u16::try_from(ports.min(usize::from(MAX_DEFAULT_PORTS))).ok()
}

/// L-OUT-06 and L-OUT-22.
fn check_rules(balancers: &[Balancer<'_>], report: &Report) {
    for balancer in balancers {
        let mut outbound = BTreeSet::new();
        for site in &balancer.outbound_rules {
            outbound.extend(site.ir.frontends.iter().copied());
        }
        for site in &balancer.rules {
            if outbound.contains(&site.ir.frontend) && !site.ir.disable_outbound_snat {
                let name = balancer.full_name(&site.ir.name);
                let message =
                    format!("rule `{name}` gives SNAT on a frontend that an outbound rule uses");
                let hint = "add `disableOutboundSnat: true` to the rule";
                report.add(Code::SnatNotDisabled, site.config.span, message, hint);
            }
        }
        check_overlaps(balancer, report);
    }
}

fn check_overlaps(balancer: &Balancer<'_>, report: &Report) {
    let rules = &balancer.outbound_rules;
    for (index, site) in rules.iter().enumerate() {
        let overlapping = rules[..index].iter().find(|first| {
            first.ir.transport.overlaps(site.ir.transport)
                && first
                    .ir
                    .frontends
                    .iter()
                    .any(|f| site.ir.frontends.contains(f))
        });
        if let Some(first) = overlapping {
            let (name, first) = (&site.ir.name, &first.ir.name);
            let message =
                format!("outbound rules `{first}` and `{name}` share a frontend and a protocol");
            let hint = "give each its own frontends, or its own protocol";
            report.add(Code::OutboundOverlap, site.config.span, message, hint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appendix A.1.
    #[test]
    fn snat_11_to_16_default_ports_by_pool_size() {
        let expected = [
            (1, 1024),
            (50, 1024),
            (51, 512),
            (100, 512),
            (101, 256),
            (200, 256),
            (201, 128),
            (400, 128),
            (401, 64),
            (800, 64),
            (801, 32),
            (1000, 32),
        ];
        for (members, ports) in expected {
            assert_eq!(default_ports(members), Some(ports), "{members} members");
        }
        assert_eq!(default_ports(1001), None);
    }

    /// Appendix A.2: 100 members with one, two and three frontends.
    #[test]
    fn a_14_frontends_multiply_up_to_1024() {
        let ports = |frontends| scaled(default_ports(100).unwrap(), frontends);
        assert_eq!(
            [ports(1), ports(2), ports(3)],
            [Some(512), Some(1024), Some(1024)]
        );
    }
}
