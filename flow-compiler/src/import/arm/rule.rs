//! Load-balancing rules, outbound rules and probes.

use super::Arm;
use super::balancer::Parts;
use super::object::Object;
use crate::config::tree::Node;
use crate::diagnostic::{Code, Spanned};
use crate::import::make::{Mapping, text};

/// Fields that keep their names, with their defaults.
const RULE: [(&str, &str); 6] = [
    ("loadDistribution", "Default"),
    ("idleTimeoutInMinutes", "4"),
    ("enableFloatingIP", "false"),
    ("enableTcpReset", "false"),
    ("disableOutboundSnat", "false"),
    ("enableConnectionTracking", "false"),
];
const OUTBOUND: [(&str, &str); 3] = [
    ("allocatedOutboundPorts", "0"),
    ("idleTimeoutInMinutes", "4"),
    ("enableTcpReset", "false"),
];
const PROBE: [(&str, &str); 6] = [
    ("protocol", ""),
    ("port", ""),
    ("requestPath", ""),
    ("intervalInSeconds", ""),
    ("probeThreshold", ""),
    ("noHealthyBackendsBehavior", "AllProbedDown"),
];

impl Arm<'_> {
    pub(super) fn probe(&self, node: &Node) -> Option<(String, Node)> {
        let mut object = Object::open(node, "probe", self.notes)?;
        object.ignore(&["loadBalancingRules"]);
        let mut out = named(&object);
        object.copy(&PROBE, &mut out);
        if object.get("probeThreshold").is_some() {
            let why = "`probeThreshold` decides instead (A-06)";
            object.leave(&["numberOfProbes"], why);
        } else {
            object.copy(&[("numberOfProbes", "")], &mut out);
        }
        let name = object.name.value.clone();
        object.finish();
        Some((name, out.into_node()))
    }

    pub(super) fn rule(&self, node: &Node, parts: &Parts<'_>) -> Option<Node> {
        let mut object = Object::open(node, "rule", self.notes)?;
        let mut out = named(&object);
        object.copy(&[("protocol", "")], &mut out);
        let frontend = object.id("frontendIPConfiguration");
        out.add_some(
            "frontend",
            frontend.as_ref().map(|id| parts.frontend(id, self.notes)),
        );
        object.copy(&[("frontendPort", "")], &mut out);
        let pool = self.pool_of(&mut object);
        out.add_some(
            "backendPool",
            pool.as_ref().map(|id| parts.pool(id, self.notes)),
        );
        object.copy(&[("backendPort", "")], &mut out);
        let probe = object.id("probe");
        out.add_some("probe", probe.map(|id| parts.probe(&id, self.notes)));
        object.copy(&RULE, &mut out);
        if let (Some(frontend), Some(pool)) = (&frontend, &pool) {
            self.check_networks(&object, frontend, pool, parts);
        }
        if object.is_true("enableFloatingIP") {
            self.tell_floating(&object);
        }
        object.finish();
        Some(out.into_node())
    }

    /// The pool of a rule: `backendAddressPool`, or a list with one.
    fn pool_of(&self, object: &mut Object<'_>) -> Option<Spanned<String>> {
        let own = object.id("backendAddressPool");
        let listed = object.ids("backendAddressPools");
        if let Some(second) = listed.get(1) {
            let message = format!("{} has {} backend pools", object.title(), listed.len());
            let hint = "only gateway load balancers have several: keep one";
            self.notes
                .add(Code::NoEquivalent, second.span, message, hint);
        }
        own.or_else(|| listed.into_iter().next())
    }

    /// L-FIP-13: a rule is in one virtual network.
    fn check_networks(
        &self,
        object: &Object<'_>,
        frontend: &Spanned<String>,
        pool: &Spanned<String>,
        parts: &Parts<'_>,
    ) {
        let frontend = parts
            .find_frontend(&frontend.value)
            .and_then(|f| f.network.as_deref());
        let network = parts
            .find_pool(&pool.value)
            .and_then(|p| p.network.as_deref());
        if let (Some(frontend), Some(network)) = (frontend, network)
            && frontend != network
        {
            let (frontend, network) = (super::pool::last(frontend), super::pool::last(network));
            let message = format!(
                "{}: the frontend is in virtual network `{frontend}`, the members in `{network}`",
                object.title()
            );
            let hint = "use a frontend and members of one virtual network";
            self.notes
                .add(Code::SeveralNetworks, pool.span, message, hint);
        }
    }

    pub(super) fn tell_floating(&self, object: &Object<'_>) {
        let message = format!("{} has floating IP", object.title());
        let hint = "packets arrive at the frontend's address: give it to a loopback interface of \
                    every member";
        self.notes
            .add(Code::FloatingNeedsLoopback, object.span, message, hint);
    }

    pub(super) fn outbound_rule(&self, node: &Node, parts: &Parts<'_>) -> Option<Node> {
        let mut object = Object::open(node, "outbound rule", self.notes)?;
        let mut out = named(&object);
        object.copy(&[("protocol", "")], &mut out);
        let mut frontends = Vec::new();
        for id in object.ids("frontendIPConfigurations") {
            match parts.find_frontend(&id.value) {
                Some(frontend) => {
                    frontends.extend(frontend.names.iter().map(|name| text(name, id.span)));
                }
                None => frontends.push(parts.frontend(&id, self.notes)),
            }
        }
        out.add_list("frontends", frontends);
        let pool = object.id("backendAddressPool");
        out.add_some(
            "backendPool",
            pool.as_ref().map(|id| parts.pool(id, self.notes)),
        );
        object.copy(&OUTBOUND, &mut out);
        if let Some(id) = pool.filter(|id| parts.find_pool(&id.value).is_some_and(|p| p.secondary))
        {
            let message = format!(
                "{} is for a pool with secondary IP configurations",
                object.title()
            );
            let hint = "outbound rules are for primary IP configurations: use those as members";
            self.notes
                .add(Code::OutboundOnSecondary, id.span, message, hint);
        }
        object.finish();
        Some(out.into_node())
    }
}

/// A mapping that begins with the object's name.
fn named(object: &Object<'_>) -> Mapping {
    let mut out = Mapping::new(object.span);
    out.add("name", text(&object.name.value, object.name.span));
    out
}
