//! Weighted Maglev selection with memory.
//!
//! Each member has a permutation of the slots that depends on its identity alone (Eisenbud et al.,
//! "Maglev", NSDI 2016); members take turns, as often as their weights say, to take their next
//! preferred slot until each has its share.
//!
//! Plain Maglev, filled anew, moves more than it must: with 3 members and 1009 slots a leaving
//! member moved 0.7 % of the survivors' slots on average and 35 % at worst, with 10 members and
//! 10007 slots 0.8 % and 12 %, because two permutations can run nearly in step. So [`refill`] starts
//! from the slots as they are: a survivor keeps its slots up to its new share, and only slots that
//! nobody owns, or that exceed their owner's share, are taken. When a member leaves, no slot of a
//! survivor moves; when one joins, only the slots it takes move. [`fill`] is a refill from nothing,
//! and depends on nothing but the members.

/// Owner of a slot: what the slot was filled with, an identity that outlives any order.
pub type Identity = u64;

/// Table sizes, all prime: a permutation steps through all slots with any stride.
const SIZES: [u32; 11] = [
    307, 1009, 2003, 5003, 10_007, 20_011, 50_021, 100_003, 200_003, 500_009, 1_000_003,
];
/// Slots for each unit of weight, so that rounding is at most 1 % of the smallest share.
const SLOTS_PER_WEIGHT: u64 = 100;

/// The identity of a name, the same on every machine and in every release.
pub fn identity(name: &str) -> Identity {
    // FNV-1a, then mixed: FNV's low bits alone follow the last letters of the name.
    let fnv = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mix(fnv)
}

/// The number of slots for members with these weights: at least a hundred for each unit of weight,
/// as far as the largest table reaches.
pub fn size_for(weights: &[u32]) -> u32 {
    let needed = total(weights) * SLOTS_PER_WEIGHT;
    let fitting = SIZES.into_iter().find(|size| u64::from(*size) >= needed);
    fitting.unwrap_or(SIZES[SIZES.len() - 1])
}

/// Whether some table keeps every member within 1 % of its share.
pub fn can_express(weights: &[u32]) -> bool {
    total(weights) * SLOTS_PER_WEIGHT <= u64::from(SIZES[SIZES.len() - 1])
}

/// The weights' sum after division by their greatest common divisor.
fn total(weights: &[u32]) -> u64 {
    let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    let divisor = weights.iter().fold(0, |a, b| gcd(a, u64::from(*b)));
    sum / divisor.max(1)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The selection of members that take over an empty table: for each slot the member's index.
///
/// Empty when there are no members.
pub fn fill(members: &[(Identity, u32)], size: u32) -> Vec<u32> {
    refill(&vec![None; size as usize], members)
}

/// The selection of members that take over a table as it is.
///
/// `owners` holds the identity that owns each slot, if any; its length must be a prime number.
/// Identities of `members` must differ, weights must not be zero. Empty when there are no members.
pub fn refill(owners: &[Option<Identity>], members: &[(Identity, u32)]) -> Vec<u32> {
    if members.is_empty() || owners.is_empty() {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_unstable_by_key(|index| members[*index].0);
    let mut table = Table::new(owners, members, &order);
    table.settle(members, &order);
    table.slots
}

/// A slot that nobody owns.
const FREE: u32 = u32::MAX;

/// A selection in the making.
struct Table {
    slots: Vec<u32>,
    /// Slots that each member should own.
    shares: Vec<u32>,
    /// Slots that each member owns.
    owned: Vec<u32>,
    walks: Vec<Walk>,
}

/// A member's position in its permutation of the slots.
struct Walk {
    next: u32,
    stride: u32,
}

impl Table {
    fn new(owners: &[Option<Identity>], members: &[(Identity, u32)], order: &[usize]) -> Self {
        let size = owners.len() as u32;
        let mut table = Self {
            slots: vec![FREE; owners.len()],
            shares: shares(members, order, size),
            owned: vec![0; members.len()],
            walks: members
                .iter()
                .map(|member| Walk::new(member.0, size))
                .collect(),
        };
        for (slot, owner) in owners.iter().enumerate() {
            let Some(owner) = owner else { continue };
            let found = order.binary_search_by_key(owner, |index| members[*index].0);
            if let Ok(position) = found {
                table.slots[slot] = order[position] as u32;
                table.owned[order[position]] += 1;
            }
        }
        table
    }

    /// Members below their share take turns, in proportion to their weights, until none is.
    fn settle(&mut self, members: &[(Identity, u32)], order: &[usize]) {
        let full_turn = members.iter().map(|member| member.1).max().unwrap_or(1);
        let mut credit = vec![0; members.len()];
        let mut hungry: Vec<usize> = order.to_vec();
        loop {
            hungry.retain(|index| self.owned[*index] < self.shares[*index]);
            if hungry.is_empty() {
                return;
            }
            for &index in &hungry {
                credit[index] += members[index].1;
                if credit[index] >= full_turn {
                    credit[index] -= full_turn;
                    self.take_slot(index);
                }
            }
        }
    }

    /// Gives a member its most preferred slot among those that may be taken. One exists: shares add
    /// up to the number of slots, so while this member is below its share, some slot is free or
    /// some owner is above its share.
    fn take_slot(&mut self, index: usize) {
        loop {
            let slot = self.walks[index].step(self.slots.len() as u32) as usize;
            let owner = self.slots[slot];
            if owner != FREE {
                let owner = owner as usize;
                if self.owned[owner] <= self.shares[owner] {
                    continue;
                }
                self.owned[owner] -= 1;
            }
            self.slots[slot] = index as u32;
            self.owned[index] += 1;
            return;
        }
    }
}

impl Walk {
    fn new(identity: Identity, size: u32) -> Self {
        let (start, stride) = (mix(identity), mix(!identity));
        Self {
            next: (start % u64::from(size)) as u32,
            stride: (stride % u64::from(size - 1).max(1)) as u32 + 1,
        }
    }

    fn step(&mut self, size: u32) -> u32 {
        let slot = self.next;
        self.next = ((u64::from(slot) + u64::from(self.stride)) % u64::from(size)) as u32;
        slot
    }
}

/// Each member's number of slots: its exact share rounded down, and one more for those with the
/// largest remainders (the smaller identity first) until all slots are given.
fn shares(members: &[(Identity, u32)], order: &[usize], size: u32) -> Vec<u32> {
    let sum: u64 = members.iter().map(|member| u64::from(member.1)).sum();
    let exact = |index: usize| u64::from(members[index].1) * u64::from(size);
    let mut shares: Vec<u32> = (0..members.len())
        .map(|i| (exact(i) / sum) as u32)
        .collect();
    let missing = u64::from(size) - shares.iter().map(|s| u64::from(*s)).sum::<u64>();
    let mut by_remainder = order.to_vec();
    by_remainder.sort_by_key(|index| std::cmp::Reverse(exact(*index) % sum));
    for index in by_remainder.into_iter().take(missing as usize) {
        shares[index] += 1;
    }
    shares
}

/// A bijection that spreads every input bit over the output (the finalizer of `SplitMix64`).
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests;
