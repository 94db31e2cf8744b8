//! Next hops of instances: internal frontends with HA ports, through whose members everything goes
//! that an instance sends beyond its frontends (L-HA-08).

use std::net::IpAddr;

use super::balancer::Balancer;
use super::instances::Instances;
use super::members;
use crate::config::{self, Config};
use crate::diagnostic::{Code, Report, Spanned};
use crate::ir::{InstanceIndex, Pool, is_platform};

/// Reports next hops through which packets cannot go.
pub(super) fn check(
    config: &Config,
    balancers: &[Balancer<'_>],
    instances: &Instances<'_>,
    report: &Report,
) {
    for written in &config.instances {
        let name = written.name.as_ref().map(|name| name.value.as_str());
        let by_name = |i: &crate::ir::Instance| Some(i.name.as_str()) == name;
        let Some(index) = instances.all.iter().position(by_name) else {
            continue;
        };
        for hop in [written.next_hop, written.next_hop_v6]
            .into_iter()
            .flatten()
        {
            check_sender(written, hop, report);
            match pool_behind(balancers, hop.value) {
                Some(pool) => check_members(pool, instances, InstanceIndex(index), hop, report),
                None => report_none(hop, report),
            }
        }
    }
}

/// The pool of the HA ports rule of an internal frontend.
fn pool_behind<'b>(balancers: &'b [Balancer<'_>], address: IpAddr) -> Option<&'b Pool> {
    balancers
        .iter()
        .filter(|b| b.internal)
        .find_map(|balancer| {
            let mut rules = balancer.rules.iter().filter(|rule| rule.ir.is_ha_ports());
            let at = |index: crate::ir::FrontendIndex| balancer.frontends[index.0].ir.address;
            let rule = rules.find(|rule| at(rule.ir.frontend) == address)?;
            Some(&balancer.pools[rule.ir.pool.0].ir)
        })
}

fn report_none(hop: Spanned<IpAddr>, report: &Report) {
    let message = format!("{} is no internal frontend with HA ports", hop.value);
    let hint = "name the address of an internal frontend that has a rule with `protocol: All`";
    report.add(Code::NextHopWithoutHaPorts, hop.span, message, hint);
}

/// What is steered keeps its addresses, so a sender that is a next hop itself, or the source of
/// probes, would not get what it waits for.
fn check_sender(written: &config::Instance, hop: Spanned<IpAddr>, report: &Report) {
    if written.ip_forwarding.is_some_and(|forwards| forwards.value) {
        let message = "an instance that forwards packets of others cannot have a next hop";
        let hint = "remove `nextHop`, or `ipForwarding`";
        report.add(Code::NextHopOfForwarder, hop.span, message, hint);
    }
    if written.addresses.iter().any(|a| is_platform(a.value)) {
        let message = "the instance that probes come from cannot have a next hop";
        let hint = "remove `nextHop`: probes go to the instances directly";
        report.add(Code::NextHopOfPlatform, hop.span, message, hint);
    }
}

fn check_members(
    pool: &Pool,
    instances: &Instances<'_>,
    sender: InstanceIndex,
    hop: Spanned<IpAddr>,
    report: &Report,
) {
    for member in members(pool) {
        let instance = &instances.all[member.0];
        if member == sender {
            let message = format!(
                "instance `{}` is a member of the pool behind its own next hop",
                instance.name
            );
            let hint = "remove `nextHop`: its packets would come back to it";
            report.add(Code::NextHopLoop, hop.span, message, hint);
        } else if !instance.ip_forwarding {
            let message = format!(
                "instance `{}` is behind the next hop {} and does not forward",
                instance.name, hop.value
            );
            let hint = "write `ipForwarding: true` there: else what it passes on is dropped";
            report.add(Code::NextHopDoesNotForward, hop.span, message, hint);
        }
    }
}
