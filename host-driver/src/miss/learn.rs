//! `learn`: a rule forwarded the first packet of a flow; install exactly the backend it went to.

use firmware_api::entry::backend::{BackendConfig, BackendId};
use firmware_api::{Memory, PuntReason};

use super::{Packet, Refusal};
use crate::conn::{Conn, Endpoint, Origin, Phase};
use crate::engine::Engine;
use crate::ring::PuntBatch;
use crate::table::FlowEntry;

impl<M: Memory> Engine<M> {
    pub(super) fn on_learn(&mut self, packet: &Packet<'_>) -> Result<(), Refusal> {
        let conn = self.learned(packet)?;
        match self.install(conn) {
            // A SYN sent again, or a second datagram before the entries stood.
            Err(Refusal::KeyInUse) if self.tables.flow(packet.key()).is_some() => Ok(()),
            outcome => outcome,
        }
    }

    /// Has what the learn records of a batch will touch on its way into the cache before the first
    /// of them is handled.
    pub(crate) fn prefetch_learns(&mut self, batch: &PuntBatch) {
        let mut ahead = std::mem::take(&mut self.ahead);
        ahead.clear();
        for (punt, frame) in batch
            .iter()
            .filter(|(punt, _)| punt.reason == PuntReason::Learn)
        {
            let packet = self.parse_punt(&punt, frame);
            if let Some(conn) = packet.and_then(|packet| self.learned(&packet).ok()) {
                let pair = [conn.forward(0), conn.reverse(0)];
                ahead.extend(
                    pair.into_iter()
                        .filter_map(|(key, act)| FlowEntry::new(key, act)),
                );
            }
        }
        self.tables.prefetch(&self.device, &ahead);
        self.ahead = ahead;
    }

    /// Where a backend is, or was: a SYN may have gone to it right before it left the pool, and then
    /// its connection stays there (RCFG-02).
    fn backend(&self, id: BackendId) -> Option<BackendConfig> {
        let present = self.tables.backend.get(id.into());
        let retired = || self.retired.get(&id).copied();
        present.map(|entry| entry.config()).or_else(retired)
    }

    /// The flow that a learn record tells of.
    pub(super) fn learned(&self, packet: &Packet<'_>) -> Result<Conn, Refusal> {
        let rule = packet.punt.rule.ok_or(Refusal::StaleReference)?;
        let backend = packet.punt.backend.ok_or(Refusal::StaleReference)?;
        let facts = self.active.rule(rule).ok_or(Refusal::StaleReference)?;
        let to = self.backend(backend).ok_or(Refusal::StaleReference)?;
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
