//! Neighbour packets on the uplink: questions for our addresses are answered, also those of
//! stations that look for duplicates; next hops are learned from whatever they say.

use std::net::IpAddr;

use firmware_api::packet::Headers;
use firmware_api::{Family, UPLINK_PORT};

use super::next_hops::Heard;
use super::{IgnoredReason, Learned, Link, NeighborOutcome};
use crate::emit::arp::{Arp, Operation};
use crate::emit::ethernet::{Ethernet, is_station};
use crate::emit::ndp::{Advertisement, Message, Solicitation};

impl Link {
    pub(super) fn on_uplink(
        &mut self,
        now: u64,
        frame: &[u8],
        headers: &Headers,
        out: &mut Vec<u8>,
    ) -> NeighborOutcome {
        let ignored = NeighborOutcome::Ignored;
        let Some(ethernet) = Ethernet::of(frame, headers).filter(|e| is_station(e.source)) else {
            return ignored(IgnoredReason::NotUnderstood);
        };
        if ethernet.source == self.uplink.mac {
            return ignored(IgnoredReason::OwnMac);
        }
        if let Some(arp) = Arp::parse(frame, headers) {
            return self.on_arp(now, &arp, out);
        }
        match Message::parse(frame, headers) {
            Some(Message::Solicitation(message)) => {
                self.on_solicitation(now, &message, ethernet, out)
            }
            Some(Message::Advertisement(message)) => self.on_advertisement(now, &message),
            None => ignored(IgnoredReason::NotUnderstood),
        }
    }

    fn on_arp(&mut self, now: u64, arp: &Arp, out: &mut Vec<u8>) -> NeighborOutcome {
        if arp.sender_mac == self.uplink.mac {
            return NeighborOutcome::Ignored(IgnoredReason::OwnMac);
        }
        if self.is_ours(arp.sender) {
            return NeighborOutcome::Ignored(IgnoredReason::Conflict);
        }
        let heard = self.hops.v4.heard(now, arp.sender, arp.sender_mac);
        if arp.operation == Operation::Reply || arp.is_announcement() {
            return told(Family::V4, heard, IgnoredReason::Unasked);
        }
        if !self.is_ours(arp.target) {
            return told(Family::V4, heard, IgnoredReason::NotOurs);
        }
        arp.answer(self.uplink.mac).emit(self.uplink.vlan, out);
        NeighborOutcome::Reply {
            learned: learned(Family::V4, heard),
        }
    }

    fn on_solicitation(
        &mut self,
        now: u64,
        message: &Solicitation,
        ethernet: Ethernet,
        out: &mut Vec<u8>,
    ) -> NeighborOutcome {
        if self.is_ours(message.source) {
            return NeighborOutcome::Ignored(IgnoredReason::Conflict);
        }
        let heard = match message.source_link {
            Some(mac) if mac == self.uplink.mac => {
                return NeighborOutcome::Ignored(IgnoredReason::OwnMac);
            }
            Some(mac) => self.hops.v6.heard(now, message.source, mac),
            None => Heard::Stranger,
        };
        if !self.is_ours(message.target) {
            return told(Family::V6, heard, IgnoredReason::NotOurs);
        }
        let station = message.source_link.unwrap_or(ethernet.source);
        let mac = self.uplink.mac;
        message
            .answer(mac, false)
            .emit((mac, station), self.uplink.vlan, out);
        NeighborOutcome::Reply {
            learned: learned(Family::V6, heard),
        }
    }

    fn on_advertisement(&mut self, now: u64, message: &Advertisement) -> NeighborOutcome {
        if self.is_ours(message.target) {
            return NeighborOutcome::Ignored(IgnoredReason::Conflict);
        }
        if message.target_link == Some(self.uplink.mac) {
            return NeighborOutcome::Ignored(IgnoredReason::OwnMac);
        }
        let heard = self.hops.heard_advertisement(now, message);
        told(Family::V6, heard, IgnoredReason::Unasked)
    }

    fn is_ours(&self, address: impl Into<IpAddr>) -> bool {
        self.ours.contains(&address.into())
    }
}

const fn learned(family: Family, heard: Heard) -> Option<Learned> {
    match heard {
        Heard::New(mac) => Some(Learned {
            port: UPLINK_PORT,
            family,
            mac,
        }),
        Heard::Known | Heard::Stranger => None,
    }
}

/// What became of a packet that is not answered.
fn told(family: Family, heard: Heard, otherwise: IgnoredReason) -> NeighborOutcome {
    match (learned(family, heard), heard) {
        (Some(learned), _) => NeighborOutcome::Learned(learned),
        (None, Heard::Known) => NeighborOutcome::Confirmed,
        (None, _) => NeighborOutcome::Ignored(otherwise),
    }
}
