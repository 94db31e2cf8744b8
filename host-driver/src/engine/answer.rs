//! The engine's answers to questions of the control API.

use std::net::IpAddr;

use firmware_api::entry::flow::FlowKey;
use firmware_api::entry::port::PortConfig;
use firmware_api::{DropReason, Memory, PortId, Protocol, PuntReason};
use flow_compiler::ir::{Instance, Transport};
use flow_compiler::names::RuleRef;
use flow_compiler::source::Source;

use super::Engine;
use crate::apply::{InForce, MemberState, members, snat_addresses};
use crate::conn::{Conn, Endpoint, Origin};
use crate::control::view::{
    self, Backend, BackendHealth, BarUse, Configuration, Counter, Counters, Event, Flow,
    FlowTotals, Flows, NatMapping, Packets, ResourceHealth, Rule, RuleHealth, Snat, Status,
    TableUse,
};
use crate::control::{Answer, Question};
use crate::event::rfc_3339;
use crate::health::Health;
use crate::miss::Refusal;
use crate::snat;

impl<M: Memory> Engine<M> {
    /// Answers a question, or does what it asks for.
    pub fn answer(&mut self, question: &Question) -> Answer {
        match question {
            Question::Status => Answer::Status(Box::new(self.status())),
            Question::Rules => Answer::Rules(self.rules()),
            Question::Backends => Answer::Backends(self.backends()),
            Question::Flows { limit } => Answer::Flows(self.flows(*limit)),
            Question::Snat => Answer::Snat(self.snat_ports()),
            Question::Counters => Answer::Counters(self.counters()),
            Question::Health => Answer::Health(view::Health {
                load_balancers: self.resource_health(),
                rules: self.health(),
            }),
            Question::Nat => Answer::Nat(self.nat_mappings()),
            Question::Events { after } => Answer::Events(self.events(*after)),
            Question::Metrics => Answer::Metrics(Box::new(self.metrics())),
            Question::Explain { packet, from } => self.explain(packet, from),
            Question::Apply { name, text } => {
                Answer::Applied(self.apply(&Source::new(name.clone(), text.clone())))
            }
        }
    }

