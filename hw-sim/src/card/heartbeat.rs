//! Does the driver live? It does as long as its heartbeat changes.

use firmware_api::{Memory, register};

/// The last heartbeat seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heartbeat {
    value: u32,
    /// When it last changed; `None` before the first.
    changed_ms: Option<u64>,
}

impl Heartbeat {
    /// Whether the device has to do without a driver now.
    pub(super) fn is_stale(&mut self, bar0: &impl Memory, now_ms: u64) -> bool {
        let value = bar0.load32(register::HEARTBEAT.offset);
        if value != self.value {
            self.value = value;
            self.changed_ms = Some(now_ms);
        }
        let timeout = u64::from(bar0.load32(register::HEARTBEAT_TIMEOUT.offset));
        self.changed_ms
            .is_none_or(|changed| now_ms.saturating_sub(changed) >= timeout)
    }
}
