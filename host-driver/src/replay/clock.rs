//! Virtual time: what the timestamps of a capture say, never backwards and without the long waits
//! in which nothing can happen any more.

use std::time::Duration;

/// The longest step of the clock.
const STEP: Duration = Duration::from_millis(100);
/// A longer pause is shortened to this: every flow, port and timer has run out long before.
const LONGEST_PAUSE: Duration = Duration::from_hours(6);

/// The clock of a replay.
#[derive(Clone, Copy, Debug)]
pub(super) struct VirtualClock {
    /// What the capture's clock shows when this one shows 0.
    origin: Duration,
    now: Duration,
}

impl VirtualClock {
    /// A clock that shows 0 when the capture begins.
    pub(super) fn new(first: Duration) -> Self {
        Self {
            origin: first,
            now: Duration::ZERO,
        }
    }

    /// How long it is until a time of the capture; a time that has passed is now.
    pub(super) fn until(&mut self, at: Duration) -> Duration {
        let pause = at.saturating_sub(self.timestamp());
        let skipped = pause.saturating_sub(LONGEST_PAUSE);
        self.origin += skipped;
        pause.min(LONGEST_PAUSE)
    }

    /// Goes one step of at most 100 ms toward `end`; false when it is there.
    pub(super) fn step(&mut self, end: Duration) -> bool {
        let is_before = self.now < end;
        self.now = end.min(self.now + STEP).max(self.now);
        is_before
    }

    /// What it shows.
    pub(super) fn now(&self) -> Duration {
        self.now
    }

    /// Milliseconds since the capture began, as card and driver see them.
    pub(super) fn millis(&self) -> u64 {
        self.now.as_millis() as u64
    }

    /// The same instant on the capture's clock.
    pub(super) fn timestamp(&self) -> Duration {
        self.origin + self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1_700_000_000);

    fn steps(clock: &mut VirtualClock, at: Duration) -> Vec<u64> {
        let end = clock.now() + clock.until(at);
        std::iter::from_fn(|| clock.step(end).then(|| clock.millis())).collect()
    }

    #[test]
    fn time_goes_in_steps_to_each_timestamp() {
        let mut clock = VirtualClock::new(START);
        assert_eq!(steps(&mut clock, START), [0; 0]);
        assert_eq!(
            steps(&mut clock, START + Duration::from_millis(250)),
            [100, 200, 250]
        );
        let later = START + Duration::from_micros(250_900);
        assert_eq!(steps(&mut clock, later), [250]);
        assert_eq!(clock.timestamp(), later);
    }

    #[test]
    fn time_never_goes_back() {
        let mut clock = VirtualClock::new(START);
        steps(&mut clock, START + Duration::from_millis(50));
        assert_eq!(steps(&mut clock, START), [0; 0]);
        assert_eq!(steps(&mut clock, Duration::ZERO), [0; 0]);
        assert_eq!(clock.millis(), 50);
        assert_eq!(steps(&mut clock, START + Duration::from_millis(60)), [60]);
    }

    #[test]
    fn a_pause_of_years_is_shortened_and_timestamps_stay_true() {
        let mut clock = VirtualClock::new(Duration::ZERO);
        let end = Duration::from_secs(u32::MAX.into());
        assert_eq!(steps(&mut clock, end).len(), 6 * 36_000);
        assert_eq!(clock.timestamp(), end);
        let soon = end + Duration::from_millis(1);
        assert_eq!(steps(&mut clock, soon), [clock.millis()]);
    }
}
