//! Classic service definitions (`.csdef`): endpoints of roles and their probes (spec 3.8).
//!
//! An input endpoint becomes a load-balancing rule, an instance input endpoint one inbound NAT rule
//! for each instance. A service has one public address and behaves as the Basic SKU did.

mod attributes;
mod endpoint;
mod probe;

use roxmltree::{Document, Node as Element};

use super::instances::Instances;
use super::make::{Mapping, list, plain, text};
use super::notes::Notes;
use super::places::Places;
use crate::config::tree::Node;
use crate::diagnostic::{Code, Span, Spanned};
use crate::source::Source;
use attributes::{Attributes, place};
use endpoint::Role;
use probe::Probes;

/// Endpoints of a service (L-LIM-06).
const MOST_ENDPOINTS: usize = 25;
/// What the service's public address is called.
const FRONTEND: &str = "vip";

/// The configuration that service definitions describe.
pub(super) fn import(sources: &[Source], notes: &Notes<'_>) -> Option<Node> {
    let mut instances = Instances::default();
    let mut balancers = Vec::new();
    for (file, source) in sources.iter().enumerate() {
        let places = Places::new(file as u32, &source.text);
        let document = parse(&source.text, &places, notes)?;
        let service = Service {
            places: &places,
            notes,
        };
        balancers.push(service.balancer(document.root_element(), &mut instances)?);
    }
    let first = balancers.first()?.span;
    let mut out = Mapping::new(first);
    out.add("headgate", plain(&1, first));
    out.add("profile", text("seed", first));
    out.add_list("instances", instances.into_nodes(notes));
    out.add("loadBalancers", list(balancers, first));
    Some(out.into_node())
}

fn parse<'t>(text: &'t str, places: &Places<'_>, notes: &Notes<'_>) -> Option<Document<'t>> {
    match Document::parse(text) {
        Ok(document) => Some(document),
        Err(error) => {
            let at = error.pos();
            let span = places.span(&(0..0));
            let span = Span {
                line: at.row,
                column: at.col,
                ..span
            };
            let message = error.to_string();
            let message = message
                .rsplit_once(" at ")
                .map_or(message.as_str(), |(what, _)| what);
            notes.add(Code::Syntax, span, message, "the file must be XML");
            None
        }
    }
}

/// Reads one service definition.
struct Service<'s> {
    places: &'s Places<'s>,
    notes: &'s Notes<'s>,
}

/// What the roles of a service add up to.
#[derive(Default)]
struct Parts {
    pools: Vec<Node>,
    rules: Vec<Node>,
    nat_rules: Vec<Node>,
    endpoints: usize,
}

impl Service<'_> {
    fn balancer(&self, root: Element<'_, '_>, instances: &mut Instances) -> Option<Node> {
        let span = place(root, self.places);
        if root.tag_name().name() != "ServiceDefinition" {
            let message = format!("`{}` is no service definition", root.tag_name().name());
            let hint = "import the `.csdef` file; its root is `ServiceDefinition`";
            self.notes
                .add(Code::NotServiceDefinition, span, message, hint);
            return None;
        }
        let mut attributes = Attributes::of(root, "service", self.places, self.notes);
        let name = attributes.name();
        attributes.ignore(&[
            "schemaVersion",
            "upgradeDomainCount",
            "topologyChangeDiscovery",
        ]);
        attributes.finish();
        let children = || root.children().filter(Element::is_element);
        let is_probes = |e: &Element<'_, '_>| e.tag_name().name() == "LoadBalancerProbes";
        let mut probes = Probes::default();
        for element in children().filter(is_probes).flat_map(|e| e.children()) {
            self.add_probe(element, &mut probes);
        }
        let mut parts = Parts::default();
        for element in children().filter(|e| !is_probes(e)) {
            match element.tag_name().name() {
                "WebRole" | "WorkerRole" => {
                    self.role(element, &mut probes, instances, &mut parts);
                }
                _ => self.leave(element, "service", "it is no part of a load balancer"),
            }
        }
        self.finish_probes(&probes);
        if parts.endpoints > MOST_ENDPOINTS {
            let count = parts.endpoints;
            let message =
                format!("the service has {count} endpoints; {MOST_ENDPOINTS} are possible");
            let hint = "spread them over several services";
            self.notes.add(Code::TooManyEndpoints, span, message, hint);
        }
        Some(self.assemble(&name, span, parts, probes))
    }

    fn role(
        &self,
        element: Element<'_, '_>,
        probes: &mut Probes,
        instances: &mut Instances,
        parts: &mut Parts,
    ) {
        let mut attributes = Attributes::of(element, "role", self.places, self.notes);
        let name = attributes.name();
        attributes.ignore(&["enableNativeCodeExecution", "vmsize"]);
        attributes.finish();
        let role = Role::new(name, place(element, self.places), instances, self.notes);
        let before = parts.rules.len() + parts.nat_rules.len();
        for child in element.children().filter(Element::is_element) {
            if child.tag_name().name() != "Endpoints" {
                self.leave(child, "role", "it concerns the machines");
                continue;
            }
            for endpoint in child.children().filter(Element::is_element) {
                parts.endpoints += 1;
                self.endpoint(endpoint, &role, probes, instances, parts);
            }
        }
        if before != parts.rules.len() + parts.nat_rules.len() {
            parts.pools.push(role.pool(instances));
        }
    }

    fn assemble(&self, name: &Spanned<String>, span: Span, parts: Parts, probes: Probes) -> Node {
        let what = format!("service `{}`", name.value.escape_debug());
        let hint = "a service definition does not say its public address: write it in the frontend";
        let mut frontend = Mapping::new(span);
        frontend.add("name", text(FRONTEND, span));
        frontend.add(
            "address",
            self.notes.address(span, &what, &[FRONTEND], hint),
        );
        let mut out = Mapping::new(span);
        out.add("name", text(&name.value, name.span));
        out.add("sku", text("Basic", span));
        out.add("frontends", list(vec![frontend.into_node()], span));
        out.add_list("backendPools", parts.pools);
        out.add_list("probes", probes.into_nodes());
        out.add_list("loadBalancingRules", parts.rules);
        out.add_list("inboundNatRules", parts.nat_rules);
        out.into_node()
    }

    fn leave(&self, element: Element<'_, '_>, kind: &'static str, why: &'static str) {
        let span = place(element, self.places);
        let tag = element.tag_name().name();
        let named = element.attribute("name");
        let what = named.map_or_else(|| tag.to_owned(), |name| format!("{tag} {name}"));
        let mut outer = element.ancestors().skip(1);
        let outer = outer.find_map(|e| e.attribute("name")).unwrap_or("?");
        self.notes
            .leave(Code::NotCarriedOver, (kind, &what), span, outer, why);
    }
}
