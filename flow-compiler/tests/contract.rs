//! What the specification says of configurations, behaviour by behaviour: ranges, defaults, what each
//! SKU has, and what excludes what. `diagnostics.rs` has every diagnostic; here is why each exists.

use std::fmt::Write as _;

use firmware_api::{Family, Protocol};
use flow_compiler::diagnostic::{Diagnostic, Severity};
use flow_compiler::ir::{InstanceIndex, Ir, Outbound, Profile, Sku, Transport};
use flow_compiler::source::Source;
use flow_compiler::{Compiled, Rejected, compile};

/// A configuration that is changed by replacing parts of it.
#[derive(Clone)]
struct Text(String);

/// A load balancer over `a` and `b` with these lists of rules.
fn lists(lists: &[(&str, &[&str])]) -> Text {
    let mut text = String::from(
        "\
headgate: 1
profile: current
instances:
  - { name: a, addresses: [10.0.0.4, 'fd00::4'], vport: 1, mac: '02:00:00:00:00:04' }
  - { name: b, addresses: [10.0.0.5, 'fd00::5'], vport: 2, mac: '02:00:00:00:00:05' }
loadBalancers:
  - name: web
    sku: Standard
    frontends: [{ name: f, address: 203.0.113.10 }, { name: g, address: 203.0.113.11 }, { name: v6, address: '2001:db8::10' }]
    backendPools: [{ name: p, members: [{ instance: a }, { instance: b }] }, { name: q, members: [{ instance: a }] }]
    probes: [{ name: alive, protocol: Tcp, port: 9000 }]
",
    );
    for (name, items) in lists {
        let _ = writeln!(text, "    {name}:");
        for item in *items {
            let _ = writeln!(text, "      - {{ {item} }}");
        }
    }
    Text(text)
}

fn rules(items: &[&str]) -> Text {
    lists(&[("loadBalancingRules", items)])
}

const HTTP: &str = "name: http, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p, backendPort: 8080, disableOutboundSnat: true";
const HA: &str =
    "name: ha, protocol: All, frontend: f, frontendPort: 0, backendPool: p, backendPort: 0";
const NAT: &str =
    "name: n, protocol: Tcp, frontend: f, frontendPort: 5000, target: a, backendPort: 22";
const OUT: &str =
    "name: o, protocol: All, frontends: [f], backendPool: p, allocatedOutboundPorts: 64";

impl Text {
    fn with(&self, from: &str, to: &str) -> Self {
        assert!(self.0.contains(from), "{from}");
        Self(self.0.replace(from, to))
    }

    fn basic(&self) -> Self {
        self.with("sku: Standard", "sku: Basic")
    }

    fn seed(&self) -> Self {
        self.with("profile: current", "profile: seed")
    }

    fn internal(&self) -> Self {
        self.with("203.0.113.1", "10.9.0.1")
            .with("2001:db8::10", "fd00:9::10")
    }

    fn compile(&self) -> Result<Compiled, Rejected> {
        compile(&Source::new("case.yaml", self.0.clone()))
    }

    fn ir(&self) -> Ir {
        match self.compile() {
            Ok(compiled) => compiled.ir,
            Err(Rejected(found)) => panic!("{found:#?}\n{}", self.0),
        }
    }

    /// The codes of what is wrong: of errors if there are any, of warnings otherwise.
    fn codes(&self) -> Vec<&'static str> {
        let number = |d: &Diagnostic| d.code.number();
        match self.compile() {
            Ok(compiled) => compiled.warnings.iter().map(number).collect(),
            Err(Rejected(found)) => {
                let errors = found.iter().filter(|d| d.severity() == Severity::Error);
                errors.map(number).collect()
            }
        }
    }

    fn is_accepted(&self) -> bool {
        self.compile().is_ok()
    }
}

/// Whether the rule may have that many idle minutes.
fn minutes(text: &Text, rule: &str, minutes: u32) -> bool {
    text.with(rule, &format!("{rule}, idleTimeoutInMinutes: {minutes}"))
        .is_accepted()
}

#[test]
fn gen_04_a_load_balancer_is_public_or_internal_and_not_both() {
    let text = rules(&[HTTP]);
    assert!(!text.ir().load_balancers[0].internal);
    assert!(text.internal().ir().load_balancers[0].internal);
    assert_eq!(text.with("203.0.113.11", "10.9.0.1").codes(), ["HG0402"]);
}

#[test]
fn natr_02_03_only_tcp_and_udp_are_forwarded_and_each_port_once() {
    let nat = |rules: &[&str]| lists(&[("inboundNatRules", rules)]);
    assert!(nat(&[NAT]).is_accepted());
    assert!(
        nat(&[NAT])
            .with("Tcp, frontend", "Udp, frontend")
            .is_accepted()
    );
    for other in ["Icmp", "Esp", "Sctp"] {
        let text = nat(&[NAT]).with("Tcp, frontend", &format!("{other}, frontend"));
        assert_eq!(text.codes(), ["HG0105"], "{other}");
    }
    let second = NAT.replace("name: n", "name: m").replace("22", "23");
    assert_eq!(nat(&[NAT, &second]).codes(), ["HG0501"]);
}

