//! What the packet path has to know of a configuration, made from it once.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use firmware_api::entry::backend::BackendId;
use firmware_api::entry::rule::RuleId;
use firmware_api::{Memory, PortId};
use flow_compiler::ir::{Instance, Ir, NextHop};
use flow_compiler::lower::Lowered;
use flow_compiler::names::{RuleName, RuleRef};

use super::outbound;
use crate::engine::{Engine, RuleFacts};
use crate::link::{self, LinkConfig, Vport};
use crate::miss;

impl<M: Memory> Engine<M> {
    /// Makes the facts of a configuration those in force.
    pub(super) fn activate(&mut self, ir: &Ir, lowered: &Lowered) {
        self.link.replace(self.now, &link_config(ir, lowered));
        let mut ports = vec![
            None;
            lowered
                .tables
                .port
                .keys()
                .last()
                .map_or(0, |p| *p + 1)
                .into()
        ];
        for (port, config) in &lowered.tables.port {
            ports[usize::from(*port)] = Some(*config);
        }
        let rules = self.rule_facts(ir, lowered);
        self.forget_former_rules(&rules);
        self.forget_former_instances(lowered);
        let active = &mut self.active;
        active.ports = ports;
        active.rules = rules;
        active.outbound = outbound::facts(ir).collect();
        active.vports = vports(ir);
        active.macs = ir
            .instances
            .iter()
            .map(|i| (i.mac.octets(), i.vport))
            .collect();
        active.ours = public_addresses(ir).collect();
        active.pings = miss::answers(ir, lowered);
        active.adopt_midflow = ir.settings.adopt_midflow;
    }

    /// A number that stands for another rule begins its counters anew.
    fn forget_former_rules(&mut self, rules: &[Option<RuleFacts>]) {
        let name = |facts: Option<&Option<RuleFacts>>| facts?.as_ref().map(|f| f.name.clone());
        for id in 0..rules.len().max(self.active.rules.len()) {
            if name(self.active.rules.get(id)) != name(rules.get(id)) {
                self.forget_rule(id as u16);
            }
        }
    }

    fn forget_former_instances(&mut self, lowered: &Lowered) {
        let Some(in_force) = &self.in_force else {
            return;
        };
        for (vport, former) in &in_force.lowered.names.vports {
            let now = lowered.names.vports.get(vport);
            if now.is_none_or(|now| now.name != former.name) {
                self.ledger.forget_vport(*vport);
            }
        }
    }

    fn rule_facts(&self, ir: &Ir, lowered: &Lowered) -> Vec<Option<RuleFacts>> {
        let names = &lowered.names.rules;
        let mut rules = vec![None; names.keys().last().map_or(0, |id| usize::from(*id) + 1)];
        for (id, name) in names {
            let mut facts = facts_of(ir, name, self.now);
            if let (Some(before), false) =
                (self.active.rule(*id), self.selection_changed(*id, lowered))
            {
                facts.selection_changed_at = before.selection_changed_at;
            }
            rules[usize::from(*id)] = Some(facts);
        }
        rules
    }

    /// Whether any slot of the rule's selection names another backend than before.
    fn selection_changed(&self, rule: RuleId, lowered: &Lowered) -> bool {
        let Some(in_force) = &self.in_force else {
            return true;
        };
        !slots(&in_force.lowered, rule).eq(slots(lowered, rule))
    }
}

/// The slots that a rule selects from, counted from its first, and whom they name.
fn slots(lowered: &Lowered, rule: RuleId) -> impl Iterator<Item = (u32, BackendId)> + '_ {
    lowered.tables.rule.get(&rule).into_iter().flat_map(|rule| {
        let (base, end) = (rule.selector_base, rule.selector_base + rule.selector_size);
        let slots = lowered.tables.selector.range(base..end);
        slots.map(move |(slot, backend)| (slot - base, *backend))
    })
}

fn facts_of(ir: &Ir, name: &RuleName, now: u64) -> RuleFacts {
    let (idle_seconds, reset_on_idle, connection_tracking) = match name.rule {
        RuleRef::LoadBalancing(balancer, index) => {
            let rule = &ir.load_balancers[balancer.0].rules[index];
            (rule.idle_seconds, rule.tcp_reset, rule.connection_tracking)
        }
        RuleRef::InboundNat(balancer, index) => {
            let rule = &ir.load_balancers[balancer.0].nat_rules[index];
            (rule.idle_seconds, rule.tcp_reset, true)
        }
    };
    RuleFacts {
        name: name.name.clone(),
        idle_timeout: idle_seconds * 1000,
        reset_on_idle,
        connection_tracking,
        selection_changed_at: now,
    }
}

fn vports(ir: &Ir) -> HashMap<IpAddr, PortId> {
    let of = |i: &Instance| {
        i.addresses
            .iter()
            .map(|a| (*a, i.vport))
            .collect::<Vec<_>>()
    };
    ir.instances.iter().flat_map(of).collect()
}

/// Frontends, 1:1 addresses and the platform's own: all that are reached from the uplink.
fn public_addresses(ir: &Ir) -> impl Iterator<Item = IpAddr> + '_ {
    let frontends = ir
        .load_balancers
        .iter()
        .filter(|balancer| !balancer.internal)
        .flat_map(|balancer| balancer.frontends.iter().map(|f| f.address));
    let instances = ir.instances.iter();
    let one_to_one = instances.flat_map(|i| i.public_addresses.iter().copied());
    let by_default = [ir.uplink.v4, ir.uplink.v6].map(|link| link.default_outbound);
    frontends
        .chain(one_to_one)
        .chain(by_default.into_iter().flatten())
}

fn link_config(ir: &Ir, lowered: &Lowered) -> LinkConfig {
    let uplink = &ir.uplink;
    let mut seen = HashSet::new();
    LinkConfig {
        uplink: link::Uplink {
            mac: uplink.mac.octets(),
            vlan: uplink.vlan,
            address_v4: uplink.v4.address.and_then(|(address, _)| v4(address)),
            address_v6: uplink.v6.address.and_then(|(address, _)| v6(address)),
            next_hop_v4: next_hop(uplink.v4.next_hop, v4),
            next_hop_v6: next_hop(uplink.v6.next_hop, v6),
        },
        answered: public_addresses(ir)
            .filter(|address| seen.insert(*address))
            .collect(),
        vports: ir
            .instances
            .iter()
            .filter_map(|instance| {
                let port = lowered.tables.port.get(&instance.vport)?;
                Some(Vport {
                    port: instance.vport,
                    gateway_mac: port.own_mac,
                    vlan: port.vlan,
                    instance_mac: instance.mac.octets(),
                    addresses: instance.addresses.clone(),
                })
            })
            .collect(),
    }
}

fn v4(address: IpAddr) -> Option<std::net::Ipv4Addr> {
    match address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    }
}

fn v6(address: IpAddr) -> Option<std::net::Ipv6Addr> {
    match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => Some(v6),
    }
}

fn next_hop<A>(hop: NextHop, family: fn(IpAddr) -> Option<A>) -> Option<link::NextHop<A>> {
    match hop {
        NextHop::Static(mac) => Some(link::NextHop::Static(mac.octets())),
        NextHop::Resolve(address) => family(address).map(link::NextHop::Resolve),
        NextHop::None => None,
    }
}
