//! The SNAT ports of one instance for one protocol: its public addresses in order, and its usage.
//!
//! Keeps `used <= allocated` (SNAT-17): a port is used only while a range owns it.

use std::net::IpAddr;

use super::change::Lost;
use super::cones::{Cones, Reuse};
use super::mapping::{Endpoint, Flow, InstanceId, Protocol};
use super::plan::Share;
use super::range::Range;
use super::space::BLOCK_PORTS;

/// SNAT ports of an instance and protocol, over all its public addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Ports that the plan gives it. More than `allocated` while blocks are in quarantine.
    pub planned: u32,
    /// Ports that it owns.
    pub allocated: u32,
    /// Ports with at least one flow, held ones included. Never more than `allocated` (SNAT-17).
    pub used: u32,
    /// The highest `used` so far.
    pub used_peak: u32,
    /// Flows, held ones included.
    pub flows: u64,
    /// Flows refused for want of a port (SNAT-26).
    pub failed: u64,
}

/// Why an exact port could not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conflict {
    NotOwned,
    InUse,
    /// The flow's source has this port already.
    OtherPort(Endpoint),
}

#[derive(Debug)]
pub(super) struct Pool {
    pub(super) protocol: Protocol,
    reuse: Reuse,
    /// In the order in which they are filled.
    pub(super) ranges: Vec<Range>,
    cones: Cones,
    pub(super) usage: Usage,
}

impl Pool {
    pub(super) fn new(protocol: Protocol, reuse: Reuse) -> Self {
        Self {
            protocol,
            reuse,
            ranges: Vec::new(),
            cones: Cones::new(reuse),
            usage: Usage::default(),
        }
    }

    /// Takes another rule of reuse, and forgets every flow.
    pub(super) fn begin_anew(&mut self, reuse: Reuse) {
        self.reuse = reuse;
        self.cones = Cones::new(reuse);
        for range in &mut self.ranges {
            range.begin_anew(reuse);
        }
        self.usage.used = 0;
        self.usage.flows = 0;
    }

    /// The range on `address`, which becomes the last one if there was none.
    pub(super) fn range_on(&mut self, address: IpAddr) -> &mut Range {
        let at = self
            .ranges
            .iter()
            .position(|range| range.address == address);
        let at = at.unwrap_or_else(|| {
            self.ranges.push(Range::new(address, self.reuse));
            self.ranges.len() - 1
        });
        &mut self.ranges[at]
    }

    /// Wants what `share` gives, in its order. Other ranges go last, and shall have nothing.
    pub(super) fn follow(&mut self, share: Option<&Share>) {
        self.ranges.iter_mut().for_each(|range| range.wanted = 0);
        for (at, quota) in share
            .into_iter()
            .flat_map(|share| &share.addresses)
            .enumerate()
        {
            let range = self.range_on(quota.address);
            range.wanted = quota.ports / u32::from(BLOCK_PORTS);
            let found = self
                .ranges
                .iter()
                .position(|range| range.address == quota.address);
            self.ranges[at..=found.unwrap_or(at)].rotate_right(1);
        }
    }

    /// Whether `public` is in use by `flow`, as far as the allocator can tell.
    pub(super) fn has(&self, flow: &Flow, public: Endpoint) -> bool {
        match self.protocol {
            Protocol::Udp => self.cones.get(flow) == Some(public),
            Protocol::Tcp => self
                .ranges
                .iter()
                .find(|range| range.address == public.address)
                .is_some_and(|range| range.is_taken(&flow.remote, public.port)),
        }
    }

    /// A public port for `flow`: the lowest free one of the first address that has one (L-OUT-14).
    pub(super) fn take(&mut self, flow: &Flow) -> Option<Endpoint> {
        if let Some(public) = self.cone(flow) {
            return Some(public);
        }
        let v4 = flow.remote.address.is_ipv4();
        let toward = self.reuse.toward(flow.remote);
        let mut ranges = self
            .ranges
            .iter_mut()
            .filter(|range| range.address.is_ipv4() == v4);
        let taken = ranges.find_map(|range| Some((range.address, range.take(toward)?)));
        let Some((address, (port, first))) = taken else {
            self.usage.failed += 1;
            return None;
        };
        let public = Endpoint { address, port };
        self.record(flow, public, first);
        Some(public)
    }

