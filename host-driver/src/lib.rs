//! The Headgate host driver: everything a table cannot do.
//!
//! Layers, lowest first; each uses only what stands above it in this list, and the engine ties
//! `miss` and `apply` together.

pub mod device;

pub mod table;

pub mod ring;

pub mod emit;

pub mod snat;

pub mod conn;

pub mod aging;

pub mod ledger;

pub mod health;

pub mod probe;

pub mod link;

pub mod miss;

pub mod event;

pub mod metric;

pub mod apply;

pub mod engine;

pub mod control;

pub mod daemon;

pub mod replay;

pub mod cli;
