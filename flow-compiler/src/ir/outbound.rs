//! How instances reach public destinations: what the driver's SNAT allocator starts from.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use firmware_api::{Family, Protocol};

use super::InstanceIndex;

/// Ways out of every instance, and the ports that rules take from public addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboundPlan {
    /// By instance, family and protocol (TCP or UDP); an absent key is [`Outbound::None`].
    pub ways: BTreeMap<(InstanceIndex, Family, Protocol), Outbound>,
    /// Blocks of eight ports (port / 8) that rules listen on, by public address. They are never
    /// SNAT ports, and each costs eight of the address's 64,000 (A-22, L-OUT-11).
    pub reserved_blocks: BTreeMap<IpAddr, BTreeSet<u16>>,
}

/// How new flows of an instance, family and protocol get out (OUT-07, L-OUT-01).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outbound {
    /// By its 1:1 public address, ports unchanged, no SNAT ports consumed (SNAT-24).
    OneToOne {
        /// The public address.
        address: IpAddr,
    },
    /// By SNAT ports of these allotments, tried in this order.
    Snat(Vec<SnatAllotment>),
    /// Not at all (L-OUT-05, OUT-13).
    #[default]
    None,
}

/// The SNAT ports that one rule, all implicit rules together, or the platform give an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnatAllotment {
    /// Whose ports they are: `web/out`, `web/http` for the first rule that gives them implicitly, or
    /// `uplink/default` of the platform's address.
    pub rule: String,
    /// Ports on each public address, filled in this order.
    pub quotas: Vec<SnatQuota>,
    /// After how many idle seconds a flow ends.
    pub idle_seconds: u32,
    /// Whether both ends of a TCP flow are told then.
    pub tcp_reset: bool,
}

/// Ports of one instance on one public address. TCP and UDP have as many each (L-OUT-08).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnatQuota {
    /// The public address.
    pub address: IpAddr,
    /// A multiple of 8, not 0.
    pub ports: u16,
}

impl SnatQuota {
    /// Spreads ports over addresses: whole blocks of eight, the first addresses one more where it
    /// does not come out even.
    pub(crate) fn spread(ports: u16, addresses: &[IpAddr]) -> Vec<Self> {
        let blocks = usize::from(ports / 8);
        let (each, more) = (blocks / addresses.len(), blocks % addresses.len());
        let quota = |(index, address): (usize, &IpAddr)| Self {
            address: *address,
            ports: 8 * (each + usize::from(index < more)) as u16,
        };
        let quotas = addresses.iter().enumerate().map(quota);
        quotas.filter(|quota| quota.ports > 0).collect()
    }
}

impl Outbound {
    /// Whether it gives SNAT ports of an address.
    pub fn leads_by(&self, address: IpAddr) -> bool {
        let Self::Snat(allotments) = self else {
            return false;
        };
        let mut quotas = allotments.iter().flat_map(|allotment| &allotment.quotas);
        quotas.any(|quota| quota.address == address)
    }
}

impl OutboundPlan {
    /// The way out of an instance.
    pub fn way(&self, instance: InstanceIndex, family: Family, protocol: Protocol) -> &Outbound {
        const NONE: &Outbound = &Outbound::None;
        self.ways.get(&(instance, family, protocol)).unwrap_or(NONE)
    }
}
