//! Installing and removing flows: record, entry pair, timer and SNAT port together or not at all
//! (invariant `pair_is_atomic`).

use firmware_api::Memory;

use super::Engine;
use crate::aging::{Tombstones, Wheel};
use crate::conn::{Conn, Records};
use crate::miss::{Refusal, snat_flow};
use crate::table::{FlowEntry, InsertError};

/// The flows of the card.
#[derive(Debug)]
pub struct Flows {
    /// By flow id.
    pub records: Records,
    /// When each is looked at next.
    pub wheel: Wheel,
    /// Those that idled out lately.
    pub tombstones: Tombstones,
    /// Flows installed since the driver started.
    pub installed: u64,
}

impl Flows {
    /// No flows, of at most `capacity`, beginning at `now`.
    pub fn new(capacity: u32, now: u64) -> Self {
        Self {
            records: Records::new(capacity),
            wheel: Wheel::new(now),
            tombstones: Tombstones::default(),
            installed: 0,
        }
    }
}

impl<M: Memory> Engine<M> {
    /// Takes memory for every flow that the card can hold, so that no packet has to wait for it.
    pub fn reserve(&mut self) {
        self.flows.records.reserve_all();
        self.flows.wheel.reserve(self.flows.records.capacity());
        self.ledger.reserve(self.flows.records.capacity());
    }

    /// Installs both entries of a flow; returns its id.
    pub(crate) fn install(&mut self, conn: Conn) -> Result<u32, Refusal> {
        let id = self
            .flows
            .records
            .next_id()
            .map_err(|_| Refusal::FlowIdsExhausted)?;
        let (forward, reverse) = (conn.forward(id), conn.reverse(id));
        let entry = |(key, action)| FlowEntry::new(key, action).ok_or(Refusal::Unparsed);
        let pair = (entry(forward)?, entry(reverse)?);
        self.tables
            .install_pair(&self.device, pair.0, pair.1)
            .map_err(|e| match e {
                InsertError::Present { .. } => Refusal::KeyInUse,
                InsertError::Full(_) => Refusal::TableFull,
            })?;
        self.flows.tombstones.exhume(&forward.0);
        self.flows.tombstones.exhume(&reverse.0);
        self.flows.wheel.set(id, conn.deadline());
        self.flows.records.insert(id, conn);
        self.flows.installed += 1;
        self.ledger.open(&conn);
        Ok(id)
    }

    /// Removes a flow and everything that belongs to it; its state block is read afterwards.
    pub(crate) fn remove(&mut self, id: u32) -> Option<Conn> {
        let conn = self.take_out(id)?;
        self.ledger.part(id, &conn);
        Some(conn)
    }

    /// Removes a flow whose state block was just read.
    pub(super) fn remove_read(&mut self, id: u32) -> Option<Conn> {
        let conn = self.take_out(id)?;
        self.ledger.close(id, &conn);
        Some(conn)
    }

    fn take_out(&mut self, id: u32) -> Option<Conn> {
        let conn = self.flows.records.remove(id)?;
        let [forward, reverse] = conn.keys();
        self.tables.remove_pair(&self.device, forward, reverse);
        self.flows.wheel.cancel(id);
        if let Some(flow) = snat_flow(&conn) {
            self.snat.release(self.now, &flow, conn.outside, 0);
        }
        Some(conn)
    }
}
