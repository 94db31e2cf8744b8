//! Why the driver gave up a packet or a flow that the card handed to it.

use firmware_api::PuntReason;
use serde::Serialize;

macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident, $name:literal;)*) => {
        /// Why the driver did not do what a punt asked for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Refusal { $($(#[$doc])* $variant,)* }

        impl Refusal {
            /// Every cause.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in metrics and messages.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

refusals! {
    /// TCP without a flow, not a SYN, and nothing to adopt it (spec A-33).
    UnknownFlow, "unknown_flow";
    /// A late packet of a flow that idled out; it was answered with a reset (L-IDLE-02).
    LatePacket, "late_packet";
    /// Every SNAT port of the instance is in use toward that destination (SNAT-05).
    SnatExhausted, "snat_exhausted";
    /// The instance has no SNAT ports at all.
    NoSnatPorts, "no_snat_ports";
    /// The flow table has no room for the pair.
    TableFull, "table_full";
    /// Every flow-state block is in use.
    FlowIdsExhausted, "flow_ids_exhausted";
    /// Another flow has an entry with the same key: one client, two frontends, one backend port.
    KeyInUse, "key_in_use";
    /// The record names a rule or backend that the configuration no longer has.
    StaleReference, "stale_reference";
    /// The captured bytes are not a packet the pipeline accepts, or its port is unknown.
    Unparsed, "unparsed";
    /// An ARP or neighbour-discovery packet that asks for nothing of ours.
    NotOurNeighbor, "not_our_neighbor";
    /// An ICMP error that quotes no flow.
    NoFlowQuoted, "no_flow_quoted";
    /// A ping of more than 64 bytes (L-ICMP-03).
    PingTooLong, "ping_too_long";
    /// A ping of a frontend whose rules have no members (L-ICMP-02).
    NoMembers, "no_members";
    /// The inject ring is full.
    InjectRingFull, "inject_ring_full";
    /// This driver does not handle the punt's reason.
    Unsupported, "unsupported";
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// How often each cause occurred; packets that the record held are also counted together, because
/// they end here (`driver_refused`).
#[derive(Clone, Debug, Default, Serialize)]
pub struct Refusals {
    by_cause: [u64; Refusal::ALL.len()],
    refused_packets: u64,
    answered_packets: u64,
}

impl Refusals {
    /// Counts a refusal of a punt of that reason.
    pub fn count(&mut self, refusal: Refusal, reason: PuntReason) {
        self.by_cause[refusal as usize] += 1;
        self.refused_packets += u64::from(!reason.is_copy());
    }

    /// How often a cause occurred.
    pub fn get(&self, refusal: Refusal) -> u64 {
        self.by_cause[refusal as usize]
    }

    /// Held packets that the driver gave up (`driver_refused`).
    pub fn refused_packets(&self) -> u64 {
        self.refused_packets
    }

    /// Held packets that ended in the driver, refused or answered.
    pub fn held_packets(&self) -> u64 {
        self.refused_packets + self.answered_packets
    }

    /// Counts a held packet that was answered or understood, and so ends in the driver.
    pub fn count_answered(&mut self) {
        self.answered_packets += 1;
    }
}
