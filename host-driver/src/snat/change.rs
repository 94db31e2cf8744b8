//! What a reconfiguration did: the blocks that the device must learn of, and the flows that are
//! lost.

use super::mapping::{Endpoint, InstanceId};
use super::space::Block;

/// Changes of block ownership.
///
/// The caller first deletes what `revoked` and `lost` name from the device and from its own
/// records, then hands `revoked` to [`Allocator::confirm`](super::Allocator::confirm). Until then
/// nobody else gets these ports. `granted` may be written at any time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "the device's snat_block table must follow"]
pub struct Changes {
    /// Blocks that instances own from now on: `snat_block` entries to insert.
    pub granted: Vec<Block>,
    /// Blocks taken back: `snat_block` entries to delete. In quarantine until confirmed.
    pub revoked: Vec<Block>,
    /// What was on the revoked blocks (SNAT-21). The allocator has already forgotten it: do not
    /// release it.
    pub lost: Vec<Lost>,
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.granted.is_empty() && self.revoked.is_empty() && self.lost.is_empty()
    }
}

/// Something that lived on a reclaimed port (SNAT-21): its packets are to be dropped from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// One flow. `remote` to `public` is the key of its return entry.
    Tcp {
        /// Whose flow.
        instance: InstanceId,
        /// Its reclaimed port.
        public: Endpoint,
        /// Its destination.
        remote: Endpoint,
    },
    /// All flows of one inside endpoint on a port.
    Udp {
        /// Whose flows.
        instance: InstanceId,
        /// Their reclaimed port.
        public: Endpoint,
        /// Their source.
        inside: Endpoint,
    },
}
