//! `midflow`: a TCP packet that is no SYN and hit no entry.
//!
//! In order: its learn was still in the queue and is installed by now; it is late, and its flow was
//! reset on idle; it is adopted, because its learn was lost to a full punt ring and the rule still
//! selects the same way, or because the settings say so; it is a reply between two vports that
//! only looked like a frontend's. Else it is dropped.

use firmware_api::entry::backend::BackendId;
use firmware_api::entry::rule::RuleId;
use firmware_api::flow_state::tcp_flags::SYN;
use firmware_api::inject::Inject;
use firmware_api::{Memory, Zone};

use super::{Packet, Refusal};
use crate::conn::{Conn, Origin, Phase};
use crate::emit::reset::Reset;
use crate::engine::{DEFAULT_IDLE_TIMEOUT, Engine, LOSS_WINDOW};

impl<M: Memory> Engine<M> {
    pub(super) fn on_midflow(&mut self, packet: &Packet<'_>) -> Result<(), Refusal> {
        let key = packet.key();
        if self.tables.flow(key).is_some() {
            return self.reprocess(packet);
        }
        if self.flows.tombstones.holds(self.now, &key) {
            return self.reset_late(packet);
        }
        if let Some(conn) = self.adopted(packet) {
            self.install(conn)?;
            return self.reprocess(packet);
        }
        if let Some(conn) = self.between_vports(packet) {
            self.install(conn)?;
            return self.reprocess(packet);
        }
        Err(Refusal::UnknownFlow)
    }

    /// Gives a held packet back to the pipeline, behind the entries installed for it.
    pub(super) fn reprocess(&mut self, packet: &Packet<'_>) -> Result<(), Refusal> {
        self.inject(Inject::Reprocess(packet.punt.ingress), packet.frame)
    }

    fn reset_late(&mut self, packet: &Packet<'_>) -> Result<(), Refusal> {
        let mut frame = std::mem::take(&mut self.scratch);
        let answer = Reset::answer_to(packet.frame, &packet.headers);
        let sent = answer.map_or(Ok(()), |reset| {
            reset.emit(&mut frame);
            self.inject(Inject::Transmit(packet.punt.ingress), &frame)
        });
        self.scratch = frame;
        sent.and(Err(Refusal::LatePacket))
    }

    /// A flow toward a frontend that goes on where its hash leads today.
    fn adopted(&self, packet: &Packet<'_>) -> Option<Conn> {
        let (rule, backend) = self.adoption(packet)?;
        let punt = firmware_api::punt::Punt {
            rule: Some(rule),
            backend: Some(backend),
            ..*packet.punt
        };
        let conn = self.learned(&Packet {
            punt: &punt,
            ..*packet
        });
        // There was a SYN before: the responder expects this segment, not the one behind it.
        Some(Conn {
            initial_seq: packet.headers.tcp_seq.wrapping_sub(1),
            ..conn.ok()?
        })
    }

    /// Where a packet without a flow goes on, if it does.
    fn adoption(&self, packet: &Packet<'_>) -> Option<(RuleId, BackendId)> {
        let is_adopting = self.active.adopt_midflow && packet.headers.tcp_flags & SYN == 0;
        if !is_adopting && self.learns_lost_at.is_none() {
            return None;
        }
        let (rule, backend) = self.select(packet)?;
        (is_adopting || self.selects_as_before_the_loss(rule)).then_some((rule, backend))
    }

    /// Whether the rule's selection is the one that the SYN met whose learn record was lost.
    fn selects_as_before_the_loss(&self, rule: RuleId) -> bool {
        let facts = self.learns_lost_at.zip(self.active.rule(rule));
        facts.is_some_and(|(lost_at, rule)| {
            rule.selection_changed_at < lost_at.saturating_sub(LOSS_WINDOW)
        })
    }

    /// A flow between two vports whose reply has a backend's address and port, but which did not
    /// come through a frontend. It gets entries that translate nothing.
    fn between_vports(&self, packet: &Packet<'_>) -> Option<Conn> {
        if packet.zone() != Zone::VNET {
            return None;
        }
        let to = self.active.vport_of(packet.destination.address)?;
        let from = self.active.vport_of(packet.source.address)?;
        Some(Conn {
            initiator: packet.destination,
            outside: packet.source,
            inside: packet.source,
            origin: Origin::Local,
            protocol: packet.headers.protocol,
            zone: Zone::VNET,
            initiator_egress: to,
            responder_egress: from,
            initial_seq: packet.headers.tcp_ack.wrapping_sub(1),
            phase: Phase::Open,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
            reset_on_idle: false,
            last_active: self.now,
        })
    }
}
