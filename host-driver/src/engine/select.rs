//! What the tables would select for a packet: the driver's own look at its shadow.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use firmware_api::entry::backend::BackendId;
use firmware_api::entry::frontend::{FrontendAction, FrontendKey, FrontendV4, FrontendV6};
use firmware_api::entry::instance::InstanceConfig;
use firmware_api::entry::port::PortKind;
use firmware_api::entry::return_path::{ReturnPathKey, ReturnPathV4, ReturnPathV6};
use firmware_api::entry::rule::RuleId;
use firmware_api::selector::{HashMode, SelectorHash};
use firmware_api::{Memory, PortId, Protocol, Zone};

use super::Engine;
use crate::conn::{Endpoint, Origin};
use crate::miss::Packet;
use crate::table::Tables;

impl Tables {
    /// The frontend that a destination is, the exact port before HA ports.
    pub fn frontend(&self, zone: Zone, to: Endpoint, protocol: Protocol) -> Option<FrontendAction> {
        let at = |port| match to.address {
            IpAddr::V4(address) => self.frontend_v4(zone, address, protocol, port),
            IpAddr::V6(address) => self.frontend_v6(zone, address, protocol, port),
        };
        at(to.port).or_else(|| at(0))
    }

    fn frontend_v4(
        &self,
        zone: Zone,
        destination: Ipv4Addr,
        protocol: Protocol,
        port: u16,
    ) -> Option<FrontendAction> {
        let key = FrontendKey {
            zone,
            destination,
            protocol,
            port,
        };
        let like = FrontendV4::new(key, FrontendAction::Balance(0));
        Some(self.frontend_v4.get(like)?.action())
    }

    fn frontend_v6(
        &self,
        zone: Zone,
        destination: Ipv6Addr,
        protocol: Protocol,
        port: u16,
    ) -> Option<FrontendAction> {
        let key = FrontendKey {
            zone,
            destination,
            protocol,
            port,
        };
        let like = FrontendV6::new(key, FrontendAction::Balance(0));
        Some(self.frontend_v6.get(like)?.action())
    }

    /// Whether packets from that address and port are a backend's answers.
    fn answers(&self, zone: Zone, source: IpAddr, protocol: Protocol, port: u16) -> bool {
        match source {
            IpAddr::V4(source) => {
                let like = ReturnPathV4::of_key(reply(zone, source, protocol, port));
                self.return_path_v4.get(like).is_some()
            }
            IpAddr::V6(source) => {
                let like = ReturnPathV6::of_key(reply(zone, source, protocol, port));
                self.return_path_v6.get(like).is_some()
            }
        }
    }
}

const fn reply<A: Copy>(zone: Zone, source: A, protocol: Protocol, port: u16) -> ReturnPathKey<A> {
    ReturnPathKey {
        zone,
        source,
        protocol,
        port,
    }
}

impl<M: Memory> Engine<M> {
    /// The rule and backend that a new flow of this packet would get.
    pub(crate) fn select(&self, packet: &Packet<'_>) -> Option<Origin> {
        let steered = || {
            let rule = self.next_hop(packet).filter(|_| !self.answers(packet))?;
            let backend = self.hashed(packet, rule, HashMode::symmetric_hash)?;
            Some(Origin::Steered { rule, backend })
        };
        let (rule, backend) = match self.frontend_of(packet) {
            Some(FrontendAction::PortForward(backend, rule)) => (rule, backend),
            Some(FrontendAction::Balance(rule)) => {
                (rule, self.hashed(packet, rule, HashMode::hash)?)
            }
            Some(FrontendAction::AnswerEcho) => return None,
            None => return steered(),
        };
        Some(Origin::Inbound { rule, backend })
    }

    fn frontend_of(&self, packet: &Packet<'_>) -> Option<FrontendAction> {
        let (zone, protocol) = (packet.zone.network(), packet.headers.protocol);
        self.tables.frontend(zone, packet.destination, protocol)
    }

    /// The facts of the instance behind a vport.
    pub(crate) fn instance_at(&self, vport: PortId) -> Option<InstanceConfig> {
        let PortKind::Vport(id) = self.active.port(vport)?.kind else {
            return None;
        };
        Some(self.tables.instance.get(id.into())?.config())
    }

    /// The rule through whose members the packet has to go, if it goes to no frontend.
    pub(crate) fn next_hop(&self, packet: &Packet<'_>) -> Option<RuleId> {
        let sender = self.instance_at(packet.punt.ingress)?;
        let rule = sender.next_hop(packet.headers.family)?;
        let owner = self.active.vport_of(packet.destination.address);
        let is_exempt = owner
            .and_then(|vport| self.instance_at(vport))
            .is_some_and(|owner| !owner.is_steered_to());
        (!is_exempt && self.frontend_of(packet).is_none()).then_some(rule)
    }

    /// Whether the packet's source is that of a backend's answers.
    fn answers(&self, packet: &Packet<'_>) -> bool {
        let zone = packet.zone.network();
        let Endpoint { address, port } = packet.source;
        let at = |port| {
            self.tables
                .answers(zone, address, packet.headers.protocol, port)
        };
        at(port) || at(0)
    }

    fn hashed(&self, packet: &Packet<'_>, rule: RuleId, hash: SelectorHash) -> Option<BackendId> {
        let config = self.tables.rule.get(rule.into())?.config()?;
        let (addresses, len) = packet.headers.addresses();
        let bytes = packet.frame.get(addresses..addresses + 2 * len)?;
        let (source, destination) = bytes.split_at(len);
        let ports = packet.headers.port_octets();
        let ip_protocol = packet.headers.ip_protocol;
        let hash = hash(config.mode, source, destination, ip_protocol, ports);
        let slot = config.selector_base + hash.checked_rem(config.selector_size)?;
        self.tables.selector.get(slot)?.backend()
    }
}
