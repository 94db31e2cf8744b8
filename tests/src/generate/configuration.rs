//! Generated configurations: small domains, so that rules share pools, instances and ports.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use flow_compiler::ir::{Ir, LoadBalancer};
use flow_compiler::source::Source;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Ports on which rules listen and to which they send.
pub(super) const PORTS: [u16; 4] = [80, 81, 443, 8080];
/// More load balancers than any test generates.
const BALANCERS: usize = 4;

/// A configuration that compiles.
#[derive(Clone)]
pub struct Configuration {
    /// As it is written.
    pub text: String,
    /// What it means.
    pub ir: Ir,
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[derive(Clone, Debug)]
struct InstanceRecipe {
    families: u8,
    one_to_one: bool,
    ip_forwarding: bool,
    /// Which of the frontends that can be a next hop is its, if any.
    next_hop: Option<usize>,
    /// Addresses of its next hops.
    next_hops: Vec<IpAddr>,
}

/// What load balancers stand on.
#[derive(Clone, Debug)]
struct Ground {
    instances: Vec<InstanceRecipe>,
    default_outbound: bool,
    secure_by_default: bool,
}

#[derive(Clone, Debug)]
struct BalancerRecipe {
    standard: bool,
    internal: bool,
    pools: [u8; 2],
    by_address: bool,
    rules: Vec<String>,
    nat_rules: Vec<String>,
    outbound_rules: Vec<String>,
}

/// Configurations of three to five instances and one to three load balancers.
pub fn configuration() -> impl Strategy<Value = Configuration> {
    let balancers = vec(balancer(), 1..BALANCERS);
    (ground(), balancers).prop_map(|(ground, balancers)| build(&ground, &balancers))
}

fn ground() -> impl Strategy<Value = Ground> {
    let switches = (any::<bool>(), prop::bool::weighted(0.3));
    (vec(instance(), 3..=5), switches).prop_map(|(instances, switches)| Ground {
        instances,
        default_outbound: switches.0,
        secure_by_default: switches.1,
    })
}

fn instance() -> impl Strategy<Value = InstanceRecipe> {
    let families = prop_oneof![2 => Just(1_u8), 1 => Just(2), 4 => Just(3)];
    let next_hop = prop::option::weighted(0.5, 0..BALANCERS);
    (
        families,
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
        next_hop,
    )
        .prop_map(
            |(families, one_to_one, ip_forwarding, next_hop)| InstanceRecipe {
                families,
                one_to_one,
                ip_forwarding,
                next_hop,
                next_hops: Vec::new(),
            },
        )
}

fn balancer() -> impl Strategy<Value = BalancerRecipe> {
    let kinds = (
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.4),
        prop::bool::weighted(0.2),
    );
    let members = [1_u8..32, 0..32];
    let rules = (
        vec(rule(), 1..6),
        vec(nat_rule(), 0..3),
        vec(outbound_rule(), 0..2),
    );
    (kinds, members, rules).prop_map(|((standard, internal, by_address), pools, rules)| {
        BalancerRecipe {
            standard,
            internal,
            pools,
            by_address: by_address && standard,
            rules: rules.0,
            nat_rules: rules.1,
            outbound_rules: rules.2,
        }
    })
}

fn port() -> impl Strategy<Value = u16> {
    select(&PORTS[..])
}

fn protocol() -> impl Strategy<Value = &'static str> {
    select(&["Tcp", "Udp"][..])
}

fn rule() -> impl Strategy<Value = String> {
    let distribution = select(&["Default", "SourceIP", "SourceIPProtocol"][..]);
    let flags = (
        any::<bool>(),
        any::<bool>(),
        prop::bool::weighted(0.7),
        prop::bool::weighted(0.25),
        prop::bool::weighted(0.6),
    );
    let place = (0..2, 0..2);
    (protocol(), place, port(), port(), distribution, flags).prop_map(
        |(protocol, (frontend, pool), from, to, distribution, flags)| {
            let (floating, same_port, no_snat, every_port, allow) = flags;
            let to = if same_port { from } else { to };
            let (protocol, from, to) = if every_port {
                ("All", 0, 0)
            } else {
                (protocol, from, to)
            };
            format!(
                "protocol: {protocol}, frontend: f{frontend}, frontendPort: {from}, \
                 backendPool: p{pool}, backendPort: {to}, loadDistribution: {distribution}, \
                 enableFloatingIP: {floating}, disableOutboundSnat: {no_snat}, \
                 allowInbound: {allow}"
            )
        },
    )
}

