//! `return_path`: replies of backends whose flow entry is not installed yet, or no longer.

use std::net::IpAddr;

use firmware_api::entry::flow::Side;
use firmware_api::entry::return_path::{
    ReturnPathAction, ReturnPathKey, ReturnPathV4, ReturnPathV6,
};
use firmware_api::{DropReason, Memory, Protocol, PuntReason, Zone};

use super::packet::{Decision, Forward, Packet, Source, Translation};
use super::{address, leave};
use crate::lookup::Tables;

/// The frontend that a backend's replies come from: by the port, or else by the address alone.
pub(super) fn find<M: Memory>(
    tables: &Tables<'_, M>,
    zone: Zone,
    source: IpAddr,
    protocol: Protocol,
    port: u16,
) -> Option<ReturnPathAction<IpAddr>> {
    let exactly = |port| match source {
        IpAddr::V4(source) => {
            let like = ReturnPathV4::of_key(key(zone, source, protocol, port));
            Some(tables.exact(like)?.action().any_family())
        }
        IpAddr::V6(source) => {
            let like = ReturnPathV6::of_key(key(zone, source, protocol, port));
            Some(tables.exact(like)?.action().any_family())
        }
    };
    exactly(port).or_else(|| exactly(0))
}

const fn key<A: Copy>(zone: Zone, source: A, protocol: Protocol, port: u16) -> ReturnPathKey<A> {
    ReturnPathKey {
        zone,
        source,
        protocol,
        port,
    }
}

/// Gives a reply its frontend's address (FWD-01), if it can be one; `None` when it cannot.
///
/// A packet between instances may be a reply through an internal frontend or a connection of its
/// own: the driver knows. Without it, it counts as a reply, and goes to that instance; so does a
/// fragment, of which the driver knows nothing. In the name of an internal frontend nothing goes to
/// anybody else: only the driver knows behind which instance its client is (FWD-09).
pub(super) fn reply<M: Memory>(
    tables: &Tables<'_, M>,
    packet: &Packet,
    frame: &[u8],
    driverless: bool,
) -> Option<Decision> {
    let headers = &packet.headers;
    if !headers.is_claimable() || headers.is_request() || packet.source == Source::Foreign {
        return None;
    }
    let (source, destination) = (headers.source(frame), headers.destination(frame));
    let frontend = find(
        tables,
        packet.network(),
        source,
        headers.protocol,
        headers.source_port,
    )?;
    let instance = address::owner(tables, packet.network(), destination);
    let is_unknown = instance.is_none() && frontend.internal;
    if headers.is_fragment() {
        if !frontend.fragments || is_unknown {
            return Some(Err(DropReason::Fragment.into()));
        }
    } else if is_unknown || instance.is_some() && !driverless {
        return Some(Err(PuntReason::Midflow.into()));
    }
    let egress = instance.map_or_else(
        || Ok(leave::egress(tables, packet, destination)),
        |id| address::instance(tables, id).map(|instance| instance.vport),
    );
    Some(egress.map_err(Into::into).map(|egress| Forward {
        translation: Some(Translation::to(
            Side::Source,
            frontend.address,
            frontend.port,
        )),
        copy: None,
        egress,
    }))
}
