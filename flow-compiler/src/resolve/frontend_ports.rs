//! A frontend address, protocol and port leads to one rule (L-FIP-10). Every port (HA ports)
//! beside single ports is not a collision: single ports are looked up first.

use std::collections::HashMap;
use std::net::IpAddr;

use firmware_api::Protocol;

use super::balancer::Balancer;
use crate::diagnostic::{Code, Report, Span};
use crate::ir::{FrontendIndex, PortRange, Transport};

/// One rule's claim.
struct Claim {
    frontend: FrontendIndex,
    transport: Transport,
    ports: PortRange,
    rule: String,
    span: Span,
}

/// Reports every rule that listens where another one already does.
pub(super) fn check(balancers: &[Balancer<'_>], report: &Report) {
    let mut taken: HashMap<(IpAddr, Protocol, u16), String> = HashMap::new();
    for balancer in balancers {
        for claim in claims(balancer) {
            let address = balancer.frontends[claim.frontend.0].ir.address;
            let keys = claim
                .transport
                .protocols()
                .iter()
                .flat_map(|p| claim.ports.ports().map(move |port| (address, *p, port)));
            let first = keys
                .clone()
                .find_map(|key| taken.get(&key).map(|rule| (key.2, rule)));
            if let Some((port, first)) = first {
                report_collision(&claim, address, port, first, report);
            }
            for key in keys {
                taken.entry(key).or_insert_with(|| claim.rule.clone());
            }
        }
    }
}

fn report_collision(claim: &Claim, address: IpAddr, port: u16, first: &str, report: &Report) {
    let Claim {
        transport,
        rule,
        span,
        ..
    } = claim;
    let transport = transport.name();
    let message =
        format!("rule `{rule}`: {address} {transport} port {port} already leads to `{first}`");
    let hint = "choose another `frontendPort` or frontend";
    report.add(Code::FrontendPortInUse, *span, message, hint);
}

fn claims(balancer: &Balancer<'_>) -> Vec<Claim> {
    let rules = balancer.rules.iter().map(|site| Claim {
        frontend: site.ir.frontend,
        transport: site.ir.transport,
        ports: PortRange::one(site.ir.frontend_port),
        rule: balancer.full_name(&site.ir.name),
        span: site
            .config
            .frontend_port
            .map_or(site.config.span, |port| port.span),
    });
    // The members of a pool share what their rule claims.
    let mut nat_rules: Vec<_> = balancer.nat_rules.iter().collect();
    nat_rules.dedup_by_key(|site| std::ptr::from_ref(site.config));
    let nat_rules = nat_rules.into_iter().map(|site| Claim {
        frontend: site.ir.frontend,
        transport: site.ir.transport,
        ports: site.ir.listens_on(),
        rule: balancer.full_name(&site.ir.name),
        span: site.config.port_span(),
    });
    rules.chain(nat_rules).collect()
}
