//! The smallest configurations that deserve each diagnostic.

use std::fmt::Write as _;

use flow_compiler::diagnostic::Diagnostic;
use flow_compiler::source::Source;
use flow_compiler::{Compiled, Rejected, compile};

/// The codes of the findings, in order, and the configuration that deserves them.
pub(crate) type Case = (&'static [&'static str], String);

/// What most cases begin with: three instances.
pub(crate) const BASE: &str = "\
headgate: 1
instances:
  - { name: a, addresses: [10.0.0.4, 'fd00::4'], vport: 1, mac: '02:00:00:00:00:04' }
  - { name: b, addresses: [10.0.0.5], vport: 2, mac: '02:00:00:00:00:05' }
";

/// A load balancer that most rules hang on.
pub(crate) const PUBLIC: &str = "\
loadBalancers:
  - name: web
    sku: Standard
    frontends: [{ name: v4, address: 203.0.113.10 }, { name: v4b, address: 203.0.113.11 }, { name: v6, address: '2001:db8::10' }]
    backendPools: [{ name: web, members: [{ instance: a }, { instance: b }] }, { name: one, members: [{ instance: a }] }, { name: b, members: [{ instance: b }] }, { name: none }]
    probes: [{ name: tcp, protocol: Tcp, port: 8080 }]
";

/// Everything that is said about a text.
pub(crate) fn diagnose(text: &str) -> Vec<Diagnostic> {
    match compile(&Source::new("case.yaml", text)) {
        Ok(Compiled { warnings, .. }) => warnings,
        Err(Rejected(diagnostics)) => diagnostics,
    }
}

/// Texts with the codes they deserve, in order.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut add = |codes, text: &str| cases.push((codes, text.to_owned()));
    add(&["HG0001"], "headgate: 1\nname: a\u{0}b\n");
    add(&["HG0002"], "headgate: [1\n");
    add(&["HG0003"], "# nothing\n");
    add(&["HG0004"], "headgate: 1\n---\nheadgate: 1\n");
    add(&["HG0005"], &"[".repeat(30));
    add(&["HG0006"], "headgate: 1\nprofile: &p seed\nuplink: *p\n");
    add(&["HG0007"], "headgate: 1\nheadgate: 1\n");
    add(&["HG0101"], "headgate: 1\ninstancs: []\n");
    add(&["HG0102"], "instances: []\n");
    add(&["HG0103", "HG0103"], "headgate: one\ninstances: 3\n");
    add(&["HG0109"], "headgate: 2\n");
    add(&["HG0105"], "headgate: 1\nprofile: sead\n");
    instance_cases(&mut add);
    balancer_cases(&mut add);
    cases.extend(collision_cases());
    cases.extend(rule_cases());
    cases.extend(outbound_cases());
    cases.extend(set_cases());
    cases.extend(closed_cases());
    cases.push((&["HG0407"], large_basic_pool()));
    cases.push((&["HG0408", "HG0706"], large_pool()));
    cases.push((&["HG0410"], many_rules()));
    cases.push((&["HG0404"], many_frontends()));
    cases.push((&["HG0405"], many_nat_rules()));
    cases.push((&["HG0406"], many_outbound_rules()));
    cases.push((&["HG0409"], uneven_weights()));
    cases
}