#[test]
fn prot_01_03_rules_know_neither_other_protocols_nor_requests() {
    for other in ["Icmp", "Http", "Https", "Gre"] {
        let text = rules(&[HTTP]).with("Tcp, frontend", &format!("{other}, frontend"));
        assert_eq!(text.codes(), ["HG0105"], "{other}");
    }
    for field in ["requestPath: /", "cookieAffinity: true", "certificate: x"] {
        let text = rules(&[&format!("{HTTP}, {field}")]);
        assert_eq!(text.codes(), ["HG0101"], "{field}");
    }
}

/// A-01, A-02, L-IDLE-01: the ranges of both profiles; IDLE-02, IDLE-03: those of the seeds.
#[test]
fn idle_02_03_natr_04_l_idle_01_a_01_02_ranges_of_idle_timeouts() {
    let all = lists(&[
        ("loadBalancingRules", &[HTTP]),
        ("inboundNatRules", &[NAT]),
        ("outboundRules", &[OUT]),
    ]);
    let (seed, basic) = (all.seed(), rules(&[HTTP]).basic());
    for (text, rule, longest) in [
        (&seed, HTTP, 30),
        (&seed, NAT, 30),
        (&seed, OUT, 120),
        (&all, HTTP, 100),
        (&all, NAT, 30),
        (&all, OUT, 120),
        (&basic, HTTP, 60),
    ] {
        for (value, allowed) in [(3, false), (4, true), (longest, true), (longest + 1, false)] {
            assert_eq!(minutes(text, rule, value), allowed, "{rule}: {value}");
        }
    }
    let warned = |value| {
        seed.with(OUT, &format!("{OUT}, idleTimeoutInMinutes: {value}"))
            .codes()
    };
    assert_eq!((warned(100), warned(101)), (vec![], vec!["HG0511"]));
}

#[test]
fn idle_04_four_minutes_when_nothing_is_said() {
    let ir = lists(&[
        ("loadBalancingRules", &[HTTP]),
        ("inboundNatRules", &[NAT]),
        ("outboundRules", &[OUT]),
    ])
    .ir();
    let balancer = &ir.load_balancers[0];
    let seconds = [
        balancer.rules[0].idle_seconds,
        balancer.nat_rules[0].idle_seconds,
        balancer.outbound_rules[0].idle_seconds,
    ];
    assert_eq!(seconds, [240; 3]);
}

#[test]
fn idle_08_l_idle_05_udp_rules_have_no_timeout_of_their_own() {
    let udp = HTTP.replace("Tcp", "Udp") + ", idleTimeoutInMinutes: 10";
    assert_eq!(rules(&[&udp]).codes(), ["HG0512"]);
}

#[test]
fn rst_01_all_three_kinds_of_rules_may_reset_on_standard_only() {
    let reset = |rule: &str| format!("{rule}, enableTcpReset: true");
    let ir = lists(&[
        ("loadBalancingRules", &[&reset(HTTP)]),
        ("inboundNatRules", &[&reset(NAT)]),
        ("outboundRules", &[&reset(OUT)]),
    ])
    .ir();
    let balancer = &ir.load_balancers[0];
    assert!(balancer.rules[0].tcp_reset);
    assert!(balancer.nat_rules[0].tcp_reset);
    assert!(balancer.outbound_rules[0].tcp_reset);
    assert_eq!(rules(&[&reset(HTTP)]).basic().codes(), ["HG0513"]);
    let nat = lists(&[("inboundNatRules", &[&reset(NAT)])]);
    assert_eq!(nat.basic().codes(), ["HG0513"]);
    assert!(
        !rules(&[HTTP]).ir().load_balancers[0].rules[0].tcp_reset,
        "off by default"
    );
}

#[test]
fn sku_01_02_a_31_two_skus_and_basic_when_nothing_is_said() {
    let text = rules(&[HTTP]);
    assert_eq!(text.ir().load_balancers[0].sku, Sku::Standard);
    assert_eq!(text.with("Standard", "Premium").codes(), ["HG0105"]);
    let absent = text.with("    sku: Standard\n", "");
    assert_eq!(absent.codes(), ["HG0401"], "with a warning");
    assert_eq!(absent.ir().load_balancers[0].sku, Sku::Basic);
    let basic = text.basic();
    assert!(basic.is_accepted() && basic.with("Basic", "Standard").is_accepted());
}

