//! `flow_lookup`: the packets of known flows. A hit translates one side and updates the flow's
//! state; FIN, RST and a new SYN are told to the driver.

use std::net::IpAddr;

use firmware_api::entry::ExactEntry;
use firmware_api::entry::Key;
use firmware_api::entry::flow::{FlowAction, FlowV4, FlowV6};
use firmware_api::entry::port::Port;
use firmware_api::flow_state::{self, Sighting, tcp_flags};
use firmware_api::packet::{Headers, parse};
use firmware_api::punt::Punt;
use firmware_api::{
    DropReason, EGRESS_RECIRCULATE, Family, Memory, PuntReason, TableId, Zone, control,
};

use super::Conditions;
use super::packet::{Copied, Decision, Forward, Packet, Translation};
use crate::activity::Activity;
use crate::lookup::{self, Tables};

/// The key words of a packet are the packet's own bytes: source and destination address stand side
/// by side in the IP header.
#[inline]
fn key<const N: usize, E: ExactEntry<N>>(headers: &Headers, zone: Zone, frame: &[u8]) -> Key<N> {
    let (addresses, len) = headers.addresses();
    let mut words = [0; N];
    for (word, bytes) in words
        .iter_mut()
        .zip(frame[addresses..addresses + 2 * len].chunks_exact(8))
    {
        *word = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    }
    let ports = [headers.source_port, headers.destination_port].map(u16::swap_bytes);
    words[len / 4] = u64::from(ports[0]) | u64::from(ports[1]) << 16;
    words[N - 1] = control::key(zone, headers.protocol);
    Key::of::<E>(&words)
}

/// The flow hash of a packet; the buckets of it are on their way into the cache then.
#[inline]
pub(super) fn hash<M: Memory>(
    tables: &Tables<'_, M>,
    headers: &Headers,
    zone: Zone,
    frame: &[u8],
) -> u64 {
    match headers.family {
        Family::V4 => {
            let hash = key::<4, FlowV4>(headers, zone, frame).hash::<FlowV4>(tables.secret);
            lookup::prefetch::<4>(tables.spaces, tables.layout.table(TableId::FlowV4), hash);
            hash
        }
        Family::V6 => {
            let hash = key::<8, FlowV6>(headers, zone, frame).hash::<FlowV6>(tables.secret);
            lookup::prefetch::<8>(tables.spaces, tables.layout.table(TableId::FlowV6), hash);
            hash
        }
    }
}

/// The flow hash that a punt record carries, from its captured bytes: 0 without a flow.
pub(crate) fn record_hash<M: Memory>(tables: &Tables<'_, M>, punt: &Punt, bytes: &[u8]) -> u32 {
    // The rest of the frame does not matter, but that it is there does.
    let mut frame = bytes.to_vec();
    frame.resize(usize::from(punt.length), 0);
    let zone = if punt.ingress == EGRESS_RECIRCULATE {
        Some(Zone::UPLINK)
    } else {
        let port = tables.valid::<4, Port>(punt.ingress.into());
        port.map(|port| port.config().zone)
    };
    match (parse(&frame), zone) {
        (Ok(headers), Some(zone)) if headers.has_flow() => {
            hash(tables, &headers, zone, &frame) as u32
        }
        _ => 0,
    }
}

/// The action of the packet's flow entry; its state block is on its way into the cache then.
#[inline]
pub(super) fn find<M: Memory>(
    tables: &Tables<'_, M>,
    packet: &Packet,
    frame: &[u8],
) -> Option<FlowAction<IpAddr>> {
    if !packet.headers.has_flow() {
        return None;
    }
    let Packet {
        headers,
        zone,
        hash,
        ..
    } = packet;
    let table = |id| tables.layout.table(id);
    let action = match headers.family {
        Family::V4 => {
            let key = key::<4, FlowV4>(headers, *zone, frame);
            let table = table(TableId::FlowV4);
            lookup::find_hashed::<4, FlowV4>(tables.spaces, table, *hash, &key)
                .map(|words| entry::<4, FlowV4>(words).action().any_family())
        }
        Family::V6 => {
            let key = key::<8, FlowV6>(headers, *zone, frame);
            let table = table(TableId::FlowV6);
            lookup::find_hashed::<8, FlowV6>(tables.spaces, table, *hash, &key)
                .map(|words| entry::<8, FlowV6>(words).action().any_family())
        }
    }?;
    if let Some(at) = tables.layout.flow_state(action.flow) {
        tables.spaces.bar2.prefetch(at);
    }
    Some(action)
}

fn entry<const N: usize, E: ExactEntry<N>>(words: [u64; N]) -> E {
    E::from_words(words)
}

/// Translates a packet of a known flow (FWD-01) and updates the flow's state, unless it is traced.
#[inline]
pub(super) fn hit<M: Memory>(
    tables: &Tables<'_, M>,
    activity: &mut Activity,
    conditions: Conditions,
    packet: &Packet,
    action: &FlowAction<IpAddr>,
) -> Decision {
    let headers = &packet.headers;
    let state = tables
        .layout
        .flow_state(action.flow)
        .ok_or(DropReason::BrokenReference)?;
    if !conditions.trace {
        let sighting = Sighting {
            direction: action.direction,
            tick: conditions.tick,
            tcp_flags: headers.tcp_flags,
            tcp_ack: headers.tcp_ack,
            bytes: headers.ip_len(),
        };
        flow_state::record(tables.spaces.bar2, state, sighting);
        activity.mark(action.flow);
    }
    let ends = headers.tcp_flags & (tcp_flags::FIN | tcp_flags::RST) != 0;
    let reopens = headers.is_tcp_open() && !conditions.reprocess;
    Ok(Forward {
        translation: Some(Translation {
            side: action.side,
            address: action.address,
            port: Some(action.port),
        }),
        copy: (ends || reopens).then_some(Copied {
            flow: Some(action.flow),
            ..Copied::plain(PuntReason::Teardown)
        }),
        egress: action.egress,
    })
}
