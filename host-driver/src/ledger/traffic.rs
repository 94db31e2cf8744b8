//! Packets and bytes by direction.

use std::ops::AddAssign;

use firmware_api::flow_state::{FlowState, HalfState};

/// Packets and the sum of their IP total lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

impl AddAssign for Carried {
    fn add_assign(&mut self, more: Self) {
        self.packets = self.packets.wrapping_add(more.packets);
        self.bytes = self.bytes.wrapping_add(more.bytes);
    }
}

/// What flows carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Toward the backend or instance.
    pub inbound: Carried,
    /// Away from it.
    pub outbound: Carried,
    /// SYN segments of the initiators.
    pub syns: u64,
}

/// What a flow's block held at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) forward: Carried,
    pub(super) reverse: Carried,
}

impl Reading {
    pub(super) fn of(state: &FlowState) -> Self {
        let half = |half: &HalfState| Carried {
            packets: half.packets,
            bytes: half.bytes,
        };
        Self {
            forward: half(&state.forward),
            reverse: half(&state.reverse),
        }
    }

    /// What came on top of an earlier reading; `None` when it was not of the same flow.
    pub(super) fn since(self, earlier: Self) -> Option<Self> {
        let half = |now: Carried, then: Carried| {
            Some(Carried {
                packets: now.packets.checked_sub(then.packets)?,
                bytes: now.bytes.checked_sub(then.bytes)?,
            })
        };
        Some(Self {
            forward: half(self.forward, earlier.forward)?,
            reverse: half(self.reverse, earlier.reverse)?,
        })
    }
}
