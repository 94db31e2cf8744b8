//! Events: what an operator wants to be told without asking.
//!
//! Pure. [`Kind`] is the closed set of them, under the service's names where it has one (L-MON-08);
//! [`Journal`] keeps the latest and is the only one who tells the log; [`Quiet`] says when a
//! condition that goes on is told again. `METRICS.md` says what to do about each.

mod journal;
mod kind;
mod quiet;
mod time;

pub use journal::{Event, Journal};
pub use kind::{Kind, Severity};
pub use quiet::Quiet;
pub use time::rfc_3339;
