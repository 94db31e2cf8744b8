//! Backend health: what a probe asks, what its answers mean, and who may take new flows.
//!
//! Pure. Time is an argument in milliseconds of one monotonic clock, and no socket is opened here.

mod schedule;

pub use schedule::Schedule;
