//! `egress`: the link header of the port that a packet leaves by.

use firmware_api::entry::port::{Port, PortKind};
use firmware_api::packet::Headers;
use firmware_api::packet::header::ethertype;
use firmware_api::{DropReason, Family, Memory, PortId};

use crate::batch::Frame;
use crate::lookup::Tables;

const UNTAGGED: u16 = 14;
const TAGGED: u16 = 18;

/// Whether a port sends.
pub(super) fn is_on<M: Memory>(tables: &Tables<'_, M>, port: PortId) -> bool {
    tables
        .valid::<4, Port>(port.into())
        .is_some_and(|port| port.config().kind != PortKind::Off)
}

/// Writes MACs and VLAN tag of the egress port; the tag's priority is 0.
#[inline]
pub(super) fn emit<M: Memory>(
    tables: &Tables<'_, M>,
    frame: &mut Frame,
    headers: &Headers,
    egress: PortId,
) -> Result<(), DropReason> {
    let port = tables
        .valid::<4, Port>(egress.into())
        .map(|port| port.config())
        .filter(|port| port.kind != PortKind::Off)
        .ok_or(DropReason::EgressOff)?;
    let (peer, kind) = match headers.family {
        Family::V4 => (port.peer_mac_v4, ethertype::IPV4),
        Family::V6 => (port.peer_mac_v6, ethertype::IPV6),
    };
    let tagged = port.vlan != 0;
    frame.move_start(headers.l3, if tagged { TAGGED } else { UNTAGGED });
    let bytes = frame.bytes_mut();
    bytes[..6].copy_from_slice(&peer);
    bytes[6..12].copy_from_slice(&port.own_mac);
    if tagged {
        bytes[12..14].copy_from_slice(&ethertype::VLAN.to_be_bytes());
        bytes[14..16].copy_from_slice(&(port.vlan & 0x0fff).to_be_bytes());
        bytes[16..18].copy_from_slice(&kind.to_be_bytes());
    } else {
        bytes[12..14].copy_from_slice(&kind.to_be_bytes());
    }
    Ok(())
}
