//! The three kinds of rules.

use firmware_api::Protocol;
use firmware_api::selector::HashMode;

use super::{FrontendIndex, InstanceIndex, PoolIndex, ProbeIndex};

/// The transport protocols that a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Both: in a load-balancing rule, HA ports.
    All,
}

impl Transport {
    /// The protocols one by one.
    pub const fn protocols(self) -> &'static [Protocol] {
        match self {
            Self::Tcp => &[Protocol::Tcp],
            Self::Udp => &[Protocol::Udp],
            Self::All => &[Protocol::Tcp, Protocol::Udp],
        }
    }

    /// Whether some protocol is of both.
    pub fn overlaps(self, other: Self) -> bool {
        self == other || self == Self::All || other == Self::All
    }

    /// The name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "Tcp",
            Self::Udp => "Udp",
            Self::All => "All",
        }
    }
}

/// A load-balancing rule.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the independent switches of the ARM schema"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancingRule {
    /// Its name.
    pub name: String,
    /// Its protocol; [`Transport::All`] exactly when both ports are 0 (HA ports, L-HA-01).
    pub transport: Transport,
    /// Where it listens.
    pub frontend: FrontendIndex,
    /// On which port; 0 = every port.
    pub frontend_port: u16,
    /// Where it sends new flows.
    pub pool: PoolIndex,
    /// To which port; 0 = the one they came to.
    pub backend_port: u16,
    /// What decides which members take new flows; none = all of them (L-PRB-23).
    pub probe: Option<ProbeIndex>,
    /// What of a packet decides the member.
    pub distribution: HashMode,
    /// After how many idle seconds a TCP flow ends.
    pub idle_seconds: u32,
    /// Whether both ends are told then (RST-02).
    pub tcp_reset: bool,
    /// Whether the destination address stays the frontend's (L-FIP-03).
    pub floating_ip: bool,
    /// Whether the rule gives its members no way out (L-OUT-05).
    pub disable_outbound_snat: bool,
    /// Whether UDP flows stay on their member when the pool changes (L-DIST-11).
    pub connection_tracking: bool,
    /// Whether new flows come in by it; always without `secureByDefault` (SKU-08).
    pub is_open: bool,
}

impl LoadBalancingRule {
    /// Whether it takes every port of its frontend.
    pub fn is_ha_ports(&self) -> bool {
        self.transport == Transport::All
    }

    /// The protocols that lookups find it under: with HA ports also ICMP (L-HA-09, A-18).
    pub fn protocols(&self) -> &'static [Protocol] {
        if self.is_ha_ports() {
            &[Protocol::Tcp, Protocol::Udp, Protocol::Icmp]
        } else {
            self.transport.protocols()
        }
    }
}

/// Ports from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    /// The first.
    pub first: u16,
    /// The last, not below the first.
    pub last: u16,
}

impl PortRange {
    /// One port.
    pub const fn one(port: u16) -> Self {
        Self {
            first: port,
            last: port,
        }
    }

    /// The ports.
    pub fn ports(self) -> std::ops::RangeInclusive<u16> {
        self.first..=self.last
    }
}

/// An inbound NAT rule: one frontend port leads to one instance (NATR-01). A rule for a pool is one
/// of these for each member, all of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatRule {
    /// Its name.
    pub name: String,
    /// Its protocol; [`Transport::All`] is TCP and UDP.
    pub transport: Transport,
    /// Where it listens.
    pub frontend: FrontendIndex,
    /// On which port.
    pub frontend_port: u16,
    /// The ports that it shares with the other members, when it is one of a pool (L-NAT-02).
    pub range: Option<PortRange>,
    /// Where it leads, probed or not (NATR-05).
    pub target: InstanceIndex,
    /// To which port.
    pub backend_port: u16,
    /// After how many idle seconds a TCP flow ends.
    pub idle_seconds: u32,
    /// Whether both ends are told then.
    pub tcp_reset: bool,
    /// Whether the destination address stays the frontend's.
    pub floating_ip: bool,
    /// Whether new flows come in by it; always without `secureByDefault` (SKU-08).
    pub is_open: bool,
}

impl NatRule {
    /// The ports that the rule takes from its frontend, those of future members included.
    pub fn listens_on(&self) -> PortRange {
        self.range.unwrap_or(PortRange::one(self.frontend_port))
    }
}

/// An outbound rule: the SNAT ports of a pool's members (L-OUT-07).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundRule {
    /// Its name.
    pub name: String,
    /// Its protocol.
    pub transport: Transport,
    /// The public addresses, used in this order.
    pub frontends: Vec<FrontendIndex>,
    /// Whose members it serves.
    pub pool: PoolIndex,
    /// SNAT ports of each member over all addresses, a multiple of 8; none = by the size of the
    /// pool (SNAT-11..16).
    pub ports: Option<u16>,
    /// After how many idle seconds a flow ends.
    pub idle_seconds: u32,
    /// Whether both ends of a TCP flow are told then.
    pub tcp_reset: bool,
}
