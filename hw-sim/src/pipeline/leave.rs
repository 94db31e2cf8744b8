//! Leaving for a public destination: to the uplink, or, when the destination is ours, through the
//! pipeline again (spec A-15).

use std::net::IpAddr;

use firmware_api::{EGRESS_RECIRCULATE, Memory, PortId, UPLINK_PORT, Zone};

use super::packet::Packet;
use super::{address, frontend};
use crate::lookup::Tables;

/// Where a packet to `destination` leaves.
pub(super) fn egress<M: Memory>(
    tables: &Tables<'_, M>,
    packet: &Packet,
    destination: IpAddr,
) -> PortId {
    let port = packet.headers.destination_port;
    let is_frontend = || {
        packet.headers.is_claimable()
            && frontend::find(tables, Zone::UPLINK, destination, packet.protocol(), port).is_some()
    };
    let is_ours = address::owner(tables, Zone::UPLINK, destination).is_some()
        || address::is_snat_block(tables, packet, destination)
        || is_frontend();
    if is_ours {
        EGRESS_RECIRCULATE
    } else {
        UPLINK_PORT
    }
}
