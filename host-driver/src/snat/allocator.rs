//! The allocator: all instances, all public addresses, and the ports held after a close.
//!
//! Keeps `snat_unique` and `range_never_moves`. Time is an argument in milliseconds of any clock
//! that does not go back. Results depend on the calls alone, never on hash order (L-OUT-15).

use std::collections::HashMap;
use std::net::IpAddr;

use thiserror::Error;

use super::cones::Reuse;
use super::hold::Holds;
use super::mapping::{Endpoint, Flow, InstanceId, Protocol};
use super::plan::Plan;
use super::pool::{Pool, Usage};
use super::range::Range;
use super::space::{BLOCK_PORTS, Space};

/// Why a new flow got no port. Other flows are not affected (SNAT-05, SNAT-09, L-OUT-19).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Exhausted {
    /// The instance owns no port of this protocol and family.
    #[error("{instance} has no {protocol} SNAT ports for {remote}")]
    NoPorts {
        /// The sender.
        instance: InstanceId,
        /// Of which protocol.
        protocol: Protocol,
        /// The destination.
        remote: Endpoint,
    },
    /// Every port of the instance has a flow to this destination: TCP (SNAT-02), or UDP where ports
    /// are shared.
    #[error("all {ports} SNAT ports of {instance} are in use toward {remote}")]
    AllInUseToward {
        /// The sender.
        instance: InstanceId,
        /// Ports it owns.
        ports: u32,
        /// The destination.
        remote: Endpoint,
    },
    /// UDP: every port of the instance belongs to another inside endpoint.
    #[error("all {ports} UDP SNAT ports of {instance} are in use")]
    AllInUse {
        /// The sender.
        instance: InstanceId,
        /// Ports it owns.
        ports: u32,
    },
}

/// What became of a released flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// Its port is free for the next flow.
    Free,
    /// Its port stays taken until the hold ends.
    Held,
    /// The flow has no such port: released before, or lost in a reconfiguration.
    Unknown,
}

/// SNAT ports of an instance and protocol on one public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressUsage {
    /// Whose.
    pub instance: InstanceId,
    /// Of which protocol.
    pub protocol: Protocol,
    /// Where.
    pub address: IpAddr,
    /// Ports that it owns there.
    pub allocated: u32,
    /// Of these, ports with at least one flow.
    pub used: u32,
}

/// SNAT ports of all instances.
#[derive(Debug)]
pub struct Allocator {
    pub(super) pools: HashMap<(InstanceId, Protocol), Pool>,
    pub(super) spaces: HashMap<(IpAddr, Protocol), Space>,
    pub(super) holds: Holds,
    pub(super) plan: Plan,
    udp_is_shared: bool,
}

impl Default for Allocator {
    fn default() -> Self {
        Self::with_held_flows(0)
    }
}

impl Allocator {
    /// An allocator without ports, and with memory for `flows` held flows.
    pub fn with_held_flows(flows: usize) -> Self {
        let holds = Holds::with_capacity(flows);
        Self {
            pools: HashMap::new(),
            spaces: HashMap::new(),
            holds,
            plan: Plan::default(),
            udp_is_shared: false,
        }
    }

    /// Whether UDP sources of an instance share ports toward different addresses; they do not
    /// at first. True if that is another rule than before.
    ///
    /// Then no UDP flow is known any more, held ones neither: [`restore`](Self::restore) those that
    /// live. What is refused there has no port under the new rule, and must end.
    #[must_use = "UDP flows have to be restored"]
    pub fn share_udp_ports(&mut self, is_shared: bool) -> bool {
        if self.udp_is_shared == is_shared {
            return false;
        }
        self.udp_is_shared = is_shared;
        self.holds.retain(|flow, _| flow.protocol != Protocol::Udp);
        let reuse = self.reuse(Protocol::Udp);
        let pools = self.pools.values_mut();
        pools
            .filter(|pool| pool.protocol == Protocol::Udp)
            .for_each(|pool| pool.begin_anew(reuse));
        true
    }

    pub(super) fn reuse(&self, protocol: Protocol) -> Reuse {
        Reuse::of(protocol, self.udp_is_shared)
    }

