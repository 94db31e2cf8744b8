//! `learn`: a rule forwarded the first packet of a flow; install exactly the backend it went to.

use firmware_api::Memory;
use firmware_api::entry::backend::BackendConfig;

use super::{Packet, Refusal};
use crate::conn::{Conn, Endpoint, Origin, Phase};
use crate::engine::Engine;

impl<M: Memory> Engine<M> {
    pub(super) fn on_learn(&mut self, packet: &Packet<'_>) -> Result<(), Refusal> {
        let conn = self.learned(packet)?;
        match self.install(conn) {
            // A SYN sent again, or a second datagram before the entries stood.
            Err(Refusal::KeyInUse) if self.tables.flow(packet.key()).is_some() => Ok(()),
            outcome => outcome,
        }
    }

    /// The flow that a learn record tells of.
    pub(super) fn learned(&self, packet: &Packet<'_>) -> Result<Conn, Refusal> {
        let rule = packet.punt.rule.ok_or(Refusal::StaleReference)?;
        let backend = packet.punt.backend.ok_or(Refusal::StaleReference)?;
        let facts = self.active.rule(rule).ok_or(Refusal::StaleReference)?;
        let to: BackendConfig = self
            .tables
            .backend
            .get(backend.into())
            .ok_or(Refusal::StaleReference)?
            .config();
        let port = if to.port == 0 {
            packet.destination.port
        } else {
            to.port
        };
        Ok(Conn {
            initiator: packet.source,
            outside: packet.destination,
            inside: Endpoint::new(to.address, port),
            origin: Origin::Inbound { rule, backend },
            protocol: packet.headers.protocol,
            zone: packet.zone(),
            initiator_egress: packet.way_back(),
            responder_egress: to.egress,
            initial_seq: packet.headers.tcp_seq,
            phase: Phase::Open,
            idle_timeout: facts.idle_timeout(packet.headers.protocol),
            reset_on_idle: facts.reset_on_idle,
            last_active: self.now,
        })
    }
}
