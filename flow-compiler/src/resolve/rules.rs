//! Rules one by one: references, families, SKU gates, settings that do nothing.

use firmware_api::Family;
use firmware_api::selector::HashMode;

use super::balancer::{Balancer, Scopes};
use super::idle::{self, Kind};
use super::{Site, members};
use crate::config::{self, Name};
use crate::diagnostic::{Code, Report, Span, Spanned};
use crate::ir::{
    AdminState, FrontendIndex, Instance, InstanceIndex, LoadBalancingRule, NatRule, OutboundRule,
    PoolIndex, Profile, Sku, Transport,
};

/// Adds the rules of a load balancer.
pub(super) fn add<'a>(
    balancer: &mut Balancer<'a>,
    scopes: &Scopes<'_, 'a>,
    profile: Profile,
    instances: &[Instance],
    report: &'a Report,
) {
    declare_names(balancer.config, report);
    let context = Context {
        scopes,
        profile,
        instances,
        report,
    };
    for config in &balancer.config.rules {
        if let Some(ir) = context.rule(balancer, config) {
            balancer.rules.push(Site { ir, config });
        }
    }
    for config in &balancer.config.nat_rules {
        if let Some(ir) = context.nat_rule(balancer, config) {
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
struct Context<'c, 'a> {
    scopes: &'c Scopes<'c, 'a>,
    profile: Profile,
    instances: &'c [Instance],
    report: &'c Report,
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
        let idle_seconds = self.idle(balancer, minutes, Kind::LoadBalancing);
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
            tcp_reset: is_set(written.tcp_reset),
            floating_ip: is_set(written.floating_ip),
            disable_outbound_snat: is_set(written.disable_outbound_snat),
            connection_tracking: is_set(written.connection_tracking),
        };
        self.check_ha_ports(&rule, balancer, written)?;
        self.check_pool(&rule, balancer, written);
        self.check_ipv6(&rule, balancer, written);
        Some(rule)
    }

    fn nat_rule(&self, balancer: &Balancer<'_>, written: &config::NatRule) -> Option<NatRule> {
        let frontend = self.scopes.frontends.find_some(&written.frontend);
        let target = self.scopes.instances.find_some(&written.target);
        let idle_seconds = self.idle(balancer, written.idle_minutes, Kind::InboundNat);
        self.check_reset(balancer, written.tcp_reset, written.protocol);
        self.check_udp_idle(written.idle_minutes, written.protocol);
        let frontend_port = written.frontend_port?.value;
        let rule = NatRule {
            name: written.name.as_ref()?.value.clone(),
            transport: written.protocol?.value,
            frontend: frontend?,
            frontend_port,
            target: target?,
            backend_port: written
                .backend_port
                .map_or(frontend_port, |port| port.value),
            idle_seconds,
            tcp_reset: is_set(written.tcp_reset),
            floating_ip: is_set(written.floating_ip),
        };
        let family = balancer.frontend_family(rule.frontend);
        if self.instances[rule.target.0].address(family).is_none() {
            let span = written.target.as_ref()?.span;
            let name = &self.instances[rule.target.0].name;
            self.report_family(&format!("instance `{name}` has no"), family, span);
        }
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

    fn idle(&self, balancer: &Balancer<'_>, minutes: Option<Spanned<u32>>, kind: Kind) -> u32 {
        idle::seconds(minutes, kind, self.profile, balancer.sku, self.report)
    }

    /// SKU-07: outbound rules are for public Standard load balancers.
    fn check_outbound_allowed(&self, balancer: &Balancer<'_>, written: &config::OutboundRule) {
        if balancer.sku == Sku::Standard && !balancer.internal {
            return;
        }
        let kind = if balancer.internal {
            "internal"
        } else {
            "Basic"
        };
        let message = format!(
            "load balancer `{}` is {kind} and cannot have outbound rules",
            balancer.name
        );
        let hint = "use a public load balancer with `sku: Standard`";
        self.report
            .add(Code::OutboundNotAllowed, written.span, message, hint);
    }

    /// RST-01: Standard only; RST-03: TCP only.
    fn check_reset(
        &self,
        balancer: &Balancer<'_>,
        reset: Option<Spanned<bool>>,
        transport: Option<Spanned<Transport>>,
    ) {
        let Some(reset) = reset.filter(|reset| reset.value) else {
            return;
        };
        if balancer.sku == Sku::Basic {
            let message = "`enableTcpReset` needs the Standard SKU";
            let hint = "write `sku: Standard`, or remove `enableTcpReset`";
            self.report
                .add(Code::ResetNotAllowed, reset.span, message, hint);
        }
        if is_udp(transport) {
            let message = "`enableTcpReset` has no effect on a UDP rule";
            self.report
                .add(Code::TcpSettingOnUdp, reset.span, message, "remove it");
        }
    }

    /// IDLE-08: the timeout is TCP's.
    fn check_udp_idle(&self, minutes: Option<Spanned<u32>>, transport: Option<Spanned<Transport>>) {
        if let Some(minutes) = minutes
            && is_udp(transport)
        {
            let message = "`idleTimeoutInMinutes` has no effect on a UDP rule";
            let hint = "remove it: idle UDP flows end after 4 minutes";
            self.report
                .add(Code::TcpSettingOnUdp, minutes.span, message, hint);
        }
    }

    fn check_tracking(&self, written: &config::LoadBalancingRule) {
        if let Some(flag) = written.connection_tracking.filter(|flag| flag.value)
            && written.protocol.is_some_and(|p| p.value == Transport::Tcp)
        {
            let message = "`enableConnectionTracking` has no effect on a TCP rule";
            let hint = "remove it: TCP flows always stay on their backend";
            self.report
                .add(Code::TrackingWithoutUdp, flag.span, message, hint);
        }
    }

    /// L-HA-01: protocol All and ports 0 go together; L-HA-03: internal Standard only.
    fn check_ha_ports(
        &self,
        rule: &LoadBalancingRule,
        balancer: &Balancer<'_>,
        written: &config::LoadBalancingRule,
    ) -> Option<()> {
        let zeros = [rule.frontend_port == 0, rule.backend_port == 0];
        if zeros != [rule.is_ha_ports(); 2] {
            let message = format!(
                "protocol {} with frontend port {} and backend port {}",
                rule.transport.name(),
                rule.frontend_port,
                rule.backend_port
            );
            let hint = "HA ports is `protocol: All` with both ports 0; otherwise use Tcp or Udp and ports above 0";
            let span = written.protocol.map_or(written.span, |p| p.span);
            self.report.add(Code::HaPortsShape, span, message, hint);
            return None;
        }
        if rule.is_ha_ports() && (balancer.sku == Sku::Basic || !balancer.internal) {
            let message = "HA ports need an internal load balancer with the Standard SKU";
            let hint = "name the ports one by one, or use an internal Standard load balancer";
            self.report
                .add(Code::HaPortsNotAllowed, written.span, message, hint);
        }
        Some(())
    }

    fn check_pool(
        &self,
        rule: &LoadBalancingRule,
        balancer: &Balancer<'_>,
        written: &config::LoadBalancingRule,
    ) {
        let PoolIndex(index) = rule.pool;
        let pool = &balancer.pools[index].ir;
        let span = written.pool.as_ref().map_or(written.span, |name| name.span);
        let family = balancer.frontend_family(rule.frontend);
        let listed = !balancer.pools[index].config.members.is_empty();
        if pool.members.is_empty() && !listed {
            let message = format!(
                "pool `{}` has no members: the frontend stays silent",
                pool.name
            );
            self.report
                .add(Code::EmptyPool, span, message, "add members to the pool");
        } else if !pool.members.is_empty() && !self.has_family(members(pool), family) {
            self.report_family(
                &format!("no member of pool `{}` has an", pool.name),
                family,
                span,
            );
        }
        let is_forced = |m: &crate::ir::Member| m.admin_state != AdminState::Probed;
        if rule.probe.is_none() && written.probe.is_none() && pool.members.iter().any(is_forced) {
            let message = format!(
                "the admin states of pool `{}` have no effect without a probe",
                pool.name
            );
            let hint = "add `probe` to the rule";
            self.report
                .add(Code::AdminStateWithoutProbe, written.span, message, hint);
        }
    }

    fn has_family(&self, members: impl Iterator<Item = InstanceIndex>, family: Family) -> bool {
        members
            .into_iter()
            .any(|i| self.instances[i.0].address(family).is_some())
    }

    fn report_family(&self, subject: &str, family: Family, span: Span) {
        let family = family_name(family);
        let message = format!("{subject} {family} address, but the frontend is {family}");
        let hint =
            format!("give the backend an {family} address, or use a frontend of its own family");
        self.report.add(Code::NoMemberOfFamily, span, message, hint);
    }

    /// L-DIST-10 and L-FIP-09: what IPv6 frontends cannot do.
    fn check_ipv6(
        &self,
        rule: &LoadBalancingRule,
        balancer: &Balancer<'_>,
        written: &config::LoadBalancingRule,
    ) {
        if balancer.frontend_family(rule.frontend) == Family::V4 {
            return;
        }
        let changed = rule.distribution != HashMode::FiveTuple || rule.idle_seconds != 240;
        if balancer.sku == Sku::Basic && changed {
            let message = "Basic offers IPv6 rules only the default distribution and idle timeout";
            let hint =
                "write `sku: Standard`, or remove `loadDistribution` and `idleTimeoutInMinutes`";
            self.report
                .add(Code::BasicIpv6Setting, written.span, message, hint);
        }
        if balancer.internal && rule.floating_ip {
            let message = "floating IP does not work on internal IPv6 frontends everywhere";
            let hint = "use a rule without floating IP";
            let span = written.floating_ip.map_or(written.span, |flag| flag.span);
            self.report
                .add(Code::FloatingInternalIpv6, span, message, hint);
        }
    }
}

pub(super) fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

fn is_set(flag: Option<Spanned<bool>>) -> bool {
    flag.is_some_and(|flag| flag.value)
}

fn is_udp(transport: Option<Spanned<Transport>>) -> bool {
    transport.is_some_and(|t| t.value == Transport::Udp)
}
