//! How far a TCP connection is, and how long its entries stay in each phase.
//!
//! ```text
//! Open ──FIN of one end──► HalfClosed ──FIN of the other──► Closed
//!   └───────────────RST of either end──────────────────────► Reset
//! Any later phase ──new SYN──► Open
//! ```

use firmware_api::flow_state::tcp_flags::{ACK, FIN, RST, SYN};

use super::{Conn, Origin};

/// Milliseconds from the first FIN of an outbound flow, or the second of an inbound one, to the
/// release of its entries and SNAT port (spec A-21, A-36, L-OUT-16); packets restart it.
const AFTER_FIN: u32 = 240_000;
/// Milliseconds from a RST to the release (A-21).
const AFTER_RST: u32 = 15_000;

/// The phase of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No end has closed. UDP flows stay here.
    Open,
    /// One end sent FIN.
    HalfClosed {
        /// Whether it was the initiator.
        by_initiator: bool,
    },
    /// Both ends sent FIN.
    Closed,
    /// An end sent RST.
    Reset,
}

impl Phase {
    /// The phase after a segment with these flags from one end.
    #[must_use]
    pub fn after(self, flags: u8, from_initiator: bool) -> Self {
        if flags & RST != 0 {
            return Self::Reset;
        }
        if flags & (SYN | ACK) == SYN && from_initiator {
            return Self::Open;
        }
        if flags & FIN == 0 {
            return self;
        }
        match self {
            Self::Open => Self::HalfClosed {
                by_initiator: from_initiator,
            },
            Self::HalfClosed { by_initiator } if by_initiator != from_initiator => Self::Closed,
            other => other,
        }
    }

    /// The name in listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::HalfClosed { .. } => "half-closed",
            Self::Closed => "closed",
            Self::Reset => "reset",
        }
    }
}

impl Conn {
    /// Milliseconds without a packet after which the flow is removed in its present phase.
    pub fn timeout(&self) -> u32 {
        match (self.phase, self.origin) {
            (Phase::Reset, _) => AFTER_RST,
            (Phase::Closed, _) | (Phase::HalfClosed { .. }, Origin::Outbound) => AFTER_FIN,
            (Phase::Open | Phase::HalfClosed { .. }, _) => self.idle_timeout,
        }
    }

    /// Driver time at which the flow is removed unless packets come, milliseconds.
    pub fn deadline(&self) -> u64 {
        self.last_active + u64::from(self.timeout())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::conn;
    use super::*;

    const ENDS: [&str; 3] = ["10.0.0.4:50000", "203.0.113.10:1024", "192.0.2.1:443"];

    #[test]
    fn l_out_16_a_21_outbound_timers_start_at_the_first_fin_and_at_rst() {
        let mut flow = conn(Origin::Outbound, ENDS);
        assert_eq!(flow.timeout(), 240_000);
        flow.idle_timeout = 1_800_000;
        flow.phase = flow.phase.after(FIN | ACK, false);
        assert_eq!(flow.timeout(), 240_000);
        flow.phase = flow.phase.after(RST, true);
        assert_eq!(flow.timeout(), 15_000);
    }

    #[test]
    fn a_36_an_inbound_half_close_keeps_the_idle_timer() {
        let mut flow = conn(
            Origin::Inbound {
                rule: 0,
                backend: 0,
            },
            ENDS,
        );
        flow.idle_timeout = 1_800_000;
        flow.phase = flow.phase.after(FIN | ACK, true);
        assert_eq!(flow.timeout(), 1_800_000);
        flow.phase = flow.phase.after(FIN | ACK, true);
        assert_eq!(
            flow.phase,
            Phase::HalfClosed { by_initiator: true },
            "a FIN sent again"
        );
        flow.phase = flow.phase.after(FIN | ACK, false);
        assert_eq!((flow.phase, flow.timeout()), (Phase::Closed, 240_000));
    }

    #[test]
    fn rst_05_a_new_syn_reopens() {
        for phase in [Phase::Closed, Phase::Reset] {
            assert_eq!(phase.after(SYN, true), Phase::Open);
            assert_eq!(phase.after(SYN | ACK, false), phase);
        }
    }
}
