//! Both resets of an idle or drained flow (spec RST-02..06, A-12), and frames made from a flow's facts.
//!
//! A reset is accepted when its sequence number is exactly what its receiver expects (RFC 5961
//! §3.2): the last acknowledgement number that the receiver itself sent. The responder may have sent
//! all of its acknowledgements before the flow's entries stood; then it has acknowledged nothing but
//! the SYN.

use firmware_api::flow_state::{FlowState, tcp_flags};
use firmware_api::inject::Inject;
use firmware_api::{EGRESS_RECIRCULATE, Memory, PortId};

use super::Engine;
use crate::conn::{Conn, Endpoint};
use crate::emit::ip::Addresses;
use crate::emit::reset::Reset;

impl<M: Memory> Engine<M> {
    pub(super) fn send_resets(&mut self, conn: &Conn, state: &FlowState) {
        let initiator_expects = state.forward.ack;
        let responder_expects = if state.reverse.flags & tcp_flags::ACK != 0 {
            state.reverse.ack
        } else {
            conn.initial_seq.wrapping_add(1)
        };
        let (initiator, peer) = conn.initiator_view();
        self.send_reset(
            conn.initiator_egress,
            peer,
            initiator,
            initiator_expects,
            responder_expects,
        );
        let (peer, responder) = conn.responder_view();
        self.send_reset(
            conn.responder_egress,
            peer,
            responder,
            responder_expects,
            initiator_expects,
        );
    }

    /// An end that is reached through the pipeline again has a flow of its own, whose own timer
    /// resets it.
    fn send_reset(&mut self, egress: PortId, from: Endpoint, to: Endpoint, seq: u32, ack: u32) {
        if egress == EGRESS_RECIRCULATE {
            return;
        }
        let Some(ethernet) = self.ethernet(egress, to.address) else {
            return;
        };
        let Some(addresses) = Addresses::new(from.address, to.address) else {
            return;
        };
        let mut frame = std::mem::take(&mut self.scratch);
        let reset = Reset {
            ethernet,
            addresses,
            source_port: from.port,
            destination_port: to.port,
            seq,
            ack: Some(ack),
        };
        reset.emit(&mut frame);
        if let Err(refusal) = self.inject(Inject::Transmit(egress), &frame) {
            tracing::warn!(%refusal, %to, "a reset was not sent");
        }
        self.scratch = frame;
    }
}
