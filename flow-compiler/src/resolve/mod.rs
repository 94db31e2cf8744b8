//! From what is written to what it means: names become references, and everything that concerns
//! more than one field is checked (spec 3.9).
//!
//! A thing that cannot be built is reported and left out; whoever refers to it says nothing more.
//! The result exists only when nothing was an error.

mod addresses;
mod balancer;
mod frontend_ports;
mod general;
mod ha_ports;
mod idle;
mod inbound;
mod instance_ports;
mod instances;
mod limits;
mod nat_rules;
mod next_hops;
mod probes;
mod rules;
mod scope;
mod sets;
mod settings;
mod snat;
mod uplink;

use crate::config::Config;
use crate::diagnostic::Report;
use crate::ir::{self, Ir};
use addresses::Addresses;
pub(crate) use addresses::is_private;
use balancer::Balancer;

/// Checks a configuration; `None` when it has errors.
pub(crate) fn resolve(config: &Config, report: &Report) -> Option<Ir> {
    let mut addresses = Addresses::new(report);
    let uplink = uplink::resolve(config.uplink.as_ref(), &mut addresses, report);
    let instances = instances::resolve(config, &mut addresses, report);
    let balancers = balancer::resolve(config, &instances, &mut addresses, report);
    frontend_ports::check(&balancers, report);
    instance_ports::check(&balancers, &instances.all, report);
    probes::check_ports(&balancers, report);
    ha_ports::check(&balancers, report);
    next_hops::check(config, &balancers, &instances, report);
    limits::check(config.profile, &balancers, &instances, report);
    sets::check(&balancers, &instances, report);
    let outbound = snat::plan(&balancers, &instances, config.uplink.as_ref(), report);
    if report.has_errors() {
        return None;
    }
    Some(Ir {
        profile: config.profile,
        settings: general::resolve(&config.settings, config.profile),
        uplink,
        instances: instances.all,
        load_balancers: balancers.into_iter().map(Balancer::into_ir).collect(),
        outbound,
    })
}

/// Something that was built, with what it was built from.
struct Site<'a, T, C> {
    ir: T,
    config: &'a C,
}

/// The built things alone.
fn built<T, C>(sites: Vec<Site<'_, T, C>>) -> Vec<T> {
    sites.into_iter().map(|site| site.ir).collect()
}

/// The instances of a pool's members.
fn members(pool: &ir::Pool) -> impl Iterator<Item = ir::InstanceIndex> {
    pool.members.iter().map(|member| member.instance)
}
