//! The walk itself, branch by branch the decision graph of ARCHITECTURE.md.

use std::net::IpAddr;

use firmware_api::entry::backend::BackendId;
use firmware_api::entry::frontend::FrontendAction;
use firmware_api::entry::instance::{InstanceConfig, WayOut};
use firmware_api::entry::port::PortKind;
use firmware_api::entry::rule::{RuleConfig, RuleId};
use firmware_api::{DropReason, Family, PortId, PuntReason, UPLINK_PORT, Zone};

use super::record::{Explanation, Learn, Stage, Step, Verdict};
use super::search::{self, Key};
use super::{Ingress, Packet, Shape};
use crate::names::Names;
use crate::tables::Tables;

/// How often a packet may go through the pipeline again.
const MAX_PASSES: u32 = 2;

/// Explains where a packet would go that comes in at `from`, if no flow entry knows it.
pub fn explain(tables: &Tables, names: &Names, packet: Packet, from: Ingress) -> Explanation {
    let mut walk = Walk {
        tables,
        names,
        packet,
        passes: 0,
        learn: None,
        steps: Vec::new(),
    };
    let verdict = walk.ingress_port(from.port());
    Explanation {
        packet,
        from,
        steps: walk.steps,
        verdict,
    }
}

/// A packet on its way.
struct Walk<'w> {
    tables: &'w Tables,
    names: &'w Names,
    packet: Packet,
    passes: u32,
    learn: Option<Learn>,
    steps: Vec<Step>,
}

const UNTRANSLATED_TO_DRIVER: &str = "the driver knows whether a flow is on its way";

