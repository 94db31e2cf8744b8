//! `icmp_error`: an ICMP error quotes a packet that was translated; translate the quote back and
//! send the error to the end that can use it.

use firmware_api::EGRESS_RECIRCULATE;
use firmware_api::Memory;
use firmware_api::entry::flow::{FlowAction, FlowKey, Side};
use firmware_api::inject::Inject;
use std::net::IpAddr;

use super::{Packet, Refusal};
use crate::emit::icmp_error::{Quoted, Translation, quoted, translate};
use crate::emit::ip::Addresses;
use crate::engine::Engine;

impl<M: Memory> Engine<M> {
    pub(super) fn on_icmp_error(&mut self, packet: &Packet<'_>) -> Result<(), Refusal> {
        let quote = quoted(packet.frame, &packet.headers).ok_or(Refusal::NoFlowQuoted)?;
        // The error comes from where the quoted packet went, so the quote's reverse is the flow of
        // packets that come from there.
        let key = FlowKey {
            zone: packet.zone(),
            protocol: quote.protocol,
            source: quote.destination,
            destination: quote.source,
            source_port: quote.destination_port,
            destination_port: quote.source_port,
        };
        let action = self.tables.flow(key).ok_or(Refusal::NoFlowQuoted)?;
        self.send_translated(packet, &quote, &action)
            .ok_or(Refusal::NoFlowQuoted)?
    }

    /// `None` when the error cannot be translated to that action's end.
    fn send_translated(
        &mut self,
        packet: &Packet<'_>,
        quote: &Quoted,
        action: &FlowAction<IpAddr>,
    ) -> Option<Result<(), Refusal>> {
        // An error that goes through the pipeline again is addressed to our own public address and
        // is translated by the next flow when it comes back as a punt of its own.
        let port = action.egress;
        let facts_port = if port == EGRESS_RECIRCULATE {
            firmware_api::UPLINK_PORT
        } else {
            port
        };
        let ((outer, quoted), ports) = match action.side {
            Side::Destination => (
                (
                    Addresses::new(packet.source.address, action.address)?,
                    Addresses::new(action.address, quote.destination)?,
                ),
                (action.port, quote.destination_port),
            ),
            Side::Source => (
                (
                    Addresses::new(action.address, packet.destination.address)?,
                    Addresses::new(quote.source, action.address)?,
                ),
                (quote.source_port, action.port),
            ),
        };
        let to = match action.side {
            Side::Destination => action.address,
            Side::Source => packet.destination.address,
        };
        let translation = Translation {
            ethernet: self.ethernet(facts_port, to)?,
            outer,
            quoted,
            source_port: ports.0,
            destination_port: ports.1,
        };
        let mut frame = std::mem::take(&mut self.scratch);
        let done = translate(packet.frame, &packet.headers, &translation, &mut frame);
        let sent = done.ok().map(|()| {
            if port == EGRESS_RECIRCULATE {
                return self.inject(Inject::Reprocess(EGRESS_RECIRCULATE), &frame);
            }
            self.inject(Inject::Transmit(port), &frame)?;
            self.refusals.count_answered();
            Ok(())
        });
        self.scratch = frame;
        sent
    }
}
