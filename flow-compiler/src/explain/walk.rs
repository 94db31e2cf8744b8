//! The walk itself, branch by branch the decision graph of ARCHITECTURE.md.

use std::net::IpAddr;

use firmware_api::entry::instance::InstanceConfig;
use firmware_api::entry::port::PortKind;
use firmware_api::{DropReason, Family, PortId, PuntReason, UPLINK_PORT, Zone};

use super::record::{Explanation, Learn, Stage, Step, Verdict};
use super::search::{self, Key};
use super::{Ingress, Packet, Shape};
use crate::ir::Settings;
use crate::names::Names;
use crate::tables::Tables;

/// How often a packet may go through the pipeline again.
const MAX_PASSES: u32 = 2;

/// Explains where a packet would go that comes in at `from`, if no flow entry knows it.
pub fn explain(
    tables: &Tables,
    names: &Names,
    settings: &Settings,
    packet: Packet,
    from: Ingress,
) -> Explanation {
    let mut walk = Walk {
        tables,
        names,
        settings,
        packet,
        passes: 0,
        learn: None,
        adopted: None,
        source: Source::Own,
        steps: Vec::new(),
    };
    let verdict = walk.ingress_port(from.port());
    Explanation {
        packet,
        from,
        steps: walk.steps,
        verdict,
        adopted: walk.adopted,
    }
}

/// Whose source address a packet has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The sender's own; anybody's, from the uplink.
    Own,
    /// A frontend's, for which the sender answers.
    Frontend,
    /// Somebody's for whom the sender forwards.
    Foreign,
}

/// A packet on its way.
pub(super) struct Walk<'w> {
    pub(super) tables: &'w Tables,
    pub(super) names: &'w Names,
    pub(super) settings: &'w Settings,
    pub(super) packet: Packet,
    passes: u32,
    pub(super) learn: Option<Learn>,
    pub(super) adopted: Option<Learn>,
    pub(super) source: Source,
    steps: Vec<Step>,
}

pub(super) const ASK_THE_DRIVER: &str = "the driver knows whether a flow is on its way";

impl Walk<'_> {
    pub(super) fn hit(&mut self, stage: Stage, text: impl Into<String>) {
        self.note(stage, true, text.into());
    }

    pub(super) fn miss(&mut self, stage: Stage, text: impl Into<String>) {
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
        } else if instance.floating_ip
            && search::address(self.tables, Zone::VNET, source).is_none()
            && self.return_path().is_some()
        {
            let text = format!("vport {port}, {name} answers from a floating address");
            self.hit(Stage::IngressPort, text);
            self.source = Source::Frontend;
        } else if instance.ip_forwarding {
            let text = format!("vport {port}, {name} forwards for {source}");
            self.hit(Stage::IngressPort, text);
            self.source = Source::Foreign;
        } else {
            let text = format!("vport {port}, {source} is not an address of {name}");
            self.miss(Stage::IngressPort, text);
            return Verdict::Drop(DropReason::SpoofedSource);
        }
        self.lookup(Zone::VNET, Some(instance))
    }

    fn lookup(&mut self, zone: Zone, instance: Option<&InstanceConfig>) -> Verdict {
        if self.packet.has_flow() {
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
        if self.packet.has_ports() {
            self.miss(
                Stage::SnatBlock,
                "SNAT ports are known to the running driver only; taken as a miss",
            );
        }
        Verdict::Drop(self.packet.unclaimed(DropReason::NoFrontend))
    }

    /// To the uplink; or again through the pipeline when the destination is on this card.
    pub(super) fn leave(&mut self) -> Verdict {
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
            || (self.packet.is_claimable() && search::frontend(self.tables, key).is_some())
    }

    pub(super) fn destination_key(&self, zone: Zone) -> Key {
        Key {
            zone,
            address: self.packet.destination,
            protocol: self.packet.protocol(),
            port: self.packet.destination_port,
        }
    }

    pub(super) fn instance_config(&self, id: u16) -> Option<InstanceConfig> {
        self.tables
            .instance
            .iter()
            .find(|(k, _)| **k == id)
            .map(|(_, config)| *config)
    }

    pub(super) fn forward(&mut self, egress: PortId) -> Verdict {
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

pub(super) fn endpoint(address: IpAddr, port: u16) -> std::net::SocketAddr {
    std::net::SocketAddr::new(address, port)
}
