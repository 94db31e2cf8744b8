//! Start on a card that is already running: the blocks and flows found there are adopted as they
//! are.

use thiserror::Error;

use super::allocator::Allocator;
use super::mapping::{Endpoint, Flow};
use super::pool::{Conflict, Pool};
use super::space::{Block, Space};

/// Why something found on a running card could not be adopted. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RestoreError {
    /// The block is outside the SNAT range, reserved, or another instance's.
    #[error("{0:?} cannot be adopted: it is not free")]
    BlockNotFree(Block),
    /// The flow's instance does not own the port.
    #[error("{public} does not belong to {}", flow.instance)]
    NotOwned {
        /// The flow.
        flow: Flow,
        /// Its port.
        public: Endpoint,
    },
    /// Another flow has the port: toward the same destination (TCP), or at all (UDP).
    #[error("{public} is in use by another flow to {}", flow.remote)]
    InUse {
        /// The flow.
        flow: Flow,
        /// Its port.
        public: Endpoint,
    },
    /// The UDP source has a different port.
    #[error("{} already has the port {found}, and cannot have {public}", flow.inside)]
    OtherPort {
        /// The flow.
        flow: Flow,
        /// Its port.
        public: Endpoint,
        /// The port its source has.
        found: Endpoint,
    },
}

/// Start on a card that is already running.
///
/// First [`adopt`](Self::adopt) each `snat_block` entry, then [`restore`](Self::restore) each flow,
/// and then [`configure`](Self::configure): its changes are relative to what was adopted.
impl Allocator {
    /// Adopts a block that the card gives to an instance.
    pub fn adopt(&mut self, block: Block) -> Result<(), RestoreError> {
        let Block {
            address,
            protocol,
            number,
            instance,
        } = block;
        let space = self
            .spaces
            .entry((address, protocol))
            .or_insert_with(Space::new);
        if !space.adopt(instance, number) {
            return Err(RestoreError::BlockNotFree(block));
        }
        let reuse = self.reuse(protocol);
        let pool = self
            .pools
            .entry((instance, protocol))
            .or_insert_with(|| Pool::new(protocol, reuse));
        let range = pool.range_on(address);
        range.extend([number]);
        range.wanted = range.wanted.max(range.block_count());
        pool.count_allocated();
        Ok(())
    }

    /// Adopts a flow with exactly the port it has on the card. Release it as any other.
    pub fn restore(&mut self, flow: &Flow, public: Endpoint) -> Result<(), RestoreError> {
        let flow = *flow;
        let Some(pool) = self.pools.get_mut(&(flow.instance, flow.protocol)) else {
            return Err(RestoreError::NotOwned { flow, public });
        };
        pool.take_exactly(&flow, public)
            .map_err(|conflict| match conflict {
                Conflict::NotOwned => RestoreError::NotOwned { flow, public },
                Conflict::InUse => RestoreError::InUse { flow, public },
                Conflict::OtherPort(found) => RestoreError::OtherPort {
                    flow,
                    public,
                    found,
                },
            })
    }
}