fn instance_cases(add: &mut impl FnMut(&'static [&'static str], &str)) {
    let one = |fields: &str| format!("headgate: 1\ninstances:\n  - {{ {fields} }}\n");
    let good = "name: a, addresses: [10.0.0.4], vport: 1";
    add(
        &["HG0104"],
        &one("name: a, addresses: [10.0.0.4], vport: 4096, mac: '02:00:00:00:00:04'"),
    );
    add(
        &["HG0106", "HG0107"],
        &one("name: a, addresses: [10.0.0.400], vport: 1, mac: '01:00:00:00:00:04'"),
    );
    add(
        &["HG0108"],
        &one("name: a/b, addresses: [10.0.0.4], vport: 1, mac: '02:00:00:00:00:04'"),
    );
    add(
        &["HG0304"],
        &one("name: a, addresses: [10.0.0.4, 10.0.0.5], vport: 1, mac: '02:00:00:00:00:04'"),
    );
    add(
        &["HG0305"],
        &one(
            "name: a, addresses: [10.0.0.4], publicAddress: 168.63.129.16, vport: 1, mac: '02:00:00:00:00:04'",
        ),
    );
    add(
        &["HG0307"],
        &one(&format!(
            "{good}, mac: '02:00:00:00:00:04', publicAddressV6: '2001:db8::1'"
        )),
    );
    add(
        &["HG0106"],
        &one(&format!(
            "{good}, mac: '02:00:00:00:00:04', publicAddress: '2001:db8::1'"
        )),
    );
    next_hop_cases(add);
    let twice = "  - { name: a, addresses: [10.0.0.4], vport: 1, mac: '02:00:00:00:00:05' }\n";
    add(
        &["HG0202", "HG0303", "HG0301", "HG0302"],
        &format!("{BASE}{twice}"),
    );
    add(
        &["HG0306"],
        "headgate: 1\nuplink: { address: 203.0.113.2/24, nextHop: 203.0.112.1 }\n",
    );
    add(
        &["HG0302"],
        "headgate: 1\nuplink: { mac: '02:00:00:00:00:01', nextHopMac: '02:00:00:00:00:01' }\n",
    );
}

/// Instances `s` with a next hop, `n` behind it, and the host; what is added to `s` and to `n`.
fn routed(sender: &str, appliance: &str) -> String {
    format!(
        "headgate: 1
instances:
  - {{ name: s, addresses: [{sender}], vport: 1, mac: '02:00:00:00:00:04', nextHop: 10.0.9.4 }}
  - {{ name: n, addresses: [10.0.8.4], vport: 2, mac: '02:00:00:00:00:05'{appliance} }}
loadBalancers:
  - name: hub
    sku: Standard
    frontends: [{{ name: f, address: 10.0.9.4, internal: true }}]
    backendPools: [{{ name: p, members: [{{ instance: n }}] }}]
    loadBalancingRules: [{{ name: all, protocol: All, frontend: f, frontendPort: 0, backendPool: p, backendPort: 0 }}]
"
    )
}

fn next_hop_cases(add: &mut impl FnMut(&'static [&'static str], &str)) {
    let forwards = ", ipForwarding: true";
    let sound = routed("10.0.0.4", forwards);
    add(&[], &sound);
    add(
        &["HG0311"],
        &sound.replace("nextHop: 10.0.9.4", "nextHop: 10.0.9.5"),
    );
    add(
        &["HG0311"],
        &sound.replace("nextHop: 10.0.9.4", "nextHopV6: 'fd00::9'"),
    );
    let member = sound.replace("[{ instance: n }]", "[{ instance: n }, { instance: s }]");
    add(&["HG0312"], &member);
    add(
        &["HG0313"],
        &sound.replace("nextHop: 10.0.9.4", "nextHop: 10.0.9.4, ipForwarding: true"),
    );
    add(&["HG0314"], &routed("168.63.129.16", forwards));
    add(&["HG0315"], &routed("10.0.0.4", ""));
}

