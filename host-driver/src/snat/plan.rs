//! What the configuration wants: how many ports each instance has on which public addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use thiserror::Error;

use super::mapping::{InstanceId, Protocol};
use super::space::{ADDRESS_PORTS, BLOCK_PORTS};

/// The whole desired allocation. Shares that are absent are taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which free blocks are handed out.
    pub shares: Vec<Share>,
    /// Ports which load-balancing and inbound NAT rules use. Each takes its aligned block of 8 out
    /// of the address's ports, for both protocols (L-OUT-11, L-OUT-08).
    pub reserved: Vec<ReservedPort>,
}

/// The ports of one instance for one protocol, for IPv4 and IPv6 together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Whose ports they are.
    pub instance: InstanceId,
    /// Which port space.
    pub protocol: Protocol,
    /// Public addresses in the order in which they are filled (L-OUT-14, A-27).
    /// Flows use the addresses of their own family.
    pub addresses: Vec<Quota>,
}

/// Ports on one public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The public address.
    pub address: IpAddr,
    /// A multiple of 8, from 0 to 64,000 (L-OUT-10).
    pub ports: u32,
}

/// A port of a public address that a rule listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReservedPort {
    /// The frontend's address.
    pub address: IpAddr,
    /// Any port. One outside 1024..=65023 still costs 8 of the 64,000.
    pub port: u16,
}

/// A plan that cannot be met. Nothing of it is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PlanError {
    /// Ports come in blocks of 8 (L-OUT-10).
    #[error("{ports} {protocol} ports on {address} for {instance}: not a multiple of 8")]
    PartialBlock {
        /// Whose share.
        instance: InstanceId,
        /// Of which protocol.
        protocol: Protocol,
        /// On which address.
        address: IpAddr,
        /// The ports asked for.
        ports: u32,
    },
    /// More ports than the address has (L-OUT-10, L-OUT-11).
    #[error("{wanted} {protocol} ports wanted on {address}, which has {capacity}")]
    OverCommitted {
        /// The public address.
        address: IpAddr,
        /// Of which protocol.
        protocol: Protocol,
        /// The sum over all shares.
        wanted: u64,
        /// 64,000 less 8 for each reserved block.
        capacity: u64,
    },
    /// Two shares of the same instance and protocol.
    #[error("{instance} has two shares of {protocol} ports")]
    DuplicateShare {
        /// Whose shares.
        instance: InstanceId,
        /// Of which protocol.
        protocol: Protocol,
    },
    /// The same address twice in one share.
    #[error("{address} is twice among the {protocol} addresses of {instance}")]
    DuplicateAddress {
        /// Whose share.
        instance: InstanceId,
        /// Of which protocol.
        protocol: Protocol,
        /// The address.
        address: IpAddr,
    },
}

impl Plan {
    /// Every address that it names, some more than once.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let shared = self.shares.iter().flat_map(|share| &share.addresses);
        shared
            .map(|quota| quota.address)
            .chain(self.reserved.iter().map(|r| r.address))
    }

    /// Whether the plan can be met at all (L-OUT-10).
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<(), PlanError> {
        let mut seen = BTreeSet::new();
        for share in &self.shares {
            let (instance, protocol) = (share.instance, share.protocol);
            if !seen.insert((instance, protocol)) {
                return Err(PlanError::DuplicateShare { instance, protocol });
            }
            share.check()?;
        }
        self.check_capacity()
    }

    fn check_capacity(&self) -> Result<(), PlanError> {
        let mut wanted: BTreeMap<(IpAddr, Protocol), u64> = BTreeMap::new();
        for share in &self.shares {
            for quota in &share.addresses {
                *wanted.entry((quota.address, share.protocol)).or_default() +=
                    u64::from(quota.ports);
            }
        }
        let reserved: BTreeSet<(IpAddr, u16)> = self
            .reserved
            .iter()
            .map(|r| (r.address, r.port / BLOCK_PORTS))
            .collect();
        for ((address, protocol), wanted) in wanted {
            let blocks = reserved.range((address, 0)..=(address, u16::MAX)).count();
            let lost = blocks as u64 * u64::from(BLOCK_PORTS);
            let capacity = u64::from(ADDRESS_PORTS).saturating_sub(lost);
            if wanted > capacity {
                return Err(PlanError::OverCommitted {
                    address,
                    protocol,
                    wanted,
                    capacity,
                });
            }
        }
        Ok(())
    }
}

impl Share {
    fn check(&self) -> Result<(), PlanError> {
        let (instance, protocol) = (self.instance, self.protocol);
        let mut seen = BTreeSet::new();
        for &Quota { address, ports } in &self.addresses {
            if !ports.is_multiple_of(u32::from(BLOCK_PORTS)) {
                return Err(PlanError::PartialBlock {
                    instance,
                    protocol,
                    address,
                    ports,
                });
            }
            if !seen.insert(address) {
                return Err(PlanError::DuplicateAddress {
                    instance,
                    protocol,
                    address,
                });
            }
        }
        Ok(())
    }
}
