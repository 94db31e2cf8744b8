//! What became of a neighbour packet.

use firmware_api::entry::port::Mac;
use firmware_api::{Family, PortId};
use thiserror::Error;

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighborOutcome {
    /// The buffer holds the answer, to be sent out of the port that the packet came in on.
    Reply {
        /// What it taught besides.
        learned: Option<Learned>,
    },
    /// It taught something.
    Learned(Learned),
    /// It confirmed what was known.
    Confirmed,
    /// Nothing is to be done.
    Ignored(IgnoredReason),
}

/// A next hop's MAC that is new: it belongs into the `port` entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learned {
    /// The port it was heard on.
    pub port: PortId,
    /// The IP version it is the next hop of.
    pub family: Family,
    /// Its MAC.
    pub mac: Mac,
}

/// Why nothing is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IgnoredReason {
    /// Not valid ARP, solicitation or advertisement; router discovery is among this.
    #[error("not a valid ARP packet, neighbour solicitation or advertisement")]
    NotUnderstood,
    /// No facts about the port.
    #[error("the port is not configured")]
    UnknownPort,
    /// It has our own MAC as sender: a loop, or a thief.
    #[error("sent by our own MAC")]
    OwnMac,
    /// Another station on the uplink says that it has one of our addresses.
    #[error("another station claims one of our addresses")]
    Conflict,
    /// A question about an address that is not answered here.
    #[error("about an address that is not answered here")]
    NotOurs,
    /// An answer or announcement that is not about a next hop.
    #[error("nobody asked")]
    Unasked,
    /// An instance speaks with another MAC or address than its own.
    #[error("the sender is not the instance")]
    Spoofed,
    /// An instance announces its address, or looks for duplicates before it takes one.
    #[error("the instance's own address")]
    OwnAddress,
}
