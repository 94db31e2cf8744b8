//! Inbound NAT rules: one for an instance, or one for every member of a pool (L-NAT-01).

use firmware_api::Family;

use super::balancer::Balancer;
use super::idle::{Inbound, Kind};
use super::members;
use super::rules::{Context, is_set};
use crate::config::{self, Name, NatTarget};
use crate::diagnostic::{Code, Span, Spanned};
use crate::ir::{FrontendIndex, InstanceIndex, NatRule, PoolIndex, PortRange};

/// Where one of the rules leads, and the frontend port that leads there.
#[derive(Clone, Copy)]
struct Target {
    instance: InstanceIndex,
    port: u16,
    range: Option<PortRange>,
}

/// What the rules that one written rule stands for have alike.
struct Common {
    frontend: FrontendIndex,
    idle_seconds: u32,
    is_open: bool,
}

impl Context<'_, '_> {
    /// The rules that a written rule stands for; none when something is wrong with it.
    pub(super) fn nat_rules(
        &self,
        balancer: &Balancer<'_>,
        written: &config::NatRule,
    ) -> Vec<NatRule> {
        let Some(frontend) = self.scopes.frontends.find_some(&written.frontend) else {
            return Vec::new();
        };
        let family = balancer.frontend_family(frontend);
        let targets = match &written.target {
            Some(NatTarget::Instance { name, port }) => {
                self.instance(name, *port, family, written.target_span())
            }
            Some(NatTarget::Pool { name, first, last }) => {
                let pool = self.scopes.pools.find_some(name);
                self.check_by_address(balancer, pool, written);
                let range = first.zip(*last).and_then(|(a, b)| self.range(a, b));
                pool.zip(range).map_or_else(Vec::new, |(pool, range)| {
                    let members = members(&balancer.pools[pool.0].ir);
                    let members = members.filter(|i| self.instances[i.0].address(family).is_some());
                    self.members(members.collect(), range, written.span)
                })
            }
            None => Vec::new(),
        };
        let inbound = Inbound {
            kind: Kind::InboundNat,
            minutes: written.idle_minutes,
            transport: written.protocol,
            frontend: Some(frontend),
            span: written.span,
        };
        let common = Common {
            frontend,
            idle_seconds: self.inbound_idle(balancer, &inbound),
            is_open: self.is_open(balancer, &written.name, written.allow_inbound, written.span),
        };
        let rules: Vec<NatRule> = targets
            .into_iter()
            .filter_map(|target| nat_rule(written, &common, target))
            .collect();
        self.check_reset(balancer, written.tcp_reset, written.protocol);
        self.check_udp_idle(written.idle_minutes, written.protocol);
        rules
    }

    /// L-BEP-02: inbound NAT rules lead to interfaces.
    fn check_by_address(
        &self,
        balancer: &Balancer<'_>,
        pool: Option<PoolIndex>,
        written: &config::NatRule,
    ) {
        let pool = pool.map(|PoolIndex(index)| &balancer.pools[index].ir);
        if let Some(pool) = pool.filter(|pool| pool.by_address) {
            let message = format!(
                "an inbound NAT rule is for pool `{}`, whose members are named by address",
                pool.name
            );
            let hint = "use a pool without `byAddress` for inbound NAT rules";
            let span = written.target_span();
            self.report.add(Code::NatForAddresses, span, message, hint);
        }
    }

    fn instance(
        &self,
        name: &Name,
        port: Option<Spanned<u16>>,
        family: Family,
        span: Span,
    ) -> Vec<Target> {
        let Some((instance, port)) = self.scopes.instances.find_some(name).zip(port) else {
            return Vec::new();
        };
        let facts = &self.instances[instance.0];
        if facts.address(family).is_none() {
            let subject = format!("instance `{}` has no", facts.name);
            self.report_family(&subject, family, span);
        }
        vec![Target {
            instance,
            port: port.value,
            range: None,
        }]
    }

    /// The lowest port for the first member (L-NAT-03). A pool does not grow beyond its range
    /// (L-NAT-02).
    fn members(&self, members: Vec<InstanceIndex>, range: PortRange, span: Span) -> Vec<Target> {
        let ports = range.ports().len();
        if members.len() > ports {
            let message = format!(
                "the pool has {} members, but frontend ports {} to {} are {ports}",
                members.len(),
                range.first,
                range.last
            );
            let hint = "raise `frontendPortRangeEnd`, or take members out of the pool";
            self.report.add(Code::NatRangeFull, span, message, hint);
        }
        let numbered = members.into_iter().zip(range.ports());
        numbered
            .map(|(instance, port)| Target {
                instance,
                port,
                range: Some(range),
            })
            .collect()
    }

    fn range(&self, first: Spanned<u16>, last: Spanned<u16>) -> Option<PortRange> {
        let range = PortRange {
            first: first.value,
            last: last.value,
        };
        if range.ports().is_empty() {
            let message = format!("frontend ports {} to {} are none", range.first, range.last);
            let hint =
                "let `frontendPortRangeEnd` be the higher one; both ends belong to the range";
            self.report
                .add(Code::NatRangeEmpty, last.span, message, hint);
            return None;
        }
        Some(range)
    }
}

fn nat_rule(written: &config::NatRule, common: &Common, target: Target) -> Option<NatRule> {
    Some(NatRule {
        name: written.name.as_ref()?.value.clone(),
        transport: written.protocol?.value,
        frontend: common.frontend,
        frontend_port: target.port,
        range: target.range,
        target: target.instance,
        backend_port: written.backend_port.map_or(target.port, |port| port.value),
        idle_seconds: common.idle_seconds,
        tcp_reset: is_set(written.tcp_reset),
        floating_ip: is_set(written.floating_ip),
        is_open: common.is_open,
    })
}
