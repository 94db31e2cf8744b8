//! The configuration in force, as the packet path asks for it: facts by number and by address.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use firmware_api::entry::port::{Mac, PortConfig};
use firmware_api::entry::rule::RuleId;
use firmware_api::{EGRESS_RECIRCULATE, Family, PortId, Protocol, UPLINK_PORT, Zone};

use super::DEFAULT_IDLE_TIMEOUT;
use crate::emit::echo::Answer;

/// What the driver has to know of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFacts {
    /// `load balancer/rule`.
    pub name: String,
    /// Idle timeout of TCP flows, milliseconds.
    pub idle_timeout: u32,
    /// Resets are sent at the idle timeout (RST-01).
    pub reset_on_idle: bool,
    /// UDP flows stay on their backend while it is down (L-DIST-11).
    pub connection_tracking: bool,
    /// Driver time at which the rule's selection last changed, milliseconds.
    pub selection_changed_at: u64,
}

impl RuleFacts {
    /// Milliseconds without a packet after which a flow of the rule ends (A-26, IDLE-08).
    pub fn idle_timeout(&self, protocol: Protocol) -> u32 {
        if protocol == Protocol::Tcp {
            self.idle_timeout
        } else {
            DEFAULT_IDLE_TIMEOUT
        }
    }
}

/// What the driver has to know of an instance's way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboundFacts {
    /// Milliseconds without a packet after which a flow ends.
    pub idle_timeout: u32,
    /// Resets are sent then.
    pub reset_on_idle: bool,
}

impl Default for OutboundFacts {
    fn default() -> Self {
        Self {
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
            reset_on_idle: false,
        }
    }
}

/// The configuration in force.
#[derive(Clone, Debug, Default)]
pub struct Active {
    pub(crate) ports: Vec<Option<PortConfig>>,
    pub(crate) rules: Vec<Option<RuleFacts>>,
    pub(crate) outbound: HashMap<(PortId, Family, Protocol), OutboundFacts>,
    pub(crate) vports: HashMap<IpAddr, PortId>,
    pub(crate) macs: HashMap<Mac, PortId>,
    pub(crate) ours: HashSet<IpAddr>,
    pub(crate) pings: HashMap<IpAddr, Answer>,
    /// TCP of no known connection toward a frontend goes on where its hash leads.
    pub(crate) adopt_midflow: bool,
}

impl Active {
    /// What a port is; `None` when it is not configured.
    pub fn port(&self, port: PortId) -> Option<&PortConfig> {
        self.ports.get(usize::from(port))?.as_ref()
    }

    /// The zone that a port's packets come from.
    pub fn zone(&self, port: PortId) -> Zone {
        match port {
            UPLINK_PORT | EGRESS_RECIRCULATE => Zone::UPLINK,
            vport => self.port(vport).map_or(Zone::VNET, |config| config.zone),
        }
    }

    /// The facts of a rule that exists.
    pub fn rule(&self, rule: RuleId) -> Option<&RuleFacts> {
        self.rules.get(usize::from(rule))?.as_ref()
    }

    /// The way out of the instance behind a vport, for flows from that address.
    pub fn outbound(&self, vport: PortId, from: IpAddr, protocol: Protocol) -> OutboundFacts {
        let family = if from.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        };
        self.outbound
            .get(&(vport, family, protocol))
            .copied()
            .unwrap_or_default()
    }

    /// The vport of the instance that has the address.
    pub fn vport_of(&self, address: IpAddr) -> Option<PortId> {
        self.vports.get(&address).copied()
    }

    /// The vport of the instance that has the Ethernet address.
    pub fn vport_of_mac(&self, mac: Mac) -> Option<PortId> {
        self.macs.get(&mac).copied()
    }

    /// Whether the address is a public one of this card: a frontend, or a 1:1 address.
    pub fn is_ours(&self, address: IpAddr) -> bool {
        self.ours.contains(&address)
    }

    /// Notes a neighbour's Ethernet address; true when it is news.
    pub(crate) fn set_peer_mac(&mut self, port: PortId, family: Family, mac: Mac) -> bool {
        let Some(Some(config)) = self.ports.get_mut(usize::from(port)) else {
            return false;
        };
        let peer = match family {
            Family::V4 => &mut config.peer_mac_v4,
            Family::V6 => &mut config.peer_mac_v6,
        };
        std::mem::replace(peer, mac) != mac
    }
}
