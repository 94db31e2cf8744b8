//! The packets of no known flow: which table claims them, in the order of the decision graph.

use firmware_api::packet::Class;
use firmware_api::{DropReason, Memory, PuntReason, Zone};

use super::packet::{Decision, Packet};
use super::{address, frontend, instance, return_path};
use crate::lookup::Tables;

/// Decides about a packet that hit no flow entry.
pub(super) fn decide<M: Memory>(
    tables: &Tables<'_, M>,
    packet: &Packet,
    frame: &[u8],
    driverless: bool,
) -> Decision {
    if packet.headers.class == Class::IcmpError {
        return Err(PuntReason::IcmpError.into());
    }
    if let Some(action) = frontend::of(tables, packet, frame) {
        return frontend::balance(tables, packet, frame, action, driverless);
    }
    if packet.network() == Zone::UPLINK {
        inbound(tables, packet, frame)
    } else {
        outbound(tables, packet, frame, driverless)
    }
}

fn inbound<M: Memory>(tables: &Tables<'_, M>, packet: &Packet, frame: &[u8]) -> Decision {
    let destination = packet.headers.destination(frame);
    if let Some(owner) = address::owner(tables, packet.network(), destination) {
        return address::one_to_one(tables, packet, owner);
    }
    if address::is_snat_block(tables, packet, destination) {
        return Err(PuntReason::Midflow.into());
    }
    Err(packet.unclaimed(DropReason::NoFrontend))
}

fn outbound<M: Memory>(
    tables: &Tables<'_, M>,
    packet: &Packet,
    frame: &[u8],
    driverless: bool,
) -> Decision {
    if let Some(decision) = return_path::reply(tables, packet, frame, driverless) {
        return decision;
    }
    let destination = packet.headers.destination(frame);
    let owner = address::owner(tables, packet.network(), destination);
    if let Some(rule) = instance::next_hop(tables, packet, owner)? {
        return frontend::steer(tables, packet, frame, rule, driverless);
    }
    if let Some(owner) = owner {
        return address::direct(tables, owner);
    }
    instance::way_out(tables, packet, frame)
}