fn balancer_cases(add: &mut impl FnMut(&'static [&'static str], &str)) {
    let balancer = |fields: &str| format!("{BASE}loadBalancers:\n  - {{ {fields} }}\n");
    add(&["HG0401"], &balancer("name: web"));
    add(
        &["HG0201"],
        &balancer(
            "name: web, sku: Standard, backendPools: [{ name: p, members: [{ instance: c }] }]",
        ),
    );
    add(
        &["HG0203"],
        &balancer(
            "name: web, sku: Standard, backendPools: [{ name: p, members: [{ instance: a }, { instance: a }] }]",
        ),
    );
    add(
        &["HG0402"],
        &balancer(
            "name: web, sku: Standard, frontends: [{ name: f, address: 203.0.113.10 }, { name: g, address: 10.0.1.1 }]",
        ),
    );
    add(
        &["HG0403"],
        &balancer(
            "name: web, sku: Standard, backendPools: [{ name: p }], outboundRules: [{ name: o, protocol: All, frontends: [], backendPool: p }]",
        ),
    );
    let basic = |name: &str| {
        format!(
            "  - {{ name: {name}, sku: Basic, backendPools: [{{ name: p, members: [{{ instance: a }}] }}] }}\n"
        )
    };
    let two = format!("{BASE}loadBalancers:\n{}{}", basic("x"), basic("y"));
    add(&["HG0412"], &two);
    let probe = |fields: &str| {
        balancer(&format!(
            "name: web, sku: Standard, probes: [{{ name: p, {fields} }}]"
        ))
    };
    add(
        &["HG0601"],
        &probe("protocol: Http, port: 25, requestPath: /"),
    );
    add(&["HG0602"], &probe("protocol: Http, port: 80"));
    add(
        &["HG0603"],
        &probe("protocol: Tcp, port: 80, requestPath: /"),
    );
    add(
        &["HG0604"],
        &probe("protocol: Http, port: 80, requestPath: 'http://x/'"),
    );
    add(
        &["HG0606"],
        &probe("protocol: Tcp, port: 80, intervalInSeconds: 60, probeThreshold: 3"),
    );
    add(
        &["HG0607"],
        &probe("protocol: Tcp, port: 80, probeThreshold: 3, numberOfProbes: 2"),
    );
    add(
        &["HG0605"],
        &balancer(
            "name: web, sku: Basic, probes: [{ name: p, protocol: Https, port: 443, requestPath: / }]",
        ),
    );
    add(
        &["HG0606"],
        &probe("protocol: Tcp, port: 80, timeoutInSeconds: 121"),
    );
    add(
        &["HG0607"],
        &probe("protocol: Tcp, port: 80, timeoutInSeconds: 31, probeThreshold: 3"),
    );
    add(&["HG0608"], &probe("protocol: GuestAgent, port: 8000"));
    add(
        &["HG0609"],
        &balancer("name: web, sku: Basic, probes: [{ name: p, protocol: GuestAgent, port: 8000 }]"),
    );
    add(
        &["HG0610"],
        &balancer(
            "name: web, sku: Standard, frontends: [{ name: f, address: 203.0.113.10 }], \
             backendPools: [{ name: p, members: [{ instance: a }, { instance: b }] }], \
             probes: [{ name: s, protocol: Tcp, port: 8080 }, { name: t, protocol: Tcp, port: 8080 }], \
             loadBalancingRules: [\
             { name: x, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p, probe: s }, \
             { name: y, protocol: Tcp, frontend: f, frontendPort: 81, backendPool: p, backendPort: 82, probe: t }]",
        ),
    );
    let behind = "backendPools: [{ name: p, members: [{ instance: a }] }]";
    add(
        &["HG0411"],
        &format!(
            "{BASE}loadBalancers:\n  - {{ name: x, sku: Basic, {behind} }}\n  - {{ name: y, sku: Standard, {behind} }}\n"
        ),
    );
}

/// Rules of a file that is secure by default, and of one that is not.
fn closed_cases() -> Vec<Case> {
    let secure = |text: String| text.replace("headgate: 1", "headgate: 1\nsecureByDefault: true");
    let nat = "    inboundNatRules:\n      - { name: n, protocol: Tcp, frontend: v4, backendPool: web, frontendPortRangeStart: 500, frontendPortRangeEnd: 600, backendPort: 22 }\n";
    let open = format!("{HTTP}, allowInbound: true");
    let closed = format!("{HTTP}, allowInbound: false");
    vec![
        (&["HG0524", "HG0524"], secure(rules(&[HTTP]) + nat)),
        (
            &[],
            secure(rules(&[
                &open,
                UDP.replace("web", "web, allowInbound: false").as_str(),
            ])),
        ),
        (&["HG0525"], rules(&[&closed])),
        (&["HG0525"], secure(internal("Standard", &[&closed]))),
        (&[], rules(&[&open])),
        (&[], secure(internal("Standard", &[HTTP]))),
    ]
}

