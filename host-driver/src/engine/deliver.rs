//! Would a new flow be delivered? Asked of the driver's copy of the tables, with the question that a
//! real packet would put to the card (spec L-MON-05).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use firmware_api::entry::frontend::FrontendAction;
use firmware_api::entry::port::PortKind;
use firmware_api::entry::rule::RuleId;
use firmware_api::packet::header::ip;
use firmware_api::{Memory, Protocol, Zone};

use super::Engine;
use crate::conn::Endpoint;

/// Where the service's own probes come from (L-PRB-11).
const SOURCE_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16));
const SOURCE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x1234, 0x5678, 0x9abc));

impl<M: Memory> Engine<M> {
    /// Whether a synthetic flow from that source port would reach a backend of the rule.
    pub(super) fn delivers(
        &self,
        rule: RuleId,
        zone: Zone,
        frontend: Endpoint,
        protocol: Protocol,
        source_port: u16,
    ) -> bool {
        let source = match frontend.address {
            IpAddr::V4(_) => SOURCE_V4,
            IpAddr::V6(_) => SOURCE_V6,
        };
        let from = Endpoint::new(source, source_port);
        self.selects(rule, zone, from, frontend, protocol)
            .unwrap_or(false)
    }

    fn selects(
        &self,
        rule: RuleId,
        zone: Zone,
        from: Endpoint,
        to: Endpoint,
        protocol: Protocol,
    ) -> Option<bool> {
        if self.tables.frontend(zone, to, protocol)? != FrontendAction::Balance(rule) {
            return Some(false);
        }
        let config = self.tables.rule.get(rule.into())?.config()?;
        let number = if protocol == Protocol::Udp {
            ip::UDP
        } else {
            ip::TCP
        };
        let ([a, b], [c, d]) = (from.port.to_be_bytes(), to.port.to_be_bytes());
        let bytes = |address| match address {
            IpAddr::V4(v4) => (v4.to_ipv6_mapped().octets(), 12),
            IpAddr::V6(v6) => (v6.octets(), 0),
        };
        let ((source, at), (destination, _)) = (bytes(from.address), bytes(to.address));
        let hash = config
            .mode
            .hash(&source[at..], &destination[at..], number, [a, b, c, d]);
        let slot = config.selector_base + hash.checked_rem(config.selector_size)?;
        let backend = self.tables.selector.get(slot)?.backend()?;
        let egress = self.tables.backend.get(backend.into())?.config().egress;
        let is_on = self
            .active
            .port(egress)
            .is_some_and(|p| p.kind != PortKind::Off);
        Some(is_on && self.lookout.is_eligible(rule, backend))
    }
}
