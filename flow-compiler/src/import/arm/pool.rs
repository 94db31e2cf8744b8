//! Backend pools and their members: IP configurations of interfaces, or addresses.

use super::Arm;
use super::frontend::network_of;
use super::object::Object;
use super::resource::Resource;
use super::template::field;
use crate::config::tree::{Node, Value};
use crate::diagnostic::{Code, Span, Spanned};
use crate::import::make::{Mapping, as_text, plain, text};

/// The first version of the interface with `syncMode` (L-BEP-06).
const SYNC_MODE_SINCE: &str = "2023-04-01";

/// A pool as its rules see it.
pub(super) struct Pool {
    pub(super) name: String,
    pub(super) members: Vec<Member>,
    /// The virtual network of its members.
    pub(super) network: Option<String>,
    /// A member that is a secondary IP configuration of its interface.
    pub(super) secondary: bool,
    /// Whether members are named by address.
    pub(super) by_address: bool,
    /// Whether the configuration says so too: not of a pool that cannot be.
    says_so: bool,
    /// Frontend ports that NAT rules gave to members: rule in small letters, instance, port.
    pub(super) mappings: Vec<(String, usize, u16)>,
    drain_period: Option<Node>,
    span: Span,
    name_span: Span,
}

/// A member of a pool.
pub(super) struct Member {
    pub(super) instance: usize,
    span: Span,
    state: Option<Node>,
}

