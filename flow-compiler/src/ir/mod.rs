//! The configuration as it is meant: every reference resolved, every number in range.
//!
//! A value of these types has passed every check, so nothing that takes one checks again.
//! References are indices into the vector that holds the thing.

mod index;
mod outbound;
mod rule;
mod settings;
mod uplink;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use firmware_api::{Family, PortId, Zone};

use crate::mac::MacAddr;
pub use index::{FrontendIndex, InstanceIndex, LoadBalancerIndex, PoolIndex, ProbeIndex};
pub use outbound::{Outbound, OutboundPlan, SnatAllotment, SnatQuota};
pub use rule::{LoadBalancingRule, NatRule, OutboundRule, PortRange, Transport};
pub use settings::{Flap, Settings};
pub use uplink::{Link, NextHop, Uplink};

/// Which documents' semantics hold where they differ (spec Part 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// The seed documents'.
    #[default]
    Seed,
    /// The current documents'.
    Current,
}

/// A valid configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ir {
    /// Whose semantics hold.
    pub profile: Profile,
    /// What is chosen where documents leave a choice.
    pub settings: Settings,
    /// The link to the physical network.
    pub uplink: Uplink,
    /// The instances behind vports.
    pub instances: Vec<Instance>,
    /// The load balancers.
    pub load_balancers: Vec<LoadBalancer>,
    /// How instances reach public destinations.
    pub outbound: OutboundPlan,
}

/// A virtual machine behind a vport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Its IPv4 and IPv6 address, at most one of each.
    pub addresses: Vec<IpAddr>,
    /// The vport that leads to it, 1..=4095.
    pub vport: PortId,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Its 1:1 public addresses, each of a family that it has an own address of.
    pub public_addresses: Vec<IpAddr>,
    /// Whether it runs; one that does not is not probed.
    pub power_state: PowerState,
    /// Whether it sends packets of others: a gateway, a network appliance (FWD-09).
    pub ip_forwarding: bool,
    /// Addresses of internal frontends with HA ports through whose members its packets go, at most
    /// one of each family (L-HA-08).
    pub next_hops: Vec<IpAddr>,
}

/// Where the service itself asks from over IPv4, probes above all (L-PRB-12).
pub const PLATFORM_V4: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);
/// The same over IPv6.
pub const PLATFORM_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x1234, 0x5678, 0x9abc);

/// Whether the service itself has the address.
pub fn is_platform(address: IpAddr) -> bool {
    address == PLATFORM_V4 || address == PLATFORM_V6
}

/// Whether an instance runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PowerState {
    /// It does.
    #[default]
    Running,
    /// It is stopped or deallocated: not probed, and down where a probe decides (L-PRB-13).
    Stopped,
}

impl Instance {
    /// Its own address of a family.
    pub fn address(&self, family: Family) -> Option<IpAddr> {
        of_family(&self.addresses, family)
    }

    /// Its 1:1 public address of a family.
    pub fn public_address(&self, family: Family) -> Option<IpAddr> {
        of_family(&self.public_addresses, family)
    }

    /// Whether it has an address of the service itself.
    pub fn is_platform(&self) -> bool {
        self.addresses.iter().copied().any(is_platform)
    }
}

fn of_family(addresses: &[IpAddr], family: Family) -> Option<IpAddr> {
    addresses.iter().copied().find(|a| family_of(*a) == family)
}

/// The family of an address.
pub const fn family_of(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6,
    }
}

/// What a load balancer may do (SKU-07).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sku {
    /// The default when nothing is said.
    #[default]
    Basic,
    /// Everything.
    Standard,
}

impl Sku {
    /// The name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::Standard => "Standard",
        }
    }
}

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancer {
    /// Its name.
    pub name: String,
    /// Its SKU.
    pub sku: Sku,
    /// Whether its frontends are internal; otherwise all are public (GEN-04).
    pub internal: bool,
    /// Its addresses.
    pub frontends: Vec<Frontend>,
    /// Its backend pools.
    pub pools: Vec<Pool>,
    /// Its probes.
    pub probes: Vec<Probe>,
    /// Its load-balancing rules.
    pub rules: Vec<LoadBalancingRule>,
    /// Its inbound NAT rules.
    pub nat_rules: Vec<NatRule>,
    /// Its outbound rules.
    pub outbound_rules: Vec<OutboundRule>,
}

impl LoadBalancer {
    /// The side from which its frontends are reached.
    pub const fn zone(&self) -> Zone {
        if self.internal {
            Zone::VNET
        } else {
            Zone::UPLINK
        }
    }

    /// Whether its frontends answer pings where the settings have them do so: public, Standard
    /// (L-ICMP-01, L-ICMP-04).
    pub fn answers_pings(&self) -> bool {
        !self.internal && self.sku == Sku::Standard
    }

    /// The address of a frontend.
    pub fn frontend(&self, index: FrontendIndex) -> IpAddr {
        self.frontends[index.0].address
    }
}

/// An address of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontend {
    /// Its name.
    pub name: String,
    /// The address.
    pub address: IpAddr,
    /// Its own idle timeout in seconds, where it has one.
    pub idle_seconds: Option<u32>,
}

