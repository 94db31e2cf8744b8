//! Which addresses are still to be announced: each twice, two seconds apart (RFC 5227 §2.3).

use std::collections::VecDeque;
use std::net::IpAddr;

const INTERVAL_MS: u64 = 2_000;

/// The addresses, the earliest first in each queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Announcements {
    first: VecDeque<(u64, IpAddr)>,
    second: VecDeque<(u64, IpAddr)>,
}

impl Announcements {
    pub(super) fn push(&mut self, now: u64, address: IpAddr) {
        self.first.push_back((now, address));
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<u64> {
        let fronts = [self.first.front(), self.second.front()];
        fronts.into_iter().flatten().map(|(due, _)| *due).min()
    }

    /// The next address that is due.
    pub(super) fn pop(&mut self, now: u64) -> Option<IpAddr> {
        if let Some(address) = pop_due(&mut self.first, now) {
            self.second
                .push_back((now.saturating_add(INTERVAL_MS), address));
            return Some(address);
        }
        pop_due(&mut self.second, now)
    }
}

fn pop_due(queue: &mut VecDeque<(u64, IpAddr)>, now: u64) -> Option<IpAddr> {
    let due = queue.front().is_some_and(|(due, _)| *due <= now);
    if due {
        queue.pop_front().map(|(_, address)| address)
    } else {
        None
    }
}
