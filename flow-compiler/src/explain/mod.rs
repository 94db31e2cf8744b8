//! Where one packet would go, stage by stage, by linear search of the logical tables.
//!
//! The slow truth: every lookup looks at every entry of its table, in the order of the decision
//! graph in ARCHITECTURE.md. Only the static tables are known here; flows and SNAT blocks are the
//! running driver's, which can add what it knows at the stages that say so.

mod balance;
mod outbound;
mod packet;
mod parse;
mod record;
mod search;
mod walk;

pub use packet::{Ingress, Packet, Shape};
pub use parse::PacketError;
pub use record::{Explanation, Learn, Stage, Step, Verdict};
pub use walk::explain;

#[cfg(test)]
mod tests;
