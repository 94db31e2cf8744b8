//! `icmp_error`: an ICMP error quotes a packet that was translated; translate the quote back and
//! send the error to the end that can use it.

use firmware_api::Memory;
use firmware_api::entry::flow::FlowKey;

use super::{Packet, Refusal};
use crate::engine::Engine;

impl<M: Memory> Engine<M> {
    pub(super) fn on_icmp_error(&mut self, packet: &Packet<'_>) -> Result<(), Refusal> {
        let quoted = crate::emit::icmp_error::quoted(packet.frame, &packet.headers)
            .ok_or(Refusal::NoFlowQuoted)?;
        // The error comes from where the quoted packet went, so the quote's reverse is the flow of
        // packets that come from there.
        let key = FlowKey {
            zone: packet.zone(),
            protocol: quoted.protocol,
            source: quoted.destination.address,
            destination: quoted.source.address,
            source_port: quoted.destination.port,
            destination_port: quoted.source.port,
        };
        let action = self.tables.find_flow(&key).ok_or(Refusal::NoFlowQuoted)?;
        self.send_translated_error(packet, &quoted, &action)
    }
}
