//! The link to the physical network.

use std::net::IpAddr;

use firmware_api::Family;

use crate::mac::MacAddr;

/// The uplink's link-layer facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uplink {
    /// The card's own Ethernet address on the uplink.
    pub mac: MacAddr,
    /// 802.1Q VLAN id, 1..=4094; 0 = untagged.
    pub vlan: u16,
    /// The IPv4 side.
    pub v4: Link,
    /// The IPv6 side.
    pub v6: Link,
}

/// The facts of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The card's own address with the length of its prefix, for ARP and neighbour discovery.
    pub address: Option<(IpAddr, u8)>,
    /// Where packets go that leave by the uplink.
    pub next_hop: NextHop,
    /// The platform's address, by which instances leave that have no other way out (OUT-06).
    pub default_outbound: Option<IpAddr>,
}

/// Whom packets on the uplink are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextHop {
    /// The station with this Ethernet address.
    Static(MacAddr),
    /// The neighbour with this address, whose Ethernet address ARP or neighbour discovery finds.
    Resolve(IpAddr),
    /// Nobody: the family has no way out of the card.
    None,
}

/// The card's own Ethernet address when no `uplink` section names one.
const DEFAULT_MAC: MacAddr = MacAddr::constant([0x02, 0, 0x5e, 0, 0, 0x01]);
/// The next hop's Ethernet address when there is no `uplink` section.
const DEFAULT_NEXT_HOP_MAC: MacAddr = MacAddr::constant([0x02, 0, 0x5e, 0, 0, 0xfe]);

impl Uplink {
    /// The card's own Ethernet address when none is named: 02:00:5e:00:00:01.
    pub const DEFAULT_MAC: MacAddr = DEFAULT_MAC;

    /// The facts of a family.
    pub const fn link(&self, family: Family) -> &Link {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }
}

/// Without an `uplink` section: 02:00:5e:00:00:01 sends everything to 02:00:5e:00:00:fe.
impl Default for Uplink {
    fn default() -> Self {
        let link = Link {
            address: None,
            next_hop: NextHop::Static(DEFAULT_NEXT_HOP_MAC),
            default_outbound: None,
        };
        Self {
            mac: DEFAULT_MAC,
            vlan: 0,
            v4: link,
            v6: link,
        }
    }
}
