//! Idle aging: timers per flow, and what is remembered of flows that idled out.
//!
//! A timer that fires is only a suspicion: the driver then harvests the flow's state block, whose
//! last-seen tick decides. So a flow is never removed early, an active flow costs one harvested
//! block per timeout, and the card keeps no timer.

mod tombstones;
mod wheel;

pub use tombstones::Tombstones;
pub use wheel::Wheel;
