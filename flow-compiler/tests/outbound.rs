//! The outbound plan: who gets out how, with which ports (spec 1.10, 1.11, 2.7).

use std::fmt::Write as _;
use std::net::IpAddr;

use firmware_api::{Family, Protocol};
use flow_compiler::compile;
use flow_compiler::ir::{InstanceIndex, Ir, Outbound};
use flow_compiler::source::Source;

/// Instances `a`, `b` and so on behind a load balancer with two public frontends.
fn plan(count: usize, sku: &str, lists: &str) -> Ir {
    let mut text = "headgate: 1\ninstances:\n".to_owned();
    let mut members = Vec::new();
    for i in 0..count {
        let _ = writeln!(
            text,
            "  - {{ name: i{i}, addresses: [10.0.{}.{}], vport: {}, mac: '02:00:00:00:{:02x}:{:02x}' }}",
            i / 250,
            i % 250 + 1,
            i + 1,
            i / 250,
            i % 250 + 1
        );
        members.push(format!("{{ instance: i{i} }}"));
    }
    let _ = write!(
        text,
        "loadBalancers:\n  - name: web\n    sku: {sku}\n    frontends: [{{ name: f, address: 203.0.113.10 }}, {{ name: g, address: 203.0.113.11 }}]\n    backendPools: [{{ name: p, members: [{}] }}]\n{lists}",
        members.join(", ")
    );
    compile(&Source::new("plan", text))
        .expect("a valid configuration")
        .ir
}

/// Addresses and ports that the first instance gets.
fn quotas(ir: &Ir, protocol: Protocol) -> Vec<(String, u16)> {
    match ir.outbound.way(InstanceIndex(0), Family::V4, protocol) {
        Outbound::Snat(allotments) => allotments
            .iter()
            .flat_map(|a| &a.quotas)
            .map(|q| (q.address.to_string(), q.ports))
            .collect(),
        Outbound::OneToOne { .. } | Outbound::None => Vec::new(),
    }
}

const TCP_ON_BOTH: &str = "    loadBalancingRules:\n      - { name: r, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p }\n      - { name: s, protocol: Tcp, frontend: g, frontendPort: 81, backendPool: p }\n";
const TCP_ON_ONE: &str = "    loadBalancingRules:\n      - { name: r, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p }\n";

#[test]
fn l_out_04_standard_follows_the_protocol_of_the_rule() {
    let ir = plan(2, "Standard", TCP_ON_ONE);
    assert_eq!(
        quotas(&ir, Protocol::Tcp),
        [("203.0.113.10".to_owned(), 1024)]
    );
    assert_eq!(quotas(&ir, Protocol::Udp), []);
}

#[test]
fn out_08_basic_programs_both_protocols_on_one_frontend() {
    let ir = plan(2, "Basic", TCP_ON_BOTH);
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        assert_eq!(quotas(&ir, protocol), [("203.0.113.10".to_owned(), 1024)]);
    }
}

#[test]
fn a_14_two_frontends_share_the_cap() {
    let both = |ports| {
        [
            ("203.0.113.10".to_owned(), ports),
            ("203.0.113.11".to_owned(), ports),
        ]
    };
    assert_eq!(
        quotas(&plan(2, "Standard", TCP_ON_BOTH), Protocol::Tcp),
        both(512)
    );
    assert_eq!(
        quotas(&plan(100, "Standard", TCP_ON_BOTH), Protocol::Tcp),
        both(512)
    );
    assert_eq!(
        quotas(&plan(101, "Standard", TCP_ON_BOTH), Protocol::Tcp),
        both(256)
    );
}

#[test]
fn l_out_05_disabled_snat_is_no_way_out() {
    let rule = TCP_ON_ONE.replace(
        "backendPool: p }",
        "backendPool: p, disableOutboundSnat: true }",
    );
    assert_eq!(quotas(&plan(2, "Standard", &rule), Protocol::Tcp), []);
}

#[test]
fn l_out_07_nat_rules_alone_are_no_way_out() {
    let rule = "    inboundNatRules:\n      - { name: r, protocol: Tcp, frontend: f, frontendPort: 80, target: i0 }\n";
    assert_eq!(quotas(&plan(2, "Standard", rule), Protocol::Tcp), []);
}

#[test]
fn l_out_01_outbound_rules_come_before_implicit_snat() {
    let rules = format!(
        "{TCP_ON_ONE}    outboundRules:\n      - {{ name: o, protocol: Udp, frontends: [g], backendPool: p, allocatedOutboundPorts: 64, idleTimeoutInMinutes: 10 }}\n"
    );
    let ir = plan(2, "Standard", &rules);
    assert_eq!(
        quotas(&ir, Protocol::Tcp),
        [("203.0.113.10".to_owned(), 1024)]
    );
    assert_eq!(
        quotas(&ir, Protocol::Udp),
        [("203.0.113.11".to_owned(), 64)]
    );
    let way = ir.outbound.way(InstanceIndex(0), Family::V4, Protocol::Udp);
    let Outbound::Snat(allotments) = way else {
        panic!("{way:?}")
    };
    assert_eq!(
        (allotments[0].idle_seconds, allotments[0].rule.as_str()),
        (600, "web/o")
    );
}

#[test]
fn out_07_a_public_address_overrides_everything() {
    let text = "headgate: 1\ninstances: [{ name: a, addresses: [10.0.0.4], vport: 1, mac: '02:00:00:00:00:04', publicAddress: 203.0.113.99 }]\n";
    let rules = "loadBalancers: [{ name: web, sku: Standard, frontends: [{ name: f, address: 203.0.113.10 }], backendPools: [{ name: p, members: [{ instance: a }] }], loadBalancingRules: [{ name: r, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p }] }]\n";
    let ir = compile(&Source::new("plan", format!("{text}{rules}")))
        .expect("valid")
        .ir;
    let address: IpAddr = "203.0.113.99".parse().expect("an address");
    let way = ir.outbound.way(InstanceIndex(0), Family::V4, Protocol::Tcp);
    assert_eq!(*way, Outbound::OneToOne { address });
}

/// Appendix A.2: ports 80, 81 and 82 are one block of eight, 443 another.
#[test]
fn a_22_rule_ports_reserve_their_blocks() {
    let rule = |port| {
        format!(
            "      - {{ name: r{port}, protocol: Tcp, frontend: f, frontendPort: {port}, backendPool: p, backendPort: {port} }}\n"
        )
    };
    let rules: String = ["    loadBalancingRules:\n".to_owned()]
        .into_iter()
        .chain([80, 81, 82, 443].map(rule))
        .collect();
    let ir = plan(2, "Standard", &rules);
    let address: IpAddr = "203.0.113.10".parse().expect("an address");
    assert_eq!(ir.outbound.reserved_blocks[&address], [10, 55].into());
}

/// Appendix A.2: explicit ports on one and on two addresses.
#[test]
fn l_out_10_ports_times_members_must_fit() {
    let try_plan = |count: usize, frontends: &str, ports: u32| {
        std::panic::catch_unwind(|| {
            plan(count, "Standard", &format!("    outboundRules: [{{ name: o, protocol: All, frontends: [{frontends}], backendPool: p, allocatedOutboundPorts: {ports} }}]\n"))
        })
        .is_ok()
    };
    assert!(try_plan(1, "f", 64_000));
    assert!(try_plan(2, "f", 32_000));
    assert!(try_plan(10, "f", 6_400));
    assert!(!try_plan(7, "f", 10_000));
    assert!(try_plan(7, "f, g", 10_000));
}
