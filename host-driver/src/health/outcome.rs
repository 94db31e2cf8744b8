//! What one probe saw, and how much that proves.
//!
//! Over HTTP an explicit answer decides at once, and only the lack of one is counted (L-PRB-06).
//! Over TCP all is counted, a reset included (A-06b).

use super::{Protocol, Reason};

/// What one probe saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The connection was set up; all a TCP probe asks.
    Success,
    /// A complete HTTP reply.
    HttpStatus(u16),
    /// No connection in time.
    ConnectTimeout,
    /// A connection, and no complete reply in time.
    ReplyTimeout,
    /// Refused, or reset before the reply was complete.
    Reset,
    /// No way to the backend.
    Unreachable,
    /// The backend closed the connection before the reply was complete.
    Closed,
    /// A connection, and no TLS on it: no handshake, or certificates signed with less than SHA-256.
    TlsFailed,
    /// Bytes that are no HTTP reply, or a reply whose headers do not end.
    Malformed,
    /// The prober itself could not send (out of sockets, ports, memory). Says nothing about the
    /// backend.
    NotSent,
}

/// What an outcome proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    Good { decisive: bool },
    Bad { decisive: bool, reason: Reason },
    Nothing,
}

impl Outcome {
    pub(super) fn evidence(self, protocol: &Protocol) -> Evidence {
        match protocol {
            Protocol::Tcp => self.tcp_evidence(),
            Protocol::Http(_) | Protocol::Https(_) => self.http_evidence(),
        }
    }

    fn tcp_evidence(self) -> Evidence {
        match self {
            Self::NotSent => Evidence::Nothing,
            Self::Success | Self::HttpStatus(_) => Evidence::Good { decisive: false },
            _ => Evidence::Bad {
                decisive: false,
                reason: Reason::DownProbeTcpProbeTimeout,
            },
        }
    }

    fn http_evidence(self) -> Evidence {
        let (decisive, reason) = match self {
            Self::NotSent => return Evidence::Nothing,
            Self::Success | Self::HttpStatus(200) => return Evidence::Good { decisive: true },
            Self::HttpStatus(_) => (true, Reason::DownProbeHttpStatusCodeError),
            Self::Reset => (true, Reason::DownProbeHttpEndpointUnreachable),
            Self::ConnectTimeout | Self::Unreachable => {
                (false, Reason::DownProbeHttpEndpointUnreachable)
            }
            Self::ReplyTimeout | Self::Closed | Self::TlsFailed | Self::Malformed => {
                (false, Reason::DownProbeHttpNoResponse)
            }
        };
        Evidence::Bad { decisive, reason }
    }
}
