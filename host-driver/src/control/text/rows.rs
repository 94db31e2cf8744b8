//! `rules`, `backends`, `flows`, `snat`: one row each.

use super::{Table, count, duration};
use crate::control::view::{Backend, Flows, Health, NatMapping, Rule, RuleHealth, Snat};

/// What each rule does.
pub fn rules(rules: &[Rule]) -> String {
    if rules.is_empty() {
        return "The configuration has no rules.\n".into();
    }
    let mut table = Table::new([
        "RULE", "KIND", "PROTOCOL", "FRONTEND", "TARGET", ">READY", ">FLOWS", ">TOTAL", ">IDLE",
        "RESET",
    ]);
    for rule in rules {
        table.row([
            rule.name.clone(),
            rule.kind.clone(),
            rule.protocol.clone(),
            rule.frontend.clone(),
            rule.target.clone(),
            if rule.closed {
                "closed".into()
            } else {
                format!("{}/{}", rule.eligible, rule.backends)
            },
            count(rule.flows),
            count(rule.flows_total),
            duration(u64::from(rule.idle_timeout_seconds) * 1_000),
            if rule.tcp_reset {
                "yes".into()
            } else {
                "no".into()
            },
        ]);
        table.mark(5, rule.eligible == 0);
    }
    table.to_string()
}

/// Health and load of each backend.
pub fn backends(backends: &[Backend]) -> String {
    if backends.is_empty() {
        return "The configuration has no backends.\n".into();
    }
    let mut table = Table::new([
        "RULE",
        "INSTANCE",
        "ADDRESS",
        "HEALTH",
        "NEW FLOWS",
        ">FLOWS",
        ">TOTAL",
        "REASON",
    ]);
    for backend in backends {
        table.row([
            backend.rule.clone(),
            backend.instance.clone(),
            backend.address.clone(),
            backend.health.clone(),
            if backend.eligible {
                "yes".into()
            } else {
                "no".into()
            },
            count(backend.flows),
            count(backend.flows_total),
            backend.reason.clone(),
        ]);
        table.mark(3, backend.health == "down");
    }
    table.to_string()
}

/// The flows that were asked for, and how many more there are.
pub fn flows(flows: &Flows) -> String {
    if flows.total == 0 {
        return "There are no flows.\n".into();
    }
    let mut table = Table::new([
        ">ID",
        "PROTOCOL",
        "KIND",
        "INITIATOR",
        "OUTSIDE",
        "INSIDE",
        "RULE",
        "INSTANCE",
        "PHASE",
        ">ENDS IN",
    ]);
    for flow in &flows.flows {
        table.row([
            flow.id.to_string(),
            flow.protocol.clone(),
            flow.kind.clone(),
            flow.initiator.clone(),
            flow.outside.clone(),
            flow.inside.clone(),
            flow.rule.clone().unwrap_or_default(),
            flow.instance.clone().unwrap_or_default(),
            flow.phase.clone(),
            duration(flow.expires_in),
        ]);
    }
    let hidden = flows.total.saturating_sub(flows.flows.len() as u64);
    match hidden {
        0 => table.to_string(),
        _ => format!("{table}and {} more; --limit N shows more\n", count(hidden)),
    }
}

/// The health of load balancers, and of the backends of each probed rule.
pub fn health(health: &Health) -> String {
    let mut balancers = Table::new(["LOAD BALANCER", "HEALTH", ">AVAILABLE"]);
    for row in &health.load_balancers {
        let percent = row.availability_percent.map(|p| format!("{p} %"));
        balancers.row([
            row.load_balancer.clone(),
            row.availability_state.clone(),
            percent.unwrap_or_default(),
        ]);
        balancers.mark(1, row.availability_state != "Available");
    }
    let rules = rule_health(&health.rules);
    if balancers.is_empty() {
        rules
    } else {
        format!("{balancers}\n{rules}")
    }
}

fn rule_health(rules: &[RuleHealth]) -> String {
    if rules.is_empty() {
        return "No rule has a probe.\n".into();
    }
    let mut table = Table::new(["RULE", "ADDRESS", "INSTANCE", "STATE", "REASON"]);
    for rule in rules {
        for backend in &rule.load_balancer_backend_addresses {
            table.row([
                rule.rule.clone(),
                backend.ip_address.clone(),
                backend.network_interface_ip_configuration_id.clone(),
                backend.state.clone(),
                backend.reason.clone(),
            ]);
            table.mark(3, backend.state == "Down");
        }
    }
    let up: usize = rules.iter().map(|rule| rule.up).sum();
    let down: usize = rules.iter().map(|rule| rule.down).sum();
    format!("{table}{up} up, {down} down\n")
}

/// Inbound NAT rules by instance.
pub fn nat(mappings: &[NatMapping]) -> String {
    if mappings.is_empty() {
        return "The configuration has no inbound NAT rules.\n".into();
    }
    let mut table = Table::new(["INSTANCE", "RULE", "PROTOCOL", "FRONTEND", "BACKEND"]);
    for row in mappings {
        let end = |address: &str, port| {
            let is_v6 = address.contains(':');
            if is_v6 {
                format!("[{address}]:{port}")
            } else {
                format!("{address}:{port}")
            }
        };
        table.row([
            row.instance.clone(),
            row.inbound_nat_rule_name.clone(),
            row.protocol.clone(),
            end(&row.frontend_address, row.frontend_port),
            end(&row.backend_address, row.backend_port),
        ]);
    }
    table.to_string()
}

/// SNAT ports of each instance.
pub fn snat(rows: &[Snat]) -> String {
    if rows.is_empty() {
        return "No instance has SNAT ports.\n".into();
    }
    let mut table = Table::new([
        "INSTANCE",
        "PROTOCOL",
        ">PORTS",
        ">USED",
        ">PEAK",
        ">FLOWS",
        ">FAILED",
        "ADDRESSES",
    ]);
    for row in rows {
        table.row([
            row.instance.clone(),
            row.protocol.clone(),
            count(row.allocated),
            count(row.used),
            count(row.peak),
            count(row.flows),
            count(row.failed),
            row.addresses.join(" "),
        ]);
        table.mark(6, row.failed > 0);
    }
    table.to_string()
}
