//! Load-balancer probes of a service (CSD-09..15), one for each port that they are used on.

use std::collections::HashMap;

use roxmltree::Node as Element;

use super::Service;
use super::attributes::Attributes;
use crate::config::tree::Node;
use crate::diagnostic::{Code, Span, Spanned};
use crate::import::make::{Mapping, plain, text};

/// Seconds between two questions when nothing is said (CSD-13).
const DEFAULT_INTERVAL: u32 = 15;
/// Seconds without an answer when nothing is said (CSD-14).
const DEFAULT_TIMEOUT: u32 = 31;

/// A probe as it was written.
struct Written {
    name: Spanned<String>,
    span: Span,
    port: Option<Spanned<u32>>,
    /// All fields but name and port.
    base: Mapping,
    used: bool,
}

/// The probes of a service.
#[derive(Default)]
pub(super) struct Probes {
    written: Vec<Written>,
    /// What a probe of a name and a port is called.
    names: HashMap<(String, u32), String>,
    nodes: Vec<Node>,
}

impl Probes {
    /// The name of a probe on a port; `endpoint` is the port of the endpoint that asks.
    pub(super) fn on_port(&mut self, name: &str, endpoint: u32) -> Option<String> {
        let written = self.written.iter_mut().find(|w| w.name.value == name)?;
        written.used = true;
        let port = written.port.map_or(endpoint, |port| port.value);
        let key = (name.to_owned(), port);
        if let Some(known) = self.names.get(&key) {
            return Some(known.clone());
        }
        let first = !self.names.keys().any(|(known, _)| known == name);
        let own = if first {
            name.to_owned()
        } else {
            format!("{name:.70}-{port}")
        };
        let mut out = written.base.clone();
        out.add_first("name", text(&own, written.name.span));
        out.add(
            "port",
            plain(&port, written.port.map_or(written.span, |port| port.span)),
        );
        self.nodes.push(out.into_node());
        self.names.insert(key, own.clone());
        Some(own)
    }

    /// The names of all probes.
    pub(super) fn known(&self) -> impl Iterator<Item = &str> {
        self.written
            .iter()
            .map(|written| written.name.value.as_str())
    }

    pub(super) fn into_nodes(self) -> Vec<Node> {
        self.nodes
    }
}

impl Service<'_> {
    pub(super) fn add_probe(&self, element: Element<'_, '_>, probes: &mut Probes) {
        if !element.is_element() {
            return;
        }
        if element.tag_name().name() != "LoadBalancerProbe" {
            self.leave(element, "service", "only `LoadBalancerProbe` is known here");
            return;
        }
        let mut attributes = Attributes::of(element, "probe", self.places, self.notes);
        let name = attributes.name();
        let span = attributes.span;
        attributes.required("protocol");
        let protocol = attributes.choice("protocol", &[("http", "Http"), ("tcp", "Tcp")]);
        let path = attributes.get("path");
        let port = attributes.number("port", 1..=65535);
        let interval = attributes.number("intervalInSeconds", 5..=u32::MAX);
        let timeout = attributes.number("timeoutInSeconds", 11..=u32::MAX);
        attributes.finish();
        let seconds = interval.map_or(DEFAULT_INTERVAL, |interval| interval.value);
        let silence = timeout.map_or(DEFAULT_TIMEOUT, |timeout| timeout.value);
        let mut base = Mapping::new(span);
        base.add_some("protocol", protocol.map(|p| text(p.value, p.span)));
        base.add_some("requestPath", path.map(|path| relative(&path)));
        base.add(
            "intervalInSeconds",
            plain(&seconds, interval.map_or(span, |i| i.span)),
        );
        base.add(
            "timeoutInSeconds",
            plain(&silence, timeout.map_or(span, |t| t.span)),
        );
        if probes
            .written
            .iter()
            .any(|written| written.name.value == name.value)
        {
            let message = format!(
                "a probe named `{}` already exists",
                name.value.escape_debug()
            );
            self.notes.add(
                Code::DuplicateName,
                name.span,
                message,
                "choose another name",
            );
            return;
        }
        probes.written.push(Written {
            name,
            span,
            port,
            base,
            used: false,
        });
    }

    /// A probe without an endpoint has no port to ask.
    pub(super) fn finish_probes(&self, probes: &Probes) {
        for written in probes.written.iter().filter(|written| !written.used) {
            let name = &written.name;
            let why = "no endpoint refers to it";
            let property = ("service", "LoadBalancerProbe");
            self.notes
                .leave(Code::NotCarriedOver, property, name.span, &name.value, why);
        }
    }
}

/// Paths are relative to the root (CSD-11).
fn relative(path: &Spanned<String>) -> Node {
    let is_path = path.value.starts_with('/') || path.value.contains("://");
    let slash = if is_path { "" } else { "/" };
    text(format!("{slash}{}", path.value), path.span)
}