impl Walk<'_> {
    fn hit(&mut self, stage: Stage, text: impl Into<String>) {
        self.note(stage, true, text.into());
    }

    fn miss(&mut self, stage: Stage, text: impl Into<String>) {
        self.note(stage, false, text.into());
    }

    fn note(&mut self, stage: Stage, hit: bool, text: String) {
        self.steps.push(Step { stage, hit, text });
    }

    fn ingress_port(&mut self, port: PortId) -> Verdict {
        let config = self
            .tables
            .port
            .iter()
            .find(|(id, _)| **id == port)
            .map(|(_, c)| *c);
        match config.map(|config| config.kind) {
            Some(PortKind::Uplink) => {
                self.hit(Stage::IngressPort, "uplink");
                self.lookup(Zone::UPLINK, None)
            }
            Some(PortKind::Vport(id)) => match self.instance_config(id) {
                Some(instance) => self.vport(port, id, &instance),
                None => Verdict::Drop(DropReason::BrokenReference),
            },
            Some(PortKind::Off) | None => {
                self.miss(Stage::IngressPort, format!("port {port} is off"));
                Verdict::Drop(DropReason::PortOff)
            }
        }
    }

    /// A vport sends from its instance's addresses, or, with floating IP, as a known reply.
    fn vport(&mut self, port: PortId, id: u16, instance: &InstanceConfig) -> Verdict {
        let name = self.names.instance(id);
        let source = self.packet.source;
        if own_address(instance, self.packet.family()) == Some(source) {
            self.hit(
                Stage::IngressPort,
                format!("vport {port}, {name} sends from its own address"),
            );
        } else if instance.floating_ip && self.return_path().is_some() {
            let text = format!("vport {port}, {name} answers from a floating address");
            self.hit(Stage::IngressPort, text);
        } else {
            let text = format!("vport {port}, {source} is not an address of {name}");
            self.miss(Stage::IngressPort, text);
            return Verdict::Drop(DropReason::SpoofedSource);
        }
        self.lookup(Zone::VNET, Some(instance))
    }

    fn lookup(&mut self, zone: Zone, instance: Option<&InstanceConfig>) -> Verdict {
        if self.packet.has_ports() {
            self.miss(
                Stage::FlowLookup,
                "flows are known to the running driver only; taken as a miss",
            );
        }
        if self.packet.shape == Shape::IcmpError {
            return Verdict::Punt(PuntReason::IcmpError);
        }
        if let Some(verdict) = self.frontend(zone) {
            return verdict;
        }
        match instance {
            None => self.miss_uplink(),
            Some(instance) => self.miss_vport(instance),
        }
    }

    fn frontend(&mut self, zone: Zone) -> Option<Verdict> {
        if !self.packet.has_ports() {
            return None;
        }
        let key = self.destination_key(zone);
        let Some((action, is_ha)) = search::frontend(self.tables, key) else {
            let packet = self.packet;
            let text = format!(
                "no frontend at {}",
                endpoint(packet.destination, packet.destination_port)
            );
            self.miss(Stage::Frontend, text);
            return None;
        };
        let frontend = self.names.frontends.get(&key.address);
        let frontend = frontend.cloned().unwrap_or_else(|| key.address.to_string());
        let ports = if is_ha { ", every port" } else { "" };
        let rule = self.names.rule(action.rule());
        self.hit(
            Stage::Frontend,
            format!("frontend {frontend}{ports}: rule {rule}"),
        );
        Some(self.balance(action))
    }

    fn balance(&mut self, action: FrontendAction) -> Verdict {
        if self.packet.is_midflow() {
            let text = format!("TCP without SYN: {UNTRANSLATED_TO_DRIVER}");
            self.miss(Stage::Balance, text);
            return Verdict::Punt(PuntReason::Midflow);
        }
        let id = action.rule();
        let Some(rule) = self
            .tables
            .rule
            .iter()
            .find(|(k, _)| **k == id)
            .map(|(_, r)| *r)
        else {
            return Verdict::Drop(DropReason::BrokenReference);
        };
        let backend = match action {
            FrontendAction::PortForward(backend, _) => {
                let name = self.names.backend(backend);
                self.hit(Stage::Balance, format!("inbound NAT to {name}"));
                Some(backend)
            }
            FrontendAction::Balance(_) => self.select(&rule),
        };
        match backend {
            Some(backend) => self.translate_to(id, backend),
            None => Verdict::Drop(DropReason::NoBackend),
        }
    }

    fn select(&mut self, rule: &RuleConfig) -> Option<BackendId> {
        if rule.selector_size == 0 {
            self.miss(Stage::Balance, "no member may take new flows");
            return None;
        }
        let offset = self.selector_hash(rule) % rule.selector_size;
        let slot = rule.selector_base + offset;
        let found = self
            .tables
            .selector
            .iter()
            .find(|(k, _)| **k == slot)
            .map(|(_, b)| *b);
        let Some(backend) = found else {
            self.miss(Stage::Balance, format!("slot {offset} names no backend"));
            return None;
        };
        let (size, name) = (rule.selector_size, self.names.backend(backend));
        self.hit(
            Stage::Balance,
            format!("slot {offset} of {size}: backend {name}"),
        );
        Some(backend)
    }

    fn selector_hash(&self, rule: &RuleConfig) -> u32 {
        let packet = self.packet;
        let [a, b] = packet.source_port.to_be_bytes();
        let [c, d] = packet.destination_port.to_be_bytes();
        let protocol = packet.protocol().ip_number(packet.family());
        let (source, destination) = (octets(packet.source), octets(packet.destination));
        rule.mode
            .hash(&source, &destination, protocol, [a, b, c, d])
    }

    fn translate_to(&mut self, rule: RuleId, id: BackendId) -> Verdict {
        let found = self
            .tables
            .backend
            .iter()
            .find(|(k, _)| **k == id)
            .map(|(_, b)| *b);
        let Some(backend) = found else {
            return Verdict::Drop(DropReason::BrokenReference);
        };
        self.packet.destination = backend.address;
        if backend.port != 0 {
            self.packet.destination_port = backend.port;
        }
        self.learn = Some(Learn { rule, backend: id });
        self.forward(backend.egress)
    }

    fn miss_uplink(&mut self) -> Verdict {
        let destination = self.packet.destination;
        if let Some(id) = search::address(self.tables, Zone::UPLINK, destination) {
            let Some(instance) = self.instance_config(id) else {
                return Verdict::Drop(DropReason::BrokenReference);
            };
            let name = self.names.instance(id);
            self.hit(
                Stage::Address,
                format!("{destination} is the 1:1 address of {name}"),
            );
            return match own_address(&instance, self.packet.family()) {
                Some(own) => {
                    self.packet.destination = own;
                    self.forward(instance.vport)
                }
                None => Verdict::Drop(DropReason::BrokenReference),
            };
        }
        self.miss(
            Stage::Address,
            format!("{destination} is nobody's 1:1 address"),
        );
        if !self.packet.has_ports() {
            return Verdict::Drop(DropReason::UnsupportedProtocol);
        }
        self.miss(
            Stage::SnatBlock,
            "SNAT ports are known to the running driver only; taken as a miss",
        );
        Verdict::Drop(DropReason::NoFrontend)
    }

    fn miss_vport(&mut self, instance: &InstanceConfig) -> Verdict {
        if let Some(verdict) = self.reply() {
            return verdict;
        }
        let destination = self.packet.destination;
        if let Some(id) = search::address(self.tables, Zone::VNET, destination) {
            let Some(neighbour) = self.instance_config(id) else {
                return Verdict::Drop(DropReason::BrokenReference);
            };
            let name = self.names.instance(id);
            self.hit(
                Stage::Address,
                format!("{destination} is {name}: delivered as it is"),
            );
            return self.forward(neighbour.vport);
        }
        self.miss(
            Stage::Address,
            format!("{destination} is no instance's address"),
        );
        self.way_out(instance)
    }

    /// The reply of a backend, unless it opens a connection of its own.
    fn reply(&mut self) -> Option<Verdict> {
        if !self.packet.has_ports() || self.packet.is_tcp_open() {
            return None;
        }
        let source = endpoint(self.packet.source, self.packet.source_port);
        let Some((address, port)) = self.return_path() else {
            self.miss(
                Stage::ReturnPath,
                format!("{source} answers for no frontend"),
            );
            return None;
        };
        let destination = self.packet.destination;
        if search::address(self.tables, Zone::VNET, destination).is_some() {
            let text =
                format!("{source} answers for a frontend, or directly: {UNTRANSLATED_TO_DRIVER}");
            self.hit(Stage::ReturnPath, text);
            return Some(Verdict::Punt(PuntReason::Midflow));
        }
        self.packet.source = address;
        if port != 0 {
            self.packet.source_port = port;
        }
        let text = format!(
            "{source} answers as {}",
            endpoint(address, self.packet.source_port)
        );
        self.hit(Stage::ReturnPath, text);
        Some(self.leave())
    }

    fn return_path(&self) -> Option<(IpAddr, u16)> {
        let key = Key {
            zone: Zone::VNET,
            address: self.packet.source,
            protocol: self.packet.protocol(),
            port: self.packet.source_port,
        };
        search::return_path(self.tables, key).map(|(endpoint, _)| endpoint)
    }

    fn way_out(&mut self, instance: &InstanceConfig) -> Verdict {
        let family = self.packet.family();
        match instance.way_out(family, self.packet.protocol()) {
            WayOut::OneToOne => self.one_to_one(instance),
            WayOut::Snat if self.packet.is_midflow() => {
                let text = format!("TCP without SYN: {UNTRANSLATED_TO_DRIVER}");
                self.hit(Stage::Instance, text);
                Verdict::Punt(PuntReason::Midflow)
            }
            WayOut::Snat => {
                self.hit(
                    Stage::Instance,
                    "leaves by a SNAT port, which the driver allocates",
                );
                Verdict::Punt(PuntReason::SnatMiss)
            }
            WayOut::None => {
                self.miss(Stage::Instance, "has no way out for this protocol");
                Verdict::Drop(if self.packet.has_ports() {
                    DropReason::NoOutbound
                } else {
                    DropReason::UnsupportedProtocol
                })
            }
        }
    }

    fn one_to_one(&mut self, instance: &InstanceConfig) -> Verdict {
        let public = match self.packet.family() {
            Family::V4 => instance.public_v4.map(IpAddr::from),
            Family::V6 => instance.public_v6.map(IpAddr::from),
        };
        let Some(public) = public else {
            return Verdict::Drop(DropReason::BrokenReference);
        };
        self.hit(
            Stage::Instance,
            format!("leaves by its 1:1 address {public}"),
        );
        self.packet.source = public;
        self.leave()
    }

    /// To the uplink; or again through the pipeline when the destination is on this card.
    fn leave(&mut self) -> Verdict {
        if !self.is_ours() {
            return self.forward(UPLINK_PORT);
        }
        self.hit(
            Stage::Leave,
            format!(
                "{} is on this card: again, as from the uplink",
                self.packet.destination
            ),
        );
        self.passes += 1;
        if self.passes > MAX_PASSES {
            return Verdict::Drop(DropReason::RecirculationLimit);
        }
        self.lookup(Zone::UPLINK, None)
    }

    fn is_ours(&self) -> bool {
        let key = self.destination_key(Zone::UPLINK);
        search::address(self.tables, Zone::UPLINK, key.address).is_some()
            || (self.packet.has_ports() && search::frontend(self.tables, key).is_some())
    }

    fn destination_key(&self, zone: Zone) -> Key {
        Key {
            zone,
            address: self.packet.destination,
            protocol: self.packet.protocol(),
            port: self.packet.destination_port,
        }
    }

    fn instance_config(&self, id: u16) -> Option<InstanceConfig> {
        self.tables
            .instance
            .iter()
            .find(|(k, _)| **k == id)
            .map(|(_, config)| *config)
    }

    fn forward(&mut self, egress: PortId) -> Verdict {
        let is_off = |kind: PortKind| kind == PortKind::Off;
        let config = self.tables.port.iter().find(|(id, _)| **id == egress);
        if config.is_none_or(|(_, config)| is_off(config.kind)) {
            return Verdict::Drop(DropReason::EgressOff);
        }
        Verdict::Forward {
            egress,
            packet: self.packet,
            learn: self.learn,
        }
    }
}

fn own_address(instance: &InstanceConfig, family: Family) -> Option<IpAddr> {
    match family {
        Family::V4 => instance.address_v4.map(IpAddr::from),
        Family::V6 => instance.address_v6.map(IpAddr::from),
    }
}

fn endpoint(address: IpAddr, port: u16) -> std::net::SocketAddr {
    std::net::SocketAddr::new(address, port)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}
