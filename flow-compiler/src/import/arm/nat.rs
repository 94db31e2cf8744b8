//! Inbound NAT rules: one port for one instance (V1), a range for a pool (V2), and NAT pools of
//! scale sets (L-NAT-01..05). A range whose ports Azure has given out already becomes one rule for
//! each member, on the port that it has.

use std::collections::BTreeSet;

use super::Arm;
use super::balancer::Parts;
use super::object::{Object, last_name};
use crate::config::tree::Node;
use crate::diagnostic::{Code, Span, Spanned};
use crate::import::make::{Mapping, as_text, plain, text};

const NAT: [(&str, &str); 4] = [
    ("backendPort", ""),
    ("idleTimeoutInMinutes", "4"),
    ("enableFloatingIP", "false"),
    ("enableTcpReset", "false"),
];

/// A range of frontend ports, both ends included.
#[derive(Clone, Copy)]
struct Ports {
    first: u32,
    last: u32,
    span: Span,
}

impl Arm<'_> {
    /// The inbound NAT rules of a load balancer, ranges written out.
    pub(super) fn nat_rules(
        &mut self,
        rules: &[&Node],
        pools: &[&Node],
        parts: &Parts<'_>,
    ) -> Vec<Node> {
        let names: Vec<String> = rules.iter().map(|rule| name_of(rule)).collect();
        let made = |pool: &str| names.iter().any(|name| is_made_by(name, pool));
        let pool_names: Vec<String> = pools.iter().map(|pool| name_of(pool)).collect();
        let own = names
            .iter()
            .position(|name| !pool_names.iter().any(|p| is_made_by(name, p)));
        if let Some(own) = own.filter(|_| !pools.is_empty()) {
            let message = "a load balancer has inbound NAT rules or inbound NAT pools, not both";
            let hint = "write the pools as rules with a port range and a backend pool";
            self.notes
                .add(Code::NatRulesAndPools, rules[own].span, message, hint);
        }
        let mut nodes = Vec::new();
        for rule in rules {
            nodes.extend(self.nat_rule(rule, parts));
        }
        for (pool, name) in pools.iter().zip(&pool_names) {
            nodes.extend(self.nat_pool(pool, made(name), parts));
        }
        nodes
    }

    fn nat_rule(&mut self, node: &Node, parts: &Parts<'_>) -> Vec<Node> {
        let Some(mut object) = Object::open(node, "inbound NAT rule", self.notes) else {
            return Vec::new();
        };
        let target = object.id("backendIPConfiguration");
        let pool = object.id("backendAddressPool");
        let port = object
            .get("frontendPort")
            .filter(|node| as_text(node) != Some("0"));
        let ranged = ["frontendPortRangeStart", "frontendPortRangeEnd"]
            .map(|field| object.number(field).is_some_and(|port| port.value != 0));
        let range = self.range(&mut object);
        let base = self.base(&mut object, parts);
        let shape = (port.is_some(), ranged, pool.is_some());
        if !matches!(
            shape,
            (true, [false, false], false) | (false, [true, true], true)
        ) {
            let message = format!("{} is neither of one kind nor of the other", object.title());
            let hint = "give `frontendPort`, or `backendAddressPool` with `frontendPortRangeStart` and \
                        `frontendPortRangeEnd`";
            self.notes
                .add(Code::NatRuleShape, object.span, message, hint);
        }
        let name = object.name.clone();
        object.finish();
        match (port, range, pool) {
            (Some(port), ..) => {
                let target = self.target(target.as_ref(), &name, parts);
                let Some(target) = target else {
                    self.tell_unbound(&name);
                    return Vec::new();
                };
                let target = text(&self.instances.all[target].name, name.span);
                let rule = Rule { name: &name, base };
                vec![rule.node(&name.value, port.clone(), target)]
            }
            (None, Some(range), Some(pool)) => {
                let Some(pool) = parts.find_pool(&pool.value) else {
                    parts.tell_unknown(&pool, "backend pool", self.notes);
                    return Vec::new();
                };
                let members: Vec<usize> = pool.members.iter().map(|m| m.instance).collect();
                let lower = name.value.to_ascii_lowercase();
                let mapped = pool
                    .mappings
                    .iter()
                    .filter(|m| m.0 == lower)
                    .map(|m| (m.1, m.2));
                let mapped: Vec<_> = mapped.collect();
                let rule = Rule { name: &name, base };
                if mapped.is_empty() {
                    return vec![rule.of_pool(&pool.name, range)];
                }
                if pool.by_address {
                    let message = format!("rule `{}` is for members named by address", name.value);
                    let hint = "it works here; Azure accepts it for members by interface only";
                    self.notes
                        .add(Code::NatOnAddresses, name.span, message, hint);
                }
                self.spread(&rule, range, &members, &mapped)
            }
            _ => Vec::new(),
        }
    }

    fn nat_pool(&mut self, node: &Node, made: bool, parts: &Parts<'_>) -> Vec<Node> {
        let Some(mut object) = Object::open(node, "inbound NAT pool", self.notes) else {
            return Vec::new();
        };
        let range = self.range(&mut object);
        let base = self.base(&mut object, parts);
        let name = object.name.clone();
        object.finish();
        let (Some(range), false) = (range, made) else {
            return Vec::new(); // Azure has written its rules out already.
        };
        let named = |id: &Spanned<String>| {
            parts
                .balancer
                .has_part(&id.value, "inboundnatpools", &name.value)
        };
        let members = self
            .configurations
            .iter()
            .filter(|c| c.nat_pools.iter().any(named));
        let members: Vec<usize> = members.map(|c| c.instance).collect();
        if members.is_empty() {
            self.tell_unbound(&name);
        }
        self.spread(&Rule { name: &name, base }, range, &members, &[])
    }

    /// The fields that every rule of a range has.
    fn base(&self, object: &mut Object<'_>, parts: &Parts<'_>) -> Mapping {
        let mut out = Mapping::new(object.span);
        object.leave(&["location"], "nothing depends on it here");
        object.copy(&[("protocol", "")], &mut out);
        let frontend = object.id("frontendIPConfiguration");
        out.add_some(
            "frontend",
            frontend.map(|id| parts.frontend(&id, self.notes)),
        );
        object.copy(&NAT, &mut out);
        if object.is_true("enableFloatingIP") {
            self.tell_floating(object);
        }
        out
    }

    fn range(&self, object: &mut Object<'_>) -> Option<Ports> {
        let mut end = |field| object.number(field).filter(|number| number.value != 0);
        let (first, last) = (end("frontendPortRangeStart")?, end("frontendPortRangeEnd")?);
        if first.value > last.value || last.value > 65535 {
            let message = format!("{} to {} is no range of ports", first.value, last.value);
            let hint = "give a first and a last port from 1 to 65534";
            self.notes.add(Code::OutOfRange, first.span, message, hint);
            return None;
        }
        Some(Ports {
            first: first.value,
            last: last.value,
            span: first.span,
        })
    }

    /// The instance of a rule with one port: named by the rule, or naming it.
    fn target(
        &mut self,
        id: Option<&Spanned<String>>,
        name: &Spanned<String>,
        parts: &Parts<'_>,
    ) -> Option<usize> {
        if let Some(id) = id {
            return self
                .configuration(id)
                .map(|index| self.configurations[index].instance);
        }
        let names = |id: &Spanned<String>| {
            parts
                .balancer
                .has_part(&id.value, "inboundnatrules", &name.value)
        };
        let bound = self
            .configurations
            .iter()
            .find(|c| c.nat_rules.iter().any(names));
        bound.map(|c| c.instance)
    }

    fn tell_unbound(&self, name: &Spanned<String>) {
        let message = format!("no interface is bound to `{}`: it is left out", name.value);
        let hint =
            "import the network interfaces too; one that is bound to nothing forwards nothing";
        self.notes.add(Code::NatUnbound, name.span, message, hint);
    }

    /// One rule for each member, on the port it has already or the lowest free one (L-NAT-03).
    fn spread(
        &self,
        rule: &Rule<'_>,
        range: Ports,
        members: &[usize],
        mapped: &[(usize, u16)],
    ) -> Vec<Node> {
        let taken: BTreeSet<u32> = mapped.iter().map(|(_, port)| u32::from(*port)).collect();
        let mut free = (range.first..=range.last).filter(|port| !taken.contains(port));
        let mut nodes = Vec::new();
        for member in members {
            let known = mapped.iter().find(|(instance, _)| instance == member);
            let Some(port) = known
                .map(|(_, port)| u32::from(*port))
                .or_else(|| free.next())
            else {
                let message = format!(
                    "`{}` has {} ports for {} instances",
                    rule.name.value,
                    range.last - range.first + 1,
                    members.len()
                );
                let hint = "widen the range: every instance needs a port";
                self.notes
                    .add(Code::NatRangeTooSmall, range.span, message, hint);
                break;
            };
            let name = format!("{:.70}-{port}", rule.name.value);
            let target = text(&self.instances.all[*member].name, range.span);
            nodes.push(rule.node(&name, plain(&port, range.span), target));
        }
        nodes
    }

    /// L-NAT-04: ranges do not overlap, neither each other nor a rule's port.
    pub(super) fn check_ranges(&self, ranges: &[&Node], others: &[&Node]) {
        let claims = |nodes: &[&Node]| -> Vec<Claim> {
            nodes.iter().filter_map(|node| self.claim(node)).collect()
        };
        let (ranges, others) = (claims(ranges), claims(others));
        for (index, claim) in ranges.iter().enumerate() {
            let earlier = ranges[..index].iter().chain(&others);
            if let Some(other) = earlier.into_iter().find(|other| claim.overlaps(other)) {
                let message = format!(
                    "the ports of {} overlap those of {}",
                    claim.title, other.title
                );
                let hint = "move one of them, or use another frontend";
                self.notes
                    .add(Code::NatRangesOverlap, claim.span, message, hint);
            }
        }
    }

    fn claim(&self, node: &Node) -> Option<Claim> {
        let mut object = Object::open(node, "rule", self.notes)?;
        let number = |object: &mut Object<'_>, field| {
            object
                .get(field)
                .and_then(as_text)?
                .parse::<u32>()
                .ok()
                .filter(|port| *port != 0)
        };
        let port = number(&mut object, "frontendPort");
        let first = port.or_else(|| number(&mut object, "frontendPortRangeStart"))?;
        let last = port.or_else(|| number(&mut object, "frontendPortRangeEnd"))?;
        let is_range = port.is_none();
        let protocol = object.get("protocol").and_then(as_text).unwrap_or("all");
        Some(Claim {
            frontend: last_name(&object.id("frontendIPConfiguration")?.value).to_ascii_lowercase(),
            protocol: protocol.to_ascii_lowercase(),
            ports: (first, last),
            is_range,
            title: object.title(),
            span: object.span,
        })
    }
}

