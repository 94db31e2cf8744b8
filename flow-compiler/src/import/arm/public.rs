//! Public IP addresses and prefixes: what frontends and interfaces refer to.

use super::object::Object;
use super::resource::{PUBLIC_IP, PUBLIC_PREFIX, Resources, path_of, same_scope, scope_of};
use crate::config::tree::Node;
use crate::diagnostic::{Code, Span, Spanned};
use crate::import::make::as_text;
use crate::import::notes::Notes;

/// A public IP address or a prefix of them.
pub(super) struct Public {
    path: String,
    scope: String,
    pub(super) name: String,
    span: Span,
    /// The address, or the prefix as `address/length`.
    pub(super) address: Option<Spanned<String>>,
    pub(super) sku: String,
    /// Its idle timeout, unless it is the default.
    idle_minutes: Option<Node>,
    used: bool,
}

/// All of them.
pub(super) struct Publics {
    all: Vec<Public>,
}

const NO_EQUIVALENT: [&str; 13] = [
    "location",
    "tags",
    "zones",
    "extendedLocation",
    "dnsSettings",
    "ddosSettings",
    "ipTags",
    "natGateway",
    "deleteOption",
    "migrationPhase",
    "linkedPublicIPAddress",
    "servicePublicIPAddress",
    "customIPPrefix",
];

impl Publics {
    pub(super) fn new(resources: &Resources, notes: &Notes<'_>) -> Self {
        let addresses = resources.of(PUBLIC_IP).filter_map(|resource| {
            let object = Object::open(&resource.node, "public IP address", notes)?;
            Some(read(object, "ipAddress", &resource.path, &resource.node))
        });
        let prefixes = resources.of(PUBLIC_PREFIX).filter_map(|resource| {
            let object = Object::open(&resource.node, "public IP prefix", notes)?;
            Some(read(object, "ipPrefix", &resource.path, &resource.node))
        });
        let all = addresses.chain(prefixes).collect();
        Self { all }
    }

    /// What an id leads to.
    pub(super) fn find(&mut self, id: &str) -> Option<&Public> {
        self.entry(id).map(|public| &*public)
    }

    /// The idle timeout that the frontend of an id gets from it.
    pub(super) fn take_idle_minutes(&mut self, id: &str) -> Option<Node> {
        self.entry(id)?.idle_minutes.take()
    }

    fn entry(&mut self, id: &str) -> Option<&mut Public> {
        let (path, scope) = (path_of(id), scope_of(id));
        let is = |public: &&mut Public| public.path == path && same_scope(&public.scope, &scope);
        let found = self.all.iter_mut().find(is)?;
        found.used = true;
        Some(found)
    }

    /// Names those that nothing refers to, and what no frontend took.
    pub(super) fn finish(&self, notes: &Notes<'_>) {
        for public in self.all.iter().filter(|public| public.used) {
            if let Some(minutes) = &public.idle_minutes {
                notes.leave(
                    Code::NotCarriedOver,
                    ("public IP address", "idleTimeoutInMinutes"),
                    minutes.span,
                    &public.name,
                    "an instance's own public address keeps no flows",
                );
            }
        }
        let unused = self.all.iter().filter(|public| !public.used);
        for Public { name, span, .. } in unused {
            let message = format!("no frontend and no interface has public address `{name}`");
            let hint = "it is left out; import what uses it together with it";
            notes.add(Code::ResourceLeft, *span, message, hint);
        }
    }
}

/// Four minutes are what a frontend has when nothing is said.
pub(super) fn is_default_idle(node: &Node) -> bool {
    as_text(node) == Some("4")
}

fn read(mut object: Object<'_>, field: &str, path: &str, node: &Node) -> Public {
    let sku = object
        .get("sku")
        .and_then(|sku| super::template::field(sku, "name"));
    object.ignore(&[
        "ipConfiguration",
        "publicIPAddresses",
        "publicIPAddressVersion",
        "publicIPAllocationMethod",
        "publicIPPrefix",
        "loadBalancerFrontendIpConfiguration",
        "prefixLength",
    ]);
    object.leave(&NO_EQUIVALENT, "nothing depends on it here");
    let idle_minutes = object.get("idleTimeoutInMinutes");
    let public = Public {
        path: path.to_owned(),
        scope: super::template::field(node, "id")
            .and_then(as_text)
            .map_or(String::new(), scope_of),
        name: object.name.value.clone(),
        span: object.span,
        address: object.text(field),
        sku: sku.and_then(as_text).unwrap_or("Basic").to_owned(),
        idle_minutes: idle_minutes.filter(|node| !is_default_idle(node)).cloned(),
        used: false,
    };
    object.finish();
    public
}
