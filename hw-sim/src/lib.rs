//! The simulated card: BAR memory, registers, rings, and an engine behind them that forwards.
//!
//! [`Card`] is the device: a driver sees nothing of it but the memory of its [`Bars`]. It does one
//! round of work per [`Card::poll`]; frames come and go through [`Ports`]. The [`Engine`] is the
//! native [`Pipeline`] ([`pipeline`], one file per stage, in the order of the decision graph in
//! ARCHITECTURE.md), or [`Bmv2`], which has the same pipeline as a P4 program.

pub mod activity;
pub mod bars;
pub mod batch;
pub mod bmv2;
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
pub use bmv2::Bmv2;
pub use card::{Card, Work};
pub use config::CardConfig;
pub use engine::Engine;
pub use memory::SimMemory;
pub use pipeline::{Pipeline, Verdict};
pub use ports::Ports;
