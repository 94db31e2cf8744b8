//! Default outbound access: who leaves by the platform's address, and with how many ports (spec 1.10,
//! 2.7, C.1).

use std::fmt::Write as _;

use firmware_api::{Family, Protocol};
use flow_compiler::ir::{InstanceIndex, Ir, Outbound};
use flow_compiler::source::Source;
use flow_compiler::{Rejected, compile};

const PLATFORM: &str = "203.0.113.250";
const FRONTEND: &str = "203.0.113.10";
const RULE: &str = "name: r, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p";

/// Instances `i0`, `i1` and so on with these further fields, on a platform with an address.
fn instances(fields: &[&str]) -> String {
    let mut text = format!(
        "headgate: 1\nuplink: {{ defaultOutboundAddress: {PLATFORM}, defaultOutboundAddressV6: '2001:db8::fa' }}\ninstances:\n"
    );
    for (i, fields) in fields.iter().enumerate() {
        let (high, low) = (i / 250, i % 250 + 1);
        let _ = writeln!(
            text,
            "  - {{ name: i{i}, addresses: [10.0.{high}.{low}, 'fd00::{high:x}:{low:x}'], vport: {}, mac: '02:00:00:01:{high:02x}:{low:02x}'{fields} }}",
            i + 1
        );
    }
    text
}

/// A load balancer with that frontend, `i0` in its pool `p`, and these rules.
fn balancer(sku: &str, address: &str, pool: &str, lists: &[(&str, &str)]) -> String {
    let mut text = format!(
        "loadBalancers:\n  - name: lb\n    sku: {sku}\n    frontends: [{{ name: f, address: {address} }}]\n    backendPools: [{{ name: p, {pool} members: [{{ instance: i0 }}] }}]\n"
    );
    for (list, item) in lists {
        let _ = writeln!(text, "    {list}: [{{ {item} }}]");
    }
    text
}

fn ir(text: &str) -> Ir {
    match compile(&Source::new("case.yaml", text)) {
        Ok(compiled) => compiled.ir,
        Err(Rejected(found)) => panic!("{found:#?}\n{text}"),
    }
}

/// The address that an instance leaves by, and its ports there.
fn way(ir: &Ir, instance: usize, family: Family, protocol: Protocol) -> Option<(String, u16)> {
    match ir.outbound.way(InstanceIndex(instance), family, protocol) {
        Outbound::Snat(allotments) => {
            let [allotment] = allotments.as_slice() else {
                panic!("{allotments:?}");
            };
            assert_eq!((allotment.idle_seconds, allotment.tcp_reset), (240, false));
            let [quota] = allotment.quotas.as_slice() else {
                panic!("{allotment:?}");
            };
            Some((quota.address.to_string(), quota.ports))
        }
        Outbound::OneToOne { address } => Some((address.to_string(), 0)),
        Outbound::None => None,
    }
}

/// The addresses that `i0` leaves by: TCP, UDP.
fn leaves(balancer: &str) -> [Option<String>; 2] {
    let ir = ir(&(instances(&[""]) + balancer));
    let by = |protocol| way(&ir, 0, Family::V4, protocol).map(|(address, _)| address);
    [by(Protocol::Tcp), by(Protocol::Udp)]
}

fn both(address: &str) -> [Option<String>; 2] {
    [Some(address.to_owned()), Some(address.to_owned())]
}

#[test]
fn out_06_who_has_nothing_else_leaves_by_the_platform_s_address() {
    let ir_with = ir(&instances(&[""]));
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let v4 = way(&ir_with, 0, Family::V4, protocol);
        assert_eq!(v4, Some((PLATFORM.to_owned(), 1024)));
        let v6 = way(&ir_with, 0, Family::V6, protocol);
        assert_eq!(v6, Some(("2001:db8::fa".to_owned(), 1024)));
    }
    let off = instances(&[""]).replace("uplink: {", "uplink: {} #");
    assert_eq!(way(&ir(&off), 0, Family::V4, Protocol::Tcp), None);
    let only_v4 = instances(&[""]).replace(", defaultOutboundAddressV6: '2001:db8::fa'", "");
    assert_eq!(way(&ir(&only_v4), 0, Family::V6, Protocol::Tcp), None);
}

#[test]
fn out_06_the_address_is_nobody_else_s() {
    for text in [
        instances(&[&format!(", publicAddress: {PLATFORM}")]),
        instances(&[""]) + &balancer("Standard", PLATFORM, "", &[]),
        instances(&[""]).replace("uplink: {", &format!("uplink: {{ address: {PLATFORM}/24, ")),
        instances(&[""]).replace("10.0.0.1,", &format!("{PLATFORM},")),
    ] {
        let found = compile(&Source::new("case.yaml", text))
            .expect_err("a collision")
            .0;
        assert_eq!(found[0].code.number(), "HG0303");
    }
}

/// C.1: public address, outbound rule, implicit SNAT, platform.
#[test]
fn out_07_l_out_01_everything_else_comes_before_it() {
    let public = instances(&[", publicAddress: 203.0.113.99"]);
    let way_out = way(&ir(&public), 0, Family::V4, Protocol::Tcp);
    assert_eq!(way_out, Some(("203.0.113.99".to_owned(), 0)));
    let outbound = "name: o, protocol: All, frontends: [f], backendPool: p";
    let by_rule = balancer("Standard", FRONTEND, "", &[("outboundRules", outbound)]);
    assert_eq!(leaves(&by_rule), both(FRONTEND));
    let implicit = balancer("Basic", FRONTEND, "", &[("loadBalancingRules", RULE)]);
    assert_eq!(leaves(&implicit), both(FRONTEND));
    assert_eq!(leaves(""), both(PLATFORM));
}

