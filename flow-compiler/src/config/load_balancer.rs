//! An item of `loadBalancers`, its frontends and its backend pools.

use super::fields::{Fields, items};
use super::tree::Node;
use super::{Address, LoadBalancingRule, Name, NatRule, OutboundRule, Probe};
use crate::diagnostic::{Report, Span, Spanned};
use crate::ir::{AdminState, Sku};

/// A load balancer as it was written.
#[derive(Debug)]
pub(crate) struct LoadBalancer {
    pub(crate) span: Span,
    pub(crate) name: Name,
    pub(crate) sku: Option<Spanned<Sku>>,
    pub(crate) frontends: Vec<Frontend>,
    pub(crate) pools: Vec<Pool>,
    pub(crate) probes: Vec<Probe>,
    pub(crate) rules: Vec<LoadBalancingRule>,
    pub(crate) nat_rules: Vec<NatRule>,
    pub(crate) outbound_rules: Vec<OutboundRule>,
}

/// An item of `frontends`.
#[derive(Debug)]
pub(crate) struct Frontend {
    pub(crate) name: Name,
    pub(crate) address: Address,
    pub(crate) internal: Option<Spanned<bool>>,
}

/// An item of `backendPools`.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) span: Span,
    pub(crate) name: Name,
    pub(crate) members: Vec<Member>,
    pub(crate) drain_period: Option<Spanned<u32>>,
}

/// A member of a pool.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) instance: Name,
    pub(crate) weight: Option<Spanned<u32>>,
    pub(crate) admin_state: Option<Spanned<AdminState>>,
}

const SKUS: [(&str, Sku); 2] = [("Basic", Sku::Basic), ("Standard", Sku::Standard)];
const ADMIN_STATES: [(&str, AdminState); 3] = [
    ("None", AdminState::Probed),
    ("Up", AdminState::Up),
    ("Down", AdminState::Down),
];

impl LoadBalancer {
    pub(super) fn read(node: &Node, report: &Report) -> Option<Self> {
        let mut fields = Fields::open(node, "a load balancer", report)?;
        let load_balancer = Self {
            span: fields.span(),
            name: fields.name(),
            sku: fields.choice("sku", &SKUS),
            frontends: items(&mut fields, "frontends", Frontend::read),
            pools: items(&mut fields, "backendPools", Pool::read),
            probes: items(&mut fields, "probes", Probe::read),
            rules: items(&mut fields, "loadBalancingRules", LoadBalancingRule::read),
            nat_rules: items(&mut fields, "inboundNatRules", NatRule::read),
            outbound_rules: items(&mut fields, "outboundRules", OutboundRule::read),
        };
        fields.finish();
        Some(load_balancer)
    }
}

impl Frontend {
    fn read(node: &Node, report: &Report) -> Option<Self> {
        let mut fields = Fields::open(node, "a frontend", report)?;
        fields.expect("address");
        let frontend = Self {
            name: fields.name(),
            address: fields.address("address"),
            internal: fields.flag("internal"),
        };
        fields.finish();
        Some(frontend)
    }
}

impl Pool {
    fn read(node: &Node, report: &Report) -> Option<Self> {
        let mut fields = Fields::open(node, "a backend pool", report)?;
        let pool = Self {
            span: fields.span(),
            name: fields.name(),
            members: items(&mut fields, "members", Member::read),
            drain_period: fields.number("drainPeriodInSeconds", 0..=i64::from(i32::MAX)),
        };
        fields.finish();
        Some(pool)
    }
}

impl Member {
    fn read(node: &Node, report: &Report) -> Option<Self> {
        let mut fields = Fields::open(node, "a pool member", report)?;
        let member = Self {
            instance: fields.required_reference("instance"),
            weight: fields.number("weight", 1..=100),
            admin_state: fields.choice("adminState", &ADMIN_STATES),
        };
        fields.finish();
        Some(member)
    }
}
