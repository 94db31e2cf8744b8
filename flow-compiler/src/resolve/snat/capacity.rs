//! Whether public addresses have the SNAT ports that are asked of them (L-OUT-10, L-OUT-11).
//!
//! An address has 64,000 ports for each transport protocol, less eight for every block that a rule
//! listens on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use firmware_api::Protocol;

use crate::diagnostic::{Code, Report, Span};
use crate::ir::SnatAllotment;

/// SNAT ports of an address and protocol: 1024..=65023.
const PORTS_PER_ADDRESS: u64 = 64_000;

/// The ports that are asked of each address.
#[derive(Default)]
pub(super) struct Demands(BTreeMap<(IpAddr, Protocol), Demand>);

struct Demand {
    ports: u64,
    /// The last rule that asks, and where it is written.
    last: (Span, String),
}

impl Demands {
    /// Adds what a rule gives to each of so many instances.
    pub(super) fn add(
        &mut self,
        allotment: &SnatAllotment,
        protocol: Protocol,
        instances: u64,
        span: Span,
    ) {
        let last = (span, allotment.rule.clone());
        for quota in &allotment.quotas {
            let demand = self
                .0
                .entry((quota.address, protocol))
                .or_insert_with(|| Demand {
                    ports: 0,
                    last: last.clone(),
                });
            demand.ports += u64::from(quota.ports) * instances;
            if last > demand.last {
                demand.last = last.clone();
            }
        }
    }

    /// Reports addresses that have fewer ports than are asked of them.
    pub(super) fn check(&self, reserved: &BTreeMap<IpAddr, BTreeSet<u16>>, report: &Report) {
        for ((address, _), demand) in &self.0 {
            let blocks = reserved.get(address).map_or(0, BTreeSet::len) as u64;
            let capacity = PORTS_PER_ADDRESS.saturating_sub(8 * blocks);
            if demand.ports > capacity {
                let (span, rule) = &demand.last;
                let message = format!(
                    "rule `{rule}` brings the SNAT ports asked of {address} to {}; it has {capacity}",
                    demand.ports
                );
                let hint = "allocate fewer ports per instance, or add frontends";
                report.add(Code::SnatCapacity, *span, message, hint);
            }
        }
    }
}
