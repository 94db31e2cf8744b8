//! Flows whose timers fired, or whose member's drain period ended: harvest their state, then remove
//! them or wait on.
//!
//! One harvest command at a time, up to [`BATCH`] flows each. The device's answer says how long each
//! flow has really been idle; a flow that had packets gets a new timer.

use firmware_api::Memory;
use firmware_api::flow_state::FlowState;

use super::Engine;
use crate::conn::{Conn, Phase};

/// The most flows of one harvest.
const BATCH: usize = 1024;
/// Milliseconds after which flows that could not be harvested are tried again.
const RETRY: u64 = 1_000;

/// The harvest under way.
#[derive(Debug, Default)]
pub(crate) struct Expiry {
    asked: Vec<u32>,
    states: Vec<FlowState>,
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
            self.ask_for_due_flows(&mut expiry);
        }
        self.expiry = expiry;
        expired
    }

    fn ask_for_due_flows(&mut self, expiry: &mut Expiry) {
        self.flows.wheel.due(self.now, BATCH, &mut expiry.asked);
        if expiry.asked.is_empty() {
            return;
        }
        if let Err(error) = self.device.start_states(&expiry.asked) {
            tracing::error!(%error, "idle flows cannot be harvested");
            self.ask_again_later(expiry);
        }
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
        for (id, state) in expiry.asked.drain(..).zip(&expiry.states) {
            expired += usize::from(self.judge(id, state, tick));
        }
        expired
    }

    fn ask_again_later(&mut self, expiry: &mut Expiry) {
        for id in expiry.asked.drain(..) {
            self.flows.wheel.set(id, self.now + RETRY);
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
        let Some(conn) = self.remove(id) else { return };
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
