//! `ingress_port`: uplink or vport; a frame has to be for this card, and a vport may send only
//! from its instance's addresses, unless that forwards for others.

use firmware_api::entry::instance::{Instance, InstanceId};
use firmware_api::entry::port::{Mac, Port, PortKind};
use firmware_api::packet::{Class, Headers};
use firmware_api::{DropReason, EGRESS_RECIRCULATE, Memory, PortId, PuntReason, Zone};

use super::packet::{Refusal, Source};
use super::{address, return_path};
use crate::lookup::Tables;

/// Where a packet comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// Its zone.
    pub zone: Zone,
    /// The instance behind the vport.
    pub instance: Option<InstanceId>,
    /// Whose source address it has.
    pub source: Source,
}

/// Lets a frame in, or says why not.
#[inline]
pub(super) fn admit<M: Memory>(
    tables: &Tables<'_, M>,
    ingress: PortId,
    headers: &Headers,
    frame: &[u8],
) -> Result<Origin, Refusal> {
    if ingress == EGRESS_RECIRCULATE {
        return Ok(Origin {
            zone: Zone::UPLINK,
            instance: None,
            source: Source::Own,
        });
    }
    let port = tables
        .valid::<4, Port>(ingress.into())
        .map(|port| port.config())
        .filter(|port| port.kind != PortKind::Off)
        .ok_or(DropReason::PortOff)?;
    if headers.vlan.unwrap_or(0) != port.vlan {
        return Err(DropReason::VlanMismatch.into());
    }
    let neighbor = headers.class == Class::Neighbor;
    if !is_for_us(frame, port.own_mac, neighbor) {
        return Err(DropReason::NotForUs.into());
    }
    if neighbor {
        return Err(PuntReason::Neighbor.into());
    }
    let PortKind::Vport(instance) = port.kind else {
        return Ok(Origin {
            zone: port.zone,
            instance: None,
            source: Source::Own,
        });
    };
    let source = source(tables, port.zone.network(), instance, headers, frame)?;
    Ok(Origin {
        zone: port.zone,
        instance: Some(instance),
        source: source.ok_or(DropReason::SpoofedSource)?,
    })
}

fn is_for_us(frame: &[u8], own: Mac, neighbor: bool) -> bool {
    const GROUP: u8 = 1;
    let (destination, source) = (&frame[..6], &frame[6..12]);
    let from_one = source[0] & GROUP == 0;
    from_one && (destination == own || neighbor && destination[0] & GROUP != 0)
}

/// Whose the source is: one of the instance's addresses, or, with floating IP, a frontend's: one
/// that `return_path` knows and that is no other instance's own (spec L-FIP-03). Others' pass an
/// instance that forwards; `None` when it may not send from there.
fn source<M: Memory>(
    tables: &Tables<'_, M>,
    zone: Zone,
    instance: InstanceId,
    headers: &Headers,
    frame: &[u8],
) -> Result<Option<Source>, DropReason> {
    let instance = tables
        .valid::<8, Instance>(instance.into())
        .ok_or(DropReason::BrokenReference)?;
    let source = headers.source(frame);
    if instance.owns(source) {
        return Ok(Some(Source::Own));
    }
    let instance = instance.config();
    let floating = || {
        let port = headers.source_port;
        instance.floating_ip
            && headers.is_claimable()
            && address::owner(tables, zone, source).is_none()
            && return_path::find(tables, zone, source, headers.protocol, port).is_some()
    };
    Ok(if floating() {
        Some(Source::Frontend)
    } else {
        instance.ip_forwarding.then_some(Source::Foreign)
    })
}
