//! One load balancer: its parts in the order in which they refer to each other.

use super::Arm;
use super::expression::is_expression;
use super::frontend::Frontend;
use super::object::{Object, last_name};
use super::pool::Pool;
use super::resource::{Resource, path_of};
use super::template::field;
use crate::config::tree::Node;
use crate::diagnostic::{Code, Spanned};
use crate::import::make::{Mapping, as_text, text};
use crate::import::notes::Notes;

/// What the rules of a load balancer refer to.
pub(super) struct Parts<'r> {
    pub(super) balancer: &'r Resource,
    frontends: Vec<Frontend>,
    pools: Vec<Pool>,
    probes: Vec<String>,
}

impl Arm<'_> {
    /// A load balancer as the configuration has it.
    pub(super) fn balancer(&mut self, resource: &Resource) -> Option<Node> {
        let resources = self.resources;
        let mut object = Object::open(&resource.node, "load balancer", self.notes)?;
        object.leave(
            &["location", "tags", "extendedLocation"],
            "nothing depends on it here",
        );
        let sku = self.sku(&mut object);
        let mut out = Mapping::new(object.span);
        out.add("name", text(&object.name.value, object.name.span));
        out.add("sku", sku.clone());
        let sku = as_text(&sku).unwrap_or_default().to_owned();

        let frontends = object.list("frontendIPConfigurations");
        let frontends = frontends
            .iter()
            .filter_map(|node| self.frontend(node, &sku))
            .collect();
        let own_pools = object.list("backendAddressPools").iter();
        let more_pools = resources.parts(resource, "backendaddresspools");
        let pools: Vec<&Node> = own_pools.chain(more_pools).collect();
        let pools = pools
            .into_iter()
            .filter_map(|node| self.pool(node, resource, &sku))
            .collect();
        let probes = object
            .list("probes")
            .iter()
            .filter_map(|node| self.probe(node));
        let (probe_names, probe_nodes) = probes.unzip();
        let parts = Parts {
            balancer: resource,
            frontends,
            pools,
            probes: probe_names,
        };

        let balancing: Vec<&Node> = object.list("loadBalancingRules").iter().collect();
        let own_rules = object.list("inboundNatRules").iter();
        let more_rules = resources.parts(resource, "inboundnatrules");
        let nat_rules: Vec<&Node> = own_rules.chain(more_rules).collect();
        let nat_pools: Vec<&Node> = object.list("inboundNatPools").iter().collect();
        self.check_ranges(&nat_rules, &balancing);
        self.check_ranges(&nat_pools, &balancing);
        let outbound = object.list("outboundRules").iter();

        out.add_list(
            "frontends",
            parts
                .frontends
                .iter()
                .flat_map(|f| f.nodes.clone())
                .collect(),
        );
        let rules = balancing
            .iter()
            .filter_map(|node| self.rule(node, &parts))
            .collect();
        let nat_rules = self.nat_rules(&nat_rules, &nat_pools, &parts);
        out.add_list(
            "backendPools",
            parts.pools.iter().map(|p| self.pool_node(p)).collect(),
        );
        out.add_list("probes", probe_nodes);
        out.add_list("loadBalancingRules", rules);
        out.add_list("inboundNatRules", nat_rules);
        let outbound = outbound.filter_map(|node| self.outbound_rule(node, &parts));
        out.add_list("outboundRules", outbound.collect());
        object.finish();
        Some(out.into_node())
    }

    /// The SKU; Basic when none is given.
    fn sku(&self, object: &mut Object<'_>) -> Node {
        let sku = object.get("sku");
        if let Some(tier) = sku.and_then(|sku| field(sku, "tier"))
            && as_text(tier).is_some_and(|tier| tier.eq_ignore_ascii_case("Global"))
        {
            let message = format!("{} is global", object.title());
            let hint = "import the regional load balancers behind it, each by itself";
            self.notes.add(Code::NoEquivalent, tier.span, message, hint);
        }
        let Some(name) = sku.and_then(|sku| field(sku, "name")) else {
            let message = format!("{} names no SKU and is Basic", object.title());
            let hint = "write `\"sku\": { \"name\": \"Standard\" }`, or Basic";
            self.notes.add(Code::SkuAbsent, object.span, message, hint);
            return text("Basic", object.span);
        };
        if as_text(name).is_some_and(|name| name.eq_ignore_ascii_case("Gateway")) {
            let message = format!("{} is a gateway load balancer", object.title());
            let hint = "gateway load balancers have no equivalent: leave it out";
            self.notes.add(Code::NoEquivalent, name.span, message, hint);
        }
        self.notes.tell_problem(name.span);
        name.clone()
    }
}

impl Parts<'_> {
    pub(super) fn find_frontend(&self, id: &str) -> Option<&Frontend> {
        self.frontends
            .iter()
            .find(|f| f.name.eq_ignore_ascii_case(last_name(id)))
    }

    pub(super) fn find_pool(&self, id: &str) -> Option<&Pool> {
        self.pools
            .iter()
            .find(|p| p.name.eq_ignore_ascii_case(last_name(id)))
    }

    /// A frontend's name; of a prefix, the first one's.
    pub(super) fn frontend(&self, id: &Spanned<String>, notes: &Notes<'_>) -> Node {
        let frontend = self.find_frontend(&id.value);
        if let Some(frontend) = frontend.filter(|frontend| frontend.names.len() > 1) {
            let message = format!(
                "frontend `{}` is a prefix: a rule has one address",
                frontend.name
            );
            let hint = "prefixes are for outbound rules; the rule listens on the first address";
            notes.add(Code::NoEquivalent, id.span, message, hint);
        }
        let name = frontend.and_then(|frontend| frontend.names.first());
        self.reference(id, "frontend", name, notes)
    }

    pub(super) fn pool(&self, id: &Spanned<String>, notes: &Notes<'_>) -> Node {
        let name = self.find_pool(&id.value).map(|pool| &pool.name);
        self.reference(id, "backend pool", name, notes)
    }

    pub(super) fn probe(&self, id: &Spanned<String>, notes: &Notes<'_>) -> Node {
        let mut probes = self.probes.iter();
        let name = probes.find(|name| name.eq_ignore_ascii_case(last_name(&id.value)));
        self.reference(id, "probe", name, notes)
    }

    fn reference(
        &self,
        id: &Spanned<String>,
        kind: &str,
        name: Option<&String>,
        notes: &Notes<'_>,
    ) -> Node {
        let own = format!("{}/", self.balancer.path);
        let path = path_of(&id.value);
        if name.is_none() || (path.contains("/loadbalancers/") && !path.starts_with(&own)) {
            self.tell_unknown(id, kind, notes);
        }
        text(name.map_or(last_name(&id.value), String::as_str), id.span)
    }

    /// An id that leads to nothing in this load balancer.
    pub(super) fn tell_unknown(&self, id: &Spanned<String>, kind: &str, notes: &Notes<'_>) {
        if is_expression(&id.value) || notes.problem(id.span).is_some() {
            return;
        }
        let balancer = last_name(&self.balancer.path);
        let name = last_name(&id.value).escape_debug().to_string();
        let message = format!("load balancer `{balancer}` has no {kind} `{name}`");
        let hint = "ids lead to parts of the same load balancer: correct the id";
        notes.add(Code::UnknownReference, id.span, message, hint);
    }
}
