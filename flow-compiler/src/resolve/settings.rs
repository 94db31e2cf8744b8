//! Settings of single rules: what the SKU, the family, the protocol and the pool allow, and what has
//! no effect.

use firmware_api::Family;
use firmware_api::selector::HashMode;

use super::balancer::Balancer;
use super::members;
use super::rules::Context;
use crate::config;
use crate::diagnostic::{Code, Span, Spanned};
use crate::ir::{AdminState, InstanceIndex, LoadBalancingRule, Member, PoolIndex, Sku, Transport};

impl Context<'_, '_> {
    /// SKU-07: outbound rules are for public Standard load balancers.
    pub(super) fn check_outbound_allowed(
        &self,
        balancer: &Balancer<'_>,
        written: &config::OutboundRule,
    ) {
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
    pub(super) fn check_reset(
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

    /// L-HA-11: whether both ends are told at the idle timeout; never with HA ports.
    pub(super) fn reset(&self, written: &config::LoadBalancingRule) -> bool {
        let Some(reset) = written.tcp_reset.filter(|reset| reset.value) else {
            return false;
        };
        let is_ha_ports = written.protocol.is_some_and(|p| p.value == Transport::All);
        if is_ha_ports {
            let message = "`enableTcpReset` has no effect on an HA ports rule";
            let hint = "remove it: idle flows of HA ports end in silence";
            self.report
                .add(Code::ResetOnHaPorts, reset.span, message, hint);
        }
        !is_ha_ports
    }

    /// IDLE-08: the timeout is TCP's.
    pub(super) fn check_udp_idle(
        &self,
        minutes: Option<Spanned<u32>>,
        transport: Option<Spanned<Transport>>,
    ) {
        if let Some(minutes) = minutes
            && is_udp(transport)
        {
            let message = "`idleTimeoutInMinutes` has no effect on a UDP rule";
            let hint = "remove it: idle UDP flows end after 4 minutes";
            self.report
                .add(Code::TcpSettingOnUdp, minutes.span, message, hint);
        }
    }

    pub(super) fn check_tracking(&self, written: &config::LoadBalancingRule) {
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
    pub(super) fn check_ha_ports(
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

    pub(super) fn check_pool(
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
        let is_forced = |m: &Member| m.admin_state != AdminState::Probed;
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

    pub(super) fn report_family(&self, subject: &str, family: Family, span: Span) {
        let family = family_name(family);
        let message = format!("{subject} {family} address, but the frontend is {family}");
        let hint =
            format!("give the backend an {family} address, or use a frontend of its own family");
        self.report.add(Code::NoMemberOfFamily, span, message, hint);
    }

    /// L-DIST-10 and L-FIP-09: what IPv6 frontends cannot do.
    pub(super) fn check_ipv6(
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

fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

fn is_udp(transport: Option<Spanned<Transport>>) -> bool {
    transport.is_some_and(|t| t.value == Transport::Udp)
}
