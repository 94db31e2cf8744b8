//! `learn`, `steer`: a rule forwarded the first packet of a flow to a backend, or through one; install
//! exactly the backend it went to.

use firmware_api::entry::backend::{BackendConfig, BackendId};
use firmware_api::punt::Punt;
use firmware_api::{Memory, PortId, PuntReason, Zone};

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
            if !matches!(punt.reason, PuntReason::Learn | PuntReason::Steer) {
                continue;
            }
            let packet = self.parse_punt(&punt, frame).ok_or(Refusal::Unparsed);
            let conn = packet.and_then(|packet| {
                let selected = selected(&punt)?;
                Ok((self.learned(&packet, selected)?, packet.headers.ip_len()))
            });
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
    pub(super) fn learned(&self, packet: &Packet<'_>, origin: Origin) -> Result<Conn, Refusal> {
        let (rule, backend) = origin.selected().ok_or(Refusal::StaleReference)?;
        let facts = self.active.rule(rule).ok_or(Refusal::StaleReference)?;
        let to = self.backend(backend).ok_or(Refusal::StaleReference)?;
        let port = if to.port == 0 {
            packet.destination.port
        } else {
            to.port
        };
        let is_steered = matches!(origin, Origin::Steered { .. });
        let (inside, return_zone, initiator_egress) = if is_steered {
            let (zone, egress) = self.back_from(packet, to.egress);
            (packet.destination, zone, egress)
        } else {
            let inside = Endpoint::new(to.address, port);
            (inside, self.active.zone(to.egress), packet.way_back())
        };
        Ok(Conn {
            initiator: packet.source,
            outside: packet.destination,
            inside,
            origin,
            protocol: packet.headers.protocol,
            zone: packet.zone,
            return_zone,
            initiator_egress,
            responder_egress: to.egress,
            initial_seq: packet.headers.tcp_seq,
            phase: Phase::Open,
            idle_timeout: facts.idle_timeout(packet.headers.protocol),
            // An appliance in between would not know of it (L-HA-11).
            reset_on_idle: facts.reset_on_idle && !is_steered,
            last_active: self.now,
        })
    }

    /// Where packets back of a steered flow come from, and where they go: through the same member,
    /// unless their sender has no next hop.
    fn back_from(&self, packet: &Packet<'_>, member: PortId) -> (Zone, PortId) {
        let Some(vport) = self.active.vport_of(packet.destination.address) else {
            return (Zone::VNET, member);
        };
        let sender = self.instance_at(vport);
        let hop = sender.and_then(|sender| sender.next_hop(packet.headers.family));
        let egress = hop.map_or_else(|| packet.way_back(), |_| member);
        (self.active.zone(vport), egress)
    }
}

/// What a record says was selected, and what for.
fn selected(punt: &Punt) -> Result<Origin, Refusal> {
    let rule = punt.rule.ok_or(Refusal::StaleReference)?;
    let backend = punt.backend.ok_or(Refusal::StaleReference)?;
    Ok(match punt.reason {
        PuntReason::Steer => Origin::Steered { rule, backend },
        _ => Origin::Inbound { rule, backend },
    })
}
