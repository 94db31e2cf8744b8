//! The flap hold-down: a backend that goes down soon after it came up has to prove itself for
//! longer (L-PRB-09, A-32).
//!
//! Each Down within the window after the last Up doubles the successes that the next Up needs, up
//! to a cap. Each whole window spent Up takes one doubling off again.

/// The hold-down's knobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldDown {
    /// How soon after an Up a Down counts as a flap, and how long an Up forgives one.
    pub window_ms: u64,
    /// At most so many doublings; 0 turns the hold-down off.
    pub max_doublings: u32,
}

impl Default for HoldDown {
    fn default() -> Self {
        Self {
            window_ms: 60_000,
            max_doublings: 3,
        }
    }
}

impl HoldDown {
    /// No hold-down.
    pub const OFF: Self = Self {
        window_ms: 60_000,
        max_doublings: 0,
    };

    /// The doublings that a backend can have.
    pub(super) fn most(self) -> u32 {
        if self.window_ms == 0 {
            0
        } else {
            self.max_doublings
        }
    }

    /// A backend went down after `up_ms` of being up. Returns its doublings, and how many of them
    /// the next Up has to pay for.
    pub(super) fn on_down(self, doublings: u32, up_ms: u64) -> (u32, u32) {
        if up_ms < self.window_ms {
            let doublings = doublings.saturating_add(1).min(self.max_doublings);
            return (doublings, doublings);
        }
        let forgiven = up_ms.checked_div(self.window_ms).unwrap_or(u64::MAX);
        (
            doublings.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX)),
            0,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_32_flaps_double_up_to_eight_times() {
        let hold = HoldDown::default();
        let mut doublings = 0;
        for expected in [1, 2, 3, 3] {
            (doublings, _) = hold.on_down(doublings, 59_999);
            assert_eq!(doublings, expected);
        }
    }

    #[test]
    fn a_32_a_window_up_takes_one_off_and_costs_nothing() {
        let hold = HoldDown::default();
        assert_eq!(hold.on_down(3, 60_000), (2, 0));
        assert_eq!(hold.on_down(3, 179_999), (1, 0));
        assert_eq!(hold.on_down(3, u64::MAX), (0, 0));
    }

    #[test]
    fn off_never_holds() {
        assert_eq!(HoldDown::OFF.on_down(0, 0), (0, 0));
        assert_eq!(
            HoldDown {
                window_ms: 0,
                max_doublings: 3
            }
            .on_down(0, 0),
            (0, 0)
        );
    }
}
