//! Connection records: what the driver knows of a flow beyond its two table entries.
//!
//! Pure: no device, no clock. A record is found by its flow id, which is also the number of the
//! device's state block; ids are handed out lowest-free-last so that a late harvest answer cannot
//! be mistaken for a new flow's.

mod phase;
mod records;

pub use phase::Phase;
pub use records::{FlowIdsExhausted, Records};

pub use crate::snat::Endpoint;

use std::net::IpAddr;

use firmware_api::entry::backend::BackendId;
use firmware_api::entry::flow::{Direction, FlowAction, FlowKey, Side};
use firmware_api::entry::rule::RuleId;
use firmware_api::{PortId, Protocol, Zone};

/// Why a flow exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client's flow through a load-balancing or inbound NAT rule.
    Inbound {
        /// The rule.
        rule: RuleId,
        /// The backend that its first packet went to.
        backend: BackendId,
    },
    /// An instance's flow through a SNAT port.
    Outbound,
    /// A flow between two vports that looks like a reply through a frontend but is none.
    Local,
    /// An instance's flow that goes as it is through a member of its next hop (L-HA-08).
    Steered {
        /// The rule of the next hop.
        rule: RuleId,
        /// The backend that its first packet went through.
        backend: BackendId,
    },
}

impl Origin {
    /// The rule and the backend that a packet's hash selected.
    pub fn selected(self) -> Option<(RuleId, BackendId)> {
        match self {
            Self::Inbound { rule, backend } | Self::Steered { rule, backend } => {
                Some((rule, backend))
            }
            Self::Outbound | Self::Local => None,
        }
    }
}

/// A flow: three endpoints, of which the table entries translate one into another.
///
/// ```text
/// Inbound    initiator = client     outside = frontend          inside = backend
/// Outbound   initiator = instance   outside = public address    inside = the remote end
/// Local      initiator = instance   outside = inside            inside = another instance
/// Steered    initiator = instance   outside = inside            inside = whom it sends to
/// ```
/// Forward, the initiator's packets go `initiator → outside` and arrive `initiator → inside`
/// (inbound), or go `initiator → inside` and arrive `outside → inside` (outbound).
#[derive(Clone, Copy, Debug)]
pub struct Conn {
    /// Who sent the first packet.
    pub initiator: Endpoint,
    /// The address of ours that the outside world sees.
    pub outside: Endpoint,
    /// Whom the initiator talks to behind the translation.
    pub inside: Endpoint,
    /// Why it exists.
    pub origin: Origin,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The zone of the first packet.
    pub zone: Zone,
    /// The zone of the packets back: of the port that they come from.
    pub return_zone: Zone,
    /// Where return packets leave.
    pub initiator_egress: PortId,
    /// Where forward packets leave.
    pub responder_egress: PortId,
    /// The initiator's initial sequence number (TCP).
    pub initial_seq: u32,
    /// How far the connection is, as far as the driver was told.
    pub phase: Phase,
    /// Milliseconds without a packet after which it ends, while open.
    pub idle_timeout: u32,
    /// Resets are sent when it ends by idling (RST-02).
    pub reset_on_idle: bool,
    /// Driver time of the last packet known of, milliseconds.
    pub last_active: u64,
}

impl Conn {
    /// The forward entry.
    pub fn forward(&self, flow: u32) -> (FlowKey<IpAddr>, FlowAction<IpAddr>) {
        let (destination, side, new) = match self.origin {
            Origin::Inbound { .. } => (self.outside, Side::Destination, self.inside),
            Origin::Outbound => (self.inside, Side::Source, self.outside),
            Origin::Local | Origin::Steered { .. } => (self.inside, Side::Destination, self.inside),
        };
        (
            self.key(self.zone, self.initiator, destination),
            FlowAction {
                flow,
                direction: Direction::Forward,
                side,
                address: new.address,
                port: new.port,
                egress: self.responder_egress,
            },
        )
    }

    /// The return entry.
    pub fn reverse(&self, flow: u32) -> (FlowKey<IpAddr>, FlowAction<IpAddr>) {
        let (destination, side, new) = match self.origin {
            Origin::Inbound { .. } => (self.initiator, Side::Source, self.outside),
            Origin::Outbound => (self.outside, Side::Destination, self.initiator),
            Origin::Local | Origin::Steered { .. } => (self.initiator, Side::Source, self.inside),
        };
        (
            self.key(self.return_zone, self.inside, destination),
            FlowAction {
                flow,
                direction: Direction::Return,
                side,
                address: new.address,
                port: new.port,
                egress: self.initiator_egress,
            },
        )
    }

