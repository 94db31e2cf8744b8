//! Which frontend port of an inbound NAT range leads to which member (L-NAT-02): who stays in the
//! pool keeps its port, who comes takes the lowest free one (L-NAT-03).

use std::collections::{BTreeMap, BTreeSet};

use super::Ids;
use crate::ir::{Ir, NatRule};

/// Ports of members, by load balancer and rule.
pub(super) type NatPorts = BTreeMap<(String, String), BTreeMap<String, u16>>;

impl Ids {
    /// Gives every member of a range the port that it had in the configuration before. A fresh
    /// configuration has them in the order of the pool.
    pub fn keep_nat_ports(&mut self, ir: &mut Ir) {
        let before = std::mem::take(&mut self.nat_ports);
        let instances = &ir.instances;
        for balancer in &mut ir.load_balancers {
            let mut ranges: BTreeMap<&str, Vec<&mut NatRule>> = BTreeMap::new();
            let names: Vec<String> = balancer.nat_rules.iter().map(|r| r.name.clone()).collect();
            for (name, rule) in names.iter().zip(&mut balancer.nat_rules) {
                if rule.range.is_some() {
                    ranges.entry(name).or_default().push(rule);
                }
            }
            for (name, mut rules) in ranges {
                let key = (balancer.name.clone(), name.to_owned());
                let known = before.get(&key);
                let name_of = |rule: &NatRule| instances[rule.target.0].name.clone();
                assign(&mut rules, |rule| known?.get(&name_of(rule)).copied());
                let ports = rules.iter().map(|rule| (name_of(rule), rule.frontend_port));
                self.nat_ports.insert(key, ports.collect());
            }
        }
    }
}

/// Assigns the ports of one range, which has room for its rules.
fn assign(rules: &mut [&mut NatRule], kept: impl Fn(&NatRule) -> Option<u16>) {
    let Some(range) = rules.first().and_then(|rule| rule.range) else {
        return;
    };
    let kept: Vec<Option<u16>> = rules
        .iter()
        .map(|rule| kept(rule).filter(|port| range.ports().contains(port)))
        .collect();
    let taken: BTreeSet<u16> = kept.iter().flatten().copied().collect();
    let mut free = range.ports().filter(|port| !taken.contains(port));
    for (rule, kept) in rules.iter_mut().zip(kept) {
        if let Some(port) = kept.or_else(|| free.next()) {
            rule.frontend_port = port;
        }
    }
}
