//! Regions of the `selector` table: one for each rule that balances.
//!
//! A rule whose selection changes its size gets a new region; the old one stays whole until the
//! lowering is over, so that the rule can move from one to the other in one write.

use std::collections::BTreeMap;

use firmware_api::TableId;
use firmware_api::entry::rule::RuleId;

use super::Exhausted;

/// A run of selector slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region {
    /// The first slot.
    pub base: u32,
    /// How many.
    pub size: u32,
}

impl Region {
    const fn end(self) -> u32 {
        self.base + self.size
    }
}

/// The regions of all rules.
#[derive(Clone, Debug)]
pub(crate) struct Regions {
    capacity: u32,
    by_rule: BTreeMap<RuleId, Region>,
    /// Regions that were left in this lowering.
    left: Vec<Region>,
    /// Slots from here on have never been used.
    fresh: u32,
    /// Where the search for freed slots goes on, so that they rest as long as possible.
    next: u32,
}

impl Regions {
    pub(crate) const fn new(capacity: u32) -> Self {
        Self {
            capacity,
            by_rule: BTreeMap::new(),
            left: Vec::new(),
            fresh: 0,
            next: 0,
        }
    }

    pub(super) fn get(&self, rule: RuleId) -> Option<Region> {
        self.by_rule.get(&rule).copied()
    }

    /// The rule's region of that size: the one it has, or a new one.
    pub(crate) fn of_size(&mut self, rule: RuleId, size: u32) -> Result<Region, Exhausted> {
        match self.by_rule.get(&rule) {
            Some(region) if region.size == size => return Ok(*region),
            Some(region) => self.left.push(*region),
            None => {}
        }
        let region = self.find(size).ok_or(Exhausted {
            table: TableId::Selector,
            capacity: self.capacity,
        })?;
        self.by_rule.insert(rule, region);
        Ok(region)
    }

    /// Frees the regions that rules have left, and those of rules that no longer balance.
    pub(crate) fn retain(&mut self, keep: impl Fn(RuleId) -> bool) {
        self.left.clear();
        self.by_rule.retain(|rule, _| keep(*rule));
    }

    /// Slots that were never used, or else those that were freed longest ago.
    fn find(&mut self, size: u32) -> Option<Region> {
        if size <= self.capacity - self.fresh {
            let base = self.fresh;
            self.fresh += size;
            return Some(Region { base, size });
        }
        let mut used: Vec<Region> = self.by_rule.values().chain(&self.left).copied().collect();
        used.sort_unstable();
        let region = first_gap(&used, self.next, size, self.capacity)
            .or_else(|| first_gap(&used, 0, size, self.capacity))?;
        self.next = region.end();
        self.fresh = self.fresh.max(region.end());
        Some(region)
    }
}

fn first_gap(used: &[Region], from: u32, size: u32, capacity: u32) -> Option<Region> {
    let mut base = from;
    for region in used.iter().filter(|region| region.end() > from) {
        if region.base >= base && region.base - base >= size {
            break;
        }
        base = base.max(region.end());
    }
    let end = base.checked_add(size)?;
    (end <= capacity).then_some(Region { base, size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_that_grows_leaves_the_old_one_whole_until_the_end() {
        let mut regions = Regions::new(1000);
        let old = regions.of_size(1, 300).unwrap();
        let new = regions.of_size(1, 400).unwrap();
        assert_eq!((old.base, new.base), (0, 300));
        assert!(
            regions.of_size(2, 301).is_err(),
            "the old one is not free yet"
        );
        regions.retain(|_| true);
        assert_eq!(regions.of_size(2, 300).unwrap().base, 700);
        assert_eq!(regions.of_size(3, 300).unwrap().base, 0);
        assert_eq!(regions.of_size(3, 300).unwrap().base, 0);
    }
}
