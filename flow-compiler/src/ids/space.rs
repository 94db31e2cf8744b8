//! Ids of one kind: stable while their keys are in use, used again as late as possible.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use firmware_api::TableId;

use super::Exhausted;

/// The ids of one table.
#[derive(Clone, Debug)]
pub(crate) struct IdSpace<K> {
    table: TableId,
    capacity: u32,
    ids: BTreeMap<K, u16>,
    next: u32,
    /// Oldest first.
    freed: VecDeque<u16>,
}

impl<K: Ord + Clone> IdSpace<K> {
    pub(crate) const fn new(table: TableId, capacity: u32) -> Self {
        Self {
            table,
            capacity,
            ids: BTreeMap::new(),
            next: 0,
            freed: VecDeque::new(),
        }
    }

    /// The id of a key, a new one if it has none.
    pub(crate) fn id(&mut self, key: &K) -> Result<u16, Exhausted> {
        if let Some(id) = self.ids.get(key) {
            return Ok(*id);
        }
        let id = self
            .fresh()
            .or_else(|| self.freed.pop_front())
            .ok_or(Exhausted {
                table: self.table,
                capacity: self.capacity,
            })?;
        self.ids.insert(key.clone(), id);
        Ok(id)
    }

    fn fresh(&mut self) -> Option<u16> {
        let id = u16::try_from(self.next)
            .ok()
            .filter(|_| self.next < self.capacity)?;
        self.next += 1;
        Some(id)
    }

    /// Frees the ids of all other keys.
    pub(crate) fn retain(&mut self, keys: &BTreeSet<K>) {
        let freed = &mut self.freed;
        self.ids.retain(|key, id| {
            let keep = keys.contains(key);
            if !keep {
                freed.push_back(*id);
            }
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(space: &mut IdSpace<&'static str>, key: &'static str) -> Option<u16> {
        space.id(&key).ok()
    }

    #[test]
    fn survivors_keep_their_ids_and_freed_ones_come_back_last() {
        let mut space = IdSpace::new(TableId::Rule, 4);
        assert_eq!(
            [id(&mut space, "a"), id(&mut space, "b")],
            [Some(0), Some(1)]
        );
        space.retain(&BTreeSet::from(["b"]));
        assert_eq!(id(&mut space, "b"), Some(1));
        assert_eq!(
            [id(&mut space, "c"), id(&mut space, "d")],
            [Some(2), Some(3)]
        );
        assert_eq!(id(&mut space, "e"), Some(0), "fresh ids are used up");
        assert_eq!(id(&mut space, "f"), None);
    }
}
