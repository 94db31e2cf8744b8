//! Default outbound access: the platform's own address, by which those leave that have no other way
//! out (OUT-06, OUT-07, L-OUT-01).
//!
//! Standard load balancers take it from everybody whom a rule of theirs serves by interface, and
//! from the rest of that instance's set (L-OUT-03, L-OUT-05, SKU-09). Basic ones leave it (OUT-13), and
//! so do pools by address (L-OUT-24).

use std::collections::BTreeSet;

use firmware_api::{Family, Protocol};

use super::{IDLE_SECONDS, Planner};
use crate::config::{self, Address};
use crate::ir::{InstanceIndex, Sku, SnatAllotment, SnatQuota};
use crate::resolve::balancer::Balancer;
use crate::resolve::instances::Instances;
use crate::resolve::members;
use crate::resolve::sets::Group;

/// Adds the platform's addresses to a plan that has every other way by SNAT.
pub(super) fn add(
    planner: &mut Planner<'_>,
    uplink: &config::Uplink,
    balancers: &[Balancer<'_>],
    instances: &Instances<'_>,
) {
    let served = served(balancers, instances);
    for (family, address) in [
        (Family::V4, uplink.default_outbound),
        (Family::V6, uplink.default_outbound_v6),
    ] {
        add_address(planner, family, address, |i| {
            !served.contains(&instances.groups[i.0])
        });
    }
}

/// The ports are those of a pool of all that share the address; they suffice for every such pool.
fn add_address(
    planner: &mut Planner<'_>,
    family: Family,
    address: Address,
    may_leave: impl Fn(InstanceIndex) -> bool,
) {
    let Some(address) = address else { return };
    let indices = (0..planner.instances.len()).map(InstanceIndex);
    let open: Vec<(InstanceIndex, Protocol)> = indices
        .filter(|i| {
            let instance = &planner.instances[i.0];
            let is_alone = instance.public_address(family).is_none();
            instance.address(family).is_some() && is_alone && may_leave(*i)
        })
        .flat_map(|i| [(i, Protocol::Tcp), (i, Protocol::Udp)])
        .filter(|(i, protocol)| !planner.plan.ways.contains_key(&(*i, family, *protocol)))
        .collect();
    let sharing: BTreeSet<InstanceIndex> = open.iter().map(|(i, _)| *i).collect();
    let Some(ports) = planner.tier(sharing.len(), address.span) else {
        return;
    };
    for (instance, protocol) in open {
        let allotment = SnatAllotment {
            rule: "uplink/default".to_owned(),
            quotas: SnatQuota::spread(ports, &[address.value]),
            idle_seconds: IDLE_SECONDS,
            tcp_reset: false,
        };
        planner.allot(instance, family, protocol, allotment);
    }
}

/// Whom rules of Standard load balancers lead to, or out, by interface.
fn served<'a>(balancers: &[Balancer<'_>], instances: &Instances<'a>) -> BTreeSet<Group<'a>> {
    let mut served = BTreeSet::new();
    for balancer in balancers.iter().filter(|b| b.sku == Sku::Standard) {
        let rules = balancer.rules.iter().map(|site| site.ir.pool);
        let pools = rules.chain(balancer.outbound_rules.iter().map(|site| site.ir.pool));
        let pools = pools.map(|pool| &balancer.pools[pool.0].ir);
        let through_pools = pools.filter(|pool| !pool.by_address).flat_map(members);
        let targets = balancer.nat_rules.iter().map(|site| site.ir.target);
        let all = through_pools.chain(targets);
        served.extend(all.map(|i| instances.groups[i.0]));
    }
    served
}
