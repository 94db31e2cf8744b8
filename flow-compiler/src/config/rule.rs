//! Items of `loadBalancingRules`, `inboundNatRules` and `outboundRules`.

use std::ops::RangeInclusive;

use firmware_api::selector::HashMode;

use super::fields::{Fields, Section};
use super::outline::{Form, Kind};
use super::{Name, scalar};
use crate::diagnostic::{Code, Span, Spanned};
use crate::ir::Transport;

/// A load-balancing rule as it was written.
#[derive(Debug)]
pub(crate) struct LoadBalancingRule {
    pub(crate) span: Span,
    pub(crate) name: Name,
    pub(crate) protocol: Option<Spanned<Transport>>,
    pub(crate) frontend: Name,
    pub(crate) frontend_port: Option<Spanned<u16>>,
    pub(crate) pool: Name,
    pub(crate) backend_port: Option<Spanned<u16>>,
    pub(crate) probe: Name,
    pub(crate) distribution: Option<Spanned<HashMode>>,
    pub(crate) idle_minutes: Option<Spanned<u32>>,
    pub(crate) tcp_reset: Option<Spanned<bool>>,
    pub(crate) floating_ip: Option<Spanned<bool>>,
    pub(crate) disable_outbound_snat: Option<Spanned<bool>>,
    pub(crate) connection_tracking: Option<Spanned<bool>>,
    pub(crate) allow_inbound: Option<Spanned<bool>>,
}

/// An inbound NAT rule as it was written.
#[derive(Debug)]
pub(crate) struct NatRule {
    pub(crate) span: Span,
    pub(crate) name: Name,
    pub(crate) protocol: Option<Spanned<Transport>>,
    pub(crate) frontend: Name,
    pub(crate) target: Option<NatTarget>,
    pub(crate) backend_port: Option<Spanned<u16>>,
    pub(crate) idle_minutes: Option<Spanned<u32>>,
    pub(crate) tcp_reset: Option<Spanned<bool>>,
    pub(crate) floating_ip: Option<Spanned<bool>>,
    pub(crate) allow_inbound: Option<Spanned<bool>>,
}

/// Where an inbound NAT rule listens and leads (L-NAT-01).
#[derive(Debug)]
pub(crate) enum NatTarget {
    /// V1: one port to one instance.
    Instance {
        name: Name,
        port: Option<Spanned<u16>>,
    },
    /// V2: a range of ports, one for each member of a pool.
    Pool {
        name: Name,
        first: Option<Spanned<u16>>,
        last: Option<Spanned<u16>>,
    },
}

/// An outbound rule as it was written.
#[derive(Debug)]
pub(crate) struct OutboundRule {
    pub(crate) span: Span,
    pub(crate) name: Name,
    pub(crate) protocol: Option<Spanned<Transport>>,
    pub(crate) frontends: Vec<Spanned<String>>,
    pub(crate) pool: Name,
    pub(crate) allocated_ports: Option<Spanned<u32>>,
    pub(crate) idle_minutes: Option<Spanned<u32>>,
    pub(crate) tcp_reset: Option<Spanned<bool>>,
}

const TRANSPORTS: [(&str, Transport); 3] = [
    ("Tcp", Transport::Tcp),
    ("Udp", Transport::Udp),
    ("All", Transport::All),
];
const DISTRIBUTIONS: [(&str, HashMode); 3] = [
    ("Default", HashMode::FiveTuple),
    ("SourceIP", HashMode::TwoTuple),
    ("SourceIPProtocol", HashMode::ThreeTuple),
];
/// An inbound NAT rule leads to one instance, or to a pool.
const NAT_FORMS: [Form; 2] = [
    Form {
        own: &["target", "frontendPort"],
        also: &[],
    },
    Form {
        own: &[
            "backendPool",
            "frontendPortRangeStart",
            "frontendPortRangeEnd",
        ],
        also: &["backendPort"],
    },
];

impl Section for LoadBalancingRule {
    const WHAT: &'static str = "a load-balancing rule";