/// A backend pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Its members, each instance once.
    pub members: Vec<Member>,
    /// Seconds after which the TCP flows of a member that left, or that the administrator set down,
    /// are reset; none = never (L-ADM-07, A-12).
    pub drain_seconds: Option<u32>,
    /// Whether its members are meant by address, not by interface (L-BEP-01).
    pub by_address: bool,
}

/// A member of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which instance.
    pub instance: InstanceIndex,
    /// Its share relative to the other members, 1..=100.
    pub weight: u32,
    /// Whether its probe or the administrator decides.
    pub admin_state: AdminState,
}

/// Who decides whether a member takes new flows; effective only with a probe (L-ADM-01..05).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AdminState {
    /// The probe: `adminState: None`.
    #[default]
    Probed,
    /// Always, whatever the probe says.
    Up,
    /// Never, whatever the probe says.
    Down,
}

/// A health probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Its name.
    pub name: String,
    /// How it asks.
    pub protocol: ProbeProtocol,
    /// Which port it asks.
    pub port: u16,
    /// Seconds between two questions, at least 5.
    pub interval_seconds: u32,
    /// How many consecutive answers change the state, in either direction (A-06, L-PRB-07).
    pub threshold: u32,
    /// The classic model's timing: seconds without a good answer that take a member down, whatever
    /// the threshold; as many answers as intervals fit into it change the state (CSD-14, L-PRB-22).
    pub timeout_seconds: Option<u32>,
    /// What happens when no member is up.
    pub no_healthy_backends: NoHealthyBackends,
}

/// How a probe asks (PRB-01).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProbeProtocol {
    /// Opens a TCP connection.
    Tcp,
    /// Gets a path over HTTP.
    Http {
        /// The path, beginning with a slash.
        path: String,
    },
    /// Gets a path over HTTPS.
    Https {
        /// The path, beginning with a slash.
        path: String,
    },
    /// Asks the guest agent over HTTP; it answers 200 while the instance is ready (CSD-02).
    GuestAgent {
        /// The path, beginning with a slash.
        path: String,
    },
}

/// What a rule does when its probe finds no member up (L-PRB-17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NoHealthyBackends {
    /// No new flows.
    #[default]
    AllProbedDown,
    /// New flows to every member, as if all were up.
    AllProbedUp,
}

/// One question that a probe has to ask: a probe, and an address of an instance it is asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeTarget {
    /// The load balancer of the probe.
    pub load_balancer: LoadBalancerIndex,
    /// The probe.
    pub probe: ProbeIndex,
    /// The instance.
    pub instance: InstanceIndex,
    /// Its own address that is asked, never a frontend's (L-FIP-07, A-39).
    pub address: IpAddr,
}

impl Ir {
    /// The instance of an index.
    pub fn instance(&self, index: InstanceIndex) -> &Instance {
        &self.instances[index.0]
    }

    /// The load balancers with their indices.
    pub fn load_balancers(&self) -> impl Iterator<Item = (LoadBalancerIndex, &LoadBalancer)> {
        let indexed = self.load_balancers.iter().enumerate();
        indexed.map(|(index, balancer)| (LoadBalancerIndex(index), balancer))
    }

    /// The rule through whose members an instance's packets of a family go: its load balancer, and
    /// its position there.
    pub fn next_hop(
        &self,
        instance: &Instance,
        family: Family,
    ) -> Option<(LoadBalancerIndex, usize)> {
        let hop = of_family(&instance.next_hops, family)?;
        let mut internal = self.load_balancers().filter(|(_, b)| b.internal);
        internal.find_map(|(index, balancer)| {
            let is_hop = |rule: &LoadBalancingRule| {
                rule.is_ha_ports() && balancer.frontend(rule.frontend) == hop
            };
            Some((index, balancer.rules.iter().position(is_hop)?))
        })
    }

    /// Everything that has to be probed, each once, in ascending order.
    pub fn probe_targets(&self) -> Vec<ProbeTarget> {
        let mut targets: Vec<ProbeTarget> = self
            .load_balancers()
            .flat_map(|(index, balancer)| self.targets_of(index, balancer))
            .collect();
        targets.sort_unstable();
        targets.dedup();
        targets
    }

    fn targets_of(&self, index: LoadBalancerIndex, balancer: &LoadBalancer) -> Vec<ProbeTarget> {
        let mut targets = Vec::new();
        for rule in &balancer.rules {
            let Some(probe) = rule.probe else { continue };
            let family = family_of(balancer.frontend(rule.frontend));
            for member in &balancer.pools[rule.pool.0].members {
                targets.extend(self.probe_target(index, probe, member.instance, family));
            }
        }
        targets
    }

    /// The target of a probe on an instance that runs and has an address of the family.
    pub fn probe_target(
        &self,
        load_balancer: LoadBalancerIndex,
        probe: ProbeIndex,
        instance: InstanceIndex,
        family: Family,
    ) -> Option<ProbeTarget> {
        let asked = self.instance(instance);
        let address = asked
            .address(family)
            .filter(|_| asked.power_state == PowerState::Running)?;
        Some(ProbeTarget {
            load_balancer,
            probe,
            instance,
            address,
        })
    }
}
