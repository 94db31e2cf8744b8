//! Neighbour packets on a vport: the gateway answers for everything but the instance's own.
//!
//! The question must come from the instance's MAC, and from an address of it: its own, a
//! link-local one, or a frontend's, which an instance with floating IP has too. Looking for
//! duplicates is never answered: the instance may take addresses that are not configured here,
//! link-local ones above all.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use firmware_api::packet::Headers;

use super::{IgnoredReason, Vport};
use crate::emit::arp::{Arp, Operation};
use crate::emit::ethernet::Ethernet;
use crate::emit::ndp::{Message, Solicitation};

impl Vport {
    /// Writes the answer, or says why there is none.
    pub(super) fn on_neighbor(
        &self,
        frame: &[u8],
        headers: &Headers,
        frontends: &HashSet<IpAddr>,
        out: &mut Vec<u8>,
    ) -> Result<(), IgnoredReason> {
        let ethernet = Ethernet::of(frame, headers).ok_or(IgnoredReason::NotUnderstood)?;
        if ethernet.source != self.instance_mac {
            return Err(IgnoredReason::Spoofed);
        }
        if let Some(arp) = Arp::parse(frame, headers) {
            return self.on_arp(&arp, frontends, out);
        }
        match Message::parse(frame, headers) {
            Some(Message::Solicitation(message)) => self.on_solicitation(&message, frontends, out),
            Some(Message::Advertisement(_)) => Err(IgnoredReason::Unasked),
            None => Err(IgnoredReason::NotUnderstood),
        }
    }

    fn on_arp(
        &self,
        arp: &Arp,
        frontends: &HashSet<IpAddr>,
        out: &mut Vec<u8>,
    ) -> Result<(), IgnoredReason> {
        if arp.sender_mac != self.instance_mac {
            return Err(IgnoredReason::Spoofed);
        }
        if arp.operation == Operation::Reply {
            return Err(IgnoredReason::Unasked);
        }
        if !arp.is_probe() {
            self.may_send_from(arp.sender.into(), frontends)?;
        }
        if arp.is_probe() || arp.is_announcement() {
            return Err(IgnoredReason::OwnAddress);
        }
        self.answers_for(arp.target.into())?;
        arp.answer(self.gateway_mac).emit(self.vlan, out);
        Ok(())
    }

    fn on_solicitation(
        &self,
        message: &Solicitation,
        frontends: &HashSet<IpAddr>,
        out: &mut Vec<u8>,
    ) -> Result<(), IgnoredReason> {
        if message
            .source_link
            .is_some_and(|mac| mac != self.instance_mac)
        {
            return Err(IgnoredReason::Spoofed);
        }
        if message.is_probe() {
            return Err(IgnoredReason::OwnAddress);
        }
        if !message.source.is_unicast_link_local() {
            self.may_send_from(message.source.into(), frontends)?;
        }
        if message.source == message.target {
            return Err(IgnoredReason::OwnAddress);
        }
        self.answers_for(message.target.into())?;
        let stations = (self.gateway_mac, self.instance_mac);
        message
            .answer(self.gateway_mac, true)
            .emit(stations, self.vlan, out);
        Ok(())
    }

    fn may_send_from(
        &self,
        address: IpAddr,
        frontends: &HashSet<IpAddr>,
    ) -> Result<(), IgnoredReason> {
        let may = self.addresses.contains(&address) || frontends.contains(&address);
        if may {
            Ok(())
        } else {
            Err(IgnoredReason::Spoofed)
        }
    }

    fn answers_for(&self, target: IpAddr) -> Result<(), IgnoredReason> {
        if self.addresses.contains(&target) {
            return Err(IgnoredReason::OwnAddress);
        }
        let nobodys = match target {
            IpAddr::V4(v4) => v4 == Ipv4Addr::BROADCAST || v4.octets()[0] == 0,
            IpAddr::V6(v6) => v6 == Ipv6Addr::UNSPECIFIED,
        };
        if nobodys || target.is_multicast() || target.is_loopback() {
            return Err(IgnoredReason::NotOurs);
        }
        Ok(())
    }
}
