//! `midflow`: a TCP packet that is no SYN and hit no entry.
//!
//! In order: its learn was still in the queue and is installed by now; it is late, and its flow was
//! reset on idle; it is adopted, because its learn was lost to a full punt ring and the rule still
//! selects the same way, or because the settings say so; it is a reply between two vports that
//! only looked like a frontend's; it is a datagram that looked so and opens a flow of its own. Else it
//! is dropped.

use std::net::IpAddr;

use firmware_api::entry::instance::WayOut;
use firmware_api::entry::rule::RuleId;
use firmware_api::flow_state::tcp_flags::SYN;
use firmware_api::inject::Inject;
use firmware_api::{Memory, Protocol, Zone};

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
        if self.opens_outbound(packet) {
            return self.on_snat_miss(packet);
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

    /// A flow by a rule that goes on where its hash leads today.
    fn adopted(&self, packet: &Packet<'_>) -> Option<Conn> {
        let conn = self.learned(packet, self.adoption(packet)?);
        // There was a SYN before: the responder expects this segment, not the one behind it.
        Some(Conn {
            initial_seq: packet.headers.tcp_seq.wrapping_sub(1),
            ..conn.ok()?
        })
    }

    /// Where a packet without a flow goes on, if it does.
    fn adoption(&self, packet: &Packet<'_>) -> Option<Origin> {
        let is_adopting = self.active.adopt_midflow && packet.headers.tcp_flags & SYN == 0;
        if !is_adopting && self.learns_lost_at.is_none() {
            return None;
        }
        let origin = self.select(packet)?;
        let (rule, _) = origin.selected()?;
        (is_adopting || self.selects_as_before_the_loss(rule)).then_some(origin)
    }

    /// Whether the rule's selection is the one that the SYN met whose learn record was lost.
    fn selects_as_before_the_loss(&self, rule: RuleId) -> bool {
        let facts = self.learns_lost_at.zip(self.active.rule(rule));
        facts.is_some_and(|(lost_at, rule)| {
            rule.selection_changed_at < lost_at.saturating_sub(LOSS_WINDOW)
        })
    }

    /// A flow between two vports whose reply has a backend's address and port, but which did not
    /// come through a frontend. It gets entries that translate nothing. What would have been steered
    /// never goes around its next hop.
    fn between_vports(&self, packet: &Packet<'_>) -> Option<Conn> {
        if packet.zone == Zone::UPLINK || self.next_hop(packet).is_some() {
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
            zone: self.active.zone(to),
            return_zone: packet.zone,
            initiator_egress: to,
            responder_egress: from,
            initial_seq: packet.headers.tcp_ack.wrapping_sub(1),
            phase: Phase::Open,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
            reset_on_idle: false,
            last_active: self.now,
        })
    }

    /// A datagram to a public destination from a port by which an internal frontend answers as well.
    /// Toward a private one it is an answer to a client behind a gateway, whose flow has ended.
    fn opens_outbound(&self, packet: &Packet<'_>) -> bool {
        let Packet {
            headers,
            source,
            destination,
            ..
        } = packet;
        let sender = self.instance_at(packet.punt.ingress);
        let leaves = sender.is_some_and(|sender| {
            sender.way_out(headers.family, headers.protocol) == WayOut::Snat
                && sender.next_hop(headers.family).is_none()
        });
        leaves
            && headers.protocol == Protocol::Udp
            && self.active.vport_of(source.address) == Some(packet.punt.ingress)
            && is_public(destination.address)
            && self.active.vport_of(destination.address).is_none()
    }
}

/// Whether an address is of the Internet, as far as its range tells (RFC 1918, RFC 3927, RFC 4193).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_private() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_unique_local() && !v6.is_unicast_link_local(),
    }
}