#[test]
fn sku_04_an_instance_is_behind_one_sku() {
    let other = "  - { name: x, sku: Basic, frontends: [{ name: f, address: 203.0.113.20 }], backendPools: [{ name: p, members: [{ instance: a }] }] }\n";
    let text = Text(rules(&[HTTP]).0 + other);
    assert_eq!(text.codes(), ["HG0411"]);
    assert!(
        text.with("name: x, sku: Basic", "name: x, sku: Standard")
            .is_accepted()
    );
}

fn instances(count: usize) -> String {
    let mut text = "instances:\n".to_owned();
    for i in 0..count {
        let (high, low) = (i / 250, i % 250 + 1);
        let _ = writeln!(
            text,
            "  - {{ name: i{i}, addresses: [10.0.{high}.{low}], vport: {}, mac: '02:00:00:00:{high:02x}:{low:02x}' }}",
            i % 4095 + 1
        );
    }
    text
}

/// A pool of that many members and nothing else.
fn pool(sku: &str, profile: &str, count: usize) -> Text {
    let members: Vec<String> = (0..count)
        .map(|i| format!("{{ instance: i{i} }}"))
        .collect();
    Text(format!(
        "headgate: 1\nprofile: {profile}\n{}loadBalancers:\n  - {{ name: web, sku: {sku}, frontends: [{{ name: f, address: 203.0.113.10 }}], backendPools: [{{ name: p, members: [{}] }}] }}\n",
        instances(count),
        members.join(", ")
    ))
}

/// SKU-05: 1000 and 100 in the seeds; A-24, L-LIM-01, L-LIM-03: 5000 and 300 since. A card has 4095
/// vports, so that 5000 are never reached.
#[test]
fn sku_05_a_24_l_lim_01_03_how_many_members_a_pool_has() {
    for (sku, profile, count, codes) in [
        ("Basic", "seed", 100, vec![]),
        ("Basic", "seed", 101, vec!["HG0408"]),
        ("Basic", "current", 300, vec![]),
        ("Basic", "current", 301, vec!["HG0407"]),
        ("Standard", "seed", 1000, vec![]),
        ("Standard", "seed", 1001, vec!["HG0408"]),
        ("Standard", "current", 4095, vec![]),
    ] {
        assert_eq!(
            pool(sku, profile, count).codes(),
            codes,
            "{sku} {profile} {count}"
        );
    }
}

/// SKU-07, L-SKU-01: what Basic does not have.
#[test]
fn sku_07_11_l_sku_01_what_basic_does_not_have() {
    let probe = |kind: &str| {
        rules(&[HTTP]).with(
            "protocol: Tcp, port: 9000",
            &format!("protocol: {kind}, port: 9000, requestPath: /"),
        )
    };
    let cases: [(Text, &str); 5] = [
        (rules(&[HA]).internal(), "HG0508"),
        (lists(&[("outboundRules", &[OUT])]), "HG0701"),
        (rules(&[&format!("{HTTP}, enableTcpReset: true")]), "HG0513"),
        (probe("Https"), "HG0605"),
        (
            rules(&[&HTTP
                .replace("frontend: f,", "frontend: v6,")
                .replace("disableOutboundSnat: true", "idleTimeoutInMinutes: 5")]),
            "HG0514",
        ),
    ];
    for (standard, code) in cases {
        assert!(standard.is_accepted(), "{code}");
        assert_eq!(standard.basic().codes(), [code]);
    }
    let both = [
        probe("Http"),
        rules(&[HTTP]),
        rules(&[
            &HTTP.replace("frontend: f,", "frontend: g,"),
            &HTTP
                .replace("name: http", "name: x")
                .replace("8080", "8081"),
        ]),
    ];
    for text in both {
        assert!(text.is_accepted() && text.basic().is_accepted());
    }
}

/// The way of an instance.
fn way(ir: &Ir, instance: usize, protocol: Protocol) -> Outbound {
    ir.outbound
        .way(InstanceIndex(instance), Family::V4, protocol)
        .clone()
}

fn ports(ir: &Ir, instance: usize, protocol: Protocol) -> Vec<(String, u16)> {
    match way(ir, instance, protocol) {
        Outbound::Snat(allotments) => allotments
            .iter()
            .flat_map(|a| &a.quotas)
            .map(|q| (q.address.to_string(), q.ports))
            .collect(),
        Outbound::OneToOne { .. } | Outbound::None => Vec::new(),
    }
}

const SNAT: &str =
    "name: http, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p, backendPort: 8080";