fn nat_rule() -> impl Strategy<Value = String> {
    let protocol = select(&["Tcp", "Udp", "All"][..]);
    let flags = (prop::bool::weighted(0.3), prop::bool::weighted(0.6));
    (protocol, 0..2, port(), port(), 0..5, flags).prop_map(
        |(protocol, frontend, from, to, target, (floating, allow))| {
            format!(
                "protocol: {protocol}, frontend: f{frontend}, frontendPort: {from}, \
                 target: i{target}, backendPort: {to}, enableFloatingIP: {floating}, \
                 allowInbound: {allow}"
            )
        },
    )
}

fn outbound_rule() -> impl Strategy<Value = String> {
    let protocol = select(&["Tcp", "Udp", "All"][..]);
    (protocol, 0..2, 0..2).prop_map(|(protocol, frontend, pool)| {
        format!("protocol: {protocol}, frontends: [ f{frontend} ], backendPool: p{pool}")
    })
}

/// Leaves out load balancers and rules that the compiler refuses beside those before them.
fn build(ground: &Ground, recipes: &[BalancerRecipe]) -> Configuration {
    let mut kept: Vec<BalancerRecipe> = Vec::new();
    let mut accepted = compile(ground, &kept).expect("the ground alone is valid");
    for recipe in recipes {
        let bare = BalancerRecipe {
            rules: Vec::new(),
            nat_rules: Vec::new(),
            outbound_rules: Vec::new(),
            ..recipe.clone()
        };
        keep(ground, &mut kept, &mut accepted, |kept| kept.push(bare));
        let at = kept.len() - 1;
        for rule in &recipe.rules {
            keep(ground, &mut kept, &mut accepted, |kept| {
                kept[at].rules.push(rule.clone());
            });
        }
        for rule in &recipe.nat_rules {
            keep(ground, &mut kept, &mut accepted, |kept| {
                kept[at].nat_rules.push(rule.clone());
            });
        }
        for rule in &recipe.outbound_rules {
            keep(ground, &mut kept, &mut accepted, |kept| {
                kept[at].outbound_rules.push(rule.clone());
            });
        }
    }
    add_next_hops(ground.clone(), &kept, accepted)
}

/// Gives instances next hops as far as there are any for them.
fn add_next_hops(
    mut ground: Ground,
    balancers: &[BalancerRecipe],
    mut accepted: Configuration,
) -> Configuration {
    let hops = possible_next_hops(&accepted.ir);
    for i in 0..ground.instances.len() {
        let hop = ground.instances[i]
            .next_hop
            .and_then(|n| hops.get(n % hops.len().max(1)));
        ground.instances[i].next_hops.extend(hop);
        match compile(&ground, balancers) {
            Some(configuration) => accepted = configuration,
            None => ground.instances[i].next_hops.clear(),
        }
    }
    accepted
}

/// Internal frontends with HA ports.
fn possible_next_hops(ir: &Ir) -> Vec<IpAddr> {
    let internal = ir.load_balancers.iter().filter(|b| b.internal);
    let of = |balancer: &'_ LoadBalancer| -> Vec<IpAddr> {
        let rules = balancer.rules.iter().filter(|rule| rule.is_ha_ports());
        rules.map(|rule| balancer.frontend(rule.frontend)).collect()
    };
    internal.flat_map(of).collect()
}

fn keep(
    ground: &Ground,
    kept: &mut Vec<BalancerRecipe>,
    accepted: &mut Configuration,
    change: impl FnOnce(&mut Vec<BalancerRecipe>),
) {
    let mut changed = kept.clone();
    change(&mut changed);
    if let Some(configuration) = compile(ground, &changed) {
        *kept = changed;
        *accepted = configuration;
    }
}

fn compile(ground: &Ground, balancers: &[BalancerRecipe]) -> Option<Configuration> {
    let text = write(ground, balancers);
    let compiled = flow_compiler::compile(&Source::new("generated.yaml", text.clone())).ok()?;
    Some(Configuration {
        text,
        ir: compiled.ir,
    })
}

