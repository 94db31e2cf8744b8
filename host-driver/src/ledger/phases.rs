//! Flows by why they exist and how far they are, counted as they change.

use crate::conn::{Conn, Origin, Phase};

/// Why a flow exists, in the order of the counts.
const KINDS: [&str; 4] = ["inbound", "outbound", "local", "steered"];
/// How far it is, in the order of the counts.
const PHASES: [Phase; 4] = [
    Phase::Open,
    Phase::HalfClosed { by_initiator: true },
    Phase::Closed,
    Phase::Reset,
];

/// Live flows by kind and phase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phases([[u64; PHASES.len()]; KINDS.len()]);

impl Phases {
    pub(super) fn enter(&mut self, conn: &Conn) {
        *self.at(conn) += 1;
    }

    pub(super) fn leave(&mut self, conn: &Conn) {
        let count = self.at(conn);
        *count = count.saturating_sub(1);
    }

    fn at(&mut self, conn: &Conn) -> &mut u64 {
        let kind = match conn.origin {
            Origin::Inbound { .. } => 0,
            Origin::Outbound => 1,
            Origin::Local => 2,
            Origin::Steered { .. } => 3,
        };
        let phase = match conn.phase {
            Phase::Open => 0,
            Phase::HalfClosed { .. } => 1,
            Phase::Closed => 2,
            Phase::Reset => 3,
        };
        &mut self.0[kind][phase]
    }

    /// Each count with the names of its kind and phase.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let kinds = KINDS.iter().zip(&self.0);
        kinds.flat_map(|(kind, counts)| {
            let phases = PHASES.iter().zip(counts);
            phases.map(|(phase, count)| (*kind, phase.name(), *count))
        })
    }
}