/// OUT-06: the platform gives no address for who has nothing else unless the file names one.
#[test]
fn out_05_06_13_l_out_03_who_has_no_way_out() {
    let pool_only =
        rules(&["name: http, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: q"]);
    assert_ne!(way(&pool_only.ir(), 0, Protocol::Tcp), Outbound::None);
    assert_eq!(
        way(&pool_only.ir(), 1, Protocol::Tcp),
        Outbound::None,
        "in no rule's pool"
    );
    for text in [rules(&[SNAT]).internal(), rules(&[SNAT]).internal().basic()] {
        assert_eq!(
            way(&text.ir(), 0, Protocol::Tcp),
            Outbound::None,
            "internal"
        );
    }
}

#[test]
fn out_07_l_out_01_02_the_order_of_the_ways_out() {
    let outbound =
        "name: o, protocol: Tcp, frontends: [g], backendPool: p, allocatedOutboundPorts: 64";
    let all = lists(&[
        ("loadBalancingRules", &[SNAT]),
        ("outboundRules", &[outbound]),
    ])
    .with("vport: 1,", "vport: 1, publicAddress: 203.0.113.99,");
    let address = "203.0.113.99".parse().expect("an address");
    assert_eq!(
        way(&all.ir(), 0, Protocol::Tcp),
        Outbound::OneToOne { address }
    );
    assert_eq!(
        ports(&all.ir(), 1, Protocol::Tcp),
        [("203.0.113.11".to_owned(), 64)]
    );
    assert_eq!(
        ports(&rules(&[SNAT]).ir(), 1, Protocol::Tcp)[0].0,
        "203.0.113.10"
    );
    assert_eq!(way(&lists(&[]).ir(), 1, Protocol::Tcp), Outbound::None);
}

#[test]
fn sku_09_l_out_04_implicit_snat_follows_the_protocol_on_standard_only() {
    let text = rules(&[SNAT]);
    assert_ne!(way(&text.ir(), 0, Protocol::Tcp), Outbound::None);
    assert_eq!(way(&text.ir(), 0, Protocol::Udp), Outbound::None);
    assert_ne!(way(&text.basic().ir(), 0, Protocol::Udp), Outbound::None);
}

#[test]
fn l_dist_10_basic_and_ipv6_have_defaults_only() {
    let v6 = HTTP.replace("frontend: f,", "frontend: v6,");
    assert!(rules(&[&v6]).basic().is_accepted());
    for field in ["idleTimeoutInMinutes: 5", "loadDistribution: SourceIP"] {
        let text = rules(&[&format!("{v6}, {field}")]);
        assert!(text.is_accepted());
        assert_eq!(text.basic().codes(), ["HG0514"], "{field}");
    }
}

#[test]
fn l_dist_11_tracking_is_for_udp() {
    let tracked = |rule: &str| rules(&[&format!("{rule}, enableConnectionTracking: true")]);
    assert_eq!(tracked(HTTP).codes(), ["HG0515"]);
    assert!(tracked(&HTTP.replace("Tcp", "Udp")).codes().is_empty());
}

#[test]
fn l_fip_05_06_10_what_each_rule_has_for_itself() {
    let other = |change: (&str, &str)| {
        HTTP.replace("name: http", "name: x")
            .replace(change.0, change.1)
    };
    let floating = |rule: &str| format!("{rule}, enableFloatingIP: true");
    let same_frontend = other(("backendPort: 8080", "backendPort: 81"));
    assert_eq!(rules(&[HTTP, &same_frontend]).codes(), ["HG0501"]);
    let same_backend = other(("frontend: f,", "frontend: g,"));
    assert_eq!(rules(&[HTTP, &same_backend]).codes(), ["HG0502"]);
    let both = rules(&[&floating(HTTP), &floating(&same_backend)]);
    assert!(both.is_accepted(), "floating, each with its frontend");
    let mixed = rules(&[
        &floating(HTTP),
        &other((
            "frontendPort: 80, backendPool: p, backendPort: 8080",
            "frontendPort: 81, backendPool: p, backendPort: 81",
        )),
    ]);
    assert!(mixed.is_accepted(), "of both kinds");
    let shared = rules(&[
        &format!("{HTTP}, probe: alive"),
        &format!(
            "{}, probe: alive",
            HTTP.replace("Tcp", "Udp").replace("name: http", "name: x")
        ),
    ]);
    assert!(shared.codes().is_empty(), "one probe for rules of one pool");
}

#[test]
fn l_fip_07_a_39_probes_ask_the_instance_s_own_address() {
    let text = rules(&[&format!("{HTTP}, enableFloatingIP: true, probe: alive")]);
    let asked: Vec<String> = text
        .ir()
        .probe_targets()
        .iter()
        .map(|t| t.address.to_string())
        .collect();
    assert_eq!(asked, ["10.0.0.4", "10.0.0.5"]);
}

#[test]
fn l_fip_09_floating_ip_on_internal_ipv6_is_warned_of() {
    let v6 = HTTP.replace("frontend: f,", "frontend: v6,") + ", enableFloatingIP: true";
    assert_eq!(rules(&[&v6]).internal().codes(), ["HG0518"]);
    assert!(rules(&[&v6]).codes().is_empty());
}

