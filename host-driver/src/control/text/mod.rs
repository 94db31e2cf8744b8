//! The documents of the control API as text for people: aligned, and the same for the same input.
//!
//! Headings carry terminal styles; who prints the text strips them where there is no terminal.

mod counters;
mod events;
mod explain;
mod number;
mod reason;
mod rows;
mod status;
mod table;
#[cfg(test)]
mod tests;

pub use counters::{counters, reasons};
pub use events::{event, events};
pub use explain::{applied, explanation};
pub use number::{count, duration, nouns, percent, rate};
pub use reason::meaning;
pub use rows::{backends, flows, health, nat, rules, snat};
pub use status::{status, tables};
pub use table::{Facts, Table, heading};
