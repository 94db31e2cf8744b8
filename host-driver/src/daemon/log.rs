//! What the daemon says on stderr, and how often.
//!
//! Outside the shell itself, one place in the code may say [`BURST`] things and one more per
//! [`REFILL`]: whoever sends packets must not be able to fill a disk with what the driver says of
//! them. What was left out is said now and then.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

/// Messages of one place before it is limited.
const BURST: u32 = 10;
/// After how long it may say one more.
const REFILL: Duration = Duration::from_secs(1);
/// Modules that speak at their own pace: not of packets.
const UNLIMITED: [&str; 4] = [
    "host_driver::control",
    "host_driver::daemon",
    "host_driver::event",
    "host_driver::replay",
];

/// Starts to log: level `info` and above, or what `RUST_LOG` says.
pub fn init() -> RateLimit {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .from_env_lossy();
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let stderr = fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let limit = RateLimit::default();
    // A second start in one process keeps the first one's log.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(limit.clone())
        .with(stderr)
        .try_init();
    limit
}

/// Limits how often each place in the code is heard. Clones share their counts.
#[derive(Clone, Debug, Default)]
pub struct RateLimit {
    places: Arc<Mutex<HashMap<Identifier, Place>>>,
}

#[derive(Debug)]
struct Place {
    name: String,
    tokens: u32,
    refilled: Instant,
    left_out: u64,
}

impl RateLimit {
    /// Says how often each place was not heard since the last time.
    pub fn tell_left_out(&self) {
        for (place, messages) in self.take_left_out() {
            tracing::warn!(place, messages, "left out of this log");
        }
    }

    fn take_left_out(&self) -> Vec<(String, u64)> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left_out: Vec<_> = places
            .values_mut()
            .filter(|place| place.left_out > 0)
            .map(|place| (place.name.clone(), std::mem::take(&mut place.left_out)))
            .collect();
        left_out.sort();
        left_out
    }

    fn admits(&self, metadata: &Metadata<'_>, now: Instant) -> bool {
        if UNLIMITED
            .iter()
            .any(|module| metadata.target().starts_with(module))
        {
            return true;
        }
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.entry(metadata.callsite()).or_insert_with(|| Place {
            name: name(metadata),
            tokens: BURST,
            refilled: now,
            left_out: 0,
        });
        place.admits(now)
    }
}

impl Place {
    fn admits(&mut self, now: Instant) -> bool {
        let due = now.saturating_duration_since(self.refilled).as_nanos() / REFILL.as_nanos();
        if due > 0 {
            self.tokens = self
                .tokens
                .saturating_add(u32::try_from(due).unwrap_or(BURST))
                .min(BURST);
            self.refilled = now;
        }
        let admits = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        self.left_out += u64::from(!admits);
        admits
    }
}

fn name(metadata: &Metadata<'_>) -> String {
    match (metadata.file(), metadata.line()) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        _ => metadata.target().to_owned(),
    }
}

impl<S: Subscriber> Layer<S> for RateLimit {
    fn event_enabled(&self, event: &Event<'_>, _context: Context<'_, S>) -> bool {
        self.admits(event.metadata(), Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_says_its_burst_then_one_per_refill() {
        let start = Instant::now();
        let mut place = Place {
            name: String::new(),
            tokens: BURST,
            refilled: start,
            left_out: 0,
        };
        let heard = (0..1_000).filter(|_| place.admits(start)).count();
        assert_eq!(
            (heard as u32, place.left_out),
            (BURST, 1_000 - u64::from(BURST))
        );
        let later = start + REFILL;
        assert_eq!((0..50).filter(|_| place.admits(later)).count(), 1);
        let much_later = later + REFILL * 1_000;
        assert_eq!(
            (0..50).filter(|_| place.admits(much_later)).count() as u32,
            BURST
        );
    }

    #[test]
    fn only_what_tells_of_packets_is_limited() {
        let limit = RateLimit::default();
        let subscriber = tracing_subscriber::registry().with(limit.clone());
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..25 {
                tracing::warn!(target: "host_driver::miss", "a packet");
                tracing::warn!(target: "host_driver::daemon::run", "not a packet");
            }
        });
        let left_out = limit.take_left_out();
        assert_eq!(left_out.len(), 1, "{left_out:?}");
        assert_eq!(left_out[0].1, 25 - u64::from(BURST));
        assert!(limit.take_left_out().is_empty());
    }
}