#[test]
fn l_fip_12_a_frontend_has_every_port_but_the_last() {
    let nat = |port: u32| {
        lists(&[("inboundNatRules", &[NAT])])
            .with("frontendPort: 5000", &format!("frontendPort: {port}"))
    };
    for (port, allowed) in [(0, false), (1, true), (65_534, true), (65_535, false)] {
        assert_eq!(nat(port).is_accepted(), allowed, "{port}");
    }
}

#[test]
fn l_ha_01_03_the_shape_of_ha_ports_and_where_they_are() {
    let ha = rules(&[HA]).internal();
    assert!(ha.ir().load_balancers[0].rules[0].is_ha_ports());
    assert_eq!(ha.ir().load_balancers[0].rules[0].transport, Transport::All);
    for (from, to) in [
        ("frontendPort: 0", "frontendPort: 80"),
        ("backendPort: 0", "backendPort: 80"),
        ("protocol: All", "protocol: Tcp"),
    ] {
        assert_eq!(ha.with(from, to).codes(), ["HG0507"], "{to}");
    }
    assert_eq!(rules(&[HA]).codes(), ["HG0508"], "public");
    assert_eq!(ha.basic().codes(), ["HG0508"]);
    let second = HA
        .replace("name: ha", "name: hb")
        .replace("backendPool: p", "backendPool: q");
    assert!(
        rules(&[HA, &second]).internal().codes().contains(&"HG0501"),
        "one for each frontend"
    );
}

#[test]
fn l_ha_04_05_06_07_what_stands_beside_ha_ports() {
    let floating = |rule: &str| format!("{rule}, enableFloatingIP: true");
    let on_g = HTTP.replace("frontend: f,", "frontend: g,");
    let ha_on_g = HA
        .replace("name: ha", "name: hb")
        .replace("frontend: f,", "frontend: g,");
    let excluded = |items: &[&str]| rules(items).internal().codes().contains(&"HG0509");
    assert!(
        excluded(&[HA, HTTP]) && excluded(&[HA, &on_g]),
        "alone without floating IP"
    );
    assert!(excluded(&[&floating(HA), HTTP]), "both float, or neither");
    assert!(!excluded(&[&floating(HA), &floating(HTTP)]));
    assert!(!excluded(&[&floating(HA), &floating(&on_g)]));
    assert!(
        !excluded(&[&floating(HA), &floating(&ha_on_g)]),
        "each with its frontend"
    );
    assert!(excluded(&[HA, &ha_on_g]) && excluded(&[&floating(HA), &ha_on_g]));
    let beside = |address: &str| {
        let other = format!(
            "  - name: other\n    sku: Standard\n    frontends: [{{ name: f, address: {address} }}]\n    backendPools: [{{ name: p, members: [{{ instance: a }}] }}]\n    loadBalancingRules: [{{ name: r, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p }}]\n"
        );
        Text(rules(&[HA]).internal().0 + &other)
    };
    assert_eq!(
        beside("10.9.0.20").codes(),
        ["HG0509"],
        "no other internal one"
    );
    assert!(beside("203.0.113.20").is_accepted(), "but a public one");
}

#[test]
fn l_ha_13_a_18_ha_ports_of_both_families() {
    let six = HA
        .replace("name: ha", "name: h6")
        .replace("frontend: f,", "frontend: v6,");
    assert!(rules(&[HA, &six]).internal().is_accepted());
}

#[test]
fn l_prb_23_28_a_rule_needs_no_probe_and_two_answers_decide() {
    assert!(rules(&[HTTP]).codes().is_empty());
    let probe = |fields: &str| {
        let text = rules(&[&format!("{HTTP}, probe: alive")]);
        text.with("port: 9000", &format!("port: 9000{fields}"))
    };
    assert_eq!(probe("").ir().load_balancers[0].probes[0].threshold, 2);
    let one = probe(", intervalInSeconds: 10, numberOfProbes: 1");
    assert_eq!(one.ir().load_balancers[0].probes[0].threshold, 1);
}

#[test]
fn l_adm_05_no_effect_without_a_probe() {
    let down = |rule: &str| {
        rules(&[rule]).with(
            "{ name: p, members: [{ instance: a }",
            "{ name: p, members: [{ instance: a, adminState: Down }",
        )
    };
    assert_eq!(down(HTTP).codes(), ["HG0516"]);
    assert!(down(&format!("{HTTP}, probe: alive")).codes().is_empty());
}