    /// The whole at a glance.
    pub fn status(&self) -> Status {
        let device = self.device.status();
        let state = match device {
            _ if self.is_gone() => "gone",
            status if status.engine_down => "engine down",
            status if status.driverless => "driverless",
            _ => "forwarding",
        };
        let records = &self.flows.records;
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            device: self.name.clone(),
            device_state: state.to_owned(),
            uptime: self.now - self.started_at,
            configuration: self.configuration(),
            packets: self.packets(),
            flows: FlowTotals {
                live: records.len(),
                peak: records.high_water(),
                capacity: records.capacity(),
                installed: self.flows.installed,
            },
            tables: self.table_uses(),
            bars: self.bar_uses(),
        }
    }

    fn configuration(&self) -> Configuration {
        let mut shown = Configuration {
            applied: self.applied,
            refused: self.refused.clone(),
            ..Configuration::default()
        };
        if let Some(InForce {
            file, ir, lowered, ..
        }) = &self.in_force
        {
            shown.file.clone_from(file);
            shown.load_balancers = ir.load_balancers.len();
            shown.rules = lowered.names.rules.len();
            shown.instances = ir.instances.len();
        }
        shown
    }

    fn packets(&self) -> Packets {
        let counters = self.card_counters();
        Packets {
            received: counters.received,
            sent: counters.sent,
            held: counters.held,
            reprocessed: counters.reprocessed,
            injected: counters.injected,
            dropped: counters.dropped_total(),
            ended_in_driver: self.refusals.held_packets(),
        }
    }

    fn table_uses(&self) -> Vec<TableUse> {
        let usage = self.tables.usage();
        let rows = usage.iter().map(|usage| TableUse {
            table: usage.table.name().to_owned(),
            entries: usage.entries.into(),
            peak: usage.high_water.into(),
            capacity: usage.capacity.into(),
            stash: usage.stashed.into(),
            displaced: usage.displacements,
            refused: usage.failures,
        });
        rows.collect()
    }

    fn bar_uses(&self) -> Vec<BarUse> {
        let accesses = self.device.accesses();
        let bars = [("bar0", accesses.bar0), ("bar2", accesses.bar2)];
        let rows = bars.map(|(bar, counts)| BarUse {
            bar: bar.to_owned(),
            reads: counts.reads,
            writes: counts.writes,
            bytes_written: counts.bytes_written,
        });
        rows.into()
    }

    /// What each rule does.
    pub fn rules(&self) -> Vec<Rule> {
        let Some(in_force) = &self.in_force else {
            return Vec::new();
        };
        let states = members(in_force, &self.watch);
        let names = in_force.lowered.names.rules.iter();
        names
            .map(|(id, name)| {
                let of_rule = || states.iter().filter(|state| state.rule == *id);
                let flows = self.ledger.rule(*id);
                Rule {
                    name: name.name.clone(),
                    eligible: of_rule().filter(|state| state.eligible).count(),
                    backends: of_rule().count(),
                    flows: flows.live,
                    flows_total: flows.total,
                    ..described(in_force, name.rule)
                }
            })
            .collect()
    }

    /// Health and load of each backend under each rule.
    pub fn backends(&self) -> Vec<Backend> {
        let Some(in_force) = &self.in_force else {
            return Vec::new();
        };
        let states = members(in_force, &self.watch);
        states
            .iter()
            .map(|state| self.backend_row(in_force, state))
            .collect()
    }

    fn backend_row(&self, in_force: &InForce, state: &MemberState) -> Backend {
        let count = |id| self.ledger.member(state.rule, id);
        let flows = state.backend.map(count).unwrap_or_default();
        Backend {
            rule: in_force.lowered.names.rule(state.rule),
            instance: in_force.ir.instance(state.instance).name.clone(),
            address: Endpoint::new(state.config.address, state.config.port).to_string(),
            eligible: state.eligible,
            health: match state.health {
                None => "not probed",
                Some(Health::Up) => "up",
                Some(Health::Down) => "down",
            }
            .to_owned(),
            reason: state.reason.map_or("", |reason| reason.name()).to_owned(),
            flows: flows.live,
            flows_total: flows.total,
        }
    }

    /// How each load balancer is (spec L-MON-06).
    pub fn resource_health(&self) -> Vec<ResourceHealth> {
        let resources = self.lookout.resources.of.iter();
        let rows = resources.map(|(name, health)| ResourceHealth {
            load_balancer: name.clone(),
            availability_state: health.status().name().to_owned(),
            availability_percent: health.percent(),
        });
        rows.collect()
    }

    /// How the backends of each probed rule are (spec L-MON-07).
    pub fn health(&self) -> Vec<RuleHealth> {
        let Some(in_force) = &self.in_force else {
            return Vec::new();
        };
        let states = members(in_force, &self.watch);
        let mut rules: Vec<RuleHealth> = Vec::new();
        for state in states.iter().filter(|state| state.health.is_some()) {
            let rule = in_force.lowered.names.rule(state.rule);
            if rules.last().is_none_or(|last| last.rule != rule) {
                rules.push(RuleHealth {
                    rule,
                    ..RuleHealth::default()
                });
            }
            let Some(last) = rules.last_mut() else {
                continue;
            };
            let is_up = state.is_up() == Some(true) || state.eligible;
            last.up += usize::from(is_up);
            last.down += usize::from(!is_up);
            last.load_balancer_backend_addresses.push(BackendHealth {
                ip_address: state.config.address.to_string(),
                network_interface_ip_configuration_id: in_force
                    .ir
                    .instance(state.instance)
                    .name
                    .clone(),
                state: if is_up { "Up" } else { "Down" }.to_owned(),
                reason: state.reason.map_or("", |reason| reason.name()).to_owned(),
            });
        }
        rules
    }

    /// Which frontend ports lead to which instances (spec L-NAT-07).
    pub fn nat_mappings(&self) -> Vec<NatMapping> {
        let Some(in_force) = &self.in_force else {
            return Vec::new();
        };
        let mut rows: Vec<_> = members(in_force, &self.watch)
            .iter()
            .filter_map(|state| {
                let name = in_force.lowered.names.rules.get(&state.rule)?;
                let RuleRef::InboundNat(..) = name.rule else {
                    return None;
                };
                let (frontend, port, transport) = frontend_of(in_force, name.rule);
                Some(NatMapping {
                    instance: in_force.ir.instance(state.instance).name.clone(),
                    inbound_nat_rule_name: name.name.clone(),
                    protocol: transport.name().to_uppercase(),
                    frontend_address: frontend.to_string(),
                    frontend_port: port,
                    backend_address: state.config.address.to_string(),
                    backend_port: state.config.port,
                })
            })
            .collect();
        rows.sort_by(|a, b| {
            let key = |row: &NatMapping| (row.instance.clone(), row.inbound_nat_rule_name.clone());
            key(a).cmp(&key(b))
        });
        rows
    }

    /// The events after one, oldest first.
    pub fn events(&self, after: u64) -> Vec<Event> {
        let shown = self.journal.after(after).map(|event| Event {
            sequence: event.sequence,
            time: rfc_3339(self.epoch + event.at),
            severity: event.severity.name().to_owned(),
            event: event.kind.name().to_owned(),
            subject: event.subject.clone(),
            message: event.message.clone(),
        });
        shown.collect()
    }

    /// Some of the flows, by ascending id.
    pub fn flows(&self, limit: usize) -> Flows {
        let records = &self.flows.records;
        let rows = records
            .iter()
            .take(limit)
            .map(|(id, conn)| self.flow_row(id, conn));
        Flows {
            flows: rows.collect(),
            total: records.len().into(),
        }
    }

    fn flow_row(&self, id: u32, conn: &Conn) -> Flow {
        let (kind, rule, private) = match conn.origin {
            Origin::Inbound { rule, .. } => {
                let name = self.active.rule(rule).map(|facts| facts.name.clone());
                ("inbound", name, conn.responder_egress)
            }
            Origin::Steered { rule, .. } => {
                let name = self.active.rule(rule).map(|facts| facts.name.clone());
                ("steered", name, conn.responder_egress)
            }
            Origin::Outbound => ("outbound", None, conn.initiator_egress),
            Origin::Local => ("local", None, conn.responder_egress),
        };
        Flow {
            id,
            protocol: protocol_name(conn.protocol).to_owned(),
            kind: kind.to_owned(),
            initiator: conn.initiator.to_string(),
            outside: conn.outside.to_string(),
            inside: conn.inside.to_string(),
            rule,
            instance: self
                .instance_on(private)
                .map(|instance| instance.name.clone()),
            phase: conn.phase.name().to_owned(),
            expires_in: conn.deadline().saturating_sub(self.now),
        }
    }

    pub(super) fn instance_on(&self, vport: u16) -> Option<&Instance> {
        self.in_force
            .as_ref()?
            .ir
            .instances
            .iter()
            .find(|i| i.vport == vport)
    }

    /// SNAT ports of each instance and protocol.
    pub fn snat_ports(&self) -> Vec<Snat> {
        let Some(in_force) = &self.in_force else {
            return Vec::new();
        };
        let mut usages: Vec<_> = self.snat.usages().collect();
        usages.sort_unstable_by_key(|(instance, protocol, _)| (*instance, *protocol));
        let rows = usages
            .into_iter()
            .filter_map(|(instance, protocol, usage)| {
                let vport = instance.0 as u16;
                let lookup = match protocol {
                    snat::Protocol::Tcp => Protocol::Tcp,
                    snat::Protocol::Udp => Protocol::Udp,
                };
                let addresses = snat_addresses(&in_force.ir, vport, lookup);
                Some(Snat {
                    instance: self.instance_on(vport)?.name.clone(),
                    protocol: protocol.to_string(),
                    addresses: addresses.iter().map(IpAddr::to_string).collect(),
                    allocated: u64::from(usage.allocated),
                    used: u64::from(usage.used),
                    peak: u64::from(usage.used_peak),
                    flows: usage.flows,
                    failed: usage.failed,
                })
            });
        rows.collect()
    }

    /// Why packets ended or went to the driver.
    pub fn counters(&self) -> Counters {
        let card = self.card_counters();
        let counter = |reason: &str, count| Counter {
            reason: reason.to_owned(),
            count,
        };
        let drops = DropReason::ALL
            .iter()
            .map(|r| counter(r.name(), self.dropped(*r, &card)));
        let punts = PuntReason::ALL
            .iter()
            .map(|r| counter(r.name(), card.punted(*r)));
        let lost = PuntReason::ALL
            .iter()
            .map(|r| counter(r.name(), card.lost(*r)));
        let refusals = Refusal::ALL
            .iter()
            .map(|r| counter(r.name(), self.refusals.get(*r)));
        Counters {
            packets: self.packets(),
            drops: drops.collect(),
            punts: punts.collect(),
            punts_lost: lost.collect(),
            refusals: refusals.collect(),
        }
    }

    /// The card's counters; of a card that is gone, the last that were read.
    pub(super) fn card_counters(&self) -> crate::device::Counters {
        match &self.housekeeping.counters {
            Some(last) if self.is_gone() => last.clone(),
            _ => self.device.counters(),
        }
    }

    /// The card counts its drops; what the driver refused of held packets it counts itself.
    pub(super) fn dropped(&self, reason: DropReason, card: &crate::device::Counters) -> u64 {
        match reason {
            DropReason::DriverRefused => self.refusals.refused_packets(),
            reason => card.dropped(reason),
        }
    }

    /// Accesses to both BARs.
    pub fn accesses(&self) -> crate::device::DeviceAccesses {
        self.device.accesses()
    }

    /// What a port is, as far as it is configured.
    pub fn port(&self, port: PortId) -> Option<&PortConfig> {
        self.active.port(port)
    }

    /// The addresses of the instance on a vport.
    pub fn addresses_of(&self, vport: PortId) -> Vec<IpAddr> {
        self.instance_on(vport)
            .map_or_else(Vec::new, |instance| instance.addresses.clone())
    }

    /// The vport of the instance that has the Ethernet address.
    pub fn vport_of_mac(&self, mac: [u8; 6]) -> Option<u16> {
        self.active.vport_of_mac(mac)
    }

    /// The flow of a key, for explanations.
    pub(super) fn flow_at(&self, key: FlowKey<IpAddr>) -> Option<(u32, &Conn)> {
        let action = self.tables.flow(key)?;
        Some((action.flow, self.flows.records.get(action.flow)?))
    }
}

