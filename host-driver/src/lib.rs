//! Placeholder root; see the crate description in Cargo.toml.

pub mod emit;
pub mod link;
