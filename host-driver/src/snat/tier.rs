//! How many SNAT ports a pool member gets when the configuration does not say.
//!
//! The table is SNAT-11..16; several frontends follow A-14 (their ports add up, to at most 1,024
//! per instance).

use thiserror::Error;

/// The most ports that an instance gets by default, over all its frontends.
pub const MOST_DEFAULT_PORTS: u32 = 1024;

/// Largest pool size of each tier, and the ports per instance and frontend in it.
const TIERS: [(u32, u32); 6] = [
    (50, 1024),
    (100, 512),
    (200, 256),
    (400, 128),
    (800, 64),
    (1000, 32),
];

/// No default allocation exists for this pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TierError {
    /// The table ends at 1,000 members.
    #[error(
        "a pool of {members} members has no default SNAT allocation (it ends at 1000); \
         give the number of ports explicitly"
    )]
    PoolTooLarge {
        /// The pool's size.
        members: u32,
    },
}

/// Default ports per instance on one frontend, for a pool of `members` (SNAT-11..16).
///
/// Always a multiple of 8, from 32 to 1,024. An empty pool is in the first tier.
pub fn default_ports(members: u32) -> Result<u32, TierError> {
    TIERS
        .iter()
        .find(|&&(largest, _)| members <= largest)
        .map(|&(_, ports)| ports)
        .ok_or(TierError::PoolTooLarge { members })
}

/// Default ports per instance over all of `frontends` together (A-14, L-OUT-13).
pub fn default_ports_over(members: u32, frontends: u32) -> Result<u32, TierError> {
    Ok(default_ports(members)?
        .saturating_mul(frontends)
        .min(MOST_DEFAULT_PORTS))
}

/// Default ports per instance on the frontend at `position` (from 0) of the configured order.
///
/// Frontends are filled one at a time (L-OUT-14), so the cap of A-14 leaves the last ones without
/// ports: 100 members and three frontends get 512, 512 and 0.
pub fn default_ports_on(members: u32, position: u32) -> Result<u32, TierError> {
    let before = default_ports_over(members, position)?;
    Ok(default_ports(members)?.min(MOST_DEFAULT_PORTS - before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a1_snat_11_to_16_default_table() {
        let rows = [
            (1, 1024),
            (50, 1024),
            (51, 512),
            (100, 512),
            (101, 256),
            (200, 256),
            (201, 128),
            (400, 128),
            (401, 64),
            (800, 64),
            (801, 32),
            (1000, 32),
        ];
        for (members, ports) in rows {
            assert_eq!(default_ports(members), Ok(ports), "pool of {members}");
        }
    }

    #[test]
    fn a1_capacity_identity() {
        let full: Vec<u32> = TIERS
            .iter()
            .map(|(largest, ports)| largest * ports)
            .collect();
        assert_eq!(full, [51_200, 51_200, 51_200, 51_200, 51_200, 32_000]);
    }

    #[test]
    fn a23_no_default_above_1000_members() {
        assert_eq!(
            default_ports(1001),
            Err(TierError::PoolTooLarge { members: 1001 })
        );
        assert_eq!(
            default_ports_on(5000, 1),
            Err(TierError::PoolTooLarge { members: 5000 })
        );
    }

    #[test]
    fn a14_frontends_add_up_to_1024() {
        let totals = [1, 2, 3].map(|frontends| default_ports_over(100, frontends));
        assert_eq!(totals, [Ok(512), Ok(1024), Ok(1024)]);
        assert_eq!(
            [0, 1, 2].map(|n| default_ports_on(100, n)),
            [Ok(512), Ok(512), Ok(0)]
        );
        assert_eq!([0, 1].map(|n| default_ports_on(50, n)), [Ok(1024), Ok(0)]);
        assert_eq!(
            [0, 31, 32].map(|n| default_ports_on(1000, n)),
            [Ok(32), Ok(32), Ok(0)]
        );
    }
}
