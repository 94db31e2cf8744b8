//! A timer wheel over small integer ids: one timer per id, O(1) to set, move and cancel, no
//! allocation once every id was seen.
//!
//! Slots are 256 ms wide; a deadline further away than the wheel is long is parked in the last
//! slot and looked at again there. A timer never fires before its deadline and at most one slot
//! late, given that [`Wheel::due`] is called at least once per slot.

/// Milliseconds per slot, as a shift.
const SLOT_SHIFT: u32 = 8;
/// Slots: about 2 h 20 min, longer than the longest idle timeout (120 min, spec A-01).
const SLOTS: u64 = 1 << 15;
/// The furthest slot ahead that a timer is put in: one less than the wheel is long, so that a timer
/// parked again while its slot is being emptied lands in another one.
const LONGEST: u64 = SLOTS - 2;
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Node {
    next: u32,
    previous: u32,
    deadline: u64,
    slot: u32,
}

const IDLE: Node = Node {
    next: NONE,
    previous: NONE,
    deadline: 0,
    slot: NONE,
};

/// The timers of all flows.
#[derive(Debug)]
pub struct Wheel {
    heads: Vec<u32>,
    nodes: Vec<Node>,
    /// The first slot, counted from time zero, that has not been emptied yet.
    current: u64,
}

impl Wheel {
    /// No timers; time begins at `now` milliseconds.
    pub fn new(now: u64) -> Self {
        Self {
            heads: vec![NONE; SLOTS as usize],
            nodes: Vec::new(),
            current: now >> SLOT_SHIFT,
        }
    }

    /// Takes room for ids below `ids` at once.
    pub fn reserve(&mut self, ids: u32) {
        self.nodes
            .reserve_exact((ids as usize).saturating_sub(self.nodes.len()));
    }

    /// Sets or moves the timer of `id` to fire at `deadline` milliseconds or up to one slot later.
    pub fn set(&mut self, id: u32, deadline: u64) {
        if self.nodes.len() <= id as usize {
            self.nodes.resize(id as usize + 1, IDLE);
        }
        self.cancel(id);
        let slot = (deadline >> SLOT_SHIFT) + 1;
        let slot = slot.clamp(self.current, self.current + LONGEST) % SLOTS;
        let head = std::mem::replace(&mut self.heads[slot as usize], id);
        if head != NONE {
            self.nodes[head as usize].previous = id;
        }
        self.nodes[id as usize] = Node {
            next: head,
            previous: NONE,
            deadline,
            slot: slot as u32,
        };
    }

    /// Takes the timer of `id` away, if it has one.
    pub fn cancel(&mut self, id: u32) {
        let Some(node) = self
            .nodes
            .get(id as usize)
            .copied()
            .filter(|n| n.slot != NONE)
        else {
            return;
        };
        if node.previous == NONE {
            self.heads[node.slot as usize] = node.next;
        } else {
            self.nodes[node.previous as usize].next = node.next;
        }
        if node.next != NONE {
            self.nodes[node.next as usize].previous = node.previous;
        }
        self.nodes[id as usize] = IDLE;
    }

    /// Moves up to `limit` ids whose timers are due at `now` to `out`; true when more are due.
    pub fn due(&mut self, now: u64, limit: usize, out: &mut Vec<u32>) -> bool {
        while self.current <= now >> SLOT_SHIFT {
            let slot = (self.current % SLOTS) as usize;
            while self.heads[slot] != NONE {
                if out.len() == limit {
                    return true;
                }
                let id = self.heads[slot];
                let deadline = self.nodes[id as usize].deadline;
                self.cancel(id);
                if deadline <= now {
                    out.push(id);
                } else {
                    self.park(id, deadline);
                }
            }
            self.current += 1;
        }
        false
    }

    /// Puts a timer that came round before its deadline where it belongs now.
    fn park(&mut self, id: u32, deadline: u64) {
        let current = self.current;
        self.current += 1;
        self.set(id, deadline);
        self.current = current;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    use super::*;

    fn fire(wheel: &mut Wheel, now: u64) -> Vec<u32> {
        let mut out = Vec::new();
        while wheel.due(now, out.len() + 3, &mut out) {}
        out.sort_unstable();
        out
    }

    #[test]
    fn a_deadline_beyond_the_wheel_waits_its_whole_time() {
        let mut wheel = Wheel::new(0);
        let far = (SLOTS << SLOT_SHIFT) * 3 + 17;
        wheel.set(5, far);
        let mut now = 0;
        while now < far {
            assert_eq!(fire(&mut wheel, now), Vec::<u32>::new());
            now += 100_000;
        }
        assert_eq!(fire(&mut wheel, far + 256), [5]);
    }

    proptest! {
        #[test]
        fn idle_never_early_and_at_most_one_slot_late(
            steps in proptest::collection::vec((0u32..20, 0u64..20_000, any::<bool>()), 1..200),
        ) {
            let mut wheel = Wheel::new(1000);
            let mut model = BTreeMap::new();
            let mut now = 1000;
            for (id, delay, cancel) in steps {
                if cancel {
                    wheel.cancel(id);
                    model.remove(&id);
                } else {
                    wheel.set(id, now + delay);
                    model.insert(id, now + delay);
                }
                now += delay / 4;
                for id in fire(&mut wheel, now) {
                    let deadline = model.remove(&id).expect("a timer that was set");
                    prop_assert!(deadline <= now);
                }
                for deadline in model.values() {
                    prop_assert!(deadline + (1 << SLOT_SHIFT) > now, "overdue");
                }
            }
        }
    }
}
