//! The link layer: ARP and neighbour discovery, so that plain hosts attach to the card's ports.
//!
//! On the uplink the driver answers for the public addresses and finds the next hops' MACs. On a
//! vport it is the gateway, which answers for every address but the instance's own: the virtual
//! network is routed, whatever the instance takes for its subnet.
//!
//! Pure state: time is an argument, in milliseconds of any clock that does not go back. Nothing is
//! allocated per packet.

mod announcement;
mod config;
mod next_hops;
mod outcome;
mod resolver;
mod uplink;
mod vport;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use firmware_api::packet::Headers;
use firmware_api::{Family, PortId, UPLINK_PORT};

use crate::emit::arp::Arp;
use crate::emit::ndp::{Advertisement, Solicitation, link_local};
use announcement::Announcements;
use next_hops::NextHops;

pub use config::{LinkConfig, NextHop, Uplink, Vport};
pub use outcome::{IgnoredReason, Learned, NeighborOutcome};
pub use resolver::{RETRY_MS, REVALIDATE_MS, Reachability, UNREACHABLE_AFTER};

/// The link layer of all ports.
#[derive(Clone, Debug)]
pub struct Link {
    uplink: Uplink,
    /// The sender of ARP requests.
    asking_v4: Ipv4Addr,
    /// Every address that is answered on the uplink.
    ours: HashSet<IpAddr>,
    vports: HashMap<PortId, Vport>,
    hops: NextHops,
    announcements: Announcements,
}

impl Link {
    /// Begins with nothing known; every address is to be announced.
    pub fn new(now: u64, config: &LinkConfig) -> Self {
        let mut link = Self {
            uplink: config.uplink,
            asking_v4: Ipv4Addr::UNSPECIFIED,
            ours: HashSet::new(),
            vports: HashMap::new(),
            hops: NextHops::new(now, &config.uplink),
            announcements: Announcements::default(),
        };
        link.replace(now, config);
        link
    }

    /// Takes new facts. What is known of a next hop that stays is kept; addresses that are new, or
    /// all of them when the MAC or VLAN is, are to be announced.
    pub fn replace(&mut self, now: u64, config: &LinkConfig) {
        let uplink = config.uplink;
        let moved = (uplink.mac, uplink.vlan) != (self.uplink.mac, self.uplink.vlan);
        let known = if moved {
            HashSet::new()
        } else {
            std::mem::take(&mut self.ours)
        };
        self.uplink = uplink;
        self.asking_v4 = asking_v4(config);
        self.hops.replace(now, &uplink);
        self.vports = config
            .vports
            .iter()
            .map(|vport| (vport.port, vport.clone()))
            .collect();
        self.ours = HashSet::from([link_local(uplink.mac).into()]);
        let own = [
            uplink.address_v4.map(IpAddr::from),
            uplink.address_v6.map(IpAddr::from),
        ];
        for address in own
            .into_iter()
            .flatten()
            .chain(config.answered.iter().copied())
        {
            if self.ours.insert(address) && !known.contains(&address) {
                self.announce(now, address);
            }
        }
    }

    /// Has an address announced to the uplink: a gratuitous ARP or an unsolicited advertisement.
    pub fn announce(&mut self, now: u64, address: IpAddr) {
        self.announcements.push(now, address);
    }

    /// A packet that was punted as `neighbor`. After [`NeighborOutcome::Reply`] the buffer holds
    /// the answer for the ingress port.
    pub fn on_neighbor(
        &mut self,
        now: u64,
        ingress: PortId,
        frame: &[u8],
        headers: &Headers,
        out: &mut Vec<u8>,
    ) -> NeighborOutcome {
        if ingress == UPLINK_PORT {
            return self.on_uplink(now, frame, headers, out);
        }
        match self.vports.get(&ingress) {
            Some(vport) => match vport.on_neighbor(frame, headers, &self.ours, out) {
                Ok(()) => NeighborOutcome::Reply { learned: None },
                Err(reason) => NeighborOutcome::Ignored(reason),
            },
            None => NeighborOutcome::Ignored(IgnoredReason::UnknownPort),
        }
    }

    /// Writes the next frame that is due: a question for a next hop, or an announcement. It goes
    /// out of the port that is returned; call again until there is none.
    pub fn due(&mut self, now: u64, out: &mut Vec<u8>) -> Option<PortId> {
        self.question(now, out)
            .or_else(|| self.announcement(now, out))?;
        Some(UPLINK_PORT)
    }

    /// When [`Link::due`] has something next.
    pub fn next_due(&self) -> Option<u64> {
        let times = [self.hops.next_question(), self.announcements.next()];
        times.into_iter().flatten().min()
    }

    /// What is known of the family's next hop; `None` when it has none.
    pub fn next_hop(&self, family: Family) -> Option<Reachability> {
        match family {
            Family::V4 => self.hops.v4.reachability(),
            Family::V6 => self.hops.v6.reachability(),
        }
    }

    fn question(&mut self, now: u64, out: &mut Vec<u8>) -> Option<()> {
        let Uplink {
            mac,
            vlan,
            address_v6,
            ..
        } = self.uplink;
        if let Some(target) = self.hops.v4.ask(now) {
            Arp::request(mac, self.asking_v4, target).emit(vlan, out);
            return Some(());
        }
        let target = self.hops.v6.ask(now)?;
        let own = address_v6.filter(|_| !target.is_unicast_link_local());
        let source = own.unwrap_or(link_local(mac));
        Solicitation {
            source,
            target,
            source_link: Some(mac),
        }
        .emit(mac, vlan, out);
        Some(())
    }

    fn announcement(&mut self, now: u64, out: &mut Vec<u8>) -> Option<()> {
        let Uplink { mac, vlan, .. } = self.uplink;
        loop {
            let address = self.announcements.pop(now)?;
            if !self.ours.contains(&address) {
                continue; // removed since
            }
            match address {
                IpAddr::V4(v4) => Arp::announcement(mac, v4).emit(vlan, out),
                IpAddr::V6(v6) => Advertisement::announcement(mac, v6).emit((mac, mac), vlan, out),
            }
            return Some(());
        }
    }
}

/// The uplink's own address, else the first one answered: next hops know a way back to both. With
/// neither, the unspecified address, which makes the question a probe; it is answered as well.
fn asking_v4(config: &LinkConfig) -> Ipv4Addr {
    let answered = config.answered.iter().find_map(|address| match address {
        IpAddr::V4(v4) => Some(*v4),
        IpAddr::V6(_) => None,
    });
    config
        .uplink
        .address_v4
        .or(answered)
        .unwrap_or(Ipv4Addr::UNSPECIFIED)
}
