//! A rule's data path availability: of the evaluations of the last minute, how many found that a new
//! flow would be delivered (L-MON-05).

use crate::event::Kind;

/// Evaluations in the window, one per second.
const WINDOW: u32 = 60;
const MASK: u64 = (1 << WINDOW) - 1;

/// The last minute of evaluations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Availability {
    /// One bit each, the latest lowest.
    good: u64,
    evaluations: u32,
}

impl Availability {
    /// Takes an evaluation.
    pub fn note(&mut self, is_delivered: bool) {
        self.good = (self.good << 1 | u64::from(is_delivered)) & MASK;
        self.evaluations = (self.evaluations + 1).min(WINDOW);
    }

    /// From 0 to 1; `None` before the first evaluation.
    pub fn ratio(self) -> Option<f64> {
        (self.evaluations > 0)
            .then(|| f64::from(self.good.count_ones()) / f64::from(self.evaluations))
    }

    /// In whole percent, rounded down.
    pub fn percent(self) -> u32 {
        (100 * self.good.count_ones())
            .checked_div(self.evaluations)
            .unwrap_or(0)
    }

    /// What is to be told of it, once there is a whole minute (L-MON-08).
    pub fn alarm(self) -> Option<Kind> {
        if self.evaluations < WINDOW {
            return None;
        }
        match self.percent() {
            ..25 => Some(Kind::DataPathAvailabilityCritical),
            25..90 => Some(Kind::DataPathAvailabilityWarning),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(good: u32, bad: u32) -> Availability {
        let mut window = Availability::default();
        (0..good).for_each(|_| window.note(true));
        (0..bad).for_each(|_| window.note(false));
        window
    }

    #[test]
    fn l_mon_05_the_last_minute_counts() {
        assert_eq!(Availability::default().ratio(), None);
        assert_eq!(after(3, 1).ratio(), Some(0.75));
        assert_eq!(after(500, 15).percent(), 75);
        assert_eq!(after(500, 60).ratio(), Some(0.0));
    }

    #[test]
    fn l_mon_08_below_90_is_a_warning_and_below_25_critical() {
        let alarm = |bad| after(60, bad).alarm();
        assert_eq!(alarm(6), None, "90 %");
        assert_eq!(alarm(7), Some(Kind::DataPathAvailabilityWarning));
        assert_eq!(alarm(45), Some(Kind::DataPathAvailabilityWarning), "25 %");
        assert_eq!(alarm(46), Some(Kind::DataPathAvailabilityCritical));
        assert_eq!(after(0, 59).alarm(), None, "no whole minute yet");
    }
}
