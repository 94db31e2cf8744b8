//! Flow entries of either family.

use std::net::IpAddr;

use firmware_api::entry::flow::{FlowAction, FlowKey, FlowV4, FlowV6};

/// A flow entry of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowEntry {
    /// IPv4.
    V4(FlowV4),
    /// IPv6.
    V6(FlowV6),
}

impl FlowEntry {
    /// The entry of one direction; `None` when the addresses are not of one family.
    #[inline]
    pub fn new(key: FlowKey<IpAddr>, action: FlowAction<IpAddr>) -> Option<Self> {
        match (key.source, key.destination, action.address) {
            (IpAddr::V4(source), IpAddr::V4(destination), IpAddr::V4(address)) => {
                let key = with_addresses(key, source, destination);
                Some(Self::V4(FlowV4::new(key, with_address(action, address))))
            }
            (IpAddr::V6(source), IpAddr::V6(destination), IpAddr::V6(address)) => {
                let key = with_addresses(key, source, destination);
                Some(Self::V6(FlowV6::new(key, with_address(action, address))))
            }
            _ => None,
        }
    }

    /// An entry that stands for its key, to look up or remove with.
    #[inline]
    pub fn like(key: FlowKey<IpAddr>) -> Option<Self> {
        use firmware_api::entry::flow::{Direction, Side};
        let action = FlowAction {
            flow: 0,
            direction: Direction::Forward,
            side: Side::Source,
            address: key.source,
            port: 0,
            egress: 0,
        };
        Self::new(key, action)
    }

    /// What it matches.
    pub fn key(&self) -> FlowKey<IpAddr> {
        match self {
            Self::V4(entry) => entry.flow_key().any_family(),
            Self::V6(entry) => entry.flow_key().any_family(),
        }
    }

    /// What it does.
    pub fn action(&self) -> FlowAction<IpAddr> {
        match self {
            Self::V4(entry) => entry.action().any_family(),
            Self::V6(entry) => entry.action().any_family(),
        }
    }

    /// The flow that it names.
    pub fn flow(&self) -> u32 {
        match self {
            Self::V4(entry) => entry.action().flow,
            Self::V6(entry) => entry.action().flow,
        }
    }
}

fn with_addresses<A>(key: FlowKey<IpAddr>, source: A, destination: A) -> FlowKey<A> {
    FlowKey {
        zone: key.zone,
        protocol: key.protocol,
        source,
        destination,
        source_port: key.source_port,
        destination_port: key.destination_port,
    }
}

fn with_address<A>(action: FlowAction<IpAddr>, address: A) -> FlowAction<A> {
    FlowAction {
        flow: action.flow,
        direction: action.direction,
        side: action.side,
        address,
        port: action.port,
        egress: action.egress,
    }
}
