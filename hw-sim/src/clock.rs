//! The device clock: milliseconds since the card came up, at the chosen speed.

use std::time::Instant;

/// A clock that runs `scale` times as fast as the wall's.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    scale: u32,
}

impl Clock {
    /// A clock that starts now.
    pub fn new(scale: u32) -> Self {
        Self {
            start: Instant::now(),
            scale,
        }
    }

    /// Milliseconds since it started.
    pub fn now_ms(&self) -> u64 {
        let micros = self.start.elapsed().as_micros() as u64;
        micros.saturating_mul(self.scale.into()) / 1000
    }
}