#[test]
fn l_out_06_22_outbound_rules_and_what_they_exclude() {
    let outbound = |rules: &[&str]| lists(&[("outboundRules", rules)]);
    let with_snat = lists(&[("loadBalancingRules", &[SNAT]), ("outboundRules", &[OUT])]);
    assert_eq!(with_snat.codes(), ["HG0704"]);
    assert!(
        with_snat
            .with(
                "backendPort: 8080",
                "backendPort: 8080, disableOutboundSnat: true"
            )
            .is_accepted()
    );
    let second = OUT.replace("name: o", "name: o2");
    assert_eq!(outbound(&[OUT, &second]).codes(), ["HG0705"]);
    let tcp_udp = [OUT.replace("All", "Tcp"), second.replace("All", "Udp")];
    assert!(outbound(&[&tcp_udp[0], &tcp_udp[1]]).is_accepted());
}

/// The sizes that fit one address and two.
#[test]
fn l_out_07_10_12_29_ports_per_instance() {
    let sized = |count: usize, frontends: &str, ports: u32| {
        let rule = format!(
            "    outboundRules: [{{ name: o, protocol: All, frontends: [{frontends}], backendPool: p, allocatedOutboundPorts: {ports} }}]\n"
        );
        let members: Vec<String> = (0..count)
            .map(|i| format!("{{ instance: i{i} }}"))
            .collect();
        Text(format!(
            "headgate: 1\n{}loadBalancers:\n  - name: web\n    sku: Standard\n    frontends: [{{ name: f, address: 203.0.113.10 }}, {{ name: g, address: 203.0.113.11 }}]\n    backendPools: [{{ name: p, members: [{}] }}]\n{rule}",
            instances(count),
            members.join(", ")
        ))
    };
    for (frontends, addresses) in [("f", 1), ("f, g", 2)] {
        for count in [1, 2, 10, 64, 100] {
            // L-OUT-12: frontends x 64,000 / instances, in blocks.
            let most = addresses * 64_000 / count as u32 / 8 * 8;
            let ports = most.min(64_000);
            assert!(
                sized(count, frontends, ports).is_accepted(),
                "{count} x {ports}"
            );
            if ports < 64_000 {
                assert_eq!(
                    sized(count, frontends, ports + 8).codes(),
                    ["HG0703"],
                    "{count}"
                );
            }
        }
    }
    let ir = sized(10, "f", 6_400).ir();
    assert_eq!(
        ports(&ir, 9, Protocol::Udp),
        [("203.0.113.10".to_owned(), 6_400)]
    );
    assert_eq!(sized(1, "f", 1001).codes(), ["HG0702"]);
}

/// One, two and three frontends for a pool of 100: the default, twice it, and the cap.
#[test]
fn l_out_13_a_14_default_ports_with_several_frontends() {
    for (frontends, each) in [("f", 512), ("f, g", 1024), ("f, g, h", 1024)] {
        let text = pool("Standard", "current", 100)
            .with("203.0.113.10 }]", "203.0.113.10 }, { name: g, address: 203.0.113.11 }, { name: h, address: 203.0.113.12 }]")
            .with("] }] }\n", &format!("] }}], outboundRules: [{{ name: o, protocol: Tcp, frontends: [{frontends}], backendPool: p }}] }}\n"));
        let total: u16 = ports(&text.ir(), 0, Protocol::Tcp)
            .iter()
            .map(|(_, n)| n)
            .sum();
        assert_eq!(total, each, "{frontends}");
    }
}

/// A-23: above a thousand members only written ports. A-40: the table goes on behind 400.
#[test]
fn a_23_40_default_ports_of_large_pools() {
    let text = |count: usize, ports: u32| {
        pool("Standard", "current", count).with("] }] }\n", &format!("] }}], outboundRules: [{{ name: o, protocol: Tcp, frontends: [f], backendPool: p, allocatedOutboundPorts: {ports} }}] }}\n"))
    };
    assert_eq!(ports(&text(500, 0).ir(), 0, Protocol::Tcp)[0].1, 64);
    assert_eq!(ports(&text(1000, 0).ir(), 0, Protocol::Tcp)[0].1, 32);
    assert_eq!(text(1001, 0).codes(), ["HG0706"]);
    assert!(text(1001, 32).is_accepted());
}

/// A-41: an instance has one address of each family, the one that rules and SNAT are for.
#[test]
fn a_41_one_address_of_each_family() {
    let text = rules(&[HTTP]);
    assert_eq!(
        text.with("[10.0.0.4, 'fd00::4']", "[10.0.0.4, 10.0.0.44]")
            .codes(),
        ["HG0304"]
    );
}