/// Two instances of these sets behind load balancers with these pools.
fn set_cases() -> Vec<Case> {
    let sets = |a: &str, b: &str, balancers: &str| {
        format!(
            "headgate: 1\ninstances:\n  - {{ name: a, addresses: [10.0.0.4], vport: 1, mac: '02:00:00:00:00:04'{a} }}\n  - {{ name: b, addresses: [10.0.0.5], vport: 2, mac: '02:00:00:00:00:05'{b} }}\nloadBalancers:\n{balancers}"
        )
    };
    let lb = |name: &str, sku: &str, last: u8, more: &str| {
        format!(
            "  - {{ name: {name}, sku: {sku}, frontends: [{{ name: f, address: 203.0.113.{last} }}], {more} }}\n"
        )
    };
    let both = "backendPools: [{ name: p, members: [{ instance: a }, { instance: b }] }]";
    let only =
        |name: &str| format!("backendPools: [{{ name: p, members: [{{ instance: {name} }}] }}]");
    let apart = "backendPools: [{ name: p, members: [{ instance: a }] }, { name: q, members: [{ instance: b }] }]";
    let by_address = "backendPools: [{ name: p, byAddress: true, members: [{ instance: a }] }]";
    let outbound = ", outboundRules: [{ name: o, protocol: All, frontends: [f], backendPool: p }]";
    let nat = ", inboundNatRules: [{ name: n, protocol: Tcp, frontend: f, backendPool: p, frontendPortRangeStart: 500, frontendPortRangeEnd: 600, backendPort: 22 }]";
    let (x, y) = (", availabilitySet: x", ", availabilitySet: y");
    let two = lb("one", "Standard", 10, &only("a")) + &lb("two", "Standard", 11, &only("b"));
    let count = 151;
    let member = |i| format!("{{ instance: i{i} }}");
    let members: Vec<String> = (0..count).map(member).collect();
    let pool = format!(
        "backendPools: [{{ name: p, members: [{}] }}]",
        members.join(", ")
    );
    let alone = format!(
        "headgate: 1\n{}loadBalancers:\n{}",
        instances(count).replacen(" }", &format!("{x} }}"), 1),
        lb("web", "Standard", 10, &pool)
    );
    vec![
        (
            &["HG0321"],
            sets(", availabilitySet: x, scaleSet: y", "", ""),
        ),
        (&["HG0322"], sets(x, y, &lb("web", "Basic", 10, both))),
        (&["HG0322"], sets(x, "", &lb("web", "Basic", 10, both))),
        (&["HG0323"], alone),
        (&["HG0324"], sets(x, x, &lb("web", "Standard", 10, apart))),
        (&["HG0325"], sets(x, x, &two)),
        (
            &["HG0326"],
            sets("", "", &lb("web", "Basic", 10, by_address)),
        ),
        (
            &["HG0523"],
            sets(
                "",
                "",
                &lb("web", "Standard", 10, &format!("{by_address}{nat}")),
            ),
        ),
        (
            &["HG0707"],
            sets(x, x, &lb("web", "Standard", 10, &(only("a") + outbound))),
        ),
    ]
}

/// A load balancer with these rules.
pub(crate) fn rules(list: &[&str]) -> String {
    let mut text = format!("{BASE}{PUBLIC}    loadBalancingRules:\n");
    for rule in list {
        let _ = writeln!(text, "      - {{ {rule} }}");
    }
    text
}

fn internal(sku: &str, list: &[&str]) -> String {
    rules(list)
        .replace("sku: Standard", &format!("sku: {sku}"))
        .replace("203.0.113.", "10.1.0.")
        .replace("2001:db8::", "fd00:1::")
}

