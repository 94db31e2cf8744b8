//! A frontend address, protocol and port leads to one rule (L-FIP-10). Every port (HA ports)
//! beside single ports is not a collision: single ports are looked up first.

use std::collections::HashMap;
use std::net::IpAddr;

use firmware_api::Protocol;

use super::balancer::Balancer;
use crate::diagnostic::{Code, Report, Span};
use crate::ir::{FrontendIndex, Transport};

/// One rule's claim.
struct Claim {
    frontend: FrontendIndex,
    transport: Transport,
    port: u16,
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
                .map(|p| (address, *p, claim.port));
            let first = keys.clone().find_map(|key| taken.get(&key));
            if let Some(first) = first {
                report_collision(&claim, address, first, report);
            }
            for key in keys {
                taken.entry(key).or_insert_with(|| claim.rule.clone());
            }
        }
    }
}

fn report_collision(claim: &Claim, address: IpAddr, first: &str, report: &Report) {
    let Claim {
        transport,
        port,
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
        port: site.ir.frontend_port,
        rule: balancer.full_name(&site.ir.name),
        span: site
            .config
            .frontend_port
            .map_or(site.config.span, |port| port.span),
    });
    let nat_rules = balancer.nat_rules.iter().map(|site| Claim {
        frontend: site.ir.frontend,
        transport: site.ir.transport,
        port: site.ir.frontend_port,
        rule: balancer.full_name(&site.ir.name),
        span: site
            .config
            .frontend_port
            .map_or(site.config.span, |port| port.span),
    });
    rules.chain(nat_rules).collect()
}