pub(super) fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Icmp => "ICMP",
        Protocol::None => "none",
    }
}

/// Where a rule listens.
pub(super) fn frontend_of(in_force: &InForce, rule: RuleRef) -> (IpAddr, u16, Transport) {
    match rule {
        RuleRef::LoadBalancing(balancer, index) => {
            let balancer = &in_force.ir.load_balancers[balancer.0];
            let rule = &balancer.rules[index];
            let address = balancer.frontend(rule.frontend);
            (address, rule.frontend_port, rule.transport)
        }
        RuleRef::InboundNat(balancer, index) => {
            let balancer = &in_force.ir.load_balancers[balancer.0];
            let rule = &balancer.nat_rules[index];
            let address = balancer.frontend(rule.frontend);
            (address, rule.frontend_port, rule.transport)
        }
    }
}

/// What the configuration says of a rule.
fn described(in_force: &InForce, rule: RuleRef) -> Rule {
    let (address, port, transport) = frontend_of(in_force, rule);
    let common = Rule {
        protocol: transport.name().to_uppercase(),
        frontend: Endpoint::new(address, port).to_string(),
        ..Rule::default()
    };
    match rule {
        RuleRef::LoadBalancing(balancer, index) => {
            let balancer = &in_force.ir.load_balancers[balancer.0];
            let rule = &balancer.rules[index];
            Rule {
                kind: "load balancing".to_owned(),
                target: balancer.pools[rule.pool.0].name.clone(),
                idle_timeout_seconds: rule.idle_seconds,
                tcp_reset: rule.tcp_reset,
                closed: !rule.is_open,
                ..common
            }
        }
        RuleRef::InboundNat(balancer, index) => {
            let balancer = &in_force.ir.load_balancers[balancer.0];
            let rule = &balancer.nat_rules[index];
            Rule {
                kind: "inbound NAT".to_owned(),
                target: in_force.ir.instance(rule.target).name.clone(),
                idle_timeout_seconds: rule.idle_seconds,
                tcp_reset: rule.tcp_reset,
                closed: !rule.is_open,
                ..common
            }
        }
    }
}
