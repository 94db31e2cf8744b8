//! The simulated card: BAR memory, registers, rings, and a native pipeline behind them.
//!
//! [`Card`] is the device: a driver sees nothing of it but the memory of its [`Bars`]. It does one
//! round of work per [`Card::poll`]; frames come and go through [`Ports`]. The pipeline is in
//! [`pipeline`], one file per stage, in the order of the decision graph in ARCHITECTURE.md.

pub mod activity;
pub mod bars;
pub mod batch;
pub mod card;
pub mod clock;
pub mod config;
pub mod counters;
pub mod engine;
#[cfg(test)]
mod fixture;
pub mod lookup;
pub mod memory;
pub mod pipeline;
pub mod ports;

pub use bars::Bars;
pub use batch::Batch;
pub use card::{Card, Work};
pub use config::CardConfig;
pub use engine::Engine;
pub use memory::SimMemory;
pub use pipeline::{Pipeline, Verdict};
pub use ports::Ports;
