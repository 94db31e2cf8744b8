//! Configurations, tables and packets for property tests.

mod configuration;
mod dice;
mod packet;
mod storm;
mod wreck;

pub use configuration::{Configuration, configuration};
pub use dice::Dice;
pub use packet::{PacketRecipe, packets};
pub use storm::storm;
