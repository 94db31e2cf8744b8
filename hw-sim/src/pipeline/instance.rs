//! `instance`: where an instance's packets go by themselves: through a next hop, or out to public
//! destinations.

use std::net::IpAddr;

use firmware_api::entry::flow::Side;
use firmware_api::entry::instance::{InstanceConfig, InstanceId, WayOut};
use firmware_api::entry::rule::RuleId;
use firmware_api::packet::Class;
use firmware_api::{DropReason, Family, Memory, PuntReason};

use super::packet::{Decision, Forward, Packet, Refusal, Source, Translation};
use super::{address, leave};
use crate::lookup::Tables;

/// 1:1 (OUT-03), a SNAT port from the driver (OUT-01), or nothing (L-OUT-05); for the instance's
/// own address only (L-FIP-08).
pub(super) fn way_out<M: Memory>(
    tables: &Tables<'_, M>,
    packet: &Packet,
    frame: &[u8],
) -> Decision {
    let headers = &packet.headers;
    let Some(id) = packet.instance.filter(|_| packet.source == Source::Own) else {
        return Err(packet.unclaimed(DropReason::NoOutbound));
    };
    let instance = address::instance(tables, id)?;
    match instance.way_out(headers.family, headers.protocol) {
        WayOut::OneToOne => one_to_one(tables, packet, frame, &instance),
        WayOut::Snat if headers.is_fragment() => Err(packet.unclaimed(DropReason::NoOutbound)),
        WayOut::Snat if headers.class == Class::Tcp && !headers.is_tcp_open() => {
            Err(PuntReason::Midflow.into())
        }
        WayOut::Snat => Err(PuntReason::SnatMiss.into()),
        WayOut::None => Err(packet.unclaimed(DropReason::NoOutbound)),
    }
}

/// The rule through whose members a packet has to go, toward the instance `owner` or anybody else;
/// what has no flow cannot, and goes nowhere.
pub(super) fn next_hop<M: Memory>(
    tables: &Tables<'_, M>,
    packet: &Packet,
    owner: Option<InstanceId>,
) -> Result<Option<RuleId>, Refusal> {
    let Some(id) = packet.instance else {
        return Ok(None);
    };
    let sender = address::instance(tables, id)?;
    let Some(rule) = sender.next_hop(packet.headers.family) else {
        return Ok(None);
    };
    if let Some(owner) = owner
        && !address::instance(tables, owner)?.is_steered_to()
    {
        return Ok(None);
    }
    if !packet.headers.has_flow() {
        return Err(packet.unclaimed(DropReason::NoOutbound));
    }
    Ok(Some(rule))
}

fn one_to_one<M: Memory>(
    tables: &Tables<'_, M>,
    packet: &Packet,
    frame: &[u8],
    instance: &InstanceConfig,
) -> Decision {
    let public = match packet.headers.family {
        Family::V4 => instance.public_v4.map(IpAddr::V4),
        Family::V6 => instance.public_v6.map(IpAddr::V6),
    };
    let public = public.ok_or(DropReason::BrokenReference)?;
    let destination = packet.headers.destination(frame);
    Ok(Forward {
        translation: Some(Translation::to(Side::Source, public, 0)),
        copy: None,
        egress: leave::egress(tables, packet, destination),
    })
}
