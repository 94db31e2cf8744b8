//! The Headgate host driver: everything a table cannot do.
//!
//! Layers, lowest first; each uses only what stands above it in this list.

pub mod emit;

pub mod snat;

pub mod conn;

pub mod aging;

pub mod health;

pub mod probe;

pub mod link;
