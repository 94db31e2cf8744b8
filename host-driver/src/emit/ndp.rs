//! Neighbour solicitations and advertisements (RFC 4861 §4.3, §4.4, §7.1). Router discovery and
//! redirects are not read: next hops are configured.

use std::net::Ipv6Addr;

use firmware_api::Family;
use firmware_api::entry::port::Mac;
use firmware_api::packet::header::ip;
use firmware_api::packet::{Class, Headers};

use super::array;
use super::ethernet::{Ethernet, is_station, multicast};
use super::ip::Addresses;

/// All nodes on the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// Nothing that a router has forwarded arrives with this hop limit (RFC 4861 §7.1).
const HOP_LIMIT: u8 = 255;
const SOURCE_LINK: u8 = 1;
const TARGET_LINK: u8 = 2;
const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;

/// A message of neighbour discovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// A question.
    Solicitation(Solicitation),
    /// An answer or an announcement.
    Advertisement(Advertisement),
}

/// Who has the target address?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Solicitation {
    /// Who asks; unspecified when it only probes for duplicates (RFC 4862 §5.4).
    pub source: Ipv6Addr,
    /// The address in question.
    pub target: Ipv6Addr,
    /// The asking station.
    pub source_link: Option<Mac>,
}

/// Where the target address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertisement {
    /// Who says so.
    pub source: Ipv6Addr,
    /// Who asked, or [`ALL_NODES`].
    pub destination: Ipv6Addr,
    /// The address in question.
    pub target: Ipv6Addr,
    /// The target is a router.
    pub router: bool,
    /// Somebody asked.
    pub solicited: bool,
    /// It replaces what the receiver knows.
    pub overrides: bool,
    /// The station that has the target.
    pub target_link: Option<Mac>,
}

/// The solicited-node multicast address (RFC 4291 §2.7.1).
pub const fn solicited_node(target: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = target.octets();
    let low = u16::from_be_bytes([b, c]);
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | a as u16, low)
}

/// The link-local address of a station (RFC 4291 appendix A).
pub const fn link_local(mac: Mac) -> Ipv6Addr {
    let mut octets = [
        0xfe,
        0x80,
        0,
        0,
        0,
        0,
        0,
        0,
        mac[0] ^ 2,
        mac[1],
        mac[2],
        0xff,
        0xfe,
        0,
        0,
        0,
    ];
    [_, _, _, octets[13], octets[14], octets[15]] = mac;
    Ipv6Addr::from_octets(octets)
}

impl Message {
    /// The message in a frame; `None` when it is neither, or not valid (RFC 4861 §7.1.1, §7.1.2).
    pub fn parse(frame: &[u8], headers: &Headers) -> Option<Self> {
        if headers.class != Class::Neighbor || headers.family != Family::V6 {
            return None;
        }
        let addresses = Addresses::of(frame, headers)?;
        let Addresses::V6 {
            source,
            destination,
        } = addresses
        else {
            return None;
        };
        let message = frame.get(usize::from(headers.l4)..usize::from(headers.end))?;
        let kind = *message.first()?;
        let target = Ipv6Addr::from(array::<16>(message, 8)?);
        let intact = addresses.checksum(ip::ICMPV6, message) == 0;
        let hop_limit = *frame.get(usize::from(headers.l3) + 7)?;
        if hop_limit != HOP_LIMIT || message[1] != 0 || !intact || target.is_multicast() {
            return None;
        }
        match kind {
            SOLICITATION => solicitation(source, destination, target, &message[24..]),
            ADVERTISEMENT => advertisement(source, destination, target, message),
            _ => None,
        }
    }
}

fn solicitation(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    target: Ipv6Addr,
    options: &[u8],
) -> Option<Message> {
    let source_link = link_option(options, SOURCE_LINK).ok()?;
    let probe_is_odd = destination != solicited_node(target) || source_link.is_some();
    if source.is_multicast() || source.is_unspecified() && probe_is_odd {
        return None;
    }
    Some(Message::Solicitation(Solicitation {
        source,
        target,
        source_link,
    }))
}