#[test]
fn l_nat_01_04_rules_for_one_and_for_a_pool_and_what_they_exclude() {
    let nat = |rules: &[&str]| lists(&[("inboundNatRules", rules)]);
    let range = |name: &str, first: u16, last: u16, port: u16| {
        format!(
            "name: {name}, protocol: Tcp, frontend: f, backendPool: p, frontendPortRangeStart: {first}, frontendPortRangeEnd: {last}, backendPort: {port}"
        )
    };
    let (one, two) = (range("r", 500, 509, 22), range("s", 509, 520, 23));
    assert_eq!(
        nat(&[&one]).ir().load_balancers[0].nat_rules.len(),
        2,
        "one for each member"
    );
    assert!(
        nat(&[&one, &two]).codes().contains(&"HG0501"),
        "overlapping ranges"
    );
    let apart = range("s", 600, 609, 22);
    assert!(
        nat(&[&one, &apart]).codes().contains(&"HG0505"),
        "one backend port"
    );
    assert_eq!(
        nat(&[&format!("{NAT}, backendPool: p")]).codes(),
        ["HG0519"]
    );
    let beside = lists(&[
        ("loadBalancingRules", &[HTTP]),
        ("inboundNatRules", &[&range("r", 500, 509, 8080)]),
    ]);
    assert!(beside.codes().contains(&"HG0505"), "a rule's backend port");
}

#[test]
fn l_ip6_01_families_do_not_mix() {
    let v4_only = rules(&[&HTTP
        .replace("frontend: f,", "frontend: v6,")
        .replace("backendPool: p", "backendPool: q")])
    .with("[10.0.0.4, 'fd00::4']", "[10.0.0.4]");
    assert_eq!(v4_only.codes(), ["HG0506"]);
    let six = HTTP
        .replace("frontend: f,", "frontend: v6,")
        .replace("name: http", "name: six");
    let dual = rules(&[
        &format!("{HTTP}, probe: alive"),
        &format!("{six}, probe: alive"),
    ]);
    assert!(dual.is_accepted(), "a probe may be of both");
}

#[test]
fn l_bep_05_a_stopped_instance_may_be_a_member() {
    let text = rules(&[&format!("{HTTP}, probe: alive")]);
    let stopped = text.with("vport: 2,", "vport: 2, powerState: Deallocated,");
    assert!(stopped.codes().is_empty());
    assert_eq!(stopped.ir().load_balancers[0].pools[0].members.len(), 2);
}

/// L-LIM-01, L-LIM-03: the most of each thing, and one more.
#[test]
fn l_lim_01_03_frontends_and_rules_by_sku() {
    let frontends = |count: usize| {
        let items: Vec<String> = (0..count)
            .map(|i| {
                format!(
                    "{{ name: f{i}, address: 198.51.{}.{} }}",
                    i / 200,
                    i % 200 + 1
                )
            })
            .collect();
        format!("frontends: [{}]", items.join(", "))
    };
    // Rules of ten pools of one instance each.
    let rules = |count: usize| {
        let pools: Vec<String> = (0..10)
            .map(|i| format!("{{ name: p{i}, members: [{{ instance: i{i} }}] }}"))
            .collect();
        let rules: Vec<String> = (0..count)
            .map(|i| format!("{{ name: r{i}, protocol: Tcp, frontend: f0, frontendPort: {}, backendPool: p{} }}", i + 1, i % 10))
            .collect();
        format!(
            "{}, backendPools: [{}], loadBalancingRules: [{}]",
            frontends(1),
            pools.join(", "),
            rules.join(", ")
        )
    };
    let text = |sku: &str, fields: &str| {
        Text(format!(
            "headgate: 1\nprofile: current\n{}loadBalancers:\n  - {{ name: web, sku: {sku}, {fields} }}\n",
            instances(10)
        ))
    };
    for (sku, most_frontends, most_rules) in [("Standard", 600, 1500), ("Basic", 200, 250)] {
        assert!(text(sku, &frontends(most_frontends)).is_accepted());
        assert_eq!(
            text(sku, &frontends(most_frontends + 1)).codes(),
            ["HG0404"],
            "{sku}"
        );
        assert!(text(sku, &rules(most_rules)).is_accepted());
        assert_eq!(
            text(sku, &rules(most_rules + 1)).codes(),
            ["HG0405"],
            "{sku}"
        );
    }
    let second = "  - { name: x, sku: Basic, frontends: [{ name: f, address: 203.0.113.20 }], backendPools: [{ name: p, members: [{ instance: i0 }] }], loadBalancingRules: [{ name: r, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p }] }\n";
    let two = Text(text("Basic", &rules(1)).0 + second);
    assert_eq!(
        two.codes(),
        ["HG0412"],
        "one public Basic one for each instance"
    );
}

#[test]
fn a_13_pings_are_answered_by_the_current_profile() {
    assert!(rules(&[HTTP]).ir().settings.frontend_ping);
    assert!(!rules(&[HTTP]).seed().ir().settings.frontend_ping);
    assert_eq!(Profile::default(), Profile::Seed);
}