/// Frontend ports that a rule takes.
struct Claim {
    frontend: String,
    protocol: String,
    ports: (u32, u32),
    is_range: bool,
    title: String,
    span: Span,
}

impl Claim {
    /// Single ports are compared when the configuration is checked.
    fn overlaps(&self, other: &Self) -> bool {
        let of_any = |claim: &Self| claim.protocol == "all";
        (self.is_range || other.is_range)
            && self.frontend == other.frontend
            && (self.protocol == other.protocol || of_any(self) || of_any(other))
            && self.ports.0 <= other.ports.1
            && other.ports.0 <= self.ports.1
    }
}

/// A rule of which only the port and the target are open.
struct Rule<'r> {
    name: &'r Spanned<String>,
    base: Mapping,
}

impl Rule<'_> {
    fn node(&self, name: &str, port: Node, target: Node) -> Node {
        let mut out = self.base.clone();
        out.add_first("name", text(name, self.name.span));
        out.add_after("frontend", "target", target);
        out.add_after("frontend", "frontendPort", port);
        out.into_node()
    }

    /// The rule for all members of a pool.
    fn of_pool(&self, pool: &str, range: Ports) -> Node {
        let mut out = self.base.clone();
        out.add_first("name", text(&self.name.value, self.name.span));
        out.add_after("frontend", "backendPool", text(pool, range.span));
        for (field, port) in [
            ("frontendPortRangeEnd", range.last),
            ("frontendPortRangeStart", range.first),
        ] {
            out.add_after("backendPool", field, plain(&port, range.span));
        }
        out.into_node()
    }
}

/// Whether a rule is one that Azure made of a NAT pool: `pool.0`.
fn is_made_by(rule: &str, pool: &str) -> bool {
    let number = rule
        .strip_prefix(pool)
        .and_then(|rest| rest.strip_prefix('.'));
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn name_of(node: &Node) -> String {
    let name = super::template::field(node, "name")
        .and_then(as_text)
        .unwrap_or_default();
    last_name(name).to_ascii_lowercase()
}
