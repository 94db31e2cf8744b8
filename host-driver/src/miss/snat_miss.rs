//! `snat_miss`: an instance opens a flow to a public destination; give it a SNAT port.

use firmware_api::{EGRESS_RECIRCULATE, Memory, UPLINK_PORT, Zone};

use super::{Packet, Refusal};
use crate::conn::{Conn, Origin, Phase};
use crate::engine::Engine;
use crate::snat::{Exhausted, Flow, InstanceId, Protocol};

impl<M: Memory> Engine<M> {
    pub(super) fn on_snat_miss(&mut self, packet: &Packet<'_>) -> Result<(), Refusal> {
        let flow = match self.tables.flow(packet.key()) {
            Some(action) => action.flow,
            None => self.open_outbound(packet)?,
        };
        if packet.headers.is_tcp_open()
            && let Some(conn) = self.flows.records.get(flow)
        {
            self.ledger.syn(conn);
        }
        self.reprocess(packet)
    }

    fn open_outbound(&mut self, packet: &Packet<'_>) -> Result<u32, Refusal> {
        let flow = Flow {
            instance: InstanceId(packet.punt.ingress.into()),
            protocol: snat_protocol(packet.headers.protocol).ok_or(Refusal::Unsupported)?,
            inside: packet.source,
            remote: packet.destination,
        };
        let outside = self.snat.allocate(&flow).map_err(|e| match e {
            Exhausted::NoPorts { .. } => Refusal::NoSnatPorts,
            _ => Refusal::SnatExhausted,
        })?;
        let facts = self.active.outbound(
            packet.punt.ingress,
            packet.source.address,
            packet.headers.protocol,
        );
        let ours = self.active.is_ours(packet.destination.address);
        let conn = Conn {
            initiator: packet.source,
            outside,
            inside: packet.destination,
            origin: Origin::Outbound,
            protocol: packet.headers.protocol,
            zone: packet.zone,
            return_zone: Zone::UPLINK,
            initiator_egress: packet.punt.ingress,
            responder_egress: if ours {
                EGRESS_RECIRCULATE
            } else {
                UPLINK_PORT
            },
            initial_seq: packet.headers.tcp_seq,
            phase: Phase::Open,
            idle_timeout: facts.idle_timeout,
            reset_on_idle: facts.reset_on_idle,
            last_active: self.now,
        };
        self.install(conn).inspect_err(|_| {
            self.snat.release(self.now, &flow, outside, 0);
        })
    }
}

/// A flow that has a SNAT port, as the allocator knows it.
pub(crate) fn snat_flow(conn: &Conn) -> Option<Flow> {
    if conn.origin != Origin::Outbound {
        return None;
    }
    Some(Flow {
        instance: InstanceId(conn.initiator_egress.into()),
        protocol: snat_protocol(conn.protocol)?,
        inside: conn.initiator,
        remote: conn.inside,
    })
}

/// The allocator's name of a protocol that has SNAT ports.
pub(crate) fn snat_protocol(protocol: firmware_api::Protocol) -> Option<Protocol> {
    match protocol {
        firmware_api::Protocol::Tcp => Some(Protocol::Tcp),
        firmware_api::Protocol::Udp => Some(Protocol::Udp),
        _ => None,
    }
}