/// A-13: the setting beats the profile, either way.
#[test]
fn a_13_the_switch_for_pings_beats_the_profile() {
    for (profile, ping) in [("current", false), ("seed", true)] {
        let switch = format!("profile: {profile}\nsettings: {{ frontendPing: {ping} }}\n");
        let ir = rules(&[HTTP]).with("profile: current\n", &switch).ir();
        assert_eq!(ir.settings.frontend_ping, ping, "{profile}");
    }
}

/// A-32, A-11, A-16, A-33: everything else is off, or as the specification has it, unless said.
#[test]
fn a_11_16_32_33_settings_are_off_unless_said_and_in_range() {
    use flow_compiler::ir::{Flap, Settings};
    let with = |fields: &str| {
        let section = format!("profile: seed\nsettings: {{ {fields} }}\n");
        rules(&[HTTP]).with("profile: current\n", &section)
    };
    let silent = Settings {
        frontend_ping: false,
        admin_down_reset: false,
        udp_port_share_by_dest_ip: false,
        ha_forward_fragments: false,
        adopt_midflow: false,
        flap: Flap {
            window_seconds: 60,
            max_doublings: 3,
        },
    };
    assert_eq!(with("").ir().settings, silent);
    let all = "adminDownReset: true, udpPortShareByDestIp: true, haForwardFragments: true, adoptMidflow: true, flapWindowInSeconds: 0, flapMaxDoublings: 10";
    let said = Settings {
        admin_down_reset: true,
        udp_port_share_by_dest_ip: true,
        ha_forward_fragments: true,
        adopt_midflow: true,
        flap: Flap {
            window_seconds: 0,
            max_doublings: 10,
        },
        ..silent
    };
    assert_eq!(with(all).ir().settings, said);
    for wrong in ["flapWindowInSeconds: 3601", "flapMaxDoublings: 11"] {
        assert_eq!(with(wrong).codes(), ["HG0104"], "{wrong}");
    }
}

/// L-IDLE-03, A-04: with the setting the frontend's timeout holds, 4 minutes for a public frontend
/// that says nothing; without it the rule's. Outbound rules keep theirs (L-IDLE-04).
#[test]
fn l_idle_03_04_a_04_whose_idle_timeout_holds() {
    let rule = format!("{HTTP}, idleTimeoutInMinutes: 9");
    let nat = format!("{NAT}, idleTimeoutInMinutes: 10");
    let outbound = format!("{OUT}, idleTimeoutInMinutes: 11");
    let text = lists(&[
        ("loadBalancingRules", &[&rule]),
        ("inboundNatRules", &[&nat]),
        ("outboundRules", &[&outbound]),
    ]);
    let precedence = "profile: current\nsettings: { frontendIdlePrecedence: true }\n";
    let on = text.with("profile: current\n", precedence);
    let said = |text: &Text, minutes: u32| {
        let frontend = format!("address: 203.0.113.10, idleTimeoutInMinutes: {minutes} }}");
        text.with("address: 203.0.113.10 }", &frontend)
    };
    let internal = |text: &Text| {
        text.with("203.0.113.10", "10.1.0.10")
            .with("203.0.113.11", "10.1.0.11")
            .with("2001:db8::10", "fd00:1::10")
            .with("    outboundRules:\n", "")
            .with(&format!("      - {{ {outbound} }}\n"), "")
    };
    let seconds = |text: &Text| {
        let ir = text.ir();
        let balancer = &ir.load_balancers[0];
        let outbound = balancer.outbound_rules.first();
        (
            balancer.rules[0].idle_seconds / 60,
            balancer.nat_rules[0].idle_seconds / 60,
            outbound.map_or(11, |rule| rule.idle_seconds / 60),
        )
    };
    assert_eq!(seconds(&text), (9, 10, 11));
    assert_eq!(seconds(&said(&text, 60)), (9, 10, 11), "off");
    assert_eq!(seconds(&said(&on, 60)), (60, 60, 11));
    assert_eq!(seconds(&on), (4, 4, 11), "what public addresses carry");
    assert_eq!(seconds(&internal(&on)), (9, 10, 11), "nothing to win");

    assert_eq!(text.codes(), [""; 0]);
    assert_eq!(said(&text, 9).codes(), ["HG0341"], "the NAT rule differs");
    assert_eq!(said(&text, 60).codes(), ["HG0341", "HG0341"]);
    assert_eq!(said(&on, 60).codes(), ["HG0341", "HG0341"]);
    let silent = on
        .with(", idleTimeoutInMinutes: 9", "")
        .with(", idleTimeoutInMinutes: 10", "");
    assert_eq!(said(&silent, 60).codes(), [""; 0], "nobody contradicts");
    for (minutes, allowed) in [(3, false), (4, true), (100, true), (101, false)] {
        let codes = said(&silent, minutes).codes();
        assert_eq!(codes.contains(&"HG0510"), !allowed, "{minutes}: {codes:?}");
    }
}
