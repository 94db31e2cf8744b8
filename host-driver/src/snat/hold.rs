//! Ports that are held for a while after their flow has closed: a two-level timer wheel.
//!
//! Level one has a slot for each millisecond of the current second (1,024 ms), level two one for
//! each later second. Holding, prolonging and cancelling are O(1); a hold is moved once on its way
//! out, so expiry is amortised O(1) and exact to the millisecond. Memory is reused.

use std::collections::HashMap;

use super::mapping::{Endpoint, Flow};

const NIL: u32 = u32::MAX;
const FRAME_BITS: u32 = 10;
const FRAME: u64 = 1 << FRAME_BITS;
/// Frames ahead that have a slot of their own: 8.4 million ms, a little more than 2 hours.
const FRAMES: u64 = 1 << 13;

#[derive(Debug)]
struct Hold {
    flow: Flow,
    public: Endpoint,
    due: u64,
    slot: u32,
    prev: u32,
    next: u32,
}

/// All holds, by flow and by the time they end.
#[derive(Debug)]
pub(super) struct Holds {
    index: HashMap<Flow, u32>,
    /// Unused ones are chained through `next`.
    records: Vec<Hold>,
    unused: u32,
    /// First hold of each slot: the milliseconds of the current frame, then the later frames.
    slots: Box<[u32]>,
    /// Holds in the slots of the current frame.
    near: usize,
    /// Every hold due before this time has been returned.
    next: u64,
}

