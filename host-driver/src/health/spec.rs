//! What a probe asks, how often, and how many answers it takes to change a backend's state.
//!
//! Ranges (interval at least 5 s, forbidden HTTP ports, …) are the configuration compiler's to
//! check; the types here only keep out what no probe could mean.

use std::{
    fmt,
    num::{NonZeroU16, NonZeroU32},
};

/// The longest wait for an HTTP(S) answer, however long the interval (L-PRB-05).
const HTTP_TIMEOUT_MAX_MS: u64 = 30_000;

/// What a probe sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Opens a connection and closes it.
    Tcp,
    /// Gets a path and expects status 200.
    Http(RequestPath),
    /// As HTTP, over TLS.
    Https(RequestPath),
}

/// The path of an HTTP probe: starts with `/` and holds only visible ASCII, so it cannot end the
/// request line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath(String);

/// A byte that a request line cannot carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {byte:#04x} at offset {at} of the request path: percent-encode it")]
pub struct PathError {
    /// Where in the path.
    pub at: usize,
    /// The byte.
    pub byte: u8,
}

impl RequestPath {
    /// Takes a path as configured; a relative one is taken to start at the root.
    pub fn new(path: &str) -> Result<Self, PathError> {
        match path
            .bytes()
            .enumerate()
            .find(|(_, byte)| !byte.is_ascii_graphic())
        {
            Some((at, byte)) => Err(PathError { at, byte }),
            None if path.starts_with('/') => Ok(Self(path.to_owned())),
            None => Ok(Self(format!("/{path}"))),
        }
    }

    /// The path as it goes into the request line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Http(_) => "HTTP",
            Self::Https(_) => "HTTPS",
        })
    }
}

/// A probe as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    protocol: Protocol,
    port: NonZeroU16,
    interval_ms: u64,
    timeout_ms: u64,
    up_count: NonZeroU32,
    down_count: NonZeroU32,
    silence_ms: Option<u64>,
}

impl Probe {
    /// A probe of the resource model: `threshold` consecutive answers change the state, both ways
    /// (L-PRB-07).
    ///
    /// It waits for one interval over TCP (L-PRB-03), over HTTP(S) for 30 s at most (L-PRB-05).
    pub fn new(
        protocol: Protocol,
        port: NonZeroU16,
        interval_secs: NonZeroU32,
        threshold: NonZeroU32,
    ) -> Self {
        let interval_ms = millis(interval_secs);
        let timeout_ms = match protocol {
            Protocol::Tcp => interval_ms,
            Protocol::Http(_) | Protocol::Https(_) => interval_ms.min(HTTP_TIMEOUT_MAX_MS),
        };
        Self {
            protocol,
            port,
            interval_ms,
            timeout_ms,
            up_count: threshold,
            down_count: threshold,
            silence_ms: None,
        }
    }

    /// A probe of a `.csdef`: `floor(timeout / interval)` answers change the state (L-PRB-22), and
    /// so does `timeout` without a good answer (CSD-14).
    ///
    /// One probe waits for an interval. A timeout no longer than the interval cannot bound the time
    /// between good answers, which are an interval apart; it then bounds the wait for each single
    /// probe.
    pub fn classic(
        protocol: Protocol,
        port: NonZeroU16,
        interval_secs: NonZeroU32,
        timeout_secs: NonZeroU32,
    ) -> Self {
        let (interval_ms, timeout_ms) = (millis(interval_secs), millis(timeout_secs));
        let count =
            NonZeroU32::new(timeout_secs.get() / interval_secs.get()).unwrap_or(NonZeroU32::MIN);
        Self {
            protocol,
            port,
            interval_ms,
            timeout_ms: interval_ms.min(timeout_ms),
            up_count: count,
            down_count: count,
            silence_ms: (timeout_ms > interval_ms).then_some(timeout_ms),
        }
    }

    /// The same probe with a count for each direction.
    #[must_use]
    pub fn with_counts(self, up: NonZeroU32, down: NonZeroU32) -> Self {
        Self {
            up_count: up,
            down_count: down,
            ..self
        }
    }

    /// What it sends.
    pub fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// The port it asks.
    pub fn port(&self) -> u16 {
        self.port.get()
    }

    /// Milliseconds from one probe to the next.
    pub fn interval_ms(&self) -> u64 {
        self.interval_ms
    }

    /// Milliseconds one probe waits for its answer.
    pub fn timeout_ms(&self) -> u64 {
        self.timeout_ms
    }

    /// Consecutive good answers that mark a backend up.
    pub fn up_count(&self) -> u32 {
        self.up_count.get()
    }

    /// Consecutive failures that mark a backend down.
    pub fn down_count(&self) -> u32 {
        self.down_count.get()
    }

    /// Milliseconds without a good answer that mark a backend down, whatever the counts say.
    pub fn silence_ms(&self) -> Option<u64> {
        self.silence_ms
    }
}

fn millis(seconds: NonZeroU32) -> u64 {
    u64::from(seconds.get()) * 1_000
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn nz(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).expect("a test's count is not zero")
    }

    pub(crate) fn port(n: u16) -> NonZeroU16 {
        NonZeroU16::new(n).expect("a test's port is not zero")
    }

    pub(crate) fn http() -> Protocol {
        Protocol::Http(RequestPath::new("/").expect("a root path"))
    }

    #[test]
    fn l_prb_03_05_timeouts() {
        let timeout =
            |protocol, interval| Probe::new(protocol, port(80), nz(interval), nz(2)).timeout_ms();
        assert_eq!(timeout(Protocol::Tcp, 5), 5_000);
        assert_eq!(timeout(Protocol::Tcp, 120), 120_000);
        assert_eq!(timeout(http(), 5), 5_000);
        assert_eq!(timeout(http(), 120), 30_000);
    }

    #[test]
    fn l_prb_22_csd_15_classic_counts() {
        let classic =
            |interval, timeout| Probe::classic(Protocol::Tcp, port(80), nz(interval), nz(timeout));
        for (interval, timeout, count) in [(15, 31, 2), (5, 11, 2), (10, 40, 4), (60, 11, 1)] {
            let probe = classic(interval, timeout);
            assert_eq!((probe.up_count(), probe.down_count()), (count, count));
        }
        assert_eq!(
            (classic(15, 31).timeout_ms(), classic(15, 31).silence_ms()),
            (15_000, Some(31_000))
        );
        assert_eq!(
            (classic(60, 11).timeout_ms(), classic(60, 11).silence_ms()),
            (11_000, None)
        );
    }

    #[test]
    fn a_path_cannot_leave_its_request_line() {
        assert_eq!(
            RequestPath::new("/a b"),
            Err(PathError { at: 2, byte: b' ' })
        );
        assert_eq!(
            RequestPath::new("/\r\nX: y"),
            Err(PathError { at: 1, byte: b'\r' })
        );
        assert_eq!(RequestPath::new("/é"), Err(PathError { at: 1, byte: 0xc3 }));
        assert_eq!(
            RequestPath::new("health.aspx?x=1")
                .expect("relative")
                .as_str(),
            "/health.aspx?x=1"
        );
        assert_eq!(RequestPath::new("").expect("empty").as_str(), "/");
    }
}
