//! When a target's next probe is due.
//!
//! Each target keeps its own grid of send times, one interval apart, and the grids are spread over
//! the interval: at any number of targets the probes leave evenly, in groups of those due within
//! [`GROUP_MS`], because waking for several at once costs little more than for one. The first probe
//! leaves earlier than its grid when the interval is long, so that a new backend waits for no more
//! than five seconds.
//!
//! A target's next probe is asked for when the one before is over, so at most one is in flight. A
//! probe that takes as long as its interval is followed by the next at once (L-PRB-03, L-PRB-05);
//! send times that passed meanwhile are dropped, never made up for in a burst.

/// The first probe leaves within this time, or within one interval if that is shorter.
const FIRST_WITHIN_MS: u64 = 5_000;

/// Send times are multiples of this. It is small beside the shortest interval.
const GROUP_MS: u64 = 25;

/// The golden ratio's fraction of 2^64: multiples of it fall evenly into any interval, however many
/// there are.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The send times of one target, in milliseconds.
#[derive(Clone, Debug)]
pub struct Schedule {
    interval: u64,
    grid: u64,
    due: u64,
}

impl Schedule {
    /// A schedule that starts now; `ordinal` counts the targets and picks this one's place within
    /// the interval.
    pub fn new(now: u64, interval: u64, ordinal: u64) -> Self {
        let interval = interval.max(1);
        let grouped = |span| (now + spread(ordinal, span)) / GROUP_MS * GROUP_MS;
        Self {
            interval,
            grid: grouped(interval),
            due: grouped(interval.min(FIRST_WITHIN_MS)),
        }
    }

    /// When to send next, at `now` or later.
    pub fn next_due(&self, now: u64) -> u64 {
        self.due.max(now)
    }

    /// A probe leaves now.
    pub fn sent(&mut self, now: u64) {
        self.due = match now.checked_sub(self.grid) {
            Some(late) => self.grid + (late / self.interval + 1) * self.interval,
            None => self.grid,
        };
    }
}

/// A place within a span, for each ordinal another: however many there are, they fill it evenly.
pub(crate) fn spread(ordinal: u64, span: u64) -> u64 {
    let fraction = u128::from(ordinal.wrapping_mul(GOLDEN));
    ((fraction * u128::from(span)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prb_07_csd_06_regular_intervals() {
        let mut schedule = Schedule::new(0, 15_000, 0);
        for due in [0, 15_000, 30_000, 45_000] {
            assert_eq!(schedule.next_due(0), due);
            schedule.sent(due + 3);
        }
    }

    #[test]
    fn l_prb_05_the_next_follows_a_timeout_at_once() {
        let mut schedule = Schedule::new(0, 5_000, 0);
        schedule.sent(0);
        assert_eq!(schedule.next_due(4_999), 5_000);
        assert_eq!(schedule.next_due(5_001), 5_001);
    }

    #[test]
    fn missed_send_times_are_not_made_up_for() {
        let mut schedule = Schedule::new(0, 5_000, 0);
        schedule.sent(52_000);
        assert_eq!(schedule.next_due(52_001), 55_000);
    }

    #[test]
    fn two_thousand_targets_leave_evenly() {
        for interval in [5_000_u64, 15_000, 120_000] {
            let mut per_slot = [0_u32; 100];
            for ordinal in 0..2_000 {
                let mut schedule = Schedule::new(0, interval, ordinal);
                assert!(schedule.next_due(0) < FIRST_WITHIN_MS);
                schedule.sent(interval);
                let due = schedule.next_due(interval);
                per_slot[((due - interval) * 100 / (interval + 1)) as usize] += 1;
            }
            let busiest = per_slot.iter().max().expect("there are slots");
            assert!(
                *busiest <= 24,
                "20 of 2,000 belong into each hundredth, {busiest} fell into one"
            );
        }
    }

    #[test]
    fn probes_leave_in_groups() {
        let due = (0..2_000).map(|ordinal| Schedule::new(9_000, 5_000, ordinal).next_due(0));
        let times: HashSet<u64> = due.collect();
        assert_eq!(times.len(), 5_000 / GROUP_MS as usize);
    }

    proptest! {
        #[test]
        fn a_gap_is_never_longer_than_the_interval(
            ordinal: u32,
            interval in 1_u64..200_000,
            took in prop::collection::vec(0_u64..300_000, 1..20),
        ) {
            let mut schedule = Schedule::new(0, interval, ordinal.into());
            let mut now = 0;
            for took in took {
                let due = schedule.next_due(now);
                prop_assert!(due - now <= interval);
                schedule.sent(due);
                now = due + took.min(interval);
                let next = schedule.next_due(due);
                prop_assert!(next > due && next - due <= interval);
            }
        }
    }
}
