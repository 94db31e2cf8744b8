//! Breadth-first search for the shortest chain of moves that frees a slot in one of two full
//! buckets. Bounded, so that a table that is too full costs a bounded time per attempt.
//!
//! The shortest chain never visits a bucket twice: it would have been found from the first visit.

/// Buckets looked into at most, 100 µs in a table that has no room: enough for the first refusal to
/// come at 97.3 % load with four ways and at 99.5 % with eight (benches/table.rs).
pub(super) const MAX_NODES: usize = 2048;
const ROOT: u16 = u16::MAX;

/// A full bucket that the search reached.
#[derive(Clone, Copy, Debug)]
struct Node {
    bucket: u32,
    /// The slot whose entry can move into this bucket. Meaningless for a root.
    from: u32,
    /// The node of the bucket that `from` is in, or [`ROOT`].
    parent: u16,
}

/// The moves found by a search, last first: each frees the slot that the next one fills.
#[derive(Debug, Default)]
pub(super) struct Search {
    nodes: Vec<Node>,
}

/// One move, and where the rest of the chain stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    /// The slot that becomes free.
    pub(super) from: u32,
    /// The free slot.
    pub(super) to: u32,
    /// The node of the bucket that `from` is in.
    node: u16,
}

impl Search {
    pub(super) fn new() -> Self {
        Self {
            nodes: Vec::with_capacity(MAX_NODES),
        }
    }

    /// The first move of a chain that frees a slot of a root bucket. `way_out(slot)` is the other
    /// bucket of the entry in a slot and a free slot of that bucket, if there is one; `slots` are
    /// the slots of a bucket.
    pub(super) fn run(
        &mut self,
        roots: [u32; 2],
        slots: impl Fn(u32) -> std::ops::Range<u32>,
        mut way_out: impl FnMut(u32, u32) -> (u32, Option<u32>),
    ) -> Option<Move> {
        self.nodes.clear();
        for bucket in roots {
            self.push(bucket, 0, ROOT);
        }
        let mut next = 0;
        while let Some(&Node { bucket, .. }) = self.nodes.get(next) {
            for from in slots(bucket) {
                if self.nodes.len() == MAX_NODES {
                    return None;
                }
                let (other, free) = way_out(bucket, from);
                if let Some(to) = free {
                    let node = next as u16;
                    return Some(Move { from, to, node });
                }
                self.push(other, from, next as u16);
            }
            next += 1;
        }
        None
    }

    fn push(&mut self, bucket: u32, from: u32, parent: u16) {
        self.nodes.push(Node {
            bucket,
            from,
            parent,
        });
    }

    /// The move after one, which fills the slot that it freed; `None` behind the last.
    pub(super) fn after(&self, done: Move) -> Option<Move> {
        let Node { from, parent, .. } = self.nodes[done.node as usize];
        (parent != ROOT).then_some(Move {
            from,
            to: done.from,
            node: parent,
        })
    }
}
