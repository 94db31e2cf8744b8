//! What to do with each punt: one file per reason.

mod echo;
mod icmp_error;
mod learn;
mod midflow;
mod neighbor;
mod refusal;
mod snat_miss;
mod teardown;

pub(crate) use echo::answers;
pub(crate) use learn::Ahead;
pub use refusal::{Refusal, Refusals};
pub(crate) use snat_miss::{snat_flow, snat_protocol};

use firmware_api::entry::flow::FlowKey;
use firmware_api::entry::port::PortKind;
use firmware_api::packet::{Headers, parse, parse_headers};
use firmware_api::punt::Punt;
use firmware_api::{EGRESS_RECIRCULATE, Memory, PortId, PuntReason, Zone};
use std::net::IpAddr;

use crate::conn::Endpoint;
use crate::engine::Engine;

/// A punted packet, parsed.
pub(crate) struct Packet<'a> {
    pub(crate) punt: &'a Punt,
    pub(crate) frame: &'a [u8],
    pub(crate) headers: Headers,
    pub(crate) source: Endpoint,
    pub(crate) destination: Endpoint,
    /// The zone that the pipeline looked its flow up in.
    pub(crate) zone: Zone,
}

impl Packet<'_> {
    /// The flow key that missed or hit.
    pub(crate) fn key(&self) -> FlowKey<IpAddr> {
        FlowKey {
            zone: self.zone,
            protocol: self.headers.protocol,
            source: self.source.address,
            destination: self.destination.address,
            source_port: self.source.port,
            destination_port: self.destination.port,
        }
    }

    /// Where packets back to its sender leave.
    pub(crate) fn way_back(&self) -> PortId {
        self.punt.ingress
    }
}

impl<M: Memory> Engine<M> {
    /// Handles one punt record and its captured bytes; learn records were read with their batch.
    pub(crate) fn on_punt(&mut self, punt: &Punt, frame: &[u8]) {
        self.punts_taken[punt.reason as usize] += 1;
        let outcome = match punt.reason {
            PuntReason::Learn | PuntReason::Steer => self.on_learn(),
            PuntReason::Trace => {
                self.on_trace(punt, frame);
                Ok(())
            }
            _ => self
                .parse_punt(punt, frame)
                .map_or(Err(Refusal::Unparsed), |packet| self.dispatch(&packet)),
        };
        if let Err(refusal) = outcome {
            self.refusals.count(refusal, punt.reason);
        }
    }

    pub(crate) fn parse_punt<'a>(&self, punt: &'a Punt, frame: &'a [u8]) -> Option<Packet<'a>> {
        let known = punt.ingress == EGRESS_RECIRCULATE
            || self
                .active
                .port(punt.ingress)
                .is_some_and(|p| p.kind != PortKind::Off);
        let headers = if punt.reason.is_copy() {
            parse_headers(frame, punt.length.into()).ok()?
        } else {
            parse(frame).ok()?
        };
        known.then(|| Packet {
            punt,
            frame,
            headers,
            source: Endpoint::new(headers.source(frame), headers.source_port),
            destination: Endpoint::new(headers.destination(frame), headers.destination_port),
            zone: self.active.zone(punt.ingress),
        })
    }

    fn dispatch(&mut self, packet: &Packet<'_>) -> Result<(), Refusal> {
        match packet.punt.reason {
            PuntReason::Midflow => self.on_midflow(packet),
            PuntReason::SnatMiss => self.on_snat_miss(packet),
            PuntReason::Teardown => {
                self.on_teardown(packet);
                Ok(())
            }
            PuntReason::Neighbor => self.on_neighbor(packet),
            PuntReason::IcmpError => self.on_icmp_error(packet),
            PuntReason::Echo => self.on_echo(packet),
            PuntReason::Learn | PuntReason::Steer | PuntReason::Trace => Err(Refusal::Unsupported),
        }
    }
}
