//! The instances of an import, and the facts that no file says: vports, Ethernet addresses.

use std::collections::HashSet;
use std::net::IpAddr;

use super::make::{Mapping, as_text, list, name_of, plain, text};
use super::notes::Notes;
use crate::config::tree::Node;
use crate::diagnostic::{Code, Span};

/// An instance in the making.
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) span: Span,
    /// At most one address of each family, as it was written.
    pub(super) addresses: Vec<Node>,
    pub(super) mac: Option<Node>,
    pub(super) public: Vec<Node>,
    /// Its interface lets it send packets of others.
    pub(super) ip_forwarding: bool,
    /// The virtual network that it is in, when the files say.
    pub(super) network: Option<String>,
    /// The set that its machine is of, when the files say.
    pub(super) set: Option<Set>,
    /// What gives its address when the files do not.
    pub(super) cure: &'static str,
}

/// A set of machines, by name.
pub(super) enum Set {
    Availability(String),
    Scale(String),
}

/// Instances by number; names are unique.
#[derive(Default)]
pub(super) struct Instances {
    pub(super) all: Vec<Instance>,
    names: HashSet<String>,
}

impl Instances {
    /// Adds an instance; its name gets a number when another one has it.
    pub(super) fn add(&mut self, name: &str, span: Span, cure: &'static str) -> usize {
        let base = match name_of(name) {
            name if name.is_empty() => "instance".to_owned(),
            name => name,
        };
        let numbered = (2..).map(|n| format!("{base:.74}-{n}"));
        let mut names = std::iter::once(base.clone()).chain(numbered);
        let name = names
            .find(|name| !self.names.contains(name))
            .unwrap_or_default();
        self.names.insert(name.clone());
        self.all.push(Instance {
            name,
            span,
            addresses: Vec::new(),
            mac: None,
            public: Vec::new(),
            ip_forwarding: false,
            network: None,
            set: None,
            cure,
        });
        self.all.len() - 1
    }

    /// The instance with that address of its own.
    pub(super) fn with_address(&self, address: &str) -> Option<usize> {
        let wanted = parse(address);
        let is = |node: &Node| {
            as_text(node)
                .is_some_and(|text| text == address || (wanted.is_some() && parse(text) == wanted))
        };
        self.all
            .iter()
            .position(|instance| instance.addresses.iter().any(is))
    }

    /// The instances as the configuration has them. Vports are numbered in order, and so are
    /// Ethernet addresses that no file says.
    pub(super) fn into_nodes(self, notes: &Notes<'_>) -> Vec<Node> {
        self.tell_numbers(notes);
        let numbered = self.all.into_iter().enumerate();
        numbered
            .map(|(index, instance)| instance.into_node(index + 1, notes))
            .collect()
    }

    fn tell_numbers(&self, notes: &Notes<'_>) {
        let Some(first) = self.all.first() else {
            return;
        };
        let message = format!(
            "vports are not in the files: {} numbered from 1 in order",
            count(self.all.len())
        );
        let hint = "write the vport of the card that each instance is on";
        notes.add(Code::NumberedInOrder, first.span, message, hint);
        let without: Vec<&Instance> = self.all.iter().filter(|i| i.mac.is_none()).collect();
        if let Some(first) = without.first() {
            let message = format!(
                "Ethernet addresses are not in the files: {} numbered like the vports, \
                 as 02:00:00:00:…",
                count(without.len())
            );
            let hint = "write the addresses that the guests have";
            notes.add(Code::NumberedInOrder, first.span, message, hint);
        }
    }
}

impl Instance {
    fn into_node(self, vport: usize, notes: &Notes<'_>) -> Node {
        let Self {
            name, span, mac, ..
        } = self;
        let mut out = Mapping::new(span);
        out.add("name", text(&name, span));
        let mut addresses = self.addresses;
        if addresses.is_empty() {
            let what = format!("instance `{name}`");
            let given = notes.address(span, &what, &[&name], self.cure);
            let parts = as_text(&given).unwrap_or_default().split(',');
            addresses.extend(parts.map(|part| text(part.trim(), span)));
        }
        out.add("addresses", list(addresses, span));
        out.add("vport", plain(&vport, span));
        let numbered = || {
            text(
                format!("02:00:00:00:{:02x}:{:02x}", vport >> 8, vport & 255),
                span,
            )
        };
        out.add("mac", mac.unwrap_or_else(numbered));
        for public in self.public {
            let is_v6 = as_text(&public)
                .and_then(parse)
                .is_some_and(|a| a.is_ipv6());
            out.add(
                if is_v6 {
                    "publicAddressV6"
                } else {
                    "publicAddress"
                },
                public,
            );
        }
        match self.set {
            Some(Set::Availability(name)) => out.add("availabilitySet", text(name, span)),
            Some(Set::Scale(name)) => out.add("scaleSet", text(name, span)),
            None => {}
        }
        if self.ip_forwarding {
            out.add("ipForwarding", plain(&true, span));
        }
        out.into_node()
    }
}

fn count(instances: usize) -> String {
    match instances {
        1 => "1 instance is".to_owned(),
        n => format!("{n} instances are"),
    }
}

/// An address as text.
pub(super) fn parse(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}