#[test]
fn out_05_13_l_out_03_05_sku_09_what_load_balancers_take_and_leave() {
    let no_snat = format!("{RULE}, disableOutboundSnat: true");
    let nat = "name: n, protocol: Tcp, frontend: f, frontendPort: 22, target: i0";
    let outbound = "name: o, protocol: Tcp, frontends: [f], backendPool: p";
    let rule = ("loadBalancingRules", RULE);
    let none = [None, None];
    let tcp_only = [Some(FRONTEND.to_owned()), None];
    for (what, sku, address, list, expected) in [
        ("internal", "Standard", "10.9.0.1", rule, none.clone()),
        ("internal", "Basic", "10.9.0.1", rule, both(PLATFORM)),
        ("TCP only", "Standard", FRONTEND, rule, tcp_only.clone()),
        (
            "no SNAT",
            "Standard",
            FRONTEND,
            ("loadBalancingRules", no_snat.as_str()),
            none.clone(),
        ),
        (
            "no SNAT",
            "Basic",
            FRONTEND,
            ("loadBalancingRules", no_snat.as_str()),
            both(PLATFORM),
        ),
        (
            "inbound NAT",
            "Standard",
            FRONTEND,
            ("inboundNatRules", nat),
            none,
        ),
        (
            "one protocol",
            "Standard",
            FRONTEND,
            ("outboundRules", outbound),
            tcp_only,
        ),
    ] {
        let text = balancer(sku, address, "", &[list]);
        assert_eq!(leaves(&text), expected, "{what} {sku}");
    }
    // A pool without a rule is no load balancing (OUT-05).
    assert_eq!(
        leaves(&balancer("Standard", FRONTEND, "", &[])),
        both(PLATFORM)
    );
}

/// A set behaves as a group: one served instance takes it from all.
#[test]
fn l_out_03_a_set_behind_standard_has_none() {
    let text = balancer("Standard", "10.9.0.1", "", &[("loadBalancingRules", RULE)]);
    for (fields, has_it) in [
        ([", availabilitySet: s", ", availabilitySet: s"], false),
        ([", scaleSet: s", ", scaleSet: s"], false),
        ([", availabilitySet: s", ", availabilitySet: t"], true),
        (["", ""], true),
    ] {
        let ir = ir(&(instances(&fields) + &text));
        assert_eq!(way(&ir, 0, Family::V4, Protocol::Tcp), None);
        let mate = way(&ir, 1, Family::V4, Protocol::Tcp);
        assert_eq!(mate.is_some(), has_it, "{fields:?}");
    }
}

#[test]
fn l_out_24_members_by_address_leave_as_behind_basic() {
    let by_address = "byAddress: true,";
    let rules = [("loadBalancingRules", RULE)];
    let public = balancer("Standard", FRONTEND, by_address, &rules);
    assert_eq!(leaves(&public), both(FRONTEND), "both protocols, as Basic");
    let internal = balancer("Standard", "10.9.0.1", by_address, &rules);
    assert_eq!(leaves(&internal), both(PLATFORM));
    let no_snat = format!("{RULE}, disableOutboundSnat: true");
    let no_snat = [("loadBalancingRules", no_snat.as_str())];
    let disabled = balancer("Standard", FRONTEND, by_address, &no_snat);
    assert_eq!(leaves(&disabled), both(PLATFORM));
    // An outbound rule for one protocol leaves the other one to the platform.
    let outbound = "name: o, protocol: Tcp, frontends: [f], backendPool: p";
    let one = balancer(
        "Standard",
        FRONTEND,
        by_address,
        &[("outboundRules", outbound)],
    );
    let expected = [FRONTEND, PLATFORM].map(|address| Some(address.to_owned()));
    assert_eq!(leaves(&one), expected);
}

/// By the default table over all that share the address, whether a pool has them or not.
#[test]
fn out_06_snat_11_to_16_a_23_ports_by_how_many_share_the_address() {
    for (count, ports) in [(50, 1024), (51, 512), (400, 128), (401, 64), (1000, 32)] {
        let ir = ir(&instances(&vec![""; count]));
        for instance in [0, count - 1] {
            let given = way(&ir, instance, Family::V4, Protocol::Udp);
            assert_eq!(given, Some((PLATFORM.to_owned(), ports)), "{count}");
        }
    }
    // One with a public address of its own does not share.
    let mut fields = vec![""; 51];
    fields[7] = ", publicAddress: 203.0.113.99";
    let ir = ir(&instances(&fields));
    assert_eq!(
        way(&ir, 0, Family::V4, Protocol::Tcp).map(|w| w.1),
        Some(1024)
    );
    assert_eq!(
        way(&ir, 0, Family::V6, Protocol::Tcp).map(|w| w.1),
        Some(512)
    );
    let many = instances(&vec![""; 1001]);
    let found = compile(&Source::new("case.yaml", many))
        .expect_err("too many")
        .0;
    assert_eq!(found[0].code.number(), "HG0706");
}
