//! The ports of one public address and protocol: who owns each block of 8.
//!
//! Keeps `range_never_moves`: a block goes from an instance to quarantine, from quarantine to free,
//! and only from free to another instance.

use std::net::IpAddr;

use bitvec::array::BitArray;
use bitvec::order::Lsb0;

use super::mapping::{InstanceId, Protocol};

/// Ports in a block; blocks are aligned to their size.
pub const BLOCK_PORTS: u16 = 8;
/// The lowest SNAT port (A-22, L-OUT-09).
pub const FIRST_PORT: u16 = 1024;
/// The highest SNAT port.
pub const LAST_PORT: u16 = 65_023;
/// SNAT ports of a public address, for each protocol (L-OUT-08).
pub const ADDRESS_PORTS: u32 = LAST_PORT as u32 - FIRST_PORT as u32 + 1;

const FIRST_BLOCK: usize = (FIRST_PORT / BLOCK_PORTS) as usize;
const LAST_BLOCK: usize = (LAST_PORT / BLOCK_PORTS) as usize;
const ALL_BLOCKS: usize = 1 << 13;

/// One bit for each block of the 65,536 ports.
type Blocks = BitArray<[u64; ALL_BLOCKS / 64], Lsb0>;

/// A block of 8 ports and its instance: one entry of the device's `snat_block` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Block {
    /// The public address.
    pub address: IpAddr,
    /// The port space.
    pub protocol: Protocol,
    /// Port / 8, from 128 to 8127.
    pub number: u16,
    /// The instance that owns it, or owned it last.
    pub instance: InstanceId,
}

impl Block {
    /// Its lowest port.
    pub fn first_port(&self) -> u16 {
        self.number * BLOCK_PORTS
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    Instance(InstanceId),
    /// Taken from the instance; the device may still have entries for it.
    Quarantine(InstanceId),
}

/// The blocks of one public address and protocol.
#[derive(Debug)]
pub(super) struct Space {
    owners: Box<[Owner]>,
    reserved: Blocks,
    /// In range, owned by nobody, not reserved.
    free: Blocks,
    /// Blocks in quarantine.
    quarantined: u32,
}

impl Space {
    pub(super) fn new() -> Self {
        let mut free = Blocks::ZERO;
        free[FIRST_BLOCK..=LAST_BLOCK].fill(true);
        let owners = vec![Owner::Nobody; ALL_BLOCKS].into_boxed_slice();
        Self {
            owners,
            reserved: Blocks::ZERO,
            free,
            quarantined: 0,
        }
    }

    /// Replaces the set of reserved blocks. Owned ones stay with their owner until it gives them
    /// up.
    pub(super) fn reserve(&mut self, ports: impl Iterator<Item = u16>) {
        let before = std::mem::replace(&mut self.reserved, Blocks::ZERO);
        for port in ports {
            self.reserved.set(usize::from(port / BLOCK_PORTS), true);
        }
        for block in (before | self.reserved).iter_ones() {
            self.refree(block);
        }
    }

    pub(super) fn is_reserved(&self, block: u16) -> bool {
        self.reserved[usize::from(block)]
    }

    /// Gives up to `count` free blocks to `instance`: the lowest after `after`, then the lowest of
    /// all.
    ///
    /// An instance grows upwards while it can, so that the upper half of its ports is the newer one
    /// and A-25 reclaims the ports least likely to carry flows.
    pub(super) fn grant(
        &mut self,
        instance: InstanceId,
        after: Option<u16>,
        count: u32,
    ) -> Vec<u16> {
        let from = after.map_or(0, |block| usize::from(block) + 1);
        let above = self.free[from..].iter_ones().map(|offset| from + offset);
        let below = self.free[..from].iter_ones();
        let granted: Vec<u16> = above
            .chain(below)
            .take(count as usize)
            .map(|block| block as u16)
            .collect();
        for &block in &granted {
            self.owners[usize::from(block)] = Owner::Instance(instance);
            self.free.set(usize::from(block), false);
        }
        granted
    }

    /// Gives exactly `block` to `instance`; false if it is not free.
    pub(super) fn adopt(&mut self, instance: InstanceId, block: u16) -> bool {
        let free = self.free.get(usize::from(block)).is_some_and(|bit| *bit);
        if free {
            self.owners[usize::from(block)] = Owner::Instance(instance);
            self.free.set(usize::from(block), false);
        }
        free
    }

    /// Takes `block` from its instance and keeps it from everybody else.
    pub(super) fn quarantine(&mut self, block: u16) {
        let owner = &mut self.owners[usize::from(block)];
        if let Owner::Instance(instance) = *owner {
            *owner = Owner::Quarantine(instance);
            self.quarantined += 1;
        }
    }

    /// Ends the quarantine of a block of `instance`; false if there is none.
    pub(super) fn clear(&mut self, instance: InstanceId, block: u16) -> bool {
        let block = usize::from(block);
        let quarantined = self.owners.get(block) == Some(&Owner::Quarantine(instance));
        if quarantined {
            self.owners[block] = Owner::Nobody;
            self.quarantined -= 1;
            self.refree(block);
        }
        quarantined
    }

    /// The instance that owns the block of `port`.
    pub(super) fn owner(&self, port: u16) -> Option<InstanceId> {
        match self.owners[usize::from(port / BLOCK_PORTS)] {
            Owner::Instance(instance) => Some(instance),
            Owner::Nobody | Owner::Quarantine(_) => None,
        }
    }

    pub(super) fn has_quarantine(&self) -> bool {
        self.quarantined > 0
    }

    fn refree(&mut self, block: usize) {
        let free = self.owners[block] == Owner::Nobody && !self.reserved[block];
        self.free
            .set(block, free && (FIRST_BLOCK..=LAST_BLOCK).contains(&block));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: InstanceId = InstanceId(1);
    const B: InstanceId = InstanceId(2);

    #[test]
    fn a22_64000_ports_in_8000_blocks_from_1024() {
        assert_eq!(ADDRESS_PORTS, 64_000);
        let mut space = Space::new();
        assert_eq!(
            space.grant(A, None, 9000),
            (128..8128).collect::<Vec<u16>>()
        );
    }

    #[test]
    fn l_out_11_a_rule_port_takes_its_aligned_block() {
        let mut space = Space::new();
        space.reserve([1030, 1031, 80].into_iter());
        assert_eq!(space.grant(A, None, 1), [129], "1024..=1031 is taken");
        space.reserve(std::iter::empty());
        assert_eq!(
            space.grant(A, None, 1),
            [128],
            "and comes back with the rule's removal"
        );
    }

    #[test]
    fn a_block_passes_through_quarantine() {
        let mut space = Space::new();
        assert!(space.adopt(A, 128));
        assert!(!space.adopt(B, 128), "owned");
        space.quarantine(128);
        assert_eq!(space.owner(1024), None);
        assert!(!space.adopt(B, 128), "in quarantine");
        assert!(!space.clear(B, 128), "not B's to clear");
        assert!(space.clear(A, 128));
        assert!(!space.clear(A, 128), "only once");
        assert!(space.adopt(B, 128));
        assert_eq!(space.owner(1031), Some(B));
    }

    #[test]
    fn growth_goes_upwards_first() {
        let mut space = Space::new();
        assert!(space.adopt(A, 8126));
        assert_eq!(space.grant(A, Some(8126), 2), [8127, 128]);
    }

    #[test]
    fn blocks_outside_the_range_are_nobodys() {
        let mut space = Space::new();
        assert!(!space.adopt(A, 127) && !space.adopt(A, 8128) && !space.adopt(A, u16::MAX));
    }
}
