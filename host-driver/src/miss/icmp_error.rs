//! `icmp_error`: an ICMP error quotes a packet that was translated; translate the quote back and
//! send the error to the end that can use it.

use firmware_api::entry::flow::{FlowAction, FlowKey, Side};
use firmware_api::inject::Inject;
use firmware_api::punt::Punt;
use firmware_api::{EGRESS_RECIRCULATE, Memory, PortId, Zone};
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
            zone: packet.zone,
            protocol: quote.protocol,
            source: quote.destination,
            destination: quote.source,
            source_port: quote.destination_port,
            destination_port: quote.source_port,
        };
        let sent = match self.tables.flow(key) {
            Some(action) => self.send_translated(packet, &quote, &action),
            None => self.pass_on(packet, &quote),
        };
        sent.ok_or(Refusal::NoFlowQuoted)?
    }

    /// What goes between two vports as it is has no flow where it meets its end, or where it passes a
    /// member of a next hop: an error about it goes to the instance that sent it, as it is.
    fn pass_on(&mut self, packet: &Packet<'_>, quote: &Quoted) -> Option<Result<(), Refusal>> {
        let to = packet.destination.address;
        if packet.zone == Zone::UPLINK || quote.source != to {
            return None;
        }
        let port = self.active.vport_of(to)?;
        let translation = Translation {
            ethernet: self.ethernet(port, to)?,
            outer: Addresses::new(packet.source.address, to)?,
            quoted: Addresses::new(quote.source, quote.destination)?,
            source_port: quote.source_port,
            destination_port: quote.destination_port,
        };
        self.send(packet, &translation, port)
    }

    /// The quoted packet went through the pipeline twice: the error is addressed to our own
    /// public address now, and the other flow's translation follows.
    fn translate_again(&mut self, punt: &Punt, frame: &[u8]) -> Result<(), Refusal> {
        if punt.ingress == EGRESS_RECIRCULATE {
            return Err(Refusal::NoFlowQuoted);
        }
        let punt = Punt {
            ingress: EGRESS_RECIRCULATE,
            ..*punt
        };
        let packet = self.parse_punt(&punt, frame).ok_or(Refusal::Unparsed)?;
        self.on_icmp_error(&packet)
    }

    /// `None` when the error cannot be translated to that action's end.
    fn send_translated(
        &mut self,
        packet: &Packet<'_>,
        quote: &Quoted,
        action: &FlowAction<IpAddr>,
    ) -> Option<Result<(), Refusal>> {
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
        self.send(packet, &translation, port)
    }

    fn send(
        &mut self,
        packet: &Packet<'_>,
        translation: &Translation,
        port: PortId,
    ) -> Option<Result<(), Refusal>> {
        let mut frame = std::mem::take(&mut self.scratch);
        let done = translate(packet.frame, &packet.headers, translation, &mut frame);
        let sent = done.ok().map(|()| {
            if port == EGRESS_RECIRCULATE {
                return self.translate_again(packet.punt, &frame);
            }
            self.inject(Inject::Transmit(port), &frame)?;
            self.refusals.count_answered();
            Ok(())
        });
        self.scratch = frame;
        sent
    }
}