/// Rules that are right by themselves.
const HTTP: &str = "name: http, protocol: Tcp, frontend: v4, frontendPort: 80, backendPool: web, backendPort: 8080, probe: tcp";
const UDP: &str = "name: dns, protocol: Udp, frontend: v4, frontendPort: 53, backendPool: web";
const HA: &str =
    "name: ha, protocol: All, frontend: v4, frontendPort: 0, backendPool: web, backendPort: 0";

/// Rules that collide with another one.
fn collision_cases() -> Vec<Case> {
    let http = |more: &str| format!("{HTTP}, {more}");
    let nat =
        |rule: &str| rules(&[HTTP]) + &format!("    inboundNatRules:\n      - {{ {rule} }}\n");
    vec![
        (&[], rules(&[HTTP, UDP])),
        (
            &["HG0501"],
            rules(&[
                HTTP,
                "name: x, protocol: Tcp, frontend: v4, frontendPort: 80, backendPool: web, backendPort: 81",
            ]),
        ),
        (
            &["HG0502"],
            rules(&[
                HTTP,
                "name: x, protocol: Tcp, frontend: v4b, frontendPort: 80, backendPool: web, backendPort: 8080",
            ]),
        ),
        (
            &["HG0502"],
            rules(&[
                HTTP,
                "name: x, protocol: Tcp, frontend: v4b, frontendPort: 80, backendPool: web, backendPort: 8080, enableFloatingIP: true",
            ]),
        ),
        (
            &["HG0503"],
            rules(&[
                &http("enableFloatingIP: true"),
                "name: x, protocol: Tcp, frontend: v4, frontendPort: 81, backendPool: web, backendPort: 8080, enableFloatingIP: true",
            ]),
        ),
        (
            &["HG0504"],
            rules(&[
                HTTP,
                "name: x, protocol: Tcp, frontend: v4b, frontendPort: 80, backendPool: one, backendPort: 8080",
            ]),
        ),
        (
            &["HG0505"],
            nat(
                "name: n, protocol: Tcp, frontend: v4, frontendPort: 5000, target: a, backendPort: 8080",
            ),
        ),
        (
            &["HG0506"],
            nat(
                "name: n, protocol: Tcp, frontend: v6, frontendPort: 5000, target: b, backendPort: 22",
            ),
        ),
        (
            &["HG0501"],
            nat(
                "name: n, protocol: Tcp, frontend: v4, backendPool: web, frontendPortRangeStart: 70, frontendPortRangeEnd: 90, backendPort: 22",
            ),
        ),
        (
            &["HG0102", "HG0102", "HG0102"],
            nat("name: n, protocol: Tcp, frontend: v4, frontendPortRangeStart: 500"),
        ),
        (
            &["HG0519"],
            nat(
                "name: n, protocol: Tcp, frontend: v4, target: a, backendPool: web, frontendPortRangeStart: 500, frontendPortRangeEnd: 600, backendPort: 22",
            ),
        ),
        (
            &["HG0520"],
            nat(
                "name: n, protocol: Tcp, frontend: v4, backendPool: web, frontendPortRangeStart: 600, frontendPortRangeEnd: 500, backendPort: 22",
            ),
        ),
        (
            &["HG0521"],
            nat(
                "name: n, protocol: Tcp, frontend: v4, backendPool: web, frontendPortRangeStart: 500, frontendPortRangeEnd: 500, backendPort: 22",
            ),
        ),
        (
            &["HG0506"],
            rules(&["name: x, protocol: Tcp, frontend: v6, frontendPort: 80, backendPool: b"]),
        ),
    ]
}

