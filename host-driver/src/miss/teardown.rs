//! `teardown`: a FIN, RST or new SYN of a known flow passed; its timer changes.

use firmware_api::Memory;

use super::Packet;
use crate::engine::Engine;

impl<M: Memory> Engine<M> {
    pub(super) fn on_teardown(&mut self, packet: &Packet<'_>) {
        let Some(action) = self.tables.flow(packet.key()) else {
            return; // removed while the record was in the ring
        };
        let Some(conn) = self.flows.records.get_mut(action.flow) else {
            return;
        };
        let from_initiator = action.direction == firmware_api::entry::flow::Direction::Forward;
        let before = conn.phase;
        conn.phase = before.after(packet.headers.tcp_flags, from_initiator);
        if packet.headers.is_tcp_open() && from_initiator {
            conn.initial_seq = packet.headers.tcp_seq;
            self.ledger.syn(conn);
        }
        if conn.phase != before {
            self.ledger.change_phase(conn, before);
        }
        conn.last_active = self.now;
        self.flows.wheel.set(action.flow, conn.deadline());
    }
}
