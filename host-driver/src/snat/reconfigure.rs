//! A new plan: blocks taken back, quarantined, and granted.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use super::allocator::Allocator;
use super::change::Changes;
use super::mapping::{InstanceId, Protocol};
use super::plan::{Plan, PlanError, Share};
use super::pool::Pool;
use super::space::{Block, Space};

type Shares<'a> = HashMap<(InstanceId, Protocol), &'a Share>;
type Spaces = HashMap<(IpAddr, Protocol), Space>;

impl Allocator {
    /// Makes `plan` the allocation. An error changes nothing.
    ///
    /// An instance that shall have fewer ports on an address loses the upper ones (SNAT-20, A-25);
    /// one that shall have more keeps what it has (SNAT-23). What is not free yet is granted by
    /// [`confirm`](Self::confirm).
    pub fn configure(&mut self, plan: Plan) -> Result<Changes, PlanError> {
        plan.check()?;
        let addresses: HashSet<IpAddr> = plan.addresses().collect();
        reserve(&mut self.spaces, &plan, &addresses);
        self.plan = plan;
        let mut changes = self.revoke();
        self.grant(&mut changes);
        self.spaces
            .retain(|(address, _), space| space.has_quarantine() || addresses.contains(address));
        Ok(changes)
    }

    /// Ends the quarantine of revoked blocks: nothing on the device mentions them any more.
    ///
    /// Grants what has been waiting for them. Blocks that are not in quarantine are ignored.
    pub fn confirm(&mut self, removed: &[Block]) -> Changes {
        for block in removed {
            if let Some(space) = self.spaces.get_mut(&(block.address, block.protocol)) {
                space.clear(block.instance, block.number);
            }
        }
        let mut changes = Changes::default();
        self.grant(&mut changes);
        changes
    }

    fn revoke(&mut self) -> Changes {
        let shares: Shares<'_> = self
            .plan
            .shares
            .iter()
            .map(|share| ((share.instance, share.protocol), share))
            .collect();
        let keys: BTreeSet<_> = self.pools.keys().chain(shares.keys()).copied().collect();
        let mut changes = Changes::default();
        for key in keys {
            let reuse = self.reuse(key.1);
            let pool = self.pools.entry(key);
            let pool = pool.or_insert_with(|| Pool::new(key.1, reuse));
            pool.follow(shares.get(&key).copied());
            shrink(key.0, pool, &mut self.spaces, &mut changes);
            if !shares.contains_key(&key) {
                self.pools.remove(&key);
            }
        }
        let pools = &self.pools;
        self.holds.retain(|flow, public| {
            pools
                .get(&(flow.instance, flow.protocol))
                .is_some_and(|pool| pool.has(flow, public))
        });
        changes
    }

    fn grant(&mut self, changes: &mut Changes) {
        for &Share {
            instance, protocol, ..
        } in &self.plan.shares
        {
            let pool = self
                .pools
                .get_mut(&(instance, protocol))
                .expect("a share has a pool");
            for range in &mut pool.ranges {
                let address = range.address;
                let space = self
                    .spaces
                    .get_mut(&(address, protocol))
                    .expect("it is in the plan");
                let granted = space.grant(instance, range.last_block(), range.missing());
                changes.granted.extend(granted.iter().map(|&number| Block {
                    address,
                    protocol,
                    number,
                    instance,
                }));
                range.extend(granted);
            }
            pool.count_allocated();
        }
    }
}

/// Makes room for the rules' ports (L-OUT-11), on both protocols alike (L-OUT-08).
fn reserve(spaces: &mut Spaces, plan: &Plan, addresses: &HashSet<IpAddr>) {
    for &address in addresses {
        for protocol in Protocol::ALL {
            spaces.entry((address, protocol)).or_insert_with(Space::new);
        }
    }
    for ((address, _), space) in spaces {
        let ports = plan
            .reserved
            .iter()
            .filter(|reserved| reserved.address == *address);
        space.reserve(ports.map(|reserved| reserved.port));
    }
}

/// Takes back what `pool` shall no longer have, and quarantines it.
fn shrink(instance: InstanceId, pool: &mut Pool, spaces: &mut Spaces, changes: &mut Changes) {
    for at in 0..pool.ranges.len() {
        let (address, protocol) = (pool.ranges[at].address, pool.protocol);
        let space = spaces
            .get_mut(&(address, protocol))
            .expect("a range lies in a space");
        let surplus = pool.ranges[at].surplus(|block| space.is_reserved(block));
        if surplus.is_empty() {
            continue;
        }
        pool.give_up(instance, at, &surplus, &mut changes.lost);
        for number in surplus {
            space.quarantine(number);
            changes.revoked.push(Block {
                address,
                protocol,
                number,
                instance,
            });
        }
    }
    pool.ranges.retain(|range| range.wanted > 0);
}