/// Rules that are wrong by themselves.
fn rule_cases() -> Vec<Case> {
    let http = |more: &str| format!("{HTTP}, {more}");
    vec![
        (
            &["HG0507"],
            rules(&["name: x, protocol: All, frontend: v4, frontendPort: 80, backendPool: web"]),
        ),
        (&["HG0508"], rules(&[HA])),
        (&["HG0509"], internal("Standard", &[HA, HTTP])),
        (
            &["HG0522"],
            internal("Standard", &[&format!("{HA}, enableTcpReset: true")]),
        ),
        (
            &["HG0509"],
            internal("Standard", &[HA])
                + "    inboundNatRules:\n      - { name: n, protocol: Tcp, frontend: v4b, frontendPort: 5000, target: a, backendPort: 22 }\n",
        ),
        (&["HG0510"], rules(&[&http("idleTimeoutInMinutes: 31")])),
        (
            &["HG0341"],
            rules(&[&http("idleTimeoutInMinutes: 9")]).replace(
                "address: 203.0.113.10 }",
                "address: 203.0.113.10, idleTimeoutInMinutes: 15 }",
            ),
        ),
        (
            &["HG0512", "HG0512"],
            rules(&[&format!(
                "{UDP}, idleTimeoutInMinutes: 5, enableTcpReset: true"
            )]),
        ),
        (
            &["HG0513"],
            internal("Basic", &[&http("enableTcpReset: true")]),
        ),
        (
            &["HG0514"],
            internal(
                "Basic",
                &[
                    "name: x, protocol: Tcp, frontend: v6, frontendPort: 80, backendPool: web, loadDistribution: SourceIP",
                ],
            ),
        ),
        (
            &["HG0515"],
            rules(&[&http("enableConnectionTracking: true")]),
        ),
        (
            &["HG0516"],
            rules(&[UDP]).replace("{ instance: b }] }", "{ instance: b, adminState: Down }] }"),
        ),
        (
            &["HG0517"],
            rules(&["name: x, protocol: Tcp, frontend: v4, frontendPort: 80, backendPool: none"]),
        ),
        (
            &["HG0518"],
            internal(
                "Standard",
                &[
                    "name: x, protocol: Tcp, frontend: v6, frontendPort: 80, backendPool: web, enableFloatingIP: true",
                ],
            ),
        ),
    ]
}

/// A load balancer with these outbound rules.
fn outbound(list: &[&str]) -> String {
    let mut text = format!("{BASE}{PUBLIC}    outboundRules:\n");
    for rule in list {
        let _ = writeln!(text, "      - {{ {rule} }}");
    }
    text
}

fn outbound_cases() -> Vec<Case> {
    const OUT: &str = "name: out, protocol: All, frontends: [v4], backendPool: web";
    let out = |more: &str| outbound(&[&format!("{OUT}, {more}")]);
    let snat = "    loadBalancingRules:\n      - { name: http, protocol: Tcp, frontend: v4, frontendPort: 80, backendPool: one }\n";
    vec![
        (&["HG0511"], out("idleTimeoutInMinutes: 110")),
        (
            &["HG0204"],
            outbound(&["name: out, protocol: All, frontends: [v4, v4], backendPool: web"]),
        ),
        (&["HG0701"], outbound(&[OUT]).replace("Standard", "Basic")),
        (&["HG0702"], out("allocatedOutboundPorts: 1001")),
        (&["HG0703"], out("allocatedOutboundPorts: 40000")),
        (&["HG0704"], outbound(&[OUT]) + snat),
        (
            &["HG0705"],
            outbound(&[
                OUT,
                "name: out2, protocol: Tcp, frontends: [v4b, v4], backendPool: one",
            ]),
        ),
    ]
}

fn instances(count: usize) -> String {
    let mut text = "instances:\n".to_owned();
    for i in 0..count {
        let (high, low) = (i / 250, i % 250 + 1);
        let vport = i % 4095 + 1;
        let _ = writeln!(
            text,
            "  - {{ name: i{i}, addresses: [10.0.{high}.{low}], vport: {vport}, mac: '02:00:00:00:{high:02x}:{low:02x}' }}"
        );
    }
    text
}

/// One member more than the default SNAT ports are for.
fn large_pool() -> String {
    let members: Vec<String> = (0..1001).map(|i| format!("{{ instance: i{i} }}")).collect();
    format!(
        "headgate: 1\n{}loadBalancers:\n  - name: web\n    sku: Standard\n    frontends: [{{ name: f, address: 203.0.113.10 }}]\n    backendPools:\n      - {{ name: p, members: [{}] }}\n    outboundRules: [{{ name: o, protocol: Tcp, frontends: [f], backendPool: p }}]\n",
        instances(1001),
        members.join(", "),
    )
}

