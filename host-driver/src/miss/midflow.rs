//! `midflow`: a TCP packet that is no SYN and hit no entry.
//!
//! In order: its learn was still in the queue and is installed by now; it is late, and its flow was
//! reset on idle; its learn was lost because the punt ring was full, and the rule still selects the
//! same way; it is a reply between two vports that only looked like a frontend's. Else it is dropped.

use firmware_api::Memory;
use firmware_api::Zone;
use firmware_api::inject::Inject;

use super::{Packet, Refusal};
use crate::conn::{Conn, Origin, Phase};
use crate::emit::reset::Reset;
use crate::engine::Engine;

impl<M: Memory> Engine<M> {
    pub(super) fn on_midflow(&mut self, packet: &Packet<'_>) -> Result<(), Refusal> {
        let key = packet.key();
        if self.tables.flow(key).is_some() {
            return self.reprocess(packet);
        }
        if self.flows.tombstones.holds(self.now, &key) {
            return self.reset_late(packet);
        }
        if let Some(conn) = self.orphan(packet) {
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

    /// A flow whose learn record was lost to a full ring: adopted where its hash leads today, as
    /// long as the rule's selection is the one that the SYN met.
    fn orphan(&self, packet: &Packet<'_>) -> Option<Conn> {
        let lost_at = self.learns_lost_at?;
        let (rule, backend) = self.select(packet)?;
        let changed_at = self.active.rule(rule)?.selection_changed_at;
        if changed_at >= lost_at.saturating_sub(crate::engine::LOSS_WINDOW) {
            return None;
        }
        let punt = firmware_api::punt::Punt {
            rule: Some(rule),
            backend: Some(backend),
            ..*packet.punt
        };
        self.learned(&Packet {
            punt: &punt,
            ..*packet
        })
        .ok()
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
            idle_timeout: crate::engine::DEFAULT_IDLE_TIMEOUT,
            reset_on_idle: false,
            last_active: self.now,
        })
    }
}
