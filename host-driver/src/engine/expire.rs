//! Harvests: what the card knows of flows.
//!
//! One command at a time, up to [`BATCH`] flows each. First those whose timers fired: the answer
//! says how long each has really been idle, and it is removed or gets a new timer. Then those that
//! were removed unread. Then, at a slow pace, all others in turn: what they carried is booked, so
//! that no counter is older than [`SWEEP`].

use firmware_api::Memory;
use firmware_api::flow_state::FlowState;

use super::Engine;
use crate::conn::{Conn, Phase};

/// The most flows of one harvest.
const BATCH: usize = 1024;
/// Milliseconds after which flows that could not be harvested are tried again.
const RETRY: u64 = 1_000;
/// Milliseconds within which every flow is read once.
const SWEEP: u64 = 30_000;
/// The longest time between two batches of a sweep, milliseconds: few flows are read more often.
const LONGEST_PAUSE: u64 = 5_000;

/// The harvest under way.
#[derive(Debug, Default)]
pub(crate) struct Expiry {
    asked: Vec<u32>,
    /// The first so many of them are judged, the others only read.
    due: usize,
    asked_at: u64,
    states: Vec<FlowState>,
    /// Nothing but due flows is asked for before, after trouble.
    calm_at: u64,
    sweep: Sweep,
}

/// The turn of all flows.
#[derive(Debug, Default)]
struct Sweep {
    /// The next flow id to read.
    next: u32,
    /// When the next batch is due.
    at: u64,
}

impl Sweep {
    /// The ids of the next batch of a card whose highest id in use is below `used`.
    fn window(&mut self, now: u64, used: u32, size: usize) -> (u32, u32) {
        if self.next >= used {
            self.next = 0;
        }
        let first = self.next;
        self.next = first.saturating_add(size as u32);
        let batches = u64::from(used).div_ceil(BATCH as u64).max(1);
        self.at = now + (SWEEP / batches).min(LONGEST_PAUSE);
        (first, self.next)
    }
}

impl<M: Memory> Engine<M> {
    pub(super) fn expire_flows(&mut self) -> usize {
        let mut expiry = std::mem::take(&mut self.expiry);
        let expired = if expiry.asked.is_empty() {
            0
        } else {
            self.take_answer(&mut expiry)
        };
        if expiry.asked.is_empty() {
            self.ask_for_flows(&mut expiry);
        }
        self.expiry = expiry;
        expired
    }

    fn ask_for_flows(&mut self, expiry: &mut Expiry) {
        self.flows.wheel.due(self.now, BATCH, &mut expiry.asked);
        expiry.due = expiry.asked.len();
        if self.now >= expiry.calm_at {
            self.add_flows_to_read(expiry);
        }
        if expiry.asked.is_empty() {
            return;
        }
        expiry.asked_at = self.now;
        if let Err(error) = self.device.start_states(&expiry.asked) {
            tracing::error!(%error, "idle flows cannot be harvested");
            self.ask_again_later(expiry);
        }
    }

    fn add_flows_to_read(&mut self, expiry: &mut Expiry) {
        let room = BATCH - expiry.asked.len();
        expiry.asked.extend(self.ledger.parted(room));
        let room = BATCH - expiry.asked.len();
        if self.now < expiry.sweep.at || room == 0 {
            return;
        }
        let records = &self.flows.records;
        let (first, end) = expiry.sweep.window(self.now, records.used(), room);
        expiry.asked.extend(records.ids(first, end));
    }

    fn take_answer(&mut self, expiry: &mut Expiry) -> usize {
        let tick = match self.device.harvest() {
            Ok(None) => return 0,
            Ok(Some(answer)) => {
                expiry.states.clear();
                expiry.states.extend(answer.states());
                answer.tick()
            }
            Err(error) => {
                tracing::error!(%error, "the card did not answer a harvest");
                self.ask_again_later(expiry);
                return 0;
            }
        };
        let mut expired = 0;
        let flows = expiry.asked.drain(..).zip(&expiry.states).enumerate();
        for (at, (id, state)) in flows {
            self.read(id, state, expiry.asked_at);
            if at < expiry.due {
                expired += usize::from(self.judge(id, state, tick));
            }
        }
        expired
    }

    fn ask_again_later(&mut self, expiry: &mut Expiry) {
        for id in expiry.asked.drain(..).take(expiry.due) {
            self.flows.wheel.set(id, self.now + RETRY);
        }
        expiry.calm_at = self.now + RETRY;
    }

    /// Books what a flow carried. One that began or changed after the card was asked is left for the
    /// next time: the answer may be about the flow that had the block before.
    fn read(&mut self, id: u32, state: &FlowState, asked_at: u64) {
        match self.flows.records.get(id) {
            Some(conn) if conn.last_active < asked_at => self.ledger.read(id, conn, state),
            Some(_) => self.ledger.lose(id),
            None => self.ledger.read_parted(id, state),
        }
    }

    /// Removes the flow if it is over; true if so.
    fn judge(&mut self, id: u32, state: &FlowState, tick: u32) -> bool {
        let now = self.now;
        let Some(conn) = self.flows.records.get_mut(id) else {
            return false;
        };
        // What passes after a reset does not keep the flow: its ends are gone (spec A-21).
        if let Some(seen) = state.last_seen.filter(|_| conn.phase != Phase::Reset) {
            let idle = u64::from(tick.wrapping_sub(seen));
            conn.last_active = conn.last_active.max(now.saturating_sub(idle));
        }
        let deadline = conn.deadline();
        let is_drained = self.drains.is_over(conn);
        if deadline > now && !is_drained {
            self.flows.wheel.set(id, deadline);
            return false;
        }
        self.expire(id, state, is_drained);
        true
    }

    fn expire(&mut self, id: u32, state: &FlowState, is_drained: bool) {
        let Some(conn) = self.remove_read(id) else {
            return;
        };
        let is_told = if is_drained {
            is_alive(&conn, state)
        } else {
            is_established(&conn, state) && conn.reset_on_idle
        };
        if is_told {
            self.send_resets(&conn, state);
            for key in conn.keys() {
                self.flows.tombstones.bury(self.now, key);
            }
        }
    }
}

/// Whether the connection is in state ESTABLISHED, as far as its segments tell (spec RST-03): the
/// initiator acknowledged, and nobody closed or reset.
fn is_established(conn: &Conn, state: &FlowState) -> bool {
    is_alive(conn, state) && conn.phase == Phase::Open
}

/// Whether the connection was established and an end may still send: what a drain resets.
fn is_alive(conn: &Conn, state: &FlowState) -> bool {
    use firmware_api::flow_state::tcp_flags::ACK;
    conn.protocol == firmware_api::Protocol::Tcp
        && matches!(conn.phase, Phase::Open | Phase::HalfClosed { .. })
        && state.forward.flags & ACK != 0
}