fn large_basic_pool() -> String {
    let members: Vec<String> = (0..301).map(|i| format!("{{ instance: i{i} }}")).collect();
    format!(
        "headgate: 1\n{}loadBalancers:\n  - {{ name: web, sku: Basic, backendPools: [{{ name: p, members: [{}] }}] }}\n",
        instances(301),
        members.join(", "),
    )
}

fn balancer_of(lists: &str) -> String {
    format!(
        "{BASE}loadBalancers:\n  - name: web\n    sku: Standard\n    frontends: [{{ name: f, address: 203.0.113.10 }}]\n    backendPools: [{{ name: p, members: [{{ instance: a }}, {{ instance: b }}] }}]\n{lists}"
    )
}

fn many_rules() -> String {
    let rule = |i| {
        format!(
            "      - {{ name: n{i}, protocol: Tcp, frontend: f, frontendPort: {}, target: a, backendPort: {} }}\n",
            1000 + i,
            1000 + i
        )
    };
    balancer_of(&format!(
        "    inboundNatRules:\n{}",
        (0..301).map(rule).collect::<String>()
    ))
}

fn many_nat_rules() -> String {
    let rule = |i| {
        format!(
            "      - {{ name: n{i}, protocol: Tcp, frontend: f, frontendPort: {}, target: i{}, backendPort: {} }}\n",
            1000 + i,
            i % 100,
            1000 + i
        )
    };
    balancer_of(&format!("    inboundNatRules:\n{}", (0..1501).map(rule).collect::<String>()))
        .replace("instances:\n", &instances(100))
        .replace("vport: 1, mac: '02:00:00:00:00:04' }\n  - { name: b, addresses: [10.0.0.5], vport: 2, mac: '02:00:00:00:00:05'", "vport: 201, mac: '02:00:00:00:01:04' }\n  - { name: b, addresses: [10.1.0.5], vport: 202, mac: '02:00:00:00:01:05'")
        .replace("addresses: [10.0.0.4, 'fd00::4']", "addresses: [10.1.0.4]")
}

fn many_frontends() -> String {
    let frontend = |i: usize| {
        format!(
            "{{ name: f{i}, address: 198.51.{}.{} }}",
            i / 200,
            i % 200 + 1
        )
    };
    let frontends: Vec<String> = (0..601).map(frontend).collect();
    format!(
        "{BASE}loadBalancers:\n  - name: web\n    sku: Standard\n    frontends: [{}]\n",
        frontends.join(", ")
    )
}

fn many_outbound_rules() -> String {
    let frontend = |i: usize| {
        format!(
            "{{ name: f{i}, address: 198.51.{}.{} }}",
            i / 200,
            i % 200 + 1
        )
    };
    let frontends: Vec<String> = (0..301).map(frontend).collect();
    let rule = |i: usize| {
        let protocol = if i.is_multiple_of(2) { "Tcp" } else { "Udp" };
        format!(
            "{{ name: o{i}, protocol: {protocol}, frontends: [f{}], backendPool: p }}",
            i / 2
        )
    };
    let rules: Vec<String> = (0..601).map(rule).collect();
    format!(
        "{BASE}loadBalancers:\n  - name: web\n    sku: Standard\n    frontends: [{}]\n    backendPools: [{{ name: p }}]\n    outboundRules: [{}]\n",
        frontends.join(", "),
        rules.join(", ")
    )
}

fn uneven_weights() -> String {
    let member = |i| format!("{{ instance: i{i}, weight: {} }}", 99 - i % 2);
    let members: Vec<String> = (0..110).map(member).collect();
    format!(
        "headgate: 1\n{}loadBalancers:\n  - {{ name: web, sku: Standard, backendPools: [{{ name: p, members: [{}] }}] }}\n",
        instances(110),
        members.join(", ")
    )
}
