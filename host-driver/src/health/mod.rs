//! Backend health: what a probe asks, what its answers mean, and who may take new flows.
//!
//! Pure. Time is an argument in milliseconds of one monotonic clock, and no socket is opened here:
//! [`probe`](crate::probe) sends the probes and hands the [`Outcome`]s back.
//!
//! ```text
//! Schedule ─due─► probe (sockets) ─Outcome─► Target ─Transition─► eligible() ─► selection tables
//! ```

mod eligible;
mod hold_down;
mod outcome;
mod reason;
mod schedule;
mod spec;
mod target;

pub use eligible::{Member, eligible};
pub use hold_down::HoldDown;
pub use outcome::Outcome;
pub use reason::Reason;
pub use schedule::Schedule;
pub(crate) use schedule::spread;
pub use spec::{PathError, Probe, Protocol, RequestPath};
pub use target::{Health, Target, Transition};
