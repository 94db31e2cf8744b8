//! The next hops of both families: what is asked, and what is learned.

use std::net::{Ipv4Addr, Ipv6Addr};

use firmware_api::entry::port::Mac;

use super::config::{NextHop, Uplink};
use super::resolver::{Reachability, Resolver};
use crate::emit::ndp::Advertisement;

/// A next hop of one family.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hop<A> {
    None,
    Static(Mac),
    Resolved(A, Resolver),
}

/// What hearing a station meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is no next hop that is resolved.
    Stranger,
    /// A next hop, with the MAC that was known.
    Known,
    /// A next hop, with a new MAC.
    New(Mac),
}

impl<A: Copy + PartialEq> Hop<A> {
    fn new(now: u64, facts: Option<NextHop<A>>) -> Self {
        match facts {
            None => Self::None,
            Some(NextHop::Static(mac)) => Self::Static(mac),
            Some(NextHop::Resolve(address)) => Self::Resolved(address, Resolver::new(now)),
        }
    }

    /// The same next hop keeps what is known of it.
    fn replaced(self, now: u64, facts: Option<NextHop<A>>) -> Self {
        match (self, facts) {
            (Self::Resolved(old, _), Some(NextHop::Resolve(new))) if old == new => self,
            _ => Self::new(now, facts),
        }
    }

    /// The address to ask for now.
    pub(super) fn ask(&mut self, now: u64) -> Option<A> {
        match self {
            Self::Resolved(address, resolver) => resolver.ask(now).then_some(*address),
            Self::None | Self::Static(_) => None,
        }
    }

    /// A station spoke.
    pub(super) fn heard(&mut self, now: u64, address: A, mac: Mac) -> Heard {
        match self {
            Self::Resolved(own, resolver) if *own == address => {
                if resolver.heard(now, mac) {
                    Heard::New(mac)
                } else {
                    Heard::Known
                }
            }
            _ => Heard::Stranger,
        }
    }

    pub(super) fn next_question(&self) -> Option<u64> {
        match self {
            Self::Resolved(_, resolver) => Some(resolver.next_question()),
            Self::None | Self::Static(_) => None,
        }
    }

    pub(super) fn reachability(&self) -> Option<Reachability> {
        match self {
            Self::None => None,
            Self::Static(mac) => Some(Reachability::Static(*mac)),
            Self::Resolved(_, resolver) => Some(resolver.reachability()),
        }
    }
}

/// Both.
#[derive(Clone, Copy, Debug)]
pub(super) struct NextHops {
    pub(super) v4: Hop<Ipv4Addr>,
    pub(super) v6: Hop<Ipv6Addr>,
}

impl NextHops {
    pub(super) fn new(now: u64, uplink: &Uplink) -> Self {
        Self {
            v4: Hop::new(now, uplink.next_hop_v4),
            v6: Hop::new(now, uplink.next_hop_v6),
        }
    }

    pub(super) fn replace(&mut self, now: u64, uplink: &Uplink) {
        self.v4 = self.v4.replaced(now, uplink.next_hop_v4);
        self.v6 = self.v6.replaced(now, uplink.next_hop_v6);
    }

    /// When the next question is due.
    pub(super) fn next_question(&self) -> Option<u64> {
        [self.v4.next_question(), self.v6.next_question()]
            .into_iter()
            .flatten()
            .min()
    }

    /// An advertisement that does not override leaves a MAC that differs alone
    /// (RFC 4861 §7.2.5).
    pub(super) fn heard_advertisement(&mut self, now: u64, message: &Advertisement) -> Heard {
        let Some(mac) = message.target_link else {
            return Heard::Stranger;
        };
        if let Hop::Resolved(address, resolver) = &self.v6
            && *address == message.target
            && !message.overrides
            && resolver.mac().is_some_and(|known| known != mac)
        {
            return Heard::Stranger;
        }
        self.v6.heard(now, message.target, mac)
    }
}
