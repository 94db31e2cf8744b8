//! The packet rings: punts from the card, packets back to it.

mod inject;
mod punt;

#[cfg(test)]
mod loom_tests;
#[cfg(test)]
mod tests;

pub use inject::{InjectError, InjectRing};
pub use punt::{PuntBatch, PuntRing, PuntStats};
