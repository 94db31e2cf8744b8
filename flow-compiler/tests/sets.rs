//! What holds for availability sets and scale sets as a whole (spec 1.14, 2.10, 2.14).

use std::fmt::Write as _;

use flow_compiler::diagnostic::Diagnostic;
use flow_compiler::source::Source;
use flow_compiler::{Compiled, Rejected, compile};

const AVAILABILITY: &str = "availabilitySet: ";
const SCALE: &str = "scaleSet: ";

/// Instances `i0`, `i1` and so on, each of its set, before these load balancers.
fn file(sets: &[String], balancers: &[String]) -> String {
    let mut text = "headgate: 1\nprofile: current\ninstances:\n".to_owned();
    for (i, set) in sets.iter().enumerate() {
        let comma = if set.is_empty() { "" } else { ", " };
        let _ = writeln!(
            text,
            "  - {{ name: i{i}, addresses: [10.0.1.{}], vport: {}, mac: '02:00:00:00:01:{:02x}'{comma}{set} }}",
            i + 1,
            i + 1,
            i + 1
        );
    }
    text + "loadBalancers:\n" + &balancers.concat()
}

/// A load balancer with a public or internal frontend and pools `p0`, `p1` of these instances.
fn balancer(name: &str, sku: &str, address: &str, pools: &[&[usize]]) -> String {
    let member = |i: &usize| format!("{{ instance: i{i} }}");
    let pools = pools.iter().enumerate().map(|(number, members)| {
        let members: Vec<String> = members.iter().map(member).collect();
        format!("{{ name: p{number}, members: [{}] }}", members.join(", "))
    });
    format!(
        "  - name: {name}\n    sku: {sku}\n    frontends: [{{ name: f, address: {address} }}]\n    backendPools: [{}]\n",
        pools.collect::<Vec<_>>().join(", ")
    )
}

fn findings(text: &str) -> Vec<Diagnostic> {
    match compile(&Source::new("case.yaml", text)) {
        Ok(Compiled { warnings, .. }) => warnings,
        Err(Rejected(found)) => found,
    }
}

fn codes(sets: &[String], balancers: &[String]) -> Vec<&'static str> {
    let found = findings(&file(sets, balancers));
    found.iter().map(|d| d.code.number()).collect()
}

/// One set for each instance: an availability set for a name in small letters, a scale set for one
/// in capitals, none for `-`.
fn sets(names: &str) -> Vec<String> {
    let set = |name: char| match name {
        '-' => String::new(),
        name if name.is_ascii_uppercase() => format!("{SCALE}{name}"),
        name => format!("{AVAILABILITY}{name}"),
    };
    names.chars().map(set).collect()
}

const PUBLIC: &str = "203.0.113.10";
const INTERNAL: &str = "10.9.0.10";

#[test]
fn sku_06_l_lim_03_basic_serves_one_set() {
    let basic = |pools: &[&[usize]]| [balancer("lb", "Basic", PUBLIC, pools)];
    let standard = [balancer("lb", "Standard", PUBLIC, &[&[0, 1]])];
    for (names, expected) in [
        ("--", vec![]), // nothing is known
        ("aa", vec![]),
        ("AA", vec![]),
        ("ab", vec!["HG0322"]),
        ("AB", vec!["HG0322"]),
        ("aA", vec!["HG0322"]),
        ("a-", vec!["HG0322"]), // a standalone machine beside a set
    ] {
        assert_eq!(codes(&sets(names), &basic(&[&[0, 1]])), expected, "{names}");
        assert_eq!(codes(&sets(names), &standard), [""; 0], "{names}");
    }
    // All pools of a load balancer, those of which something is known.
    assert_eq!(codes(&sets("AB"), &basic(&[&[0], &[1]])), ["HG0322"]);
    assert_eq!(codes(&sets("A-"), &basic(&[&[0], &[1]])), [""; 0]);
    assert_eq!(codes(&sets("-A"), &basic(&[&[0], &[1]])), [""; 0]);
    assert_eq!(codes(&sets("-AB"), &basic(&[&[0], &[1], &[2]])), ["HG0322"]);
}

#[test]
fn sku_04_a_set_is_behind_one_sku() {
    let two = |sku: &str| {
        [
            balancer("x", "Standard", PUBLIC, &[&[0]]),
            balancer("y", sku, INTERNAL, &[&[1]]),
        ]
    };
    for names in ["aa", "AA"] {
        assert_eq!(codes(&sets(names), &two("Basic")), ["HG0411"], "{names}");
        assert_eq!(codes(&sets(names), &two("Standard")), [""; 0], "{names}");
    }
    for names in ["ab", "A-", "--"] {
        assert_eq!(codes(&sets(names), &two("Basic")), [""; 0], "{names}");
    }
    let found = findings(&file(&sets("aa"), &two("Basic")));
    assert_eq!(
        found[0].message,
        "availability set `a` is behind `x` (Standard) and `y` (Basic)"
    );
}

