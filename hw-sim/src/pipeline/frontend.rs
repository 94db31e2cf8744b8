//! `frontend`: is the destination a frontend? Then a new flow is balanced by the rule's hash, or
//! forwarded to the one backend of an inbound NAT rule, or an echo request is answered by the driver.
//! What only passes a rule's members, as the next hop of its sender, is selected here as well.

use std::net::IpAddr;

use firmware_api::entry::backend::{Backend, BackendConfig, BackendId};
use firmware_api::entry::flow::Side;
use firmware_api::entry::frontend::{FrontendAction, FrontendKey, FrontendV4, FrontendV6};
use firmware_api::entry::rule::{Rule, RuleId};
use firmware_api::entry::selector::Selector;
use firmware_api::packet::{Class, Headers};
use firmware_api::selector::{HashMode, SelectorHash};
use firmware_api::{DropReason, Family, Memory, Protocol, PuntReason, Zone};

use super::packet::{Copied, Decision, Forward, Packet, Translation};
use crate::lookup::Tables;

/// The frontend of that port, or else the HA-ports frontend of the address (spec L-HA-02).
pub(super) fn find<M: Memory>(
    tables: &Tables<'_, M>,
    zone: Zone,
    destination: IpAddr,
    protocol: Protocol,
    port: u16,
) -> Option<FrontendAction> {
    let exactly = |port| match destination {
        IpAddr::V4(destination) => {
            let key = FrontendKey {
                zone,
                destination,
                protocol,
                port,
            };
            tables
                .exact(FrontendV4::new(key, FrontendAction::Balance(0)))
                .map(|entry| entry.action())
        }
        IpAddr::V6(destination) => {
            let key = FrontendKey {
                zone,
                destination,
                protocol,
                port,
            };
            tables
                .exact(FrontendV6::new(key, FrontendAction::Balance(0)))
                .map(|entry| entry.action())
        }
    };
    exactly(port).or_else(|| exactly(0))
}

/// The frontend that a packet is for, in its own network.
pub(super) fn of<M: Memory>(
    tables: &Tables<'_, M>,
    packet: &Packet,
    frame: &[u8],
) -> Option<FrontendAction> {
    let destination = packet.headers.destination(frame);
    let port = packet.headers.destination_port;
    packet.headers.is_claimable().then(|| {
        find(
            tables,
            packet.network(),
            destination,
            packet.protocol(),
            port,
        )
    })?
}

/// Forwards a new flow to a backend (GEN-01, DIST-01, NATR-01).
pub(super) fn balance<M: Memory>(
    tables: &Tables<'_, M>,
    packet: &Packet,
    frame: &[u8],
    action: FrontendAction,
    driverless: bool,
) -> Decision {
    let headers = &packet.headers;
    may_begin(headers, driverless)?;
    let (id, rule) = match action {
        FrontendAction::PortForward(..) if headers.is_fragment() => {
            return Err(packet.unclaimed(DropReason::NoFrontend));
        }
        FrontendAction::PortForward(backend, rule) => (backend, rule),
        FrontendAction::Balance(rule) => {
            (select(tables, headers, frame, rule, HashMode::hash)?, rule)
        }
        FrontendAction::AnswerEcho if headers.class == Class::EchoRequest => {
            return Err(PuntReason::Echo.into());
        }
        FrontendAction::AnswerEcho => return Err(packet.unclaimed(DropReason::NoFrontend)),
    };
    let backend = backend(tables, headers, id)?;
    Ok(Forward {
        translation: Some(Translation::to(
            Side::Destination,
            backend.address,
            backend.port,
        )),
        copy: (!driverless && !headers.is_fragment()).then_some(chosen(
            PuntReason::Learn,
            rule,
            id,
        )),
        egress: backend.egress,
    })
}

/// Sends a new flow as it is through the member of its next hop that either direction of it selects
/// (L-HA-08).
pub(super) fn steer<M: Memory>(
    tables: &Tables<'_, M>,
    packet: &Packet,
    frame: &[u8],
    rule: RuleId,
    driverless: bool,
) -> Decision {
    let headers = &packet.headers;
    may_begin(headers, driverless)?;
    let id = select(tables, headers, frame, rule, HashMode::symmetric_hash)?;
    Ok(Forward {
        translation: None,
        copy: (!driverless).then_some(chosen(PuntReason::Steer, rule, id)),
        egress: backend(tables, headers, id)?.egress,
    })
}

/// TCP that opens no connection is of a flow that the driver knows, if it lives.
fn may_begin(headers: &Headers, driverless: bool) -> Result<(), PuntReason> {
    if headers.class == Class::Tcp && !headers.is_tcp_open() && !driverless {
        return Err(PuntReason::Midflow);
    }
    Ok(())
}

fn backend<M: Memory>(
    tables: &Tables<'_, M>,
    headers: &Headers,
    id: BackendId,
) -> Result<BackendConfig, DropReason> {
    tables
        .valid::<4, Backend>(id.into())
        .map(|backend| backend.config())
        .filter(|backend| backend.address.is_ipv4() == (headers.family == Family::V4))
        .ok_or(DropReason::BrokenReference)
}

/// A record that tells which backend a rule chose.
const fn chosen(reason: PuntReason, rule: RuleId, backend: BackendId) -> Copied {
    Copied {
        rule: Some(rule),
        backend: Some(backend),
        ..Copied::plain(reason)
    }
}

/// The backend that the rule's hash selects; that of a fragment by the addresses, which are all that
/// every fragment of a datagram has (spec A-17).
fn select<M: Memory>(
    tables: &Tables<'_, M>,
    headers: &Headers,
    frame: &[u8],
    rule: RuleId,
    hash: SelectorHash,
) -> Result<BackendId, DropReason> {
    let rule = tables
        .valid::<1, Rule>(rule.into())
        .and_then(|rule| rule.config())
        .ok_or(DropReason::BrokenReference)?;
    let (at, len) = headers.addresses();
    let (source, destination) = frame[at..at + 2 * len].split_at(len);
    let ports = headers.port_octets();
    let mode = match headers.is_fragment() {
        false => rule.mode,
        true if rule.fragments => HashMode::TwoTuple,
        true => return Err(DropReason::Fragment),
    };
    let slot = hash(mode, source, destination, headers.ip_protocol, ports)
        .checked_rem(rule.selector_size)
        .ok_or(DropReason::NoBackend)?;
    let words = tables
        .row::<1, Selector>(rule.selector_base + slot)
        .ok_or(DropReason::BrokenReference)?;
    let selector: Selector = firmware_api::entry::Entry::from_words(words);
    selector.backend().ok_or(DropReason::NoBackend)
}
