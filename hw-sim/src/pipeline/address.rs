//! `address`: whose the destination is. In zone uplink it is a 1:1 public address, in zone vnet an
//! instance's own.

use std::net::IpAddr;

use firmware_api::entry::address::{Address, AddressKey};
use firmware_api::entry::flow::Side;
use firmware_api::entry::instance::{Instance, InstanceConfig, InstanceId};
use firmware_api::entry::snat_block::{SnatBlock, SnatBlockKey};
use firmware_api::{DropReason, Family, Memory, Zone};

use super::packet::{Decision, Forward, Packet, Translation};
use crate::lookup::Tables;

/// The instance that owns an address.
pub(super) fn owner<M: Memory>(
    tables: &Tables<'_, M>,
    zone: Zone,
    destination: IpAddr,
) -> Option<InstanceId> {
    tables
        .exact(Address::new(AddressKey { zone, destination }, 0))
        .map(|entry| entry.instance())
}

/// The facts of an instance that an entry names.
pub(super) fn instance<M: Memory>(
    tables: &Tables<'_, M>,
    id: InstanceId,
) -> Result<InstanceConfig, DropReason> {
    tables
        .valid::<8, Instance>(id.into())
        .map(|instance| instance.config())
        .ok_or(DropReason::BrokenReference)
}

/// Whether the destination port of the packet is in a SNAT block of the destination.
pub(super) fn is_snat_block<M: Memory>(
    tables: &Tables<'_, M>,
    packet: &Packet,
    destination: IpAddr,
) -> bool {
    let key = SnatBlockKey {
        address: destination,
        protocol: packet.protocol(),
        block: packet.headers.destination_port / 8,
    };
    packet.headers.has_ports() && tables.exact(SnatBlock::new(key, 0)).is_some()
}

/// Delivers a packet to the instance behind a 1:1 public address (OUT-03, L-OUT-02).
pub(super) fn one_to_one<M: Memory>(
    tables: &Tables<'_, M>,
    packet: &Packet,
    owner: InstanceId,
) -> Decision {
    let instance = instance(tables, owner)?;
    let address = match packet.headers.family {
        Family::V4 => instance.address_v4.map(IpAddr::V4),
        Family::V6 => instance.address_v6.map(IpAddr::V6),
    };
    let address = address.ok_or(DropReason::BrokenReference)?;
    Ok(Forward {
        translation: Some(Translation::to(Side::Destination, address, 0)),
        copy: None,
        egress: instance.vport,
    })
}

/// Delivers a packet from one instance to another as it is.
pub(super) fn direct<M: Memory>(tables: &Tables<'_, M>, owner: InstanceId) -> Decision {
    Ok(Forward {
        translation: None,
        copy: None,
        egress: instance(tables, owner)?.vport,
    })
}
