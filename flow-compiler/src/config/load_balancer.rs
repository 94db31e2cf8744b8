//! An item of `loadBalancers`, its frontends and its backend pools.

use super::fields::{Fields, Section};
use super::rule::minutes;
use super::{Address, LoadBalancingRule, Name, NatRule, OutboundRule, Probe};
use crate::diagnostic::{Span, Spanned};
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
    pub(crate) idle_minutes: Option<Spanned<u32>>,
}

/// An item of `backendPools`.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) span: Span,
    pub(crate) name: Name,
    pub(crate) members: Vec<Member>,
    pub(crate) drain_period: Option<Spanned<u32>>,
    pub(crate) by_address: Option<Spanned<bool>>,
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

impl Section for LoadBalancer {
    const WHAT: &'static str = "a load balancer";

    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            span: fields.span(),
            name: fields.name(),
            sku: fields.choice("sku", &SKUS),
            frontends: fields.items("frontends"),
            pools: fields.items("backendPools"),
            probes: fields.items("probes"),
            rules: fields.items("loadBalancingRules"),
            nat_rules: fields.items("inboundNatRules"),
            outbound_rules: fields.items("outboundRules"),
        }
    }
}

impl Section for Frontend {
    const WHAT: &'static str = "a frontend";

    fn read(fields: &mut Fields<'_>) -> Self {
        fields.expect("address");
        Self {
            name: fields.name(),
            address: fields.address("address"),
            internal: fields.flag("internal"),
            idle_minutes: minutes(fields, 4..=100),
        }
    }
}

impl Section for Pool {
    const WHAT: &'static str = "a backend pool";

    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            span: fields.span(),
            name: fields.name(),
            members: fields.items("members"),
            drain_period: fields.number("drainPeriodInSeconds", 0..=i64::from(i32::MAX)),
            by_address: fields.flag("byAddress"),
        }
    }
}

impl Section for Member {
    const WHAT: &'static str = "a pool member";

    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            instance: fields.required_reference("instance"),
            weight: fields.number("weight", 1..=100),
            admin_state: fields.choice("adminState", &ADMIN_STATES),
        }
    }
}
