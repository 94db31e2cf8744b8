//! The records by flow id.

use std::collections::VecDeque;

use super::Conn;

/// The card has no flow-state block left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all {capacity} flow ids of the card are in use")]
pub struct FlowIdsExhausted {
    /// How many the card has.
    pub capacity: u32,
}

/// Every flow by its id.
#[derive(Debug)]
pub struct Records {
    slots: Vec<Option<Conn>>,
    free: VecDeque<u32>,
    capacity: u32,
    high_water: u32,
}

impl Records {
    /// No flows, of at most `capacity`.
    pub fn new(capacity: u32) -> Self {
        Self {
            slots: Vec::new(),
            free: VecDeque::new(),
            capacity,
            high_water: 0,
        }
    }

    /// Takes room for every flow at once, so that no later insert allocates.
    pub fn reserve_all(&mut self) {
        self.slots
            .reserve_exact(self.capacity as usize - self.slots.len());
        self.free
            .reserve_exact(self.capacity as usize - self.free.len());
    }

    /// The id that the next insert will use: never used ids first, then the longest free one.
    ///
    /// # Errors
    /// When every id is in use.
    pub fn next_id(&self) -> Result<u32, FlowIdsExhausted> {
        if (self.slots.len() as u32) < self.capacity {
            return Ok(self.slots.len() as u32);
        }
        self.free.front().copied().ok_or(FlowIdsExhausted {
            capacity: self.capacity,
        })
    }

    /// Stores a flow under `id`, which [`Records::next_id`] gave.
    ///
    /// # Panics
    /// When `id` is not the next one.
    pub fn insert(&mut self, id: u32, conn: Conn) {
        assert_eq!(
            self.next_id(),
            Ok(id),
            "ids are used in the order they are given out"
        );
        if id as usize == self.slots.len() {
            self.slots.push(Some(conn));
        } else {
            self.free.pop_front();
            self.slots[id as usize] = Some(conn);
        }
        self.high_water = self.high_water.max(self.len());
    }

    /// Takes a flow out.
    pub fn remove(&mut self, id: u32) -> Option<Conn> {
        let conn = self.slots.get_mut(id as usize)?.take()?;
        self.free.push_back(id);
        Some(conn)
    }

    /// The flow of that id.
    pub fn get(&self, id: u32) -> Option<&Conn> {
        self.slots.get(id as usize)?.as_ref()
    }

    /// The flow of that id.
    pub fn get_mut(&mut self, id: u32) -> Option<&mut Conn> {
        self.slots.get_mut(id as usize)?.as_mut()
    }

    /// All flows by id.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Conn)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(id, conn)| Some((id as u32, conn.as_ref()?)))
    }

    /// The flows with ids from `first` on, below `end`.
    pub fn ids(&self, first: u32, end: u32) -> impl Iterator<Item = u32> {
        let end = end.min(self.used());
        let slots = self.slots.get(first as usize..end as usize);
        let slots = slots.unwrap_or_default().iter();
        (first..end)
            .zip(slots)
            .filter_map(|(id, conn)| conn.is_some().then_some(id))
    }

    /// One more than the highest id that was ever in use.
    pub fn used(&self) -> u32 {
        self.slots.len() as u32
    }

    /// How many flows there are.
    pub fn len(&self) -> u32 {
        (self.slots.len() - self.free.len()) as u32
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The most flows there ever were at once.
    pub fn high_water(&self) -> u32 {
        self.high_water
    }

    /// The most flows there can be.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }
}

#[cfg(test)]
mod tests {
    use super::super::Origin;
    use super::super::tests::conn;
    use super::*;

    #[test]
    fn ids_are_reused_as_late_as_possible_and_run_out_with_a_number() {
        let mut records = Records::new(3);
        let flow = conn(
            Origin::Outbound,
            ["10.0.0.4:1", "203.0.113.10:2", "192.0.2.1:3"],
        );
        let add = |records: &mut Records| {
            let id = records.next_id()?;
            records.insert(id, flow);
            Ok(id)
        };
        assert_eq!(add(&mut records), Ok(0));
        assert_eq!(add(&mut records), Ok(1));
        assert!(records.remove(0).is_some() && records.remove(0).is_none());
        assert_eq!(
            add(&mut records),
            Ok(2),
            "not 0: it was free for the shortest time"
        );
        assert_eq!(add(&mut records), Ok(0));
        assert_eq!(add(&mut records), Err(FlowIdsExhausted { capacity: 3 }));
        assert_eq!(
            (records.len(), records.high_water(), records.iter().count()),
            (3, 3, 3)
        );
    }
}
