//! Frontends: an address of a subnet, a public one, or all addresses of a public prefix.

use std::net::IpAddr;

use super::Arm;
use super::object::{Object, last_name};
use super::public::{Public, is_default_idle};
use super::resource::path_of;
use super::template::field;
use crate::config::tree::Node;
use crate::diagnostic::{Code, Span, Spanned};
use crate::import::instances::parse;
use crate::import::make::{Mapping, as_text, plain, text};
use crate::import::notes::Notes;
use crate::resolve::is_private;

/// A frontend as its rules see it.
pub(super) struct Frontend {
    /// Its name in ARM.
    pub(super) name: String,
    /// Its names in the configuration: several for a prefix.
    pub(super) names: Vec<String>,
    pub(super) network: Option<String>,
    pub(super) nodes: Vec<Node>,
}

const REPEATED: [&str; 4] = [
    "inboundNatRules",
    "inboundNatPools",
    "loadBalancingRules",
    "outboundRules",
];

impl Arm<'_> {
    /// A frontend; `sku` is the load balancer's.
    pub(super) fn frontend(&mut self, node: &Node, sku: &str) -> Option<Frontend> {
        let mut object = Object::open(node, "frontend", self.notes)?;
        object.ignore(&REPEATED);
        object.leave(&["zones"], "a card is in one zone");
        object.refuse(
            "gatewayLoadBalancer",
            "chaining to a gateway load balancer has no equivalent",
            "packets go straight to the backends; remove the chain or inspect them elsewhere",
        );
        let kinds = ["subnet", "publicIPAddress", "publicIPPrefix"];
        let given: Vec<&str> = kinds
            .into_iter()
            .filter(|kind| object.get(kind).is_some())
            .collect();
        if given.len() != 1 {
            let message = format!(
                "{} has {} of {}",
                object.title(),
                given.len(),
                kinds.join(", ")
            );
            self.notes.add(
                Code::FrontendShape,
                object.span,
                message,
                "give exactly one of them",
            );
        }
        let frontend = match given.last().copied() {
            Some("publicIPPrefix") => self.prefix(&mut object, sku),
            Some("publicIPAddress") => self.public(&mut object, sku),
            _ => self.internal(&mut object),
        };
        object.finish();
        Some(frontend)
    }

    fn internal(&self, object: &mut Object<'_>) -> Frontend {
        let subnet = object.id("subnet");
        let name = object.name.value.clone();
        let version = object.text("privateIPAddressVersion");
        let method = object.text("privateIPAllocationMethod");
        let address = object.get("privateIPAddress").cloned().unwrap_or_else(|| {
            let is_static = method.is_some_and(|m| m.value.eq_ignore_ascii_case("static"));
            let cure = if is_static {
                "a static address is given as `privateIPAddress`: add it"
            } else {
                "import what `az network lb show -o json` says of the deployed load balancer"
            };
            self.notes
                .address(object.span, &object.title(), &[&name], cure)
        });
        self.check_family(&address, version.as_ref());
        let mut out = Mapping::new(object.span);
        out.add("name", text(&name, object.name.span));
        out.add("address", address);
        out.add("internal", plain(&true, object.span));
        Frontend {
            names: vec![name.clone()],
            name,
            network: subnet.map(|id| network_of(&id.value)),
            nodes: vec![out.into_node()],
        }
    }

    fn check_family(&self, address: &Node, version: Option<&Spanned<String>>) {
        let (Some(version), Some(address)) = (version, as_text(address).and_then(parse)) else {
            return;
        };
        let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        if !version.value.eq_ignore_ascii_case(family) && self.notes.problem(version.span).is_none()
        {
            let message = format!("`privateIPAddressVersion` is not that of {address}");
            let hint = format!("write {family}, or another address");
            self.notes
                .add(Code::BadAddress, version.span, message, &hint);
        }
    }

    fn public(&mut self, object: &mut Object<'_>, sku: &str) -> Frontend {
        let name = object.name.value.clone();
        object.ignore(&[
            "privateIPAllocationMethod",
            "privateIPAddressVersion",
            "privateIPAddress",
        ]);
        let title = object.title();
        let address = self.public_address(object, &title, &[&name], Some(sku));
        let looks_internal = as_text(&address).and_then(parse).is_some_and(is_private);
        let mut out = Mapping::new(object.span);
        out.add("name", text(&name, object.name.span));
        out.add("address", address);
        if looks_internal {
            out.add("internal", plain(&false, object.span));
        }
        if let Some(minutes) = self.idle_minutes(object) {
            out.add("idleTimeoutInMinutes", minutes);
        }
        Frontend {
            names: vec![name.clone()],
            name,
            network: None,
            nodes: vec![out.into_node()],
        }
    }

    /// The address behind `publicIPAddress`; `names` are what the command line may call it.
    pub(super) fn public_address(
        &mut self,
        object: &mut Object<'_>,
        what: &str,
        names: &[&str],
        sku: Option<&str>,
    ) -> Node {
        let span = object
            .get("publicIPAddress")
            .map_or(object.span, |node| node.span);
        // `--expand` writes the resource itself in place of its id.
        let inline = object.get("publicIPAddress").and_then(|node| {
            let properties = field(node, "properties").unwrap_or(node);
            field(properties, "ipAddress")
        });
        if let Some(inline) = inline {
            return inline.clone();
        }
        let Some(id) = object.id("publicIPAddress") else {
            return self
                .notes
                .address(span, what, names, "import the public IP address too");
        };
        let notes = self.notes;
        let own = last_name(&id.value);
        let names: Vec<&str> = std::iter::once(own).chain(names.iter().copied()).collect();
        let Some(public) = self.publics.find(&id.value) else {
            let cure = "import the output of `az network public-ip list -o json` too";
            return notes.address(id.span, what, &names, cure);
        };
        check_sku(public, sku, id.span, notes);
        if let Some(address) = &public.address {
            return text(&address.value, id.span);
        }
        let cure = "import what `az network public-ip show -o json` says once it is deployed";
        notes.address(id.span, what, &names, cure)
    }

    /// The idle timeout of the public address, unless it is the default.
    fn idle_minutes(&mut self, object: &mut Object<'_>) -> Option<Node> {
        let inline = object.get("publicIPAddress").and_then(|node| {
            let properties = field(node, "properties").unwrap_or(node);
            field(properties, "idleTimeoutInMinutes")
        });
        if let Some(inline) = inline {
            return Some(inline.clone()).filter(|node| !is_default_idle(node));
        }
        let id = field(object.get("publicIPAddress")?, "id").and_then(as_text)?;
        self.publics.take_idle_minutes(id)
    }

    /// L-OUT-27: every address of a prefix is a frontend.
    fn prefix(&mut self, object: &mut Object<'_>, sku: &str) -> Frontend {
        let name = object.name.value.clone();
        object.ignore(&["privateIPAllocationMethod", "privateIPAddressVersion"]);
        let id = object.id("publicIPPrefix");
        let span = id.as_ref().map_or(object.span, |id| id.span);
        let notes = self.notes;
        let public = id.and_then(|id| self.publics.find(&id.value));
        let prefix = public.and_then(|public| {
            check_sku(public, Some(sku), span, notes);
            public.address.clone()
        });
        let prefix = prefix.unwrap_or_else(|| {
            let cure = "import the output of `az network public-ip prefix list -o json` too";
            let given = notes.address(span, &object.title(), &[&name], cure);
            let value = as_text(&given).unwrap_or_default().to_owned();
            Spanned { value, span }
        });
        let addresses = self.expand(&prefix);
        let names: Vec<String> = match addresses.len() {
            1 => vec![name.clone()],
            n => (0..n).map(|i| format!("{name:.76}-{i}")).collect(),
        };
        let node = |(address, name): (Node, &String)| {
            let mut out = Mapping::new(object.span);
            out.add("name", text(name, object.name.span));
            out.add("address", address);
            out.into_node()
        };
        let written = addresses.into_iter().zip(&names).map(node).collect();
        Frontend {
            name,
            names,
            network: None,
            nodes: written,
        }
    }

    /// The addresses of a prefix; a placeholder and a single address stand for themselves.
    fn expand(&self, prefix: &Spanned<String>) -> Vec<Node> {
        let Spanned { value, span } = prefix;
        if !value.contains('/') {
            return vec![text(value, *span)];
        }
        let parsed = value.split_once('/').and_then(|(address, length)| {
            let address = parse(address)?;
            let length: u32 = length.parse().ok()?;
            let bits = if address.is_ipv4() { 32 } else { 128 };
            Some((address, bits, length)).filter(|_| (bits - 8..=bits).contains(&length))
        });
        let Some((address, bits, length)) = parsed else {
            let message = format!("`{}` is not a public IP prefix", value.escape_debug());
            let hint = "prefixes are /24 to /31 for IPv4 and /124 to /127 for IPv6";
            self.notes.add(Code::BadAddress, *span, message, hint);
            return vec![text(value, *span)];
        };
        (0..1u128 << (bits - length))
            .map(|i| text(nth(address, i).to_string(), *span))
            .collect()
    }
}

/// A public address has the SKU of its load balancer.
fn check_sku(public: &Public, sku: Option<&str>, span: Span, notes: &Notes<'_>) {
    if let Some(sku) = sku.filter(|sku| !public.sku.eq_ignore_ascii_case(sku)) {
        let message = format!(
            "public IP address `{}` is {}, but the load balancer is {sku}",
            public.name, public.sku
        );
        let hint = "give both the same `sku`; without one it is Basic";
        notes.add(Code::PublicSku, span, message, hint);
    }
}

/// The address that many places behind another.
fn nth(address: IpAddr, index: u128) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4(u32::from(v4).wrapping_add(index as u32).into()),
        IpAddr::V6(v6) => IpAddr::V6(u128::from(v6).wrapping_add(index).into()),
    }
}

/// The virtual network of a subnet's or network's id.
pub(super) fn network_of(id: &str) -> String {
    let path = path_of(id);
    path.split("/subnets/")
        .next()
        .unwrap_or_default()
        .to_owned()
}