impl Arm<'_> {
    /// A pool of a load balancer.
    pub(super) fn pool(&mut self, node: &Node, balancer: &Resource, sku: &str) -> Option<Pool> {
        let mut object = Object::open(node, "backend pool", self.notes)?;
        object.ignore(&["loadBalancingRules", "outboundRule", "outboundRules"]);
        object.ignore(&["inboundNatRules", "virtualNetwork"]);
        object.leave(&["location"], "a card is in one place");
        object.leave(
            &["syncMode"],
            "members are what the file lists: import again when they change",
        );
        object.refuse(
            "tunnelInterfaces",
            "tunnel interfaces have no equivalent",
            "packets are not encapsulated here; remove them",
        );
        let mut pool = Pool {
            name: object.name.value.clone(),
            members: Vec::new(),
            network: None,
            secondary: false,
            by_address: false,
            says_so: false,
            mappings: Vec::new(),
            drain_period: object
                .get("drainPeriodInSeconds")
                .filter(|node| as_text(node) != Some("0"))
                .cloned(),
            span: object.span,
            name_span: object.name.span,
        };
        let mut by_interface = false;
        for id in object.ids("backendIPConfigurations") {
            by_interface = true;
            self.add_member(&mut pool, &id, None);
        }
        let addresses = object.list("loadBalancerBackendAddresses");
        for node in addresses {
            by_interface |= self.add_address(&mut pool, node) == Some(true);
        }
        for index in 0..self.configurations.len() {
            let named = |id: &&Spanned<String>| {
                balancer.has_part(&id.value, "backendaddresspools", &pool.name)
            };
            if let Some(id) = self.configurations[index].pools.iter().find(named).cloned() {
                by_interface = true;
                self.add_configured(&mut pool, index, id.span, None);
            }
        }
        self.check_sync_mode(&mut object, node, balancer);
        let is_basic = sku.eq_ignore_ascii_case("Basic");
        self.check_kind(&pool, by_interface, is_basic, &object.title());
        pool.says_so = pool.by_address && !by_interface && !is_basic;
        object.finish();
        Some(pool)
    }

    /// L-BEP-01, L-BEP-02.
    fn check_kind(&self, pool: &Pool, by_interface: bool, is_basic: bool, title: &str) {
        if pool.by_address && by_interface {
            let message = format!("{title} has members by interface and by address");
            let hint = "make two pools of it, each with members of one kind";
            self.notes.add(Code::MixedPool, pool.span, message, hint);
        }
        if pool.by_address && is_basic {
            let message = format!("{title} has members by address, but the load balancer is Basic");
            let hint = "use the Standard SKU, or name interfaces";
            self.notes
                .add(Code::AddressPoolOnBasic, pool.span, message, hint);
        }
    }

    /// L-BEP-06: what Azure asks of a pool with a mode of synchronization.
    fn check_sync_mode(&self, object: &mut Object<'_>, node: &Node, balancer: &Resource) {
        let Some(mode) = object
            .text("syncMode")
            .filter(|mode| !mode.value.is_empty())
        else {
            return;
        };
        let title = object.title();
        let refuse = |why: String, hint: &str| {
            let message = format!("{title} has a `syncMode`, but {why}");
            self.notes
                .add(Code::SyncModeRefused, mode.span, message, hint);
        };
        let modes = ["Automatic", "Manual"];
        if !modes
            .iter()
            .any(|known| mode.value.eq_ignore_ascii_case(known))
        {
            let why = format!("`{}` is none", mode.value.escape_debug());
            refuse(why, "write Automatic or Manual");
        }
        if object.get("virtualNetwork").is_none() {
            let hint = "add `virtualNetwork`, or leave out `syncMode`";
            refuse("no virtual network".to_owned(), hint);
        }
        let of_balancer = |name| property(&balancer.node, name);
        let has_nat_pools = of_balancer("inboundNatPools")
            .is_some_and(|pools| !matches!(&pools.value, Value::List(items) if items.is_empty()));
        if has_nat_pools {
            let why = "its load balancer has inbound NAT pools";
            let hint = "write the NAT pools as inbound NAT rules with a port range";
            refuse(why.to_owned(), hint);
        }
        let version = field(node, "apiVersion").or_else(|| of_balancer("apiVersion"));
        let version = version.and_then(as_text);
        if let Some(version) = version.filter(|version| *version < SYNC_MODE_SINCE) {
            let why = format!("API version {} does not know it", version.escape_debug());
            let hint = format!("use `\"apiVersion\": \"{SYNC_MODE_SINCE}\"` or later");
            refuse(why, &hint);
        }
    }

    fn add_member(
        &mut self,
        pool: &mut Pool,
        id: &Spanned<String>,
        state: Option<Node>,
    ) -> Option<usize> {
        let index = self.configuration(id)?;
        self.add_configured(pool, index, id.span, state);
        Some(self.configurations[index].instance)
    }

    fn add_configured(&mut self, pool: &mut Pool, index: usize, span: Span, state: Option<Node>) {
        let configuration = &self.configurations[index];
        let (instance, network) = (configuration.instance, configuration.network.clone());
        if !configuration.primary {
            pool.secondary = true;
            let name = &self.instances.all[instance].name;
            let message = format!("a member is a secondary IP configuration of `{name}`");
            let hint =
                "an instance has one address of each family: make the primary one the member";
            self.notes
                .add(Code::SecondaryConfiguration, span, message, hint);
            return;
        }
        self.join(pool, instance, span, state, network);
    }

    /// An item of `loadBalancerBackendAddresses`; whether it names an interface.
    fn add_address(&mut self, pool: &mut Pool, node: &Node) -> Option<bool> {
        let mut object = Object::open(node, "backend address", self.notes)?;
        object.ignore(&["loadBalancerBackendAddress"]);
        object.refuse(
            "loadBalancerFrontendIPConfiguration",
            "members that are frontends of other load balancers have no equivalent",
            "import the regional load balancers, each by itself",
        );
        let state = object.get("adminState").cloned();
        let state = state.filter(|s| !as_text(s).is_some_and(|s| s.eq_ignore_ascii_case("none")));
        let network = object.id("virtualNetwork").or_else(|| object.id("subnet"));
        let network = network.map(|id| network_of(&id.value));
        object.ignore(&["subnet"]);
        let mappings = object.list("inboundNatRulesPortMapping");
        let address = object.get("ipAddress");
        let interface = object.id("networkInterfaceIPConfiguration");
        let instance = match (&interface, address) {
            (Some(id), _) => self.add_member(pool, id, state),
            (None, Some(address)) => {
                let name = object.name.value.clone();
                Some(self.add_by_address(pool, &name, address, state, network))
            }
            (None, None) => {
                let message = format!("{} has no `ipAddress`", object.title());
                let hint = "add it, or remove the item";
                self.notes
                    .add(Code::MissingField, object.span, message, hint);
                None
            }
        };
        object.finish();
        for mapping in mappings {
            let number = |name| field(mapping, name).and_then(as_text)?.parse().ok();
            let rule = field(mapping, "inboundNatRuleName").and_then(as_text);
            if let (Some(rule), Some(instance), Some(port)) =
                (rule, instance, number("frontendPort"))
            {
                pool.mappings
                    .push((rule.to_ascii_lowercase(), instance, port));
            }
        }
        Some(interface.is_some())
    }

    fn add_by_address(
        &mut self,
        pool: &mut Pool,
        name: &str,
        address: &Node,
        state: Option<Node>,
        network: Option<String>,
    ) -> usize {
        pool.by_address = true;
        let written = as_text(address).unwrap_or_default();
        let instance = self.instances.with_address(written).unwrap_or_else(|| {
            let named = format!("ip-{written}");
            let name = if name.is_empty() { &named } else { name };
            let index = self
                .instances
                .add(name, address.span, "write it in the pool");
            let instance = &mut self.instances.all[index];
            instance.addresses.push(address.clone());
            instance.network.clone_from(&network);
            index
        });
        self.join(pool, instance, address.span, state, network);
        instance
    }

    /// Adds a member once; L-FIP-13: all are in one virtual network.
    fn join(
        &mut self,
        pool: &mut Pool,
        instance: usize,
        span: Span,
        state: Option<Node>,
        network: Option<String>,
    ) {
        if let Some(member) = pool.members.iter_mut().find(|m| m.instance == instance) {
            member.state = member.state.take().or(state);
            return;
        }
        let network = network.or_else(|| self.instances.all[instance].network.clone());
        if let (Some(own), Some(other)) = (&pool.network, &network)
            && own != other
        {
            let (own, other) = (last(own), last(other));
            let message = format!(
                "pool `{}` has members in virtual networks `{own}` and `{other}`",
                pool.name
            );
            let hint = "the members of a pool are in one virtual network: make two load balancers";
            self.notes.add(Code::SeveralNetworks, span, message, hint);
        }
        pool.network = pool.network.take().or(network);
        pool.members.push(Member {
            instance,
            span,
            state,
        });
    }

    /// The pool as the configuration has it.
    pub(super) fn pool_node(&self, pool: &Pool) -> Node {
        let mut out = Mapping::new(pool.span);
        out.add("name", text(&pool.name, pool.name_span));
        let member = |member: &Member| {
            let mut out = Mapping::new(member.span);
            let name = &self.instances.all[member.instance].name;
            out.add("instance", text(name, member.span));
            out.add_some("adminState", member.state.clone());
            out.into_node()
        };
        out.add_list("members", pool.members.iter().map(member).collect());
        out.add_some("drainPeriodInSeconds", pool.drain_period.clone());
        if pool.says_so {
            out.add("byAddress", plain(&true, pool.span));
        }
        out.into_node()
    }
}

/// A property of a resource, nested or flat.
fn property<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let nested = field(node, "properties").and_then(|node| field(node, name));
    nested.or_else(|| field(node, name))
}

/// The name of a network in its path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}
