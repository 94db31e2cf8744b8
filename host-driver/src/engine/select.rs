//! What the tables would select for a packet: the driver's own look at its shadow.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use firmware_api::entry::backend::BackendId;
use firmware_api::entry::frontend::{FrontendAction, FrontendKey, FrontendV4, FrontendV6};
use firmware_api::entry::rule::RuleId;
use firmware_api::{Memory, Protocol, Zone};

use super::Engine;
use crate::conn::Endpoint;
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
}

impl<M: Memory> Engine<M> {
    /// The rule and backend that a new flow of this packet would get.
    pub(crate) fn select(&self, packet: &Packet<'_>) -> Option<(RuleId, BackendId)> {
        let protocol = packet.headers.protocol;
        let rule = match self
            .tables
            .frontend(packet.zone(), packet.destination, protocol)?
        {
            FrontendAction::PortForward(backend, rule) => return Some((rule, backend)),
            FrontendAction::Balance(rule) => rule,
            FrontendAction::AnswerEcho => return None,
        };
        let config = self.tables.rule.get(rule.into())?.config()?;
        let (addresses, len) = packet.headers.addresses();
        let bytes = packet.frame.get(addresses..addresses + 2 * len)?;
        let (source, destination) = bytes.split_at(len);
        let ports = packet.headers.port_octets();
        let ip_protocol = packet.headers.ip_protocol;
        let hash = config.mode.hash(source, destination, ip_protocol, ports);
        let slot = config.selector_base + hash.checked_rem(config.selector_size)?;
        Some((rule, self.tables.selector.get(slot)?.backend()?))
    }
}
