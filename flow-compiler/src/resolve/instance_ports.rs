//! What arrives at a backend must tell which rule sent it: a destination address, protocol and
//! port belong to one rule (L-FIP-05, L-NAT-04).
//!
//! A rule with floating IP arrives at its frontend's address, any other at the instance's own.
//! Public and internal load balancers are judged apart, as one instance may serve one of each.

use std::collections::HashMap;
use std::net::IpAddr;

use firmware_api::{Family, Protocol};

use super::balancer::Balancer;
use super::members;
use crate::diagnostic::{Code, Report, Span};
use crate::ir::{Instance, InstanceIndex, PoolIndex, family_of};

/// One rule's use of a backend port.
struct Claim {
    rule: String,
    span: Span,
    internal: bool,
    protocol: Protocol,
    port: u16,
    frontend: IpAddr,
    floating: bool,
    /// The load balancer and pool; none for an inbound NAT rule.
    pool: Option<(usize, PoolIndex)>,
    instances: Vec<InstanceIndex>,
}

/// Whose port is claimed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Pool(usize, PoolIndex),
    Instance(InstanceIndex),
}

/// The destination that packets have at the place; no address is the instance's own.
type Destination = (Place, bool, Family, Protocol, u16, Option<IpAddr>);

/// Reports every rule whose packets could be another rule's.
pub(super) fn check(balancers: &[Balancer<'_>], instances: &[Instance], report: &Report) {
    let claims: Vec<Claim> = balancers
        .iter()
        .enumerate()
        .flat_map(|(index, balancer)| claims(index, balancer, instances))
        .collect();
    let mut taken: HashMap<Destination, usize> = HashMap::new();
    for (index, claim) in claims.iter().enumerate() {
        let mut first = None;
        for destination in claim.destinations() {
            let owner = *taken.entry(destination).or_insert(index);
            let is_mark = destination.5 == Some(MARK);
            first = first.or(Some(owner).filter(|owner| *owner != index && !is_mark));
        }
        if let Some(first) = first.or_else(|| mixed(&taken, claim)) {
            report_collision(&claims[first], claim, report);
        }
    }
}

/// A rule of the same pool and port, one with floating IP and the other without (spec 3.9.6).
fn mixed(taken: &HashMap<Destination, usize>, claim: &Claim) -> Option<usize> {
    let (balancer, pool) = claim.pool?;
    let place = Place::Pool(balancer, pool);
    if claim.floating {
        return taken.get(&claim.destination(place, None)).copied();
    }
    // A floating rule leaves this mark beside its own destination.
    taken.get(&claim.destination(place, Some(MARK))).copied()
}

/// Stands for "some frontend" in the mark of a floating rule.
const MARK: IpAddr = IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED);

impl Claim {
    fn destination(&self, place: Place, address: Option<IpAddr>) -> Destination {
        let family = family_of(self.frontend);
        (
            place,
            self.internal,
            family,
            self.protocol,
            self.port,
            address,
        )
    }

    fn destinations(&self) -> Vec<Destination> {
        let address = self.floating.then_some(self.frontend);
        let pool = self
            .pool
            .map(|(balancer, pool)| Place::Pool(balancer, pool));
        let instances = self.instances.iter().map(|i| Place::Instance(*i));
        let marks = pool
            .filter(|_| self.floating)
            .map(|place| self.destination(place, Some(MARK)));
        let places = pool.into_iter().chain(instances);
        places
            .map(|place| self.destination(place, address))
            .chain(marks)
            .collect()
    }
}

fn report_collision(first: &Claim, claim: &Claim, report: &Report) {
    let (code, hint) = if first.pool.is_none() || claim.pool.is_none() {
        (
            Code::NatPortInUse,
            "choose another `backendPort` for one of them",
        )
    } else if first.pool != claim.pool {
        (
            Code::InstancePortInUse,
            "choose another `backendPort`, or take the shared instances out of one pool",
        )
    } else if first.floating && claim.floating {
        (
            Code::FloatingBackendPortInUse,
            "choose another `backendPort`, or another frontend",
        )
    } else {
        (
            Code::BackendPortInUse,
            "choose another `backendPort`, or enable floating IP on both rules",
        )
    };
    let message = format!(
        "rule `{}` sends to a backend port ({}) that `{}` already sends to",
        claim.rule, claim.port, first.rule
    );
    report.add(code, claim.span, message, hint);
}

/// The claims of a load balancer's rules, HA ports excepted.
fn claims(index: usize, balancer: &Balancer<'_>, instances: &[Instance]) -> Vec<Claim> {
    let mut claims = Vec::new();
    for site in balancer.rules.iter().filter(|site| !site.ir.is_ha_ports()) {
        let rule = &site.ir;
        let frontend = balancer.frontends[rule.frontend.0].ir.address;
        let pool = &balancer.pools[rule.pool.0].ir;
        for protocol in rule.transport.protocols() {
            claims.push(Claim {
                rule: balancer.full_name(&rule.name),
                span: site
                    .config
                    .backend_port
                    .map_or(site.config.span, |port| port.span),
                internal: balancer.internal,
                protocol: *protocol,
                port: rule.backend_port,
                frontend,
                floating: rule.floating_ip,
                pool: Some((index, rule.pool)),
                instances: of_family(members(pool), instances, frontend),
            });
        }
    }
    for site in &balancer.nat_rules {
        let rule = &site.ir;
        let frontend = balancer.frontends[rule.frontend.0].ir.address;
        for protocol in rule.transport.protocols() {
            claims.push(Claim {
                rule: balancer.full_name(&rule.name),
                span: site
                    .config
                    .backend_port
                    .map_or(site.config.span, |port| port.span),
                internal: balancer.internal,
                protocol: *protocol,
                port: rule.backend_port,
                frontend,
                floating: rule.floating_ip,
                pool: None,
                instances: of_family([rule.target].into_iter(), instances, frontend),
            });
        }
    }
    claims
}

fn of_family(
    indices: impl Iterator<Item = InstanceIndex>,
    instances: &[Instance],
    like: IpAddr,
) -> Vec<InstanceIndex> {
    let family = family_of(like);
    indices
        .filter(|i| instances[i.0].address(family).is_some())
        .collect()
}
