//! Rules one by one: their references and numbers.

use firmware_api::selector::HashMode;

use super::Site;
use super::balancer::{Balancer, Scopes};
use super::idle::{self, Inbound, Kind, Terms};
use crate::config::{self, Config, Name};
use crate::diagnostic::{Code, Report, Spanned};
use crate::ir::{FrontendIndex, Instance, LoadBalancingRule, OutboundRule};

/// Adds the rules of a load balancer.
pub(super) fn add<'a>(
    balancer: &mut Balancer<'a>,
    scopes: &Scopes<'_, 'a>,
    file: &Config,
    instances: &[Instance],
    report: &'a Report,
) {
    declare_names(balancer.config, report);
    let context = Context {
        scopes,
        terms: Terms::of(file),
        secure_by_default: file.secure_by_default,
        instances,
        report,
    };
    for config in &balancer.config.rules {
        if let Some(ir) = context.rule(balancer, config) {
            balancer.rules.push(Site { ir, config });
        }
    }
    for config in &balancer.config.nat_rules {
        for ir in context.nat_rules(balancer, config) {
            balancer.nat_rules.push(Site { ir, config });
        }
    }
    for config in &balancer.config.outbound_rules {
        if let Some(ir) = context.outbound_rule(balancer, config) {
            balancer.outbound_rules.push(Site { ir, config });
        }
    }
}

/// Names are unique within their kind of rule.
fn declare_names(config: &config::LoadBalancer, report: &Report) {
    let declare = |kind, names: Vec<&Name>| {
        let mut scope = super::scope::Scope::new(kind, report);
        for name in names {
            scope.declare(name, Some(()));
        }
    };
    declare("a rule", config.rules.iter().map(|r| &r.name).collect());
    declare(
        "an inbound NAT rule",
        config.nat_rules.iter().map(|r| &r.name).collect(),
    );
    declare(
        "an outbound rule",
        config.outbound_rules.iter().map(|r| &r.name).collect(),
    );
}

/// What the checks of one rule look at.
pub(super) struct Context<'c, 'a> {
    pub(super) scopes: &'c Scopes<'c, 'a>,
    pub(super) terms: Terms,
    pub(super) secure_by_default: bool,
    pub(super) instances: &'c [Instance],
    pub(super) report: &'c Report,
}

impl Context<'_, '_> {
    fn rule(
        &self,
        balancer: &Balancer<'_>,
        written: &config::LoadBalancingRule,
    ) -> Option<LoadBalancingRule> {
        let frontend = self.scopes.frontends.find_some(&written.frontend);
        let pool = self.scopes.pools.find_some(&written.pool);
        let probe = self.scopes.probes.find_some(&written.probe);
        let minutes = written.idle_minutes;
        let idle_seconds = self.inbound_idle(
            balancer,
            &Inbound {
                kind: Kind::LoadBalancing,
                minutes,
                transport: written.protocol,
                frontend,
                span: written.span,
            },
        );
        self.check_reset(balancer, written.tcp_reset, written.protocol);
        self.check_udp_idle(minutes, written.protocol);
        self.check_tracking(written);
        let frontend_port = written.frontend_port?.value;
        let rule = LoadBalancingRule {
            name: written.name.as_ref()?.value.clone(),
            transport: written.protocol?.value,
            frontend: frontend?,
            frontend_port,
            pool: pool?,
            backend_port: written
                .backend_port
                .map_or(frontend_port, |port| port.value),
            probe,
            distribution: written
                .distribution
                .map_or(HashMode::FiveTuple, |mode| mode.value),
            idle_seconds,
            tcp_reset: self.reset(written),
            floating_ip: is_set(written.floating_ip),
            disable_outbound_snat: is_set(written.disable_outbound_snat),
            connection_tracking: is_set(written.connection_tracking),
            is_open: self.is_open(balancer, &written.name, written.allow_inbound, written.span),
        };
        self.check_ha_ports(&rule, balancer, written)?;
        self.check_pool(&rule, balancer, written);
        self.check_ipv6(&rule, balancer, written);
        Some(rule)
    }

    fn outbound_rule(
        &self,
        balancer: &Balancer<'_>,
        written: &config::OutboundRule,
    ) -> Option<OutboundRule> {
        let pool = self.scopes.pools.find_some(&written.pool);
        let idle_seconds = self.idle(balancer, written.idle_minutes, Kind::Outbound);
        self.check_reset(balancer, written.tcp_reset, written.protocol);
        self.check_outbound_allowed(balancer, written);
        let ports = self.outbound_ports(written.allocated_ports);
        Some(OutboundRule {
            frontends: self.outbound_frontends(written),
            name: written.name.as_ref()?.value.clone(),
            transport: written.protocol?.value,
            pool: pool?,
            ports,
            idle_seconds,
            tcp_reset: is_set(written.tcp_reset),
        })
    }

    /// The frontends of an outbound rule, each once, in their order.
    fn outbound_frontends(&self, written: &config::OutboundRule) -> Vec<FrontendIndex> {
        let mut found: Vec<FrontendIndex> = Vec::new();
        for name in &written.frontends {
            match self.scopes.frontends.find(name) {
                Some(index) if found.contains(&index) => {
                    let message = format!("frontend `{}` is listed twice", name.value);
                    let hint = "list each frontend once";
                    self.report
                        .add(Code::DuplicateFrontend, name.span, message, hint);
                }
                index => found.extend(index),
            }
        }
        found
    }

    /// L-OUT-10: whole blocks of eight; 0 is the default table.
    fn outbound_ports(&self, ports: Option<Spanned<u32>>) -> Option<u16> {
        let Spanned { value, span } = ports.filter(|ports| ports.value != 0)?;
        if !value.is_multiple_of(8) {
            let message = format!("{value} SNAT ports are no whole blocks of eight");
            let hint = format!("use {} or {}", value / 8 * 8, value.div_ceil(8) * 8);
            self.report.add(Code::PortsNotInBlocks, span, message, hint);
        }
        u16::try_from(value).ok()
    }

    pub(super) fn idle(
        &self,
        balancer: &Balancer<'_>,
        minutes: Option<Spanned<u32>>,
        kind: Kind,
    ) -> u32 {
        idle::seconds(minutes, kind, self.terms, balancer.sku, self.report)
    }
}

pub(super) fn is_set(flag: Option<Spanned<bool>>) -> bool {
    flag.is_some_and(|flag| flag.value)
}