impl Holds {
    pub(super) fn with_capacity(holds: usize) -> Self {
        Self {
            index: HashMap::with_capacity(holds),
            records: Vec::with_capacity(holds),
            unused: NIL,
            slots: vec![NIL; (FRAME + FRAMES) as usize].into_boxed_slice(),
            near: 0,
            next: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Holds `public` for `flow` until `due`; a hold that the flow has already now ends then.
    pub(super) fn insert(&mut self, now: u64, flow: Flow, public: Endpoint, due: u64) {
        if self.index.is_empty() {
            self.next = now;
        }
        if let Some(&id) = self.index.get(&flow) {
            self.unlink(id);
            self.records[id as usize].due = due;
            self.link(id);
            return;
        }
        let hold = Hold {
            flow,
            public,
            due,
            slot: 0,
            prev: NIL,
            next: NIL,
        };
        let id = self.store(hold);
        self.index.insert(flow, id);
        self.link(id);
    }

    /// Ends the hold of `flow` early. The port it held.
    pub(super) fn cancel(&mut self, flow: &Flow) -> Option<Endpoint> {
        if self.index.is_empty() {
            return None;
        }
        let id = self.index.remove(flow)?;
        self.unlink(id);
        self.discard(id);
        Some(self.records[id as usize].public)
    }

    /// Drops the holds that `keep` refuses.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Flow, Endpoint) -> bool) {
        let records = &self.records;
        let lost: Vec<Flow> = self
            .index
            .iter()
            .filter(|&(flow, &id)| !keep(flow, records[id as usize].public))
            .map(|(flow, _)| *flow)
            .collect();
        for flow in lost {
            self.cancel(&flow);
        }
    }

    /// Takes out every hold due at `now` or before, in the order of their times.
    pub(super) fn expire(&mut self, now: u64, mut expired: impl FnMut(Flow, Endpoint)) {
        let now = now.min(u64::MAX - 1);
        if (now >> FRAME_BITS).saturating_sub(self.next >> FRAME_BITS) > FRAMES {
            return self.leap(now, expired);
        }
        while self.next <= now && !self.index.is_empty() {
            let last = now.min(self.next | (FRAME - 1));
            for time in self.next..=last {
                if self.near == 0 {
                    break;
                }
                self.empty_slot((time % FRAME) as usize, &mut expired);
            }
            self.next = last + 1;
            if self.next.is_multiple_of(FRAME) {
                self.enter_frame();
            }
        }
        self.next = self.next.max(now + 1);
    }

    /// As `expire`, over more time than the wheel spans.
    fn leap(&mut self, now: u64, mut expired: impl FnMut(Flow, Endpoint)) {
        let mut all: Vec<(u64, Flow, u32)> = self
            .index
            .iter()
            .map(|(flow, &id)| (self.records[id as usize].due, *flow, id))
            .collect();
        all.sort_unstable();
        for &(_, _, id) in &all {
            self.unlink(id);
        }
        self.next = now + 1;
        for (due, flow, id) in all {
            if due <= now {
                self.index.remove(&flow);
                self.discard(id);
                expired(flow, self.records[id as usize].public);
            } else {
                self.link(id);
            }
        }
    }

    fn empty_slot(&mut self, slot: usize, expired: &mut impl FnMut(Flow, Endpoint)) {
        while self.slots[slot] != NIL {
            let id = self.slots[slot];
            self.unlink(id);
            self.discard(id);
            let Hold { flow, public, .. } = self.records[id as usize];
            self.index.remove(&flow);
            expired(flow, public);
        }
    }

    /// Spreads the holds of the frame that begins over its milliseconds.
    fn enter_frame(&mut self) {
        let slot = (FRAME + (self.next >> FRAME_BITS) % FRAMES) as usize;
        let mut id = std::mem::replace(&mut self.slots[slot], NIL);
        while id != NIL {
            let next = self.records[id as usize].next;
            self.link(id);
            id = next;
        }
    }

    /// The slot for a hold due at `due`: the past counts as now, the far future as the last frame.
    fn slot(&self, due: u64) -> u32 {
        let due = due.max(self.next);
        let (frame, current) = (due >> FRAME_BITS, self.next >> FRAME_BITS);
        if frame == current {
            (due % FRAME) as u32
        } else {
            (FRAME + frame.min(current + FRAMES - 1) % FRAMES) as u32
        }
    }

    fn link(&mut self, id: u32) {
        let slot = self.slot(self.records[id as usize].due);
        self.near += usize::from(u64::from(slot) < FRAME);
        let first = std::mem::replace(&mut self.slots[slot as usize], id);
        if first != NIL {
            self.records[first as usize].prev = id;
        }
        let hold = &mut self.records[id as usize];
        (hold.slot, hold.prev, hold.next) = (slot, NIL, first);
    }

    fn unlink(&mut self, id: u32) {
        let Hold {
            slot, prev, next, ..
        } = self.records[id as usize];
        self.near -= usize::from(u64::from(slot) < FRAME);
        if prev == NIL {
            self.slots[slot as usize] = next;
        } else {
            self.records[prev as usize].next = next;
        }
        if next != NIL {
            self.records[next as usize].prev = prev;
        }
    }

    fn store(&mut self, hold: Hold) -> u32 {
        if self.unused == NIL {
            self.records.push(hold);
            return (self.records.len() - 1) as u32;
        }
        let id = self.unused;
        self.unused = self.records[id as usize].next;
        self.records[id as usize] = hold;
        id
    }

    fn discard(&mut self, id: u32) {
        self.records[id as usize].next = self.unused;
        self.unused = id;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::snat::{InstanceId, Protocol};

    fn flow(n: u8) -> Flow {
        let inside = Endpoint::new([10, 0, 0, n], 1);
        let remote = Endpoint::new([192, 0, 2, 1], 443);
        Flow {
            instance: InstanceId(0),
            protocol: Protocol::Tcp,
            inside,
            remote,
        }
    }

    /// Steps that stay within a frame, cross frames, and outrun the wheel.
    fn span() -> impl Strategy<Value = u64> {
        prop_oneof![
            0..3_u64,
            0..3000_u64,
            0..400_000_u64,
            8_000_000..30_000_000_u64
        ]
    }

    proptest! {
        #[test]
        fn holds_end_when_they_are_due(
            start in prop_oneof![Just(0), any::<u32>().prop_map(u64::from)],
            steps in prop::collection::vec((0..3_u8, 0..8_u8, span()), 1..80),
        ) {
            let (mut holds, mut model, mut now) = (Holds::with_capacity(0), BTreeMap::new(), start);
            let public = Endpoint::new([203, 0, 113, 1], 1024);
            for (verb, n, span) in steps {
                match verb {
                    0 => {
                        holds.insert(now, flow(n), public, now + 1 + span);
                        model.insert(flow(n), now + 1 + span);
                    }
                    1 => {
                        let held = holds.cancel(&flow(n)).is_some();
                        prop_assert_eq!(held, model.remove(&flow(n)).is_some());
                    }
                    _ => {
                        now += span;
                        let mut ended = Vec::new();
                        holds.expire(now, |flow, _| ended.push(flow));
                        ended.sort_unstable();
                        let due: Vec<Flow> =
                            model.iter().filter(|&(_, due)| *due <= now).map(|(f, _)| *f).collect();
                        prop_assert_eq!(&ended, &due);
                        model.retain(|_, due| *due > now);
                    }
                }
                prop_assert_eq!(holds.len(), model.len());
            }
        }
    }

    #[test]
    fn time_may_begin_anywhere_and_never_ends() {
        let mut holds = Holds::with_capacity(0);
        let public = Endpoint::new([203, 0, 113, 1], 1024);
        holds.insert(u64::MAX - 9, flow(1), public, u64::MAX);
        holds.insert(u64::MAX - 9, flow(2), public, u64::MAX - 4);
        let mut ended = 0;
        holds.expire(u64::MAX, |_, _| ended += 1);
        assert_eq!((ended, holds.len()), (1, 1));
    }
}
