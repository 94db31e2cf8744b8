//! Placeholder root; see the crate description in Cargo.toml.

pub mod emit;