fn advertisement(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    target: Ipv6Addr,
    message: &[u8],
) -> Option<Message> {
    let flags = message[4];
    let solicited = flags & SOLICITED != 0;
    let target_link = link_option(&message[24..], TARGET_LINK).ok()?;
    if destination.is_multicast() && solicited {
        return None;
    }
    Some(Message::Advertisement(Advertisement {
        source,
        destination,
        target,
        router: flags & ROUTER != 0,
        solicited,
        overrides: flags & OVERRIDE != 0,
        target_link,
    }))
}

/// Options that do not add up, or a link-layer address that no station has.
struct Malformed;

/// The link-layer address of that kind among the options.
fn link_option(mut options: &[u8], kind: u8) -> Result<Option<Mac>, Malformed> {
    let mut found = None;
    while let [this, units, ..] = *options {
        let len = usize::from(units) * 8;
        if len == 0 || len > options.len() {
            return Err(Malformed);
        }
        if this == kind && found.is_none() {
            let mac = array(options, 2).filter(|mac| len == 8 && is_station(*mac));
            found = Some(mac.ok_or(Malformed)?);
        }
        options = &options[len..];
    }
    if options.is_empty() {
        Ok(found)
    } else {
        Err(Malformed)
    }
}

impl Solicitation {
    /// Whether it asks for duplicates before the sender takes the address.
    pub const fn is_probe(&self) -> bool {
        self.source.is_unspecified()
    }

    /// The answer: `mac` has the target. A probe has no address to answer to, so that all nodes
    /// hear it (RFC 4861 §7.2.4).
    #[must_use]
    pub const fn answer(&self, mac: Mac, router: bool) -> Advertisement {
        let probe = self.is_probe();
        Advertisement {
            source: self.target,
            destination: if probe { ALL_NODES } else { self.source },
            target: self.target,
            router,
            solicited: !probe,
            overrides: true,
            target_link: Some(mac),
        }
    }

    /// Writes the frame, to those who may have the target.
    pub fn emit(&self, mac: Mac, vlan: u16, out: &mut Vec<u8>) {
        let group = solicited_node(self.target);
        let ethernet = Ethernet {
            destination: multicast(group),
            source: mac,
            vlan,
        };
        let addresses = Addresses::V6 {
            source: self.source,
            destination: group,
        };
        let link = self.source_link.map(|mac| (SOURCE_LINK, mac));
        emit(
            (SOLICITATION, 0),
            self.target,
            link,
            ethernet,
            addresses,
            out,
        );
    }
}

impl Advertisement {
    /// Tells everybody that `mac` has `address` (RFC 4861 §7.2.6).
    pub const fn announcement(mac: Mac, address: Ipv6Addr) -> Self {
        Self {
            source: address,
            destination: ALL_NODES,
            target: address,
            router: false,
            solicited: false,
            overrides: true,
            target_link: Some(mac),
        }
    }

    /// Writes the frame. Its destination MAC follows from a multicast destination; an answer to
    /// one station is sent to `station`.
    pub fn emit(&self, (mac, station): (Mac, Mac), vlan: u16, out: &mut Vec<u8>) {
        let group = self.destination.is_multicast();
        let destination = if group {
            multicast(self.destination)
        } else {
            station
        };
        let ethernet = Ethernet {
            destination,
            source: mac,
            vlan,
        };
        let addresses = Addresses::V6 {
            source: self.source,
            destination: self.destination,
        };
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = flag(self.router, ROUTER)
            | flag(self.solicited, SOLICITED)
            | flag(self.overrides, OVERRIDE);
        let link = self.target_link.map(|mac| (TARGET_LINK, mac));
        emit(
            (ADVERTISEMENT, flags),
            self.target,
            link,
            ethernet,
            addresses,
            out,
        );
    }
}

fn emit(
    (kind, flags): (u8, u8),
    target: Ipv6Addr,
    link: Option<(u8, Mac)>,
    ethernet: Ethernet,
    addresses: Addresses,
    out: &mut Vec<u8>,
) {
    let mut message = [0; 24];
    message[0] = kind;
    message[4] = flags;
    message[8..].copy_from_slice(&target.octets());
    let layer = (ip::ICMPV6, HOP_LIMIT);
    let Some((option, mac)) = link else {
        return addresses.emit(ethernet, layer, message, 2, out);
    };
    let mut whole = [0; 32];
    whole[..24].copy_from_slice(&message);
    whole[24..26].copy_from_slice(&[option, 1]);
    whole[26..].copy_from_slice(&mac);
    addresses.emit(ethernet, layer, whole, 2, out);
}
