//! Configurations and packets for property tests.

mod configuration;
mod packet;

pub use configuration::{Configuration, configuration};
pub use packet::{PacketRecipe, packets};
