//! Network interfaces and scale sets: instances, their addresses, and the ids of the IP
//! configurations by which pools and rules name them.

use super::Arm;
use super::frontend::network_of;
use super::object::{Object, last_name};
use super::resource::{Resource, SCALE_SET, path_of, same_scope, scope_of};
use super::template::field;
use crate::config::tree::Node;
use crate::diagnostic::{Code, Spanned};
use crate::import::instances::parse;
use crate::import::make::{as_text, text};

/// An IP configuration of an interface.
#[derive(Default)]
pub(super) struct Configuration {
    path: String,
    scope: String,
    pub(super) instance: usize,
    /// Whether the instance has its address; another one of the family stands first otherwise.
    pub(super) primary: bool,
    pub(super) network: Option<String>,
    pub(super) pools: Vec<Spanned<String>>,
    pub(super) nat_rules: Vec<Spanned<String>>,
    pub(super) nat_pools: Vec<Spanned<String>>,
}

const ADDRESS_CURE: &str = "import the output of `az network nic list -o json` too";
const SCALE_SET_CURE: &str = "import the output of `az vmss nic list -o json` too";
const INTERFACE_ONLY: [&str; 18] = [
    "location",
    "tags",
    "extendedLocation",
    "dnsSettings",
    "enableAcceleratedNetworking",
    "disableTcpStateTracking",
    "auxiliaryMode",
    "auxiliarySku",
    "hostedWorkloads",
    "tapConfigurations",
    "nicType",
    "migrationPhase",
    "vnetEncryptionSupported",
    "defaultOutboundConnectivityEnabled",
    "privateEndpoint",
    "privateLinkService",
    "dscpConfiguration",
    "workloadType",
];

