//! Rules: their frontends, their selections, their backends.

use std::collections::BTreeMap;
use std::net::IpAddr;

use firmware_api::entry::backend::BackendId;
use firmware_api::entry::frontend::{FrontendAction, FrontendKey};
use firmware_api::entry::rule::{RuleConfig, RuleId};
use firmware_api::selector::HashMode;
use firmware_api::{Protocol, Zone};

use super::Lowering;
use super::return_path::Frontend;
use crate::ids::{Exhausted, Region, RuleKey};
use crate::ir::{
    InstanceIndex, LoadBalancer, LoadBalancerIndex, LoadBalancingRule, NatRule, family_of,
};
use crate::maglev::{Identity, identity};
use crate::names::RuleRef;
use crate::tables::Entry;

impl Lowering<'_> {
    pub(super) fn add_balancers(&mut self) -> Result<(), Exhausted> {
        let ir = self.ir;
        for (index, balancer) in ir.load_balancers() {
            for frontend in &balancer.frontends {
                let name = format!("{}/{}", balancer.name, frontend.name);
                self.lowered.names.frontends.insert(frontend.address, name);
            }
            for (position, rule) in balancer.rules.iter().enumerate() {
                let reference = RuleRef::LoadBalancing(index, position);
                self.add_rule(index, balancer, rule, reference)?;
                self.add_ping(balancer, rule);
            }
            for (position, rule) in balancer.nat_rules.iter().enumerate() {
                let reference = RuleRef::InboundNat(index, position);
                self.add_nat_rule(balancer, rule, reference)?;
            }
        }
        Ok(())
    }

    fn add_rule(
        &mut self,
        index: LoadBalancerIndex,
        balancer: &LoadBalancer,
        rule: &LoadBalancingRule,
        reference: RuleRef,
    ) -> Result<(), Exhausted> {
        let frontend = balancer.frontend(rule.frontend);
        let listening = (frontend, rule.frontend_port);
        let key = RuleKey {
            load_balancer: balancer.name.clone(),
            is_nat: false,
            name: rule.name.clone(),
            transport: rule.transport,
            frontend: listening,
        };
        let id = self.rule_id(key, reference)?;
        let backends = self.add_backends(balancer, rule)?;
        let region = self.add_selection(index, balancer, rule, id, &backends)?;
        let config = RuleConfig {
            mode: rule.distribution,
            selector_base: region.base,
            selector_size: region.size,
            floating_ip: rule.floating_ip,
            reset: rule.tcp_reset,
            fragments: rule.is_ha_ports() && self.ir.settings.ha_forward_fragments,
        };
        self.lowered.tables.rule.insert(id, config);
        for protocol in rule.protocols() {
            if rule.is_open {
                let action = FrontendAction::Balance(id);
                self.add_frontend(balancer.zone(), listening, *protocol, action);
            } else {
                self.name_closed(id, listening, *protocol);
            }
        }
        Ok(())
    }

    /// A rule by which nothing new comes in has everything but its frontend entries: its flows live
    /// on, and replies of theirs keep their source.
    fn name_closed(&mut self, rule: RuleId, (address, port): (IpAddr, u16), protocol: Protocol) {
        let name = self.lowered.names.rule(rule);
        let closed = &mut self.lowered.names.closed;
        closed.insert((address, protocol, port), name);
    }

    /// Public Standard frontends that have open rules answer pings, if the settings say so.
    fn add_ping(&mut self, balancer: &LoadBalancer, rule: &LoadBalancingRule) {
        if self.ir.settings.frontend_ping && balancer.answers_pings() && rule.is_open {
            let listening = (balancer.frontend(rule.frontend), 0);
            let action = FrontendAction::AnswerEcho;
            self.add_frontend(balancer.zone(), listening, Protocol::Icmp, action);
        }
    }

    fn add_nat_rule(
        &mut self,
        balancer: &LoadBalancer,
        rule: &NatRule,
        reference: RuleRef,
    ) -> Result<(), Exhausted> {
        let frontend = balancer.frontend(rule.frontend);
        let listening = (frontend, rule.frontend_port);
        let key = RuleKey {
            load_balancer: balancer.name.clone(),
            is_nat: true,
            name: rule.name.clone(),
            transport: rule.transport,
            frontend: listening,
        };
        let id = self.rule_id(key, reference)?;
        let Some(address) = self.destination(rule.target, frontend, rule.floating_ip) else {
            return Ok(());
        };
        let backend = self.backend_id(rule.target, address, rule.backend_port)?;
        let config = RuleConfig {
            mode: HashMode::FiveTuple,
            selector_base: 0,
            selector_size: 0,
            floating_ip: rule.floating_ip,
            reset: rule.tcp_reset,
            fragments: false,
        };
        self.lowered.tables.rule.insert(id, config);
        for protocol in rule.transport.protocols() {
            if rule.is_open {
                let action = FrontendAction::PortForward(backend, id);
                self.add_frontend(balancer.zone(), listening, *protocol, action);
            } else {
                self.name_closed(id, listening, *protocol);
            }
            let frontend = Frontend {
                at: listening,
                internal: balancer.internal,
            };
            self.return_paths
                .claim((address, rule.backend_port), *protocol, frontend);
        }
        Ok(())
    }

    /// The backends of a rule by identity, healthy or not: flows outlive health.
    fn add_backends(
        &mut self,
        balancer: &LoadBalancer,
        rule: &LoadBalancingRule,
    ) -> Result<BTreeMap<Identity, BackendId>, Exhausted> {
        let frontend = balancer.frontend(rule.frontend);
        let mut backends = BTreeMap::new();
        for member in &balancer.pools[rule.pool.0].members {
            let instance = member.instance;
            let Some(address) = self.destination(instance, frontend, rule.floating_ip) else {
                continue;
            };
            let backend = self.backend_id(instance, address, rule.backend_port)?;
            backends.insert(identity(&self.ir.instance(instance).name), backend);
            for protocol in rule.protocols() {
                let frontend = Frontend {
                    at: (frontend, rule.frontend_port),
                    internal: balancer.internal,
                };
                self.return_paths
                    .claim((address, rule.backend_port), *protocol, frontend);
            }
        }
        Ok(backends)
    }

    /// Where packets for a frontend arrive at an instance; nowhere without an address of the
    /// family. With floating IP it is the frontend itself (L-FIP-03).
    fn destination(
        &self,
        instance: InstanceIndex,
        frontend: IpAddr,
        floating_ip: bool,
    ) -> Option<IpAddr> {
        let own = self.ir.instance(instance).address(family_of(frontend))?;
        Some(if floating_ip { frontend } else { own })
    }

    /// The rule's selector slots; of size 0 when no member may take new flows.
    fn add_selection(
        &mut self,
        index: LoadBalancerIndex,
        balancer: &LoadBalancer,
        rule: &LoadBalancingRule,
        id: RuleId,
        backends: &BTreeMap<Identity, BackendId>,
    ) -> Result<Region, Exhausted> {
        let key = self.select(index, balancer, rule);
        let selection = &self.selections[&key];
        if selection.owners.is_empty() {
            return Ok(Region { base: 0, size: 0 });
        }
        let region = self
            .ids
            .regions
            .of_size(id, selection.owners.len() as u32)?;
        self.used.balancing.insert(id);
        let owners = selection.owners.iter().zip(region.base..);
        let slots = owners.filter_map(|(owner, slot)| Some((slot, *backends.get(&(*owner)?)?)));
        self.lowered.tables.selector.extend(slots);
        let size = if selection.is_silent { 0 } else { region.size };
        Ok(Region { size, ..region })
    }

    fn add_frontend(
        &mut self,
        zone: Zone,
        (address, port): (IpAddr, u16),
        protocol: Protocol,
        action: FrontendAction,
    ) {
        let entry = match address {
            IpAddr::V4(v4) => Entry::FrontendV4(key(zone, v4, protocol, port), action),
            IpAddr::V6(v6) => Entry::FrontendV6(key(zone, v6, protocol, port), action),
        };
        self.lowered.tables.insert(entry);
    }
}

const fn key<A: Copy>(zone: Zone, destination: A, protocol: Protocol, port: u16) -> FrontendKey<A> {
    FrontendKey {
        zone,
        destination,
        protocol,
        port,
    }
}
