//! What the stages know of a packet, and what they can decide about it.

use std::net::IpAddr;

use firmware_api::entry::backend::BackendId;
use firmware_api::entry::flow::Side;
use firmware_api::entry::instance::InstanceId;
use firmware_api::entry::rule::RuleId;
use firmware_api::packet::Headers;
use firmware_api::{DropReason, PortId, Protocol, PuntReason, Zone};

/// A packet between the stages; its bytes stay in the frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    /// The parsed headers.
    pub headers: Headers,
    /// Where it comes from.
    pub zone: Zone,
    /// The instance behind the ingress vport.
    pub instance: Option<InstanceId>,
    /// Whose source address it has.
    pub source: Source,
    /// The flow hash of its key; 0 when it can have no flow.
    pub hash: u64,
}

/// Whose source address a packet from an instance has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Source {
    /// The sender's own; anybody's, from the uplink.
    #[default]
    Own,
    /// A frontend's, for which the sender answers (floating IP).
    Frontend,
    /// Somebody's for whom the sender forwards.
    Foreign,
}

impl Packet {
    /// The zone of the tables that it meets.
    pub(super) const fn network(&self) -> Zone {
        self.zone.network()
    }

    /// The lookup protocol.
    pub(super) const fn protocol(&self) -> Protocol {
        self.headers.protocol
    }

    /// The drop of a packet that nothing claims: `flows` for TCP and UDP.
    pub(crate) const fn unclaimed(&self, flows: DropReason) -> Refusal {
        Refusal::Drop(if self.headers.has_ports() {
            flows
        } else if self.headers.is_fragment() {
            DropReason::Fragment
        } else {
            DropReason::UnsupportedProtocol
        })
    }
}

/// What a stage decides about a packet: it goes on, or it does not.
pub(super) type Decision = Result<Forward, Refusal>;

/// How a packet goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Forward {
    /// What is rewritten.
    pub translation: Option<Translation>,
    /// What the driver is told.
    pub copy: Option<Copied>,
    /// Where to, or [`firmware_api::EGRESS_RECIRCULATE`].
    pub egress: PortId,
}

/// One side of a packet and what it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Translation {
    /// Source or destination.
    pub side: Side,
    /// The new address, of the packet's family.
    pub address: IpAddr,
    /// The new port, when it changes.
    pub port: Option<u16>,
}

impl Translation {
    /// To an address and port as tables write them: port 0 keeps the packet's.
    pub(crate) fn to(side: Side, address: IpAddr, port: u16) -> Self {
        Self {
            side,
            address,
            port: (port != 0).then_some(port),
        }
    }
}

/// What a punt record says beside the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    /// Why.
    pub reason: PuntReason,
    /// The rule that forwarded it.
    pub rule: Option<RuleId>,
    /// The backend it goes to.
    pub backend: Option<BackendId>,
    /// The flow it belongs to.
    pub flow: Option<u32>,
}

impl Copied {
    /// A record that only says why.
    pub(crate) const fn plain(reason: PuntReason) -> Self {
        Self {
            reason,
            rule: None,
            backend: None,
            flow: None,
        }
    }
}

/// Why a packet does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is dropped.
    Drop(DropReason),
    /// The driver has to see it first.
    Hold(PuntReason),
}

impl From<DropReason> for Refusal {
    fn from(reason: DropReason) -> Self {
        Self::Drop(reason)
    }
}

impl From<PuntReason> for Refusal {
    fn from(reason: PuntReason) -> Self {
        Self::Hold(reason)
    }
}
