//! Roles and their endpoints.

use roxmltree::Node as Element;

use super::attributes::{Attributes, place};
use super::probe::Probes;
use super::{FRONTEND, Parts, Service};
use crate::config::suggestion;
use crate::config::tree::Node;
use crate::diagnostic::{Code, Span, Spanned};
use crate::import::instances::Instances;
use crate::import::make::{Mapping, plain, text};
use crate::import::notes::Notes;

const PROTOCOLS: [(&str, &str); 4] = [
    ("tcp", "Tcp"),
    ("udp", "Udp"),
    ("http", "Tcp"),
    ("https", "Tcp"),
];
const DISTRIBUTIONS: [(&str, &str); 3] = [
    ("none", "Default"),
    ("sourceIP", "SourceIP"),
    ("sourceIPProtocol", "SourceIPProtocol"),
];

/// A role and its instances.
pub(super) struct Role {
    name: Spanned<String>,
    span: Span,
    instances: Vec<usize>,
}

impl Role {
    /// A role with as many instances as the command line says; one when it says nothing.
    pub(super) fn new(
        name: Spanned<String>,
        span: Span,
        instances: &mut Instances,
        notes: &Notes<'_>,
    ) -> Self {
        let count = notes.options.instances.get(&name.value).copied();
        if count.is_none() {
            let message = format!(
                "role `{}` has as many instances as the service configuration says: one is written",
                name.value.escape_debug()
            );
            let hint = format!("pass `--instances {}=COUNT`", name.value.escape_debug());
            notes.add(Code::NumberedInOrder, span, message, &hint);
        }
        let cure = "a service definition does not say it: write it at the instance";
        let numbers = 0..count.unwrap_or(1).min(4096);
        let instances = numbers
            .map(|n| instances.add(&format!("{}_IN_{n}", name.value), span, cure))
            .collect();
        Self {
            name,
            span,
            instances,
        }
    }

    /// The pool of all its instances.
    pub(super) fn pool(&self, instances: &Instances) -> Node {
        let mut out = Mapping::new(self.span);
        out.add("name", text(&self.name.value, self.name.span));
        let member = |index: &usize| {
            let mut out = Mapping::new(self.span);
            out.add("instance", text(&instances.all[*index].name, self.span));
            out.into_node()
        };
        out.add_list("members", self.instances.iter().map(member).collect());
        out.into_node()
    }
}

