//! The daemon: the engine in a thread of its own, and around it what it is not to wait for.
//!
//! ```text
//! main thread, tokio                              engine thread
//!   control server ──Ask──┐                         loop {
//!   prober ──────Report───┼─► channel of events ──►   step(now), handle an event,
//!   file watch ──Ask──────┤                           or sleep a little when there is nothing
//!   signals ─────Stop─────┘                         }
//!                 prober ◄── targets to probe ──────┘
//! ```

pub mod card;
pub mod error;
pub mod log;
mod packet_loop;
mod run;
mod watch;

pub use card::DeviceKind;
pub use error::RunError;
pub use run::{Settings, run};