impl Arm<'_> {
    /// Every instance that has an interface among the resources.
    pub(super) fn add_interfaces(&mut self) {
        let resources = self.resources;
        for resource in resources.interfaces() {
            self.add_interface(resource);
        }
        for resource in resources.of(SCALE_SET) {
            let listed = format!("{}/virtualmachines/", resource.path);
            if !resources
                .interfaces()
                .any(|nic| nic.path.starts_with(&listed))
            {
                self.add_scale_set(resource);
            }
        }
    }

    fn add_interface(&mut self, resource: &Resource) {
        let Some(mut object) = Object::open(&resource.node, "network interface", self.notes) else {
            return;
        };
        object.ignore(&["primary"]);
        object.leave(&INTERFACE_ONLY, "nothing depends on it here");
        let why = "security groups are not enforced here: filter packets elsewhere";
        object.leave(&["networkSecurityGroup"], why);
        let name = instance_name(&resource.path, &object.name.value);
        let index = self.instances.add(&name, object.span, ADDRESS_CURE);
        if let Some(mac) = object.text("macAddress") {
            let node = text(mac.value.replace('-', ":").to_ascii_lowercase(), mac.span);
            self.instances.all[index].mac = Some(node);
        }
        self.instances.all[index].ip_forwarding = object.is_true("enableIPForwarding");
        let scope = field(&resource.node, "id")
            .and_then(as_text)
            .map_or(String::new(), scope_of);
        let machine = object.id("virtualMachine");
        self.instances.all[index].set = self.set_of(&resource.path, &scope, machine.as_ref());
        let nodes = object.list("ipConfigurations");
        self.add_configurations(nodes, &resource.path, &scope, index);
        object.finish();
    }

    /// The IP configurations of an interface: the first of each family, or the primary one, gives
    /// the instance its address.
    fn add_configurations(&mut self, nodes: &[Node], path: &str, scope: &str, instance: usize) {
        let mut read: Vec<(Configuration, bool, Option<Node>, bool)> = Vec::new();
        for node in nodes {
            let Some(mut object) = Object::open(node, "IP configuration", self.notes) else {
                continue;
            };
            let mut configuration = configuration(&mut object, path);
            (configuration.instance, configuration.scope) = (instance, scope.to_owned());
            let address = object.get("privateIPAddress").cloned();
            let version = object.text("privateIPAddressVersion");
            let of_address = address.as_ref().and_then(as_text).and_then(parse);
            let is_v6 = of_address.map_or_else(
                || version.is_some_and(|v| v.value.eq_ignore_ascii_case("IPv6")),
                |address| address.is_ipv6(),
            );
            if object.get("publicIPAddress").is_some() {
                let name = self.instances.all[instance].name.clone();
                let what = format!("the 1:1 public address of instance `{name}`");
                let public = self.public_address(&mut object, &what, &[], None);
                self.instances.all[instance].public.push(public);
            }
            let primary = object.is_true("primary");
            object.finish();
            read.push((configuration, is_v6, address, primary));
        }
        for family in [false, true] {
            let of_family = |c: &&(Configuration, bool, Option<Node>, bool)| c.1 == family;
            let chosen = read.iter().filter(of_family).find(|c| c.3);
            let chosen = chosen
                .or_else(|| read.iter().find(of_family))
                .map(|c| c.0.path.clone());
            for (configuration, is_v6, address, _) in &mut read {
                if *is_v6 == family && Some(&configuration.path) == chosen.as_ref() {
                    configuration.primary = true;
                    self.instances.all[instance]
                        .addresses
                        .extend(address.take());
                }
            }
        }
        for (configuration, ..) in read {
            let network = configuration.network.clone();
            let own = &mut self.instances.all[instance].network;
            *own = own.take().or(network);
            self.configurations.push(configuration);
        }
    }

    fn add_scale_set(&mut self, resource: &Resource) {
        let notes = self.notes;
        let Some(mut set) = Object::open(&resource.node, "scale set", notes) else {
            return;
        };
        let mut sku = set
            .get("sku")
            .and_then(|node| Object::open(node, "SKU", notes));
        let capacity = sku.as_mut().and_then(|sku| sku.number("capacity"));
        if capacity.is_none() {
            let message = format!("{} does not say how many instances it has", set.title());
            let hint = "add `sku.capacity`, or import the output of `az vmss nic list -o json`";
            notes.add(Code::MissingField, set.span, message, hint);
        }
        let capacity = capacity.map_or(0, |c| c.value);
        if capacity > MOST_INSTANCES {
            let message = format!("{} has {capacity} instances", set.title());
            let hint = "a card has 4095 vports: import the part of the set that is on it";
            notes.add(Code::OutOfRange, set.span, message, hint);
        }
        let profile = set.get("virtualMachineProfile");
        let network = profile.and_then(|profile| field(profile, "networkProfile"));
        let interfaces = network.and_then(|node| Object::open(node, "network profile", notes));
        let interfaces = interfaces.map_or(&[][..], |mut profile| {
            profile.list("networkInterfaceConfigurations")
        });
        for number in 0..capacity.min(MOST_INSTANCES) {
            for node in interfaces {
                self.add_scale_set_interface(resource, number, node);
            }
        }
        let why = "it concerns the machines, not their network";
        set.leave(&SCALE_SET_ONLY, why);
        set.finish();
    }

    fn add_scale_set_interface(&mut self, set: &Resource, number: u32, node: &Node) {
        let Some(mut nic) = Object::open(node, "interface of a scale set", self.notes) else {
            return;
        };
        nic.ignore(&["primary"]);
        nic.leave(&INTERFACE_ONLY, "nothing depends on it here");
        let why = "security groups are not enforced here: filter packets elsewhere";
        nic.leave(&["networkSecurityGroup"], why);
        let name = nic.name.value.to_ascii_lowercase();
        let path = format!(
            "{}/virtualmachines/{number}/networkinterfaces/{name}",
            set.path
        );
        let written = field(&set.node, "name")
            .and_then(as_text)
            .unwrap_or("scale-set");
        let instance = format!("{}_{number}", last_name(written));
        let index = self.instances.add(&instance, nic.span, SCALE_SET_CURE);
        self.instances.all[index].set = self.set_of(&path, &set.scope, None);
        let nodes = nic.list("ipConfigurations");
        self.add_configurations(nodes, &path, "", index);
        nic.finish();
    }

    /// The IP configuration that an id names; its instance is made when no file has it.
    pub(super) fn configuration(&mut self, id: &Spanned<String>) -> Option<usize> {
        let (path, scope) = (path_of(&id.value), scope_of(&id.value));
        let is = |c: &Configuration| c.path == path && same_scope(&c.scope, &scope);
        if let Some(index) = self.configurations.iter().position(is) {
            return Some(index);
        }
        if self.notes.problem(id.span).is_some() {
            return None;
        }
        let Some((interface, _)) = path.split_once("/ipconfigurations/") else {
            let message = "this is not the id of an IP configuration";
            let hint = "ids end in `/networkInterfaces/NAME/ipConfigurations/NAME`";
            self.notes
                .add(Code::UnknownReference, id.span, message, hint);
            return None;
        };
        let of_interface = |c: &&Configuration| {
            let rest = c.path.strip_prefix(interface);
            rest.is_some_and(|rest| rest.starts_with("/ipconfigurations/"))
                && same_scope(&c.scope, &scope)
        };
        let known = self
            .configurations
            .iter()
            .find(of_interface)
            .map(|c| c.instance);
        let instance = known.unwrap_or_else(|| {
            let parts: Vec<&str> = id.value.trim_end_matches('/').rsplit('/').collect();
            let name = instance_name(interface, parts.get(2).copied().unwrap_or_default());
            let index = self.instances.add(&name, id.span, ADDRESS_CURE);
            self.instances.all[index].set = self.set_of(interface, &scope, None);
            index
        });
        self.configurations.push(Configuration {
            path,
            scope,
            instance,
            primary: true,
            ..Configuration::default()
        });
        Some(self.configurations.len() - 1)
    }
}