    /// Takes `public`, and no other, for `flow`.
    pub(super) fn take_exactly(&mut self, flow: &Flow, public: Endpoint) -> Result<(), Conflict> {
        let range = self
            .ranges
            .iter_mut()
            .find(|range| range.address == public.address);
        let range = range
            .filter(|range| range.owns(public.port))
            .ok_or(Conflict::NotOwned)?;
        let first = match self.cones.get(flow) {
            Some(other) if other != public => return Err(Conflict::OtherPort(other)),
            Some(_) => range.join(public.port),
            None => range
                .take_exactly(self.reuse.toward(flow.remote), public.port)
                .ok_or(Conflict::InUse)?,
        };
        self.record(flow, public, first);
        Ok(())
    }

    /// Gives `public` back; false if the flow does not have it.
    pub(super) fn give_back(&mut self, flow: &Flow, public: Endpoint) -> bool {
        let udp = self.protocol == Protocol::Udp;
        if udp && self.cones.get(flow) != Some(public) {
            return false;
        }
        let is_last_toward = self.cones.leave(flow);
        let range = self
            .ranges
            .iter_mut()
            .find(|range| range.address == public.address);
        let toward = self.reuse.toward(flow.remote);
        let last = range.and_then(|range| {
            if is_last_toward {
                range.leave(&toward, public.port)
            } else {
                range.part(public.port)
            }
        });
        let Some(last) = last else {
            return false;
        };
        self.usage.flows -= 1;
        self.usage.used -= u32::from(last);
        if udp && last {
            self.cones.remove(flow);
        }
        true
    }

    /// Owned ports for flows of the family of `address`.
    pub(super) fn ports_for(&self, address: IpAddr) -> u32 {
        let family = self
            .ranges
            .iter()
            .filter(|r| r.address.is_ipv4() == address.is_ipv4());
        family.map(Range::block_count).sum::<u32>() * u32::from(BLOCK_PORTS)
    }

    /// Gives up `blocks` of the range `at`; `lost` hears of every flow (TCP) or cone (UDP) there.
    pub(super) fn give_up(
        &mut self,
        instance: InstanceId,
        at: usize,
        blocks: &[u16],
        lost: &mut Vec<Lost>,
    ) {
        let range = &mut self.ranges[at];
        let address = range.address;
        let first = lost.len();
        let tcp = self.protocol == Protocol::Tcp;
        let reclaimed = range.give_up(blocks, |port, &remote| {
            let public = Endpoint { address, port };
            lost.extend(tcp.then_some(Lost::Tcp {
                instance,
                public,
                remote,
            }));
        });
        let stays = |public: Endpoint| public.address != address || range.owns(public.port);
        self.cones.retain(stays, |inside, public| {
            lost.push(Lost::Udp {
                instance,
                public,
                inside,
            });
        });
        lost[first..].sort_unstable();
        lost.dedup();
        self.usage.used -= reclaimed.used;
        self.usage.flows -= reclaimed.flows;
        self.count_allocated();
    }

    /// Brings `planned` and `allocated` up to date.
    pub(super) fn count_allocated(&mut self) {
        let ports = |blocks: u32| blocks * u32::from(BLOCK_PORTS);
        self.usage.planned = self.ranges.iter().map(|range| ports(range.wanted)).sum();
        self.usage.allocated = self
            .ranges
            .iter()
            .map(|range| ports(range.block_count()))
            .sum();
    }

    fn cone(&mut self, flow: &Flow) -> Option<Endpoint> {
        let public = self.cones.join(flow)?;
        self.range_on(public.address).join(public.port);
        self.usage.flows += 1;
        Some(public)
    }

    fn record(&mut self, flow: &Flow, public: Endpoint, first: bool) {
        self.cones.add(flow, public);
        self.usage.flows += 1;
        self.usage.used += u32::from(first);
        self.usage.used_peak = self.usage.used_peak.max(self.usage.used);
    }
}
