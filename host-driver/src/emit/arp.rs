//! ARP for IPv4 over Ethernet (RFC 826, RFC 5227).

use std::net::Ipv4Addr;

use firmware_api::Family;
use firmware_api::entry::port::Mac;
use firmware_api::packet::header::{ARP_LEN, ethertype};
use firmware_api::packet::{Class, Headers};

use super::array;
use super::ethernet::{BROADCAST, Ethernet, is_station};

/// The fields that are the same in every packet: Ethernet, IPv4, and the address lengths.
const PREFIX: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// What the packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Who has the target address?
    Request,
    /// The sender has its address.
    Reply,
}

/// An ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// Request or reply.
    pub operation: Operation,
    /// The sender's Ethernet address.
    pub sender_mac: Mac,
    /// The sender's address; unspecified when it only probes for duplicates.
    pub sender: Ipv4Addr,
    /// The target's Ethernet address; zero in requests.
    pub target_mac: Mac,
    /// The target's address.
    pub target: Ipv4Addr,
}

impl Arp {
    /// The ARP packet in a frame; `None` when it is none, or none that a station can have sent.
    pub fn parse(frame: &[u8], headers: &Headers) -> Option<Self> {
        if headers.class != Class::Neighbor || headers.family != Family::V4 {
            return None;
        }
        let packet: [u8; ARP_LEN] = array(frame, usize::from(headers.l3))?;
        if packet[..6] != PREFIX {
            return None;
        }
        let arp = Self {
            operation: match [packet[6], packet[7]] {
                [0, 1] => Operation::Request,
                [0, 2] => Operation::Reply,
                _ => return None,
            },
            sender_mac: array(&packet, 8)?,
            sender: array::<4>(&packet, 14)?.into(),
            target_mac: array(&packet, 18)?,
            target: array::<4>(&packet, 24)?.into(),
        };
        is_station(arp.sender_mac).then_some(arp)
    }

    /// Asks who has `target`.
    pub const fn request(sender_mac: Mac, sender: Ipv4Addr, target: Ipv4Addr) -> Self {
        Self {
            operation: Operation::Request,
            sender_mac,
            sender,
            target_mac: [0; 6],
            target,
        }
    }

    /// Tells everybody who has `address`: a request for one's own address (RFC 5227 §2.3).
    pub const fn announcement(mac: Mac, address: Ipv4Addr) -> Self {
        Self::request(mac, address, address)
    }

    /// Whether it tells or asks about its sender's own address.
    pub fn is_announcement(&self) -> bool {
        self.sender == self.target
    }

    /// Whether it asks for duplicates before the sender takes the address (RFC 5227 §2.1.1).
    pub const fn is_probe(&self) -> bool {
        self.sender.is_unspecified()
    }

    /// The answer to a request: `mac` has its target.
    #[must_use]
    pub const fn answer(&self, mac: Mac) -> Self {
        Self {
            operation: Operation::Reply,
            sender_mac: mac,
            sender: self.target,
            target_mac: self.sender_mac,
            target: self.sender,
        }
    }

    /// Writes the frame: requests go to everybody, replies to the target.
    pub fn emit(&self, vlan: u16, out: &mut Vec<u8>) {
        let (number, destination) = match self.operation {
            Operation::Request => (1, BROADCAST),
            Operation::Reply => (2, self.target_mac),
        };
        Ethernet {
            destination,
            source: self.sender_mac,
            vlan,
        }
        .emit(ethertype::ARP, out);
        out.extend_from_slice(&PREFIX);
        out.extend_from_slice(&[0, number]);
        out.extend_from_slice(&self.sender_mac);
        out.extend_from_slice(&self.sender.octets());
        out.extend_from_slice(&self.target_mac);
        out.extend_from_slice(&self.target.octets());
    }
}