/// More do not fit a card.
const MOST_INSTANCES: u32 = 4096;

const SCALE_SET_ONLY: [&str; 28] = [
    "location",
    "tags",
    "zones",
    "plan",
    "identity",
    "extendedLocation",
    "upgradePolicy",
    "automaticRepairsPolicy",
    "overprovision",
    "doNotRunExtensionsOnOverprovisionedVMs",
    "singlePlacementGroup",
    "zoneBalance",
    "platformFaultDomainCount",
    "proximityPlacementGroup",
    "hostGroup",
    "additionalCapabilities",
    "scaleInPolicy",
    "orchestrationMode",
    "spotRestorePolicy",
    "priorityMixPolicy",
    "constrainedMaximumCapacity",
    "resiliencyPolicy",
    "timeCreated",
    "uniqueId",
    "zonalPlatformFaultDomainAlignMode",
    "skuProfile",
    "scheduledEventsPolicy",
    "placement",
];

fn configuration(object: &mut Object<'_>, interface: &str) -> Configuration {
    object.ignore(&["privateIPAllocationMethod", "privateIPAddressPrefixLength"]);
    object.ignore(&["privateLinkConnectionProperties"]);
    let groups = ["applicationSecurityGroups", "virtualNetworkTaps"];
    object.leave(&groups, "packets are not filtered or copied here");
    let gateways = ["applicationGatewayBackendAddressPools"];
    object.leave(&gateways, "application gateways are not imported");
    let public = ["publicIPAddressConfiguration"];
    object.leave(
        &public,
        "write `publicAddress` at each instance once it is known",
    );
    object.refuse(
        "gatewayLoadBalancer",
        "chaining to a gateway load balancer has no equivalent",
        "packets go straight to the instance; remove the chain or inspect them elsewhere",
    );
    let name = object.name.value.to_ascii_lowercase();
    Configuration {
        path: format!("{interface}/ipconfigurations/{name}"),
        network: object.id("subnet").map(|id| network_of(&id.value)),
        pools: object.ids("loadBalancerBackendAddressPools"),
        nat_rules: object.ids("loadBalancerInboundNatRules"),
        nat_pools: object.ids("loadBalancerInboundNatPools"),
        ..Configuration::default()
    }
}

/// What people call the instance: the interface's name, or the machine's of a scale set.
fn instance_name(path: &str, interface: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [
            _,
            "virtualmachinescalesets",
            set,
            "virtualmachines",
            number,
            ..,
        ] => {
            format!("{set}_{number}")
        }
        _ => interface.to_owned(),
    }
}
