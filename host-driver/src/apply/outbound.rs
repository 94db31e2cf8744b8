//! The SNAT plan of a configuration: which instance has how many ports on which public addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;

use firmware_api::{Family, PortId, Protocol};
use flow_compiler::ir::{Ir, Outbound, SnatQuota};

use crate::engine::OutboundFacts;
use crate::miss::snat_protocol;
use crate::snat::{self, BLOCK_PORTS, InstanceId, Plan, Quota, ReservedPort, Share};

/// The ports that the configuration gives out. Instances are numbered by their vports, which stay
/// the same while the device's instance ids may change.
pub(super) fn plan(ir: &Ir) -> Plan {
    let mut shares: BTreeMap<(PortId, snat::Protocol), Vec<Quota>> = BTreeMap::new();
    for ((instance, _, protocol), way) in &ir.outbound.ways {
        if let (Outbound::Snat(allotments), Some(protocol)) = (way, snat_protocol(*protocol)) {
            let quotas = shares
                .entry((ir.instance(*instance).vport, protocol))
                .or_default();
            allotments
                .iter()
                .flat_map(|a| &a.quotas)
                .for_each(|quota| add(quotas, *quota));
        }
    }
    let shares = shares
        .into_iter()
        .map(|((vport, protocol), addresses)| Share {
            instance: InstanceId(vport.into()),
            protocol,
            addresses,
        });
    let reserved = ir
        .outbound
        .reserved_blocks
        .iter()
        .flat_map(|(address, blocks)| {
            blocks.iter().map(|block| ReservedPort {
                address: *address,
                port: block * BLOCK_PORTS,
            })
        });
    Plan {
        shares: shares.collect(),
        reserved: reserved.collect(),
    }
}

/// Two rules may give ports of the same address.
fn add(quotas: &mut Vec<Quota>, SnatQuota { address, ports }: SnatQuota) {
    let ports = u32::from(ports);
    match quotas.iter_mut().find(|quota| quota.address == address) {
        Some(same) => same.ports += ports,
        None => quotas.push(Quota { address, ports }),
    }
}

/// How flows leave that get a SNAT port: by vport, family and protocol.
pub(super) fn facts(
    ir: &Ir,
) -> impl Iterator<Item = ((PortId, Family, Protocol), OutboundFacts)> + '_ {
    ir.outbound
        .ways
        .iter()
        .filter_map(|((instance, family, protocol), way)| {
            let Outbound::Snat(allotments) = way else {
                return None;
            };
            let first = allotments.first()?;
            let facts = OutboundFacts {
                idle_timeout: first.idle_seconds * 1000,
                reset_on_idle: first.tcp_reset,
            };
            Some(((ir.instance(*instance).vport, *family, *protocol), facts))
        })
}

/// The public addresses that an instance leaves by, in the order in which they are filled.
pub(crate) fn addresses(ir: &Ir, vport: PortId, protocol: Protocol) -> Vec<IpAddr> {
    let of_vport =
        ir.outbound.ways.iter().filter(|((instance, _, p), _)| {
            ir.instance(*instance).vport == vport && *p == protocol
        });
    of_vport
        .filter_map(|(_, way)| match way {
            Outbound::Snat(allotments) => Some(allotments),
            _ => None,
        })
        .flatten()
        .flat_map(|allotment| allotment.quotas.iter().map(|quota| quota.address))
        .collect()
}
