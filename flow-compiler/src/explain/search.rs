//! Lookups by linear search: every entry is looked at, families and all.

use std::net::IpAddr;

use firmware_api::entry::address::AddressKey;
use firmware_api::entry::frontend::FrontendAction;
use firmware_api::entry::instance::InstanceId;
use firmware_api::entry::return_path::ReturnPathAction;
use firmware_api::{Protocol, Zone};

use crate::tables::Tables;

/// A key of the frontend and return-path tables, of either family.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) zone: Zone,
    pub(super) address: IpAddr,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
}

/// The action of a frontend, and whether every port is its (HA ports). A named port comes first.
pub(super) fn frontend(tables: &Tables, key: Key) -> Option<(FrontendAction, bool)> {
    let v4 = tables.frontend_v4.iter().map(|(k, action)| {
        (
            of(k.zone, k.destination.into(), k.protocol, k.port),
            *action,
        )
    });
    let v6 = tables.frontend_v6.iter().map(|(k, action)| {
        (
            of(k.zone, k.destination.into(), k.protocol, k.port),
            *action,
        )
    });
    by_port_then_any(&v4.chain(v6), key)
}

/// The frontend that a reply has to come from.
pub(super) fn return_path(tables: &Tables, key: Key) -> Option<ReturnPathAction<IpAddr>> {
    let v4 = tables.return_path_v4.iter().map(|(k, a)| {
        (
            of(k.zone, k.source.into(), k.protocol, k.port),
            a.any_family(),
        )
    });
    let v6 = tables.return_path_v6.iter().map(|(k, a)| {
        (
            of(k.zone, k.source.into(), k.protocol, k.port),
            a.any_family(),
        )
    });
    by_port_then_any(&v4.chain(v6), key).map(|(action, _)| action)
}

const fn of(zone: Zone, address: IpAddr, protocol: Protocol, port: u16) -> Key {
    Key {
        zone,
        address,
        protocol,
        port,
    }
}

fn by_port_then_any<T: Copy>(
    entries: &(impl Iterator<Item = (Key, T)> + Clone),
    key: Key,
) -> Option<(T, bool)> {
    let find = |key| {
        entries
            .clone()
            .find(|(k, _)| *k == key)
            .map(|(_, action)| action)
    };
    let any = || find(Key { port: 0, ..key }).map(|action| (action, true));
    find(key).map(|action| (action, key.port == 0)).or_else(any)
}

/// The owner of an address.
pub(super) fn address(tables: &Tables, zone: Zone, destination: IpAddr) -> Option<InstanceId> {
    let key = AddressKey { zone, destination };
    tables
        .address
        .iter()
        .find(|(k, _)| **k == key)
        .map(|(_, instance)| *instance)
}
