//! SNAT ports: which instance owns which ports of which public address, and which flow uses which.
//!
//! ```text
//! Plan ─► reconfigure ─► space   blocks of 8 ports per public address and protocol, quarantine
//!             │            │
//!             └─► pool ─► range   an instance's ports, and where they are in use (port_set)
//!                  ▲           └─► cones   ports of UDP sources
//! Flow ─► allocator ─► hold       ports kept for a while after FIN or RST
//! ```
//!
//! Pure: no clock, no I/O, no locks. Keeps `snat_unique` (no two flows share public address, port,
//! protocol, remote address and remote port) and `range_never_moves` (a live port is never given to
//! another instance).
//!
//! The caller keeps one record per flow, with the public endpoint that [`Allocator::allocate`]
//! gave; the allocator keeps only which ports are in use toward which remote endpoint.

mod allocator;
mod change;
mod cones;
mod hold;
mod mapping;
mod plan;
mod pool;
mod port_set;
mod range;
mod reconfigure;
mod restore;
mod space;
#[cfg(test)]
mod tests;

pub use allocator::{AddressUsage, Allocator, Exhausted, Released};
pub use change::{Changes, Lost};
pub use mapping::{Endpoint, Flow, InstanceId, Protocol};
pub use plan::{Plan, PlanError, Quota, ReservedPort, Share};
pub use pool::Usage;
pub use restore::RestoreError;
pub use space::{ADDRESS_PORTS, BLOCK_PORTS, Block, FIRST_PORT, LAST_PORT};
