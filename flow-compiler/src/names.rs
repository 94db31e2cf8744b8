//! What the numbers in tables are called, and which part of the configuration they stand for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use firmware_api::entry::backend::BackendId;
use firmware_api::entry::instance::InstanceId;
use firmware_api::entry::rule::RuleId;
use firmware_api::{Family, PortId, Protocol};

use crate::ir::{InstanceIndex, Ir, LoadBalancerIndex};

/// The meaning of every number that one lowering gave out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Rules.
    pub rules: BTreeMap<RuleId, RuleName>,
    /// Backends: the instance behind each.
    pub backends: BTreeMap<BackendId, InstanceName>,
    /// Instances.
    pub instances: BTreeMap<InstanceId, InstanceName>,
    /// Vports: the instance behind each.
    pub vports: BTreeMap<PortId, InstanceName>,
    /// Frontend addresses: `web/public-v4`.
    pub frontends: BTreeMap<IpAddr, String>,
    /// Rules that take nothing new, by where they would: `web/http` (SKU-08).
    pub closed: BTreeMap<(IpAddr, Protocol, u16), String>,
    /// Who leaves by the platform's address, by vport.
    pub by_default: BTreeMap<(PortId, Family, Protocol), IpAddr>,
}

/// Which rule a number stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleName {
    /// Load balancer and rule: `web/http`.
    pub name: String,
    /// Where it is in the [`Ir`](crate::ir::Ir).
    pub rule: RuleRef,
}

/// A rule of the [`Ir`](crate::ir::Ir) that new inbound flows can hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleRef {
    /// A load-balancing rule: its load balancer, and its position there.
    LoadBalancing(LoadBalancerIndex, usize),
    /// An inbound NAT rule: its load balancer, and its position there.
    InboundNat(LoadBalancerIndex, usize),
}

impl RuleRef {
    /// Whether new flows come in by the rule (SKU-08).
    pub fn is_open(self, ir: &Ir) -> bool {
        match self {
            Self::LoadBalancing(balancer, rule) => {
                ir.load_balancers[balancer.0].rules[rule].is_open
            }
            Self::InboundNat(balancer, rule) => {
                ir.load_balancers[balancer.0].nat_rules[rule].is_open
            }
        }
    }
}

/// Which instance a number stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceName {
    /// Its name.
    pub name: String,
    /// Where it is in the [`Ir`](crate::ir::Ir).
    pub instance: InstanceIndex,
}

impl Names {
    /// The name of a rule, or its number.
    pub fn rule(&self, id: RuleId) -> String {
        self.rules
            .get(&id)
            .map_or_else(|| format!("#{id}"), |rule| rule.name.clone())
    }

    /// The name of the instance behind a backend, or its number.
    pub fn backend(&self, id: BackendId) -> String {
        name_of(self.backends.get(&id), id)
    }

    /// The name of an instance, or its number.
    pub fn instance(&self, id: InstanceId) -> String {
        name_of(self.instances.get(&id), id)
    }

    /// `uplink`, the name of the instance behind a vport, or the port's number.
    pub fn port(&self, port: PortId) -> String {
        match port {
            firmware_api::UPLINK_PORT => "uplink".to_owned(),
            port => name_of(self.vports.get(&port), port),
        }
    }

    /// The port of that name.
    pub fn port_of(&self, name: &str) -> Option<PortId> {
        if name == "uplink" {
            return Some(firmware_api::UPLINK_PORT);
        }
        self.vports
            .iter()
            .find(|(_, instance)| instance.name == name)
            .map(|(port, _)| *port)
    }
}

fn name_of(instance: Option<&InstanceName>, id: u16) -> String {
    instance.map_or_else(|| format!("#{id}"), |instance| instance.name.clone())
}
