//! When a target's next probe is due.
//!
//! Each target keeps its own grid of send times, one interval apart, and the grids are spread over
//! the interval: at any number of targets the probes leave evenly. The first probe leaves earlier
//! than its grid when the interval is long, so that a new backend waits for no more than five
//! seconds.
//!
//! At most one probe of a target is in flight. A probe that takes as long as its interval is
//! followed by the next at once (L-PRB-03, L-PRB-05); send times that passed meanwhile are dropped,
//! never made up for in a burst.

/// The first probe leaves within this time, or within one interval if that is shorter.
const FIRST_WITHIN_MS: u64 = 5_000;

/// The golden ratio's fraction of 2^64: multiples of it fall evenly into any interval, however many
/// there are.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The send times of one target.
#[derive(Clone, Debug)]
pub struct Schedule {
    interval_ms: u64,
    grid_ms: u64,
    due_ms: u64,
    in_flight: bool,
}

impl Schedule {
    /// A schedule that starts now; `ordinal` counts the targets and picks this one's place within
    /// the interval.
    pub fn new(now: u64, interval_ms: u64, ordinal: u64) -> Self {
        let interval_ms = interval_ms.max(1);
        Self {
            interval_ms,
            grid_ms: now + phase(ordinal, interval_ms),
            due_ms: now + phase(ordinal, interval_ms.min(FIRST_WITHIN_MS)),
            in_flight: false,
        }
    }

    /// When to send next, at `now` or later; `None` while a probe is in flight.
    pub fn next_due(&self, now: u64) -> Option<u64> {
        (!self.in_flight).then_some(self.due_ms.max(now))
    }

    /// A probe leaves now.
    pub fn sent(&mut self, now: u64) {
        self.in_flight = true;
        self.due_ms = match now.checked_sub(self.grid_ms) {
            Some(late) => self.grid_ms + (late / self.interval_ms + 1) * self.interval_ms,
            None => self.grid_ms,
        };
    }

    /// The probe in flight is over.
    pub fn finished(&mut self) {
        self.in_flight = false;
    }
}

fn phase(ordinal: u64, span_ms: u64) -> u64 {
    let fraction = u128::from(ordinal.wrapping_mul(GOLDEN));
    ((fraction * u128::from(span_ms)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prb_07_csd_06_regular_intervals() {
        let mut schedule = Schedule::new(0, 15_000, 0);
        for due in [0, 15_000, 30_000, 45_000] {
            assert_eq!(schedule.next_due(0), Some(due));
            schedule.sent(due + 3);
            schedule.finished();
        }
    }

    #[test]
    fn l_prb_05_the_next_follows_a_timeout_at_once() {
        let mut schedule = Schedule::new(0, 5_000, 0);
        schedule.sent(0);
        assert_eq!(schedule.next_due(4_999), None, "one in flight");
        schedule.finished();
        assert_eq!(schedule.next_due(5_000), Some(5_000));
    }

    #[test]
    fn missed_send_times_are_not_made_up_for() {
        let mut schedule = Schedule::new(0, 5_000, 0);
        schedule.sent(52_000);
        schedule.finished();
        assert_eq!(schedule.next_due(52_001), Some(55_000));
    }

    #[test]
    fn two_thousand_targets_leave_evenly() {
        for interval in [5_000_u64, 15_000, 120_000] {
            let mut per_slot = [0_u32; 100];
            for ordinal in 0..2_000 {
                let mut schedule = Schedule::new(0, interval, ordinal);
                assert!(
                    schedule
                        .next_due(0)
                        .is_some_and(|due| due < FIRST_WITHIN_MS)
                );
                schedule.sent(interval);
                schedule.finished();
                let due = schedule.next_due(interval).expect("nothing is in flight");
                per_slot[((due - interval) * 100 / (interval + 1)) as usize] += 1;
            }
            let busiest = per_slot.iter().max().expect("there are slots");
            assert!(
                *busiest <= 24,
                "20 of 2,000 belong into each hundredth, {busiest} fell into one"
            );
        }
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
                let due = schedule.next_due(now).expect("nothing is in flight");
                prop_assert!(due - now <= interval);
                schedule.sent(due);
                now = due + took.min(interval);
                schedule.finished();
                let next = schedule.next_due(due).expect("nothing is in flight");
                prop_assert!(next > due && next - due <= interval);
            }
        }
    }
}