impl Service<'_> {
    pub(super) fn endpoint(
        &self,
        element: Element<'_, '_>,
        role: &Role,
        probes: &mut Probes,
        instances: &Instances,
        parts: &mut Parts,
    ) {
        match element.tag_name().name() {
            "InputEndpoint" => parts.rules.push(self.input(element, role, probes)),
            "InstanceInputEndpoint" => {
                parts
                    .nat_rules
                    .extend(self.instance_input(element, role, instances));
            }
            "InternalEndpoint" => {
                self.leave(
                    element,
                    "role",
                    "instances reach each other without a load balancer",
                );
            }
            _ => self.leave(element, "role", "this kind of endpoint is not known"),
        }
    }

    fn input(&self, element: Element<'_, '_>, role: &Role, probes: &mut Probes) -> Node {
        let mut attributes = Attributes::of(element, "endpoint", self.places, self.notes);
        let span = attributes.span;
        let name = attributes.name();
        attributes.required("protocol");
        attributes.required("port");
        let protocol = attributes.choice("protocol", &PROTOCOLS);
        let port = attributes.number("port", 1..=65535);
        let local = self.local_port(&mut attributes).or(port);
        let distribution = attributes.choice("loadBalancerDistribution", &DISTRIBUTIONS);
        let idle = attributes.number("idleTimeoutInMinutes", 4..=30);
        attributes.leave("certificate", "a load balancer does not end TLS");
        let probe = attributes.get("loadBalancerProbe");
        let ignored = attributes.get("ignoreRoleInstanceStatus");
        let probe_name = probe
            .as_ref()
            .and_then(|probe| self.probe_of(probe, local, probes));
        if probe.is_none() && ignored.is_none_or(|flag| flag.value != "true") {
            let message = format!("{} relies on the guest agent's probe", attributes.title());
            let hint = "name a `loadBalancerProbe`, or add a probe with `protocol: GuestAgent` and the \
                        agent's port; without one every instance gets connections";
            self.notes.add(Code::GuestAgentPort, span, message, hint);
        }
        attributes.finish();
        let mut out = Mapping::new(span);
        out.add("name", text(&name.value, name.span));
        out.add_some("protocol", protocol.map(|p| text(p.value, p.span)));
        out.add("frontend", text(FRONTEND, span));
        out.add_some(
            "frontendPort",
            port.map(|port| plain(&port.value, port.span)),
        );
        out.add("backendPool", text(&role.name.value, role.name.span));
        out.add_some(
            "backendPort",
            local.map(|port| plain(&port.value, port.span)),
        );
        out.add_some(
            "probe",
            probe_name.map(|name| text(name, probe.map_or(span, |p| p.span))),
        );
        let distribution = distribution.filter(|d| d.value != "Default");
        out.add_some(
            "loadDistribution",
            distribution.map(|d| text(d.value, d.span)),
        );
        out.add_some(
            "idleTimeoutInMinutes",
            idle.map(|idle| plain(&idle.value, idle.span)),
        );
        out.into_node()
    }

    fn probe_of(
        &self,
        probe: &Spanned<String>,
        port: Option<Spanned<u32>>,
        probes: &mut Probes,
    ) -> Option<String> {
        let found = probes.on_port(&probe.value, port.map_or(1, |port| port.value));
        if found.is_none() {
            let message = format!("there is no probe `{}`", probe.value.escape_debug());
            let hint = suggestion(&probe.value, probes.known());
            self.notes
                .add(Code::UnknownReference, probe.span, message, &hint);
        }
        found
    }

    /// The port of the instances; `*` leaves the choice to the platform.
    fn local_port(&self, attributes: &mut Attributes<'_>) -> Option<Spanned<u32>> {
        let local = attributes.get("localPort")?;
        if local.value != "*" {
            return attributes.number("localPort", 1..=65535);
        }
        let message = format!(
            "{} leaves its local port to the platform",
            attributes.title()
        );
        let hint = "the rule keeps the port: write the one that the instances listen on";
        self.notes
            .add(Code::AnyLocalPort, local.span, message, hint);
        None
    }

    fn instance_input(
        &self,
        element: Element<'_, '_>,
        role: &Role,
        instances: &Instances,
    ) -> Vec<Node> {
        let mut attributes = Attributes::of(element, "endpoint", self.places, self.notes);
        let name = attributes.name();
        attributes.required("protocol");
        attributes.required("localPort");
        let protocol = attributes.choice("protocol", &PROTOCOLS);
        let local = attributes.number("localPort", 1..=65535);
        attributes.finish();
        let is_range = |e: &Element<'_, '_>| e.tag_name().name() == "FixedPortRange";
        let Some(range) = element.descendants().find(is_range) else {
            let message = format!(
                "endpoint `{}` has no range of ports",
                name.value.escape_debug()
            );
            let hint = "add `<AllocatePublicPortFrom><FixedPortRange min=… max=… />`";
            let span = place(element, self.places);
            self.notes.add(Code::MissingField, span, message, hint);
            return Vec::new();
        };
        let mut attributes = Attributes::of(range, "port range", self.places, self.notes);
        attributes.required("min");
        attributes.required("max");
        let (min, max) = (
            attributes.number("min", 1..=65535),
            attributes.number("max", 1..=65535),
        );
        attributes.finish();
        let (Some(min), Some(max)) = (min, max) else {
            return Vec::new();
        };
        if min.value > max.value
            || max.value.saturating_sub(min.value) as usize + 1 < role.instances.len()
        {
            let message = format!(
                "`{}` has the ports {} to {} for {} instances",
                name.value,
                min.value,
                max.value,
                role.instances.len()
            );
            let hint = "widen the range: every instance needs a port";
            self.notes
                .add(Code::NatRangeTooSmall, min.span, message, hint);
        }
        let on_port = |(port, index): (u32, &usize)| {
            let mut out = Mapping::new(min.span);
            out.add(
                "name",
                text(format!("{:.70}-{port}", name.value), name.span),
            );
            let protocol = protocol.as_ref();
            out.add_some("protocol", protocol.map(|p| text(&p.value, p.span)));
            out.add("frontend", text(FRONTEND, min.span));
            out.add("frontendPort", plain(&port, min.span));
            out.add("target", text(&instances.all[*index].name, min.span));
            out.add_some(
                "backendPort",
                local.map(|port| plain(&port.value, port.span)),
            );
            out.into_node()
        };
        (min.value..=max.value)
            .zip(&role.instances)
            .map(on_port)
            .collect()
    }
}
