//! The Ethernet header of a frame, with or without an 802.1Q tag.

use std::net::Ipv6Addr;

use firmware_api::entry::port::Mac;
use firmware_api::packet::Headers;
use firmware_api::packet::header::ethertype;

use super::array;

/// Every station.
pub const BROADCAST: Mac = [0xff; 6];

/// An Ethernet header without its `EtherType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ethernet {
    /// Destination address.
    pub destination: Mac,
    /// Source address.
    pub source: Mac,
    /// 802.1Q VLAN id, 1..=4094; 0 = untagged, as in the `port` table.
    pub vlan: u16,
}

impl Ethernet {
    /// The header of a received frame.
    pub fn of(frame: &[u8], headers: &Headers) -> Option<Self> {
        Some(Self {
            destination: array(frame, 0)?,
            source: array(frame, 6)?,
            vlan: headers.vlan.unwrap_or(0),
        })
    }

    /// The header of an answer.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            destination: self.source,
            source: self.destination,
            vlan: self.vlan,
        }
    }

    /// Begins a frame: replaces the buffer's contents by the header.
    pub fn emit(self, kind: u16, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.destination);
        out.extend_from_slice(&self.source);
        if self.vlan != 0 {
            out.extend_from_slice(&ethertype::VLAN.to_be_bytes());
            out.extend_from_slice(&(self.vlan & 0x0fff).to_be_bytes());
        }
        out.extend_from_slice(&kind.to_be_bytes());
    }
}

/// Whether the address can be one station's: neither a group nor zero.
pub const fn is_station(mac: Mac) -> bool {
    mac[0] & 1 == 0 && !matches!(mac, [0, 0, 0, 0, 0, 0])
}

/// The group MAC of an IPv6 multicast address (RFC 2464 §7).
pub const fn multicast(address: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = address.octets();
    [0x33, 0x33, a, b, c, d]
}