    /// Both table keys.
    pub fn keys(&self) -> [FlowKey<IpAddr>; 2] {
        [self.forward(0).0, self.reverse(0).0]
    }

    /// The packet's addresses as the initiator knows them: (initiator, whom it talks to).
    pub fn initiator_view(&self) -> (Endpoint, Endpoint) {
        match self.origin {
            Origin::Inbound { .. } => (self.initiator, self.outside),
            Origin::Outbound | Origin::Local | Origin::Steered { .. } => {
                (self.initiator, self.inside)
            }
        }
    }

    /// The packet's addresses as the responder knows them: (who talks to it, responder).
    pub fn responder_view(&self) -> (Endpoint, Endpoint) {
        match self.origin {
            Origin::Inbound { .. } | Origin::Local | Origin::Steered { .. } => {
                (self.initiator, self.inside)
            }
            Origin::Outbound => (self.outside, self.inside),
        }
    }

    fn key(&self, zone: Zone, source: Endpoint, destination: Endpoint) -> FlowKey<IpAddr> {
        FlowKey {
            zone,
            protocol: self.protocol,
            source: source.address,
            destination: destination.address,
            source_port: source.port,
            destination_port: destination.port,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn endpoint(text: &str) -> Endpoint {
        let socket: std::net::SocketAddr = text.parse().expect("address:port");
        Endpoint::new(socket.ip(), socket.port())
    }

    pub(crate) fn conn(origin: Origin, ends: [&str; 3]) -> Conn {
        let [initiator, outside, inside] = ends.map(endpoint);
        Conn {
            initiator,
            outside,
            inside,
            origin,
            protocol: Protocol::Tcp,
            zone: if origin == Origin::Outbound {
                Zone::VNET
            } else {
                Zone::UPLINK
            },
            return_zone: if origin == Origin::Outbound {
                Zone::UPLINK
            } else {
                Zone::VNET
            },
            initiator_egress: 0,
            responder_egress: 1,
            initial_seq: 0,
            phase: Phase::Open,
            idle_timeout: 240_000,
            reset_on_idle: true,
            last_active: 0,
        }
    }

    /// Applies an entry to a packet.
    fn translate(
        action: &FlowAction<IpAddr>,
        packet: (Endpoint, Endpoint),
    ) -> (Endpoint, Endpoint) {
        let new = Endpoint::new(action.address, action.port);
        match action.side {
            Side::Source => (new, packet.1),
            Side::Destination => (packet.0, new),
        }
    }

    fn ends(key: &FlowKey<IpAddr>) -> (Endpoint, Endpoint) {
        (
            Endpoint::new(key.source, key.source_port),
            Endpoint::new(key.destination, key.destination_port),
        )
    }

    #[test]
    fn fwd_01_02_an_inbound_flow_translates_the_destination_there_and_the_source_back() {
        let origin = Origin::Inbound {
            rule: 1,
            backend: 2,
        };
        let conn = conn(
            origin,
            ["198.51.100.7:40000", "203.0.113.10:80", "10.0.0.4:8080"],
        );
        each_direction_arrives_as_the_other_end_expects(&conn);
        assert_eq!(
            conn.responder_view().0,
            conn.initiator,
            "the client's address is kept"
        );
    }

    #[test]
    fn out_01_an_outbound_flow_translates_the_source_there_and_the_destination_back() {
        let conn = conn(
            Origin::Outbound,
            ["10.0.0.4:50000", "203.0.113.10:1024", "192.0.2.1:443"],
        );
        each_direction_arrives_as_the_other_end_expects(&conn);
    }

    #[test]
    fn l_ha_08_a_steered_flow_is_the_same_to_both_ends() {
        let origin = Origin::Steered {
            rule: 1,
            backend: 2,
        };
        let conn = conn(origin, ["10.0.0.4:50000", "10.0.0.5:80", "10.0.0.5:80"]);
        each_direction_arrives_as_the_other_end_expects(&conn);
        assert_eq!(conn.initiator_view(), conn.responder_view());
    }

    fn each_direction_arrives_as_the_other_end_expects(conn: &Conn) {
        let (key, action) = conn.forward(9);
        assert_eq!(ends(&key), conn.initiator_view());
        assert_eq!(translate(&action, ends(&key)), conn.responder_view());
        let (key, action) = conn.reverse(9);
        let swap = |(a, b)| (b, a);
        assert_eq!(ends(&key), swap(conn.responder_view()));
        assert_eq!(translate(&action, ends(&key)), swap(conn.initiator_view()));
    }
}