    fn read(fields: &mut Fields<'_>) -> Self {
        fields.expect("protocol");
        fields.expect("frontendPort");
        Self {
            span: fields.span(),
            name: fields.name(),
            protocol: fields.choice("protocol", &TRANSPORTS),
            frontend: fields.required_reference("frontend"),
            frontend_port: fields.port("frontendPort", 0..=65534),
            pool: fields.required_reference("backendPool"),
            backend_port: fields.port("backendPort", 0..=65535),
            probe: fields.reference("probe"),
            distribution: fields.choice("loadDistribution", &DISTRIBUTIONS),
            idle_minutes: minutes(fields, 4..=100),
            tcp_reset: fields.flag("enableTcpReset"),
            floating_ip: fields.flag("enableFloatingIP"),
            disable_outbound_snat: fields.flag("disableOutboundSnat"),
            connection_tracking: fields.flag("enableConnectionTracking"),
            allow_inbound: fields.flag("allowInbound"),
        }
    }
}

impl Section for NatRule {
    const WHAT: &'static str = "an inbound NAT rule";

    fn read(fields: &mut Fields<'_>) -> Self {
        fields.expect("protocol");
        Self {
            span: fields.span(),
            name: fields.name(),
            protocol: fields.choice("protocol", &TRANSPORTS),
            frontend: fields.required_reference("frontend"),
            target: NatTarget::read(fields),
            backend_port: fields.port("backendPort", 1..=65535),
            idle_minutes: minutes(fields, 4..=30),
            tcp_reset: fields.flag("enableTcpReset"),
            floating_ip: fields.flag("enableFloatingIP"),
            allow_inbound: fields.flag("allowInbound"),
        }
    }
}

impl NatRule {
    /// Where the rule says where it leads.
    pub(crate) fn target_span(&self) -> Span {
        let name = match &self.target {
            Some(NatTarget::Instance { name, .. } | NatTarget::Pool { name, .. }) => name.as_ref(),
            None => None,
        };
        name.map_or(self.span, |name| name.span)
    }

    /// Where the rule says which ports it listens on.
    pub(crate) fn port_span(&self) -> Span {
        let port = match &self.target {
            Some(NatTarget::Instance { port, .. } | NatTarget::Pool { first: port, .. }) => {
                port.as_ref()
            }
            None => None,
        };
        port.map_or(self.span, |port| port.span)
    }
}

impl NatTarget {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        const PORTS: RangeInclusive<i64> = 1..=65534;
        let name = fields.reference("target");
        let port = fields.port("frontendPort", PORTS);
        let pool = fields.reference("backendPool");
        let first = fields.port("frontendPortRangeStart", PORTS);
        let last = fields.port("frontendPortRangeEnd", PORTS);
        let is_range = pool.is_some() || first.is_some() || last.is_some();
        let other = [name.as_ref().map(|n| n.span), port.as_ref().map(|p| p.span)];
        let other = other.into_iter().flatten().next();
        if let Some(span) = other.filter(|_| is_range) {
            let message = "an inbound NAT rule leads to one instance or to a pool, not to both";
            let hint = "for one instance write `target` and `frontendPort`, for a pool \
                        `backendPool`, `frontendPortRangeStart` and `frontendPortRangeEnd`";
            let report = fields.report();
            report.add(Code::NatTargetUnclear, span, message, hint);
            return None;
        }
        fields.expect_form(&NAT_FORMS, usize::from(is_range));
        Some(if is_range {
            Self::Pool {
                name: pool,
                first,
                last,
            }
        } else {
            Self::Instance { name, port }
        })
    }
}

/// Idle minutes. All that can be possible somewhere are `possible`; what the kind of rule, the SKU
/// and the profile allow is checked later, to say what it depends on.
pub(super) fn minutes(
    fields: &mut Fields<'_>,
    possible: RangeInclusive<i64>,
) -> Option<Spanned<u32>> {
    const FIELD: &str = "idleTimeoutInMinutes";
    let report = fields.report();
    let node = fields.take(FIELD, || Kind::Number(possible))?;
    scalar::number(node, FIELD, 0..=1_000_000, report)
}

impl Section for OutboundRule {
    const WHAT: &'static str = "an outbound rule";

    fn read(fields: &mut Fields<'_>) -> Self {
        fields.expect("protocol");
        fields.expect("frontends");
        Self {
            span: fields.span(),
            name: fields.name(),
            protocol: fields.choice("protocol", &TRANSPORTS),
            frontends: fields.references("frontends"),
            pool: fields.required_reference("backendPool"),
            allocated_ports: fields.number("allocatedOutboundPorts", 0..=64_000),
            idle_minutes: minutes(fields, 4..=120),
            tcp_reset: fields.flag("enableTcpReset"),
        }
    }
}
