//! The daemon's clock in milliseconds, which can run faster than the wall's.

use std::{num::NonZeroU32, time::Duration};

use tokio::time::Instant;

const NANOS_PER_MILLI: u128 = 1_000_000;

/// A monotonic clock that runs a whole number of times faster than real time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    scale: u128,
}

impl Clock {
    /// A clock that shows 0 now. Scale 1 is real time; at scale 10 an interval of 5 s takes 0.5 s.
    pub fn start(scale: NonZeroU32) -> Self {
        Self {
            origin: Instant::now(),
            scale: scale.get().into(),
        }
    }

    /// The milliseconds it shows.
    pub fn now_ms(&self) -> u64 {
        self.ms(Instant::now())
    }

    fn ms(&self, at: Instant) -> u64 {
        let elapsed = at.saturating_duration_since(self.origin);
        (elapsed.as_nanos() * self.scale / NANOS_PER_MILLI) as u64
    }

    /// The first instant at which it shows `ms` or more.
    pub fn instant(&self, ms: u64) -> Instant {
        let nanos = (u128::from(ms) * NANOS_PER_MILLI).div_ceil(self.scale);
        self.origin + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_n_times_faster() {
        let clock = Clock::start(NonZeroU32::new(30).expect("not zero"));
        assert_eq!(clock.ms(clock.origin + Duration::from_millis(500)), 15_000);
    }

    #[test]
    fn an_instant_is_the_first_that_shows_its_time() {
        for scale in [1, 3, 7, 1_000] {
            let clock = Clock::start(NonZeroU32::new(scale).expect("not zero"));
            for ms in [0, 1, 2, 999, 31_000] {
                assert_eq!(clock.ms(clock.instant(ms)), ms);
            }
            assert_eq!(
                clock.ms(clock.instant(31_000) - Duration::from_nanos(1)),
                30_999
            );
        }
    }
}
