//! What the driver does now and then: heartbeat, lost records, neighbours.

use firmware_api::entry::port::Port;
use firmware_api::inject::Inject;
use firmware_api::{Family, Memory, PortId, PuntReason};

use super::Engine;
use crate::device::Counters;
use crate::event::Kind;

/// Milliseconds between heartbeats; the card's default patience is ten times as long.
const HEARTBEAT_PERIOD: u64 = 250;
/// Milliseconds between selections written anew, so that a host whose backends fail all at once does
/// not write each selection once per backend.
const SELECTION_PERIOD: u64 = 50;
/// Milliseconds between looks at the card's counters.
const COUNTERS_PERIOD: u64 = 1_000;

/// When each chore is due, and what the last look found.
#[derive(Debug, Default)]
pub(crate) struct Housekeeping {
    heartbeat_at: u64,
    pub(super) last_heartbeat: u64,
    counters_at: u64,
    learns_lost: u64,
    /// Selections do not show somebody's health yet.
    pub(crate) health_changed: bool,
    selected_at: u64,
    /// The card's counters as they were last read.
    pub(crate) counters: Option<Counters>,
    /// The card's registers read all ones; nothing is written to it any more.
    pub(crate) gone: bool,
}

impl<M: Memory> Engine<M> {
    pub(super) fn keep_house(&mut self) {
        if self.now >= self.housekeeping.heartbeat_at {
            if let Err(error) = self.device.heartbeat() {
                self.housekeeping.gone = true;
                self.lookout.is_card_up = false;
                let card = self.name.clone();
                let message = format!("{error}; nothing is written to it any more");
                self.tell(Kind::CardGone, card, message);
                return;
            }
            self.housekeeping.heartbeat_at = self.now + HEARTBEAT_PERIOD;
            self.housekeeping.last_heartbeat = self.now;
        }
        if self.now >= self.housekeeping.counters_at {
            self.look_at_counters();
            self.housekeeping.counters_at = self.now + COUNTERS_PERIOD;
        }
        if self.watch.tick(self.now) {
            self.housekeeping.health_changed = true;
            self.tell_health();
        }
        if self.housekeeping.health_changed && self.now >= self.housekeeping.selected_at {
            self.housekeeping.health_changed = false;
            self.housekeeping.selected_at = self.now + SELECTION_PERIOD;
            self.reselect();
        }
        self.end_drained();
        self.send_neighbor_requests();
    }

    /// Reads the card's counters and state, and a few entries back, once per second: the only BAR
    /// reads of a running driver beside the heartbeat's.
    fn look_at_counters(&mut self) {
        let counters = self.device.counters();
        let lost = counters.lost(PuntReason::Learn) + counters.lost(PuntReason::Steer);
        if lost > self.housekeeping.learns_lost {
            self.learns_lost_at = Some(self.now);
        } else if self
            .learns_lost_at
            .is_some_and(|at| self.now > at + super::LOSS_WINDOW)
        {
            self.learns_lost_at = None;
        }
        self.housekeeping.learns_lost = lost;
        if self.now >= self.started_at + COUNTERS_PERIOD {
            self.look_out(&counters);
        }
        self.housekeeping.counters = Some(counters);
    }

    fn send_neighbor_requests(&mut self) {
        let mut frame = std::mem::take(&mut self.scratch);
        while let Some(port) = self.link.due(self.now, &mut frame) {
            if self.inject(Inject::Transmit(port), &frame).is_err() {
                break;
            }
        }
        self.scratch = frame;
    }

    /// A neighbour's Ethernet address became known.
    pub(crate) fn set_peer_mac(&mut self, port: PortId, family: Family, mac: [u8; 6]) {
        if self.active.set_peer_mac(port, family, mac)
            && let Some(config) = self.active.port(port).copied()
        {
            let entry = Port::new(config);
            if let Err(error) = self.tables.port.set(&self.device, port.into(), entry) {
                tracing::error!(%error, "a neighbour's address was not written");
            }
        }
    }
}
