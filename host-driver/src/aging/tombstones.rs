//! Flows that idled out a short while ago: a late packet of one is answered with a reset when its
//! rule says so (spec L-IDLE-02, A-33), and never reaches a backend.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use firmware_api::entry::flow::FlowKey;

/// The most flows remembered; older ones are forgotten first.
const CAPACITY: usize = 65_536;
/// Milliseconds a flow is remembered: the default idle timeout, so that a keepalive at that pace
/// still meets its tombstone.
const LIFETIME: u64 = 240_000;

/// The keys of both directions of flows that were reset on idle.
#[derive(Debug, Default)]
pub struct Tombstones {
    until: HashMap<FlowKey<IpAddr>, u64>,
    order: VecDeque<(u64, FlowKey<IpAddr>)>,
}

impl Tombstones {
    /// Remembers a direction of a flow that ended at `now`.
    pub fn bury(&mut self, now: u64, key: FlowKey<IpAddr>) {
        self.forget_old(now);
        if self.order.len() == CAPACITY {
            self.forget_first();
        }
        let until = now + LIFETIME;
        self.until.insert(key, until);
        self.order.push_back((until, key));
    }

    /// Whether a packet of that key is a late one of a flow that was reset.
    pub fn holds(&mut self, now: u64, key: &FlowKey<IpAddr>) -> bool {
        self.forget_old(now);
        self.until.contains_key(key)
    }

    /// As [`Tombstones::holds`], without tidying up.
    pub fn remembers(&self, now: u64, key: &FlowKey<IpAddr>) -> bool {
        self.until.get(key).is_some_and(|until| *until > now)
    }

    /// A new flow uses the key: the old one no longer matters (RST-05).
    pub fn exhume(&mut self, key: &FlowKey<IpAddr>) {
        if !self.until.is_empty() {
            self.until.remove(key);
        }
    }

    fn forget_old(&mut self, now: u64) {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((until, key)) = self.order.pop_front()
            && self.until.get(&key) == Some(&until)
        {
            self.until.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware_api::{Protocol, Zone};

    fn key(port: u16) -> FlowKey<IpAddr> {
        FlowKey {
            zone: Zone::UPLINK,
            protocol: Protocol::Tcp,
            source: [198, 51, 100, 7].into(),
            destination: [203, 0, 113, 10].into(),
            source_port: port,
            destination_port: 80,
        }
    }

    #[test]
    fn l_idle_02_remembered_for_a_while_and_not_after_a_new_flow() {
        let mut tombstones = Tombstones::default();
        tombstones.bury(1000, key(1));
        tombstones.bury(1000, key(2));
        tombstones.exhume(&key(2));
        assert!(tombstones.holds(1000 + LIFETIME - 1, &key(1)));
        assert!(!tombstones.holds(1000, &key(2)));
        assert!(!tombstones.holds(1000 + LIFETIME, &key(1)));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let mut tombstones = Tombstones::default();
        for port in 0..u16::MAX {
            tombstones.bury(0, key(port));
        }
        tombstones.bury(1, key(u16::MAX));
        let mut other = key(7);
        other.destination_port = 81;
        tombstones.bury(2, other);
        assert!(!tombstones.holds(3, &key(0)));
        assert!(tombstones.holds(3, &key(1)) && tombstones.holds(3, &other));
    }
}
