//! Whether public addresses have the SNAT ports that are asked of them (L-OUT-10, L-OUT-11).
//!
//! Addresses that some allotment uses together are one stock. A stock has 64,000 ports for each
//! address and transport protocol, less eight for every block that a rule listens on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use firmware_api::Protocol;

use crate::diagnostic::{Code, Report, Span};
use crate::ir::SnatAllotment;

/// SNAT ports of an address and protocol: 1024..=65023.
const PORTS_PER_ADDRESS: u64 = 64_000;

/// Ports that are asked of some addresses together.
pub(super) struct Demand {
    rule: String,
    span: Span,
    protocol: Protocol,
    addresses: Vec<IpAddr>,
    ports: u64,
}

impl Demand {
    pub(super) fn new(
        allotment: &SnatAllotment,
        protocol: Protocol,
        ports: u64,
        span: Span,
    ) -> Self {
        Self {
            rule: allotment.rule.clone(),
            span,
            protocol,
            addresses: allotment.addresses.clone(),
            ports,
        }
    }
}

/// Reports stocks of addresses that have fewer ports than are asked of them.
pub(super) fn check(
    demands: &[Demand],
    reserved: &BTreeMap<IpAddr, BTreeSet<u16>>,
    report: &Report,
) {
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let demands: Vec<&Demand> = demands.iter().filter(|d| d.protocol == protocol).collect();
        let stocks = Stocks::of(&demands);
        for (addresses, demands) in stocks.groups(&demands) {
            let capacity = addresses.iter().map(|a| capacity(*a, reserved)).sum();
            check_stock(&addresses, capacity, &demands, report);
        }
    }
}

fn capacity(address: IpAddr, reserved: &BTreeMap<IpAddr, BTreeSet<u16>>) -> u64 {
    let blocks = reserved.get(&address).map_or(0, BTreeSet::len) as u64;
    PORTS_PER_ADDRESS.saturating_sub(8 * blocks)
}

fn check_stock(addresses: &BTreeSet<IpAddr>, capacity: u64, demands: &[&Demand], report: &Report) {
    let asked: u64 = demands.iter().map(|demand| demand.ports).sum();
    let Some(last) = demands.iter().max_by_key(|demand| demand.span) else {
        return;
    };
    if asked <= capacity {
        return;
    }
    let names: Vec<String> = addresses.iter().take(4).map(ToString::to_string).collect();
    let message = format!(
        "rule `{}` and those that share its addresses ask for {asked} SNAT ports; {} together have {capacity}",
        last.rule,
        names.join(", ")
    );
    let hint = "allocate fewer ports per instance, add frontends, or use an outbound rule";
    report.add(Code::SnatCapacity, last.span, message, hint);
}

/// Which addresses belong together: each address leads to the smallest of its stock.
struct Stocks {
    leads_to: BTreeMap<IpAddr, IpAddr>,
}

impl Stocks {
    fn of(demands: &[&Demand]) -> Self {
        let mut stocks = Self {
            leads_to: BTreeMap::new(),
        };
        for demand in demands {
            for pair in demand.addresses.windows(2) {
                stocks.join(pair[0], pair[1]);
            }
        }
        stocks
    }

    fn first(&self, mut address: IpAddr) -> IpAddr {
        while let Some(next) = self.leads_to.get(&address) {
            address = *next;
        }
        address
    }

    fn join(&mut self, a: IpAddr, b: IpAddr) {
        let (a, b) = (self.first(a), self.first(b));
        if a != b {
            self.leads_to.insert(a.max(b), a.min(b));
        }
    }

    /// The addresses and demands of every stock.
    fn groups<'d>(&self, demands: &[&'d Demand]) -> Vec<(BTreeSet<IpAddr>, Vec<&'d Demand>)> {
        let mut groups: BTreeMap<IpAddr, (BTreeSet<IpAddr>, Vec<&Demand>)> = BTreeMap::new();
        for demand in demands {
            let Some(first) = demand.addresses.first() else {
                continue;
            };
            let group = groups.entry(self.first(*first)).or_default();
            group.0.extend(&demand.addresses);
            group.1.push(demand);
        }
        groups.into_values().collect()
    }
}
