//! Which slots of a table were written since its last doorbells.

use std::ops::Range;

use firmware_api::doorbell::Doorbell;
use firmware_api::{Memory, TableId};

use crate::device::Device;

/// Ranges kept at most: far more than a batch of packets writes, and a bound for a new
/// configuration that writes all over a table.
const MAX_RANGES: usize = 4096;

/// Written slots, as ranges.
#[derive(Debug)]
pub(super) struct Dirty {
    ranges: Vec<Range<u32>>,
    lost: bool,
}

impl Dirty {
    pub(super) fn new() -> Self {
        Self {
            ranges: Vec::with_capacity(MAX_RANGES),
            lost: false,
        }
    }

    #[inline]
    pub(super) fn mark(&mut self, slot: u32) {
        if let Some(last) = self.ranges.last_mut() {
            if last.contains(&slot) {
                return;
            }
            if last.end == slot {
                last.end += 1;
                return;
            }
        }
        if self.ranges.len() < MAX_RANGES {
            self.ranges.push(slot..slot + 1);
        } else {
            self.lost = true;
        }
    }

    /// Hands every range over once, in ascending order, neighbours joined, and forgets them.
    /// Returns whether they are all the slots written.
    pub(super) fn drain(&mut self, mut each: impl FnMut(Range<u32>)) -> bool {
        self.ranges.sort_unstable_by_key(|range| range.start);
        let mut ranges = self.ranges.drain(..);
        if let Some(mut open) = ranges.next() {
            for range in ranges {
                if range.start <= open.end {
                    open.end = open.end.max(range.end);
                } else {
                    each(std::mem::replace(&mut open, range));
                }
            }
            each(open);
        }
        !std::mem::take(&mut self.lost)
    }
}

/// Turns the written slots of a table into doorbells.
pub(super) fn ring<M: Memory>(dirty: &mut Dirty, table: TableId, device: &mut Device<M>) {
    let all = dirty.drain(|slots| {
        device.ring_doorbell(Doorbell {
            table,
            first: slots.start,
            count: slots.end - slots.start,
        });
    });
    if !all {
        device.ask_rescan();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(slots: &[u32]) -> (Vec<Range<u32>>, bool) {
        let mut dirty = Dirty::new();
        for slot in slots {
            dirty.mark(*slot);
        }
        let mut ranges = vec![];
        let all = dirty.drain(|range| ranges.push(range));
        assert!(dirty.drain(|_| panic!("drained twice")));
        (ranges, all)
    }

    #[test]
    fn neighbours_join_in_any_order_of_writing() {
        let (ranges, all) = drained(&[7, 3, 4, 5, 5, 9, 6, 3]);
        assert_eq!((ranges, all), (vec![3..8, 9..10], true));
        assert_eq!(drained(&[]), (vec![], true));
    }

    #[test]
    fn too_many_ranges_are_owned_up_to() {
        let slots: Vec<u32> = (0..=MAX_RANGES as u32).map(|i| 2 * i).collect();
        let (ranges, all) = drained(&slots);
        assert_eq!((ranges.len(), all), (MAX_RANGES, false));
    }
}