    /// A public port for a new flow: the lowest that its instance owns on the first address which
    /// has one not in use toward the same destination (TCP), or of no other source (UDP; where ports
    /// are shared, of no other one that sends to the same address).
    ///
    /// Call it once for each flow. A flow that is being held gets its old port back, and is no
    /// longer held: a VM may reuse a 5-tuple in `TIME_WAIT`.
    pub fn allocate(&mut self, flow: &Flow) -> Result<Endpoint, Exhausted> {
        if let Some(public) = self.holds.cancel(flow) {
            return Ok(public);
        }
        let reuse = self.reuse(flow.protocol);
        let pool = self.pools.entry((flow.instance, flow.protocol));
        let pool = pool.or_insert_with(|| Pool::new(flow.protocol, reuse));
        pool.take(flow)
            .ok_or_else(|| exhausted(flow, reuse, pool.ports_for(flow.remote.address)))
    }

    /// Releases the port of a flow, at once (`after` 0: idle) or `after` ms from `now`.
    ///
    /// 240,000 after the first FIN, 15,000 after RST. During the hold the port stays taken
    /// toward that destination only. Releasing a held flow again restarts its hold with the new
    /// time: do so while packets still pass.
    pub fn release(&mut self, now: u64, flow: &Flow, public: Endpoint, after: u64) -> Released {
        let key = (flow.instance, flow.protocol);
        let Some(pool) = self.pools.get_mut(&key) else {
            return Released::Unknown;
        };
        if after > 0 {
            if !pool.has(flow, public) {
                return Released::Unknown;
            }
            self.holds
                .insert(now, *flow, public, now.saturating_add(after));
            return Released::Held;
        }
        let public = self.holds.cancel(flow).unwrap_or(public);
        if pool.give_back(flow, public) {
            Released::Free
        } else {
            Released::Unknown
        }
    }

    /// Frees the ports whose hold has ended, and names their flows to `freed`.
    ///
    /// The caller removes the flows' entries before it allocates again. Amortised O(1) per flow.
    pub fn tick(&mut self, now: u64, mut freed: impl FnMut(Flow, Endpoint)) {
        let pools = &mut self.pools;
        self.holds.expire(now, |flow, public| {
            let pool = pools.get_mut(&(flow.instance, flow.protocol));
            if pool.is_some_and(|pool| pool.give_back(&flow, public)) {
                freed(flow, public);
            }
        });
    }

    /// Flows whose ports are being held.
    pub fn held(&self) -> usize {
        self.holds.len()
    }

    /// The usage of an instance, in O(1).
    pub fn usage(&self, instance: InstanceId, protocol: Protocol) -> Usage {
        self.pools
            .get(&(instance, protocol))
            .map_or(Usage::default(), |pool| pool.usage)
    }

    /// The usage of every instance, in no particular order.
    pub fn usages(&self) -> impl Iterator<Item = (InstanceId, Protocol, Usage)> {
        self.pools
            .iter()
            .map(|(&(instance, protocol), pool)| (instance, protocol, pool.usage))
    }

    /// The usage of every instance by public address, in the order of instance, protocol, address.
    pub fn address_usages(&self) -> Vec<AddressUsage> {
        let of_pool = |(&(instance, protocol), pool): (&(InstanceId, Protocol), &Pool)| {
            let usage = move |range: &Range| AddressUsage {
                instance,
                protocol,
                address: range.address,
                allocated: range.block_count() * u32::from(BLOCK_PORTS),
                used: range.used(),
            };
            pool.ranges.iter().map(usage).collect::<Vec<_>>()
        };
        let mut usages: Vec<_> = self.pools.iter().flat_map(of_pool).collect();
        usages.sort_unstable_by_key(|usage| (usage.instance, usage.protocol, usage.address));
        usages
    }

    /// The instance that owns `public`.
    pub fn owner(&self, protocol: Protocol, public: Endpoint) -> Option<InstanceId> {
        self.spaces
            .get(&(public.address, protocol))?
            .owner(public.port)
    }
}

fn exhausted(flow: &Flow, reuse: Reuse, ports: u32) -> Exhausted {
    let &Flow {
        instance,
        protocol,
        remote,
        ..
    } = flow;
    match reuse {
        _ if ports == 0 => Exhausted::NoPorts {
            instance,
            protocol,
            remote,
        },
        Reuse::OtherEndpoints | Reuse::OtherAddresses => Exhausted::AllInUseToward {
            instance,
            ports,
            remote,
        },
        Reuse::SameSource => Exhausted::AllInUse { instance, ports },
    }
}