#[test]
fn l_lim_04_a_pool_has_members_of_150_sets_at_most() {
    let named =
        |sets: usize| -> Vec<String> { (0..sets).map(|i| format!("{AVAILABILITY}s{i}")).collect() };
    let pool = |count: usize| {
        let all: Vec<usize> = (0..count).collect();
        [balancer("lb", "Standard", PUBLIC, &[&all])]
    };
    assert_eq!(codes(&named(150), &pool(150)), [""; 0]);
    assert_eq!(codes(&named(151), &pool(151)), ["HG0323"]);
    let mut alone = named(1);
    alone.resize(151, String::new());
    assert_eq!(codes(&alone, &pool(151)), ["HG0323"], "standalone machines");
    let same = vec![format!("{AVAILABILITY}s"); 151];
    assert_eq!(codes(&same, &pool(151)), [""; 0], "one set");
    let unknown = vec![String::new(); 151];
    assert_eq!(codes(&unknown, &pool(151)), [""; 0], "nothing is known");
}

#[test]
fn l_out_23_an_outbound_rule_is_for_whole_sets() {
    let with_rule = |members: &[usize]| {
        let rule =
            "    outboundRules: [{ name: o, protocol: All, frontends: [f], backendPool: p0 }]\n";
        [balancer("lb", "Standard", PUBLIC, &[members]) + rule]
    };
    for names in ["aab", "AAB"] {
        assert_eq!(codes(&sets(names), &with_rule(&[0])), ["HG0707"], "{names}");
        assert_eq!(codes(&sets(names), &with_rule(&[0, 1])), [""; 0], "{names}");
    }
    assert_eq!(codes(&sets("---"), &with_rule(&[0])), [""; 0]);
    let without_rule = [balancer("lb", "Standard", PUBLIC, &[&[0]])];
    assert_eq!(codes(&sets("aa"), &without_rule), [""; 0]);
}

#[test]
fn l_bep_05_an_availability_set_is_in_one_pool_and_behind_one_load_balancer_of_each_kind() {
    let pools = |pools: &[&[usize]]| [balancer("lb", "Standard", PUBLIC, pools)];
    assert_eq!(codes(&sets("aa"), &pools(&[&[0], &[1]])), ["HG0324"]);
    assert_eq!(codes(&sets("aa"), &pools(&[&[0, 1], &[1]])), ["HG0324"]);
    assert_eq!(codes(&sets("AA"), &pools(&[&[0], &[1]])), [""; 0], "scale");
    assert_eq!(codes(&sets("ab"), &pools(&[&[0], &[1]])), [""; 0]);
    // A pool for each family, with the same members (L-IP6-01).
    assert_eq!(codes(&sets("aa"), &pools(&[&[0, 1], &[0, 1]])), [""; 0]);
    let by_address = pools(&[&[0], &[1]])[0].replace("{ name: p1,", "{ name: p1, byAddress: true,");
    assert_eq!(codes(&sets("aa"), &[by_address]), [""; 0], "by address");

    let two = |second: &str| {
        [
            balancer("x", "Standard", PUBLIC, &[&[0]]),
            balancer("y", "Standard", second, &[&[1]]),
        ]
    };
    assert_eq!(codes(&sets("aa"), &two("203.0.113.20")), ["HG0325"]);
    assert_eq!(codes(&sets("aa"), &two(INTERNAL)), [""; 0]);
    assert_eq!(codes(&sets("AA"), &two("203.0.113.20")), [""; 0], "scale");
    let basic =
        two("203.0.113.20").map(|text| text.replace("Standard", "Basic").replace("i1", "i0"));
    assert_eq!(codes(&sets("a"), &basic), ["HG0325"], "once, of the set");
    assert_eq!(codes(&sets("-"), &basic), ["HG0412"]);
}

#[test]
fn l_bep_01_02_pools_by_address_are_standard_and_take_no_inbound_nat() {
    let pool = |sku: &str, more: &str| {
        let text = balancer("lb", sku, PUBLIC, &[&[0]]);
        [text.replace("{ name: p0,", "{ name: p0, byAddress: true,") + more]
    };
    let nat = "    inboundNatRules: [{ name: n, protocol: Tcp, frontend: f, backendPool: p0, frontendPortRangeStart: 500, frontendPortRangeEnd: 600, backendPort: 22 }]\n";
    assert_eq!(codes(&sets("-"), &pool("Standard", "")), [""; 0]);
    assert_eq!(codes(&sets("-"), &pool("Basic", "")), ["HG0326"]);
    assert_eq!(codes(&sets("-"), &pool("Standard", nat)), ["HG0523"]);
    let by_interface = pool("Standard", nat)[0].replace("byAddress: true", "byAddress: false");
    assert_eq!(codes(&sets("-"), &[by_interface]), [""; 0]);
}
