//! Where replies of backends come from, as far as the backend's address and port alone tell.
//!
//! Two frontends that send to one backend port (a public and an internal one) make the reply
//! ambiguous: then there is no entry, and the flow tables alone know.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::net::IpAddr;

use firmware_api::entry::return_path::{ReturnPathAction, ReturnPathKey};
use firmware_api::{Protocol, Zone};

use crate::ir::Settings;
use crate::tables::{Entry, Tables};

/// An address and a port.
pub(super) type Endpoint = (IpAddr, u16);

/// In whose name a backend answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Frontend {
    /// Its address and port.
    pub(super) at: Endpoint,
    /// Whether it is an internal one.
    pub(super) internal: bool,
}

/// Which frontend each backend endpoint answers for; none when there are several.
#[derive(Default)]
pub(super) struct ReturnPaths {
    frontends: BTreeMap<(IpAddr, Protocol, u16), Option<Frontend>>,
}

impl ReturnPaths {
    /// Notes that replies from `backend` belong to `frontend`.
    pub(super) fn claim(&mut self, backend: Endpoint, protocol: Protocol, frontend: Frontend) {
        match self.frontends.entry((backend.0, protocol, backend.1)) {
            Slot::Vacant(slot) => drop(slot.insert(Some(frontend))),
            Slot::Occupied(mut slot) => {
                if *slot.get() != Some(frontend) {
                    slot.insert(None);
                }
            }
        }
    }

    /// Writes the entries that are not ambiguous; those of HA ports are for every port.
    pub(super) fn write(self, settings: Settings, tables: &mut Tables) {
        for ((source, protocol, port), frontend) in self.frontends {
            let fragments = port == 0 && settings.ha_forward_fragments;
            if let Some(frontend) = frontend {
                tables.insert(entry((source, port), protocol, frontend, fragments));
            }
        }
    }
}

fn entry(source: Endpoint, protocol: Protocol, frontend: Frontend, fragments: bool) -> Entry {
    let port = source.1;
    match (source.0, frontend.at.0) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            Entry::ReturnPathV4(key(from, protocol, port), action(to, frontend, fragments))
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            Entry::ReturnPathV6(key(from, protocol, port), action(to, frontend, fragments))
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            unreachable!("a backend has its frontend's family")
        }
    }
}

fn key<A>(source: A, protocol: Protocol, port: u16) -> ReturnPathKey<A> {
    ReturnPathKey {
        zone: Zone::VNET,
        source,
        protocol,
        port,
    }
}

fn action<A>(address: A, frontend: Frontend, fragments: bool) -> ReturnPathAction<A> {
    ReturnPathAction {
        address,
        port: frontend.at.1,
        internal: frontend.internal,
        fragments,
    }
}
