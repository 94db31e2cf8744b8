//! What forwards the packets of a card: the native [`Pipeline`](crate::Pipeline), or BMv2.
//!
//! The card keeps registers, rings, clock and heartbeat; an engine takes the frames of a round in
//! their order and lets each leave through the [`Outlet`] or counts it as dropped. What it may
//! have cached of BAR2 it learns again from doorbells.

use firmware_api::doorbell::Doorbell;
use firmware_api::{Memory, PortId};

use crate::batch::Batch;
use crate::config::Layout;
use crate::counters::Counters;
use crate::lookup::Spaces;
use crate::pipeline::{Conditions, Outlet};

/// What forwards packets.
pub trait Engine {
    /// What stands where in BAR2.
    fn layout(&self) -> &Layout;

    /// What happened to frames since the last reset; they balance after [`Engine::complete`].
    fn counters(&self) -> &Counters;

    /// Forgets everything; BAR2 is clear already.
    fn reset(&mut self);

    /// The driver wrote slots, which the table has.
    fn written(&mut self, bell: Doorbell);

    /// The driver may have written any slot.
    fn rescan(&mut self);

    /// Takes up what was written, before the frames of a round at that device tick; returns
    /// whether the engine can forward now.
    fn advance<M: Memory>(&mut self, spaces: Spaces<'_, M>, tick: u32) -> bool;

    /// Takes the frames of a batch, in their order, and empties it.
    fn run<M: Memory>(
        &mut self,
        spaces: Spaces<'_, M>,
        conditions: Conditions,
        batch: &mut Batch,
        outlet: &mut impl Outlet,
    );

    /// Takes a frame that the driver made, to be sent as it is.
    fn transmit<M: Memory>(
        &mut self,
        spaces: Spaces<'_, M>,
        port: PortId,
        frame: &[u8],
        outlet: &mut impl Outlet,
    );

    /// Lets everything leave that was taken.
    fn complete<M: Memory>(&mut self, spaces: Spaces<'_, M>, outlet: &mut impl Outlet);

    /// Hands over, 64 at a time, which of the flows `first..first + count` had a packet since the
    /// last time; `first` is a multiple of 64, and there are that many flows. Returns whether it
    /// could: an engine that is down cannot say.
    fn harvest_activity(&mut self, first: u32, count: u32, each: impl FnMut(u64)) -> bool;

    /// Brings the state blocks of flows in BAR2 up to date; there may be no such flows. Returns
    /// whether they are.
    fn harvest_states<M: Memory>(
        &mut self,
        spaces: Spaces<'_, M>,
        flows: impl Iterator<Item = u32>,
    ) -> bool;
}
