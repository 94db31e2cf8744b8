//! `learn`: a rule forwarded the first packet of a flow; install exactly the backend it went to.

use firmware_api::entry::backend::{BackendConfig, BackendId};
use firmware_api::{Memory, PuntReason};

use super::{Packet, Refusal};
use crate::conn::{Conn, Endpoint, Origin, Phase};
use crate::engine::Engine;
use crate::ring::PuntBatch;
use crate::table::FlowEntry;

/// The learn records of a batch, read before the first of them is handled, so that what their
/// installation touches is on its way into the cache by then.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// The flow, and the length of the packet that the record tells of.
    conns: Vec<Result<(Conn, u16), Refusal>>,
    entries: Vec<FlowEntry>,
    handled: usize,
}

impl<M: Memory> Engine<M> {
    /// Reads the learn records of a batch.
    pub(crate) fn read_learns(&mut self, batch: &PuntBatch) {
        let mut ahead = std::mem::take(&mut self.ahead);
        ahead.conns.clear();
        ahead.entries.clear();
        ahead.handled = 0;
        for (punt, frame) in batch.iter() {
            if punt.reason != PuntReason::Learn {
                continue;
            }
            let packet = self.parse_punt(&punt, frame).ok_or(Refusal::Unparsed);
            let conn =
                packet.and_then(|packet| Ok((self.learned(&packet)?, packet.headers.ip_len())));
            if let Ok((conn, _)) = &conn {
                let pair = [conn.forward(0), conn.reverse(0)].into_iter();
                ahead
                    .entries
                    .extend(pair.filter_map(|(key, action)| FlowEntry::new(key, action)));
            }
            ahead.conns.push(conn);
        }
        self.tables.prefetch(&self.device, &ahead.entries);
        self.ahead = ahead;
    }

    /// Installs the flow of the next learn record of the batch that was read.
    pub(super) fn on_learn(&mut self) -> Result<(), Refusal> {
        let next = self.ahead.conns.get(self.ahead.handled).copied();
        self.ahead.handled += 1;
        let (conn, bytes) = next.ok_or(Refusal::Unparsed)??;
        self.ledger.forwarded(&conn, bytes);
        match self.install(conn) {
            // A SYN sent again, or a second datagram before the entries stood.
            Err(Refusal::KeyInUse) if self.tables.flow(conn.forward(0).0).is_some() => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Where a backend is, or was: a SYN may have gone to it right before it left the pool, and then
    /// its connection stays there (RCFG-02).
    pub(crate) fn backend(&self, id: BackendId) -> Option<BackendConfig> {
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