fn write(ground: &Ground, balancers: &[BalancerRecipe]) -> String {
    let (instances, secure) = (&ground.instances, ground.secure_by_default);
    let platform = if ground.default_outbound {
        ", defaultOutboundAddress: 203.0.113.250, defaultOutboundAddressV6: \"2001:db8::fa\""
    } else {
        ""
    };
    let mut text = format!(
        "headgate: 1\nprofile: current\nsecureByDefault: {secure}\n\
         uplink: {{ mac: \"02:00:00:00:00:01\", nextHopMac: \"02:00:00:00:00:fe\"{platform} }}\ninstances:\n",
    );
    for (i, instance) in instances.iter().enumerate() {
        let of_family =
            |bit: u8, address: String| (instance.families & bit != 0).then_some(address);
        let own = [
            of_family(1, format!("10.0.0.{}", 10 + i)),
            of_family(2, format!("\"fd00::{:x}\"", 16 + i)),
        ];
        let own: Vec<String> = own.into_iter().flatten().collect();
        let mut public = String::new();
        if instance.one_to_one && instance.families & 1 != 0 {
            let _ = write!(public, ", publicAddress: 203.0.113.{}", 100 + 2 * i);
        }
        if instance.one_to_one && instance.families & 2 != 0 {
            let _ = write!(public, ", publicAddressV6: \"2001:db8::{:x}\"", 256 + 2 * i);
        }
        public.push_str(&routes(instance));
        let _ = writeln!(
            text,
            "  - {{ name: i{i}, addresses: [{}], vport: {}, mac: \"02:00:00:00:01:{i:02x}\"{public} }}",
            own.join(", "),
            i + 1
        );
    }
    text.push_str("loadBalancers:\n");
    for (i, balancer) in balancers.iter().enumerate() {
        write_balancer(&mut text, i, balancer, instances.len());
    }
    if balancers.is_empty() {
        text.push_str("  []\n");
    }
    text
}

fn routes(instance: &InstanceRecipe) -> String {
    let mut text = format!(", ipForwarding: {}", instance.ip_forwarding);
    for hop in &instance.next_hops {
        let field = if hop.is_ipv4() {
            "nextHop"
        } else {
            "nextHopV6"
        };
        let _ = write!(text, ", {field}: \"{hop}\"");
    }
    text
}

fn write_balancer(text: &mut String, i: usize, balancer: &BalancerRecipe, instances: usize) {
    let sku = if balancer.standard {
        "Standard"
    } else {
        "Basic"
    };
    let [v4, v6] = if balancer.internal {
        [format!("10.0.1.{i}"), format!("fd00:1::{i:x}")]
    } else {
        [
            format!("203.0.113.{}", 10 + i),
            format!("2001:db8::{:x}", 16 + i),
        ]
    };
    let internal = balancer.internal;
    let _ = writeln!(
        text,
        "  - name: {sku}{i}\n    sku: {sku}\n    frontends:\n      \
         - {{ name: f0, address: {v4}, internal: {internal} }}\n      \
         - {{ name: f1, address: \"{v6}\", internal: {internal} }}\n    backendPools:"
    );
    for (p, members) in balancer.pools.iter().enumerate() {
        let members: Vec<String> = (0..instances)
            .filter(|m| members >> m & 1 != 0)
            .map(|m| format!("{{ instance: i{m} }}"))
            .collect();
        let _ = writeln!(
            text,
            "      - {{ name: p{p}, byAddress: {}, members: [{}] }}",
            balancer.by_address && p == 0,
            members.join(", ")
        );
    }
    write_rules(text, "loadBalancingRules", &balancer.rules);
    write_rules(text, "inboundNatRules", &balancer.nat_rules);
    write_rules(text, "outboundRules", &balancer.outbound_rules);
}

fn write_rules(text: &mut String, section: &str, rules: &[String]) {
    if rules.is_empty() {
        return;
    }
    let _ = writeln!(text, "    {section}:");
    for (r, rule) in rules.iter().enumerate() {
        let _ = writeln!(text, "      - {{ name: r{r}, {rule} }}");
    }
}
