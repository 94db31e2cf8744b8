//! Whose flow it is: a rule's backend, or an instance behind a public address.

use std::hash::{BuildHasherDefault, Hasher};
use std::net::IpAddr;
use std::ops::Add;

use firmware_api::entry::backend::BackendId;
use firmware_api::entry::rule::RuleId;
use firmware_api::{PortId, Protocol};

use super::Traffic;
use crate::conn::{Conn, Origin};

/// Where a flow's packets are booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// A client's flow: its rule and backend.
    Member(RuleId, BackendId),
    /// An instance's flow: its vport and the public address it leaves by.
    Address(PortId, IpAddr),
}

impl Account {
    /// Where a flow's packets are booked; flows between vports are nobody's, nor is what only passes
    /// a member of a next hop (L-MON-09).
    pub fn of(conn: &Conn) -> Option<Self> {
        match conn.origin {
            Origin::Inbound { rule, backend } => Some(Self::Member(rule, backend)),
            Origin::Outbound => Some(Self::Address(conn.initiator_egress, conn.outside.address)),
            Origin::Local | Origin::Steered { .. } => None,
        }
    }
}

/// Flows of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowCount {
    /// Now.
    pub live: u64,
    /// Since the driver started.
    pub total: u64,
}

impl Add for FlowCount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            live: self.live + other.live,
            total: self.total + other.total,
        }
    }
}

/// An account's flows of one protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// How many.
    pub flows: FlowCount,
    /// What they carried.
    pub traffic: Traffic,
}

impl Add for Cell {
    type Output = Self;
    fn add(mut self, other: Self) -> Self {
        self.flows = self.flows + other.flows;
        self.traffic.inbound += other.traffic.inbound;
        self.traffic.outbound += other.traffic.outbound;
        self.traffic.syns += other.traffic.syns;
        self
    }
}

/// An account: TCP, then UDP.
pub type Cells = [Cell; 2];

pub(super) fn protocol_index(protocol: Protocol) -> usize {
    usize::from(protocol != Protocol::Tcp)
}

/// A hash of numbers that the driver itself gives out; nobody else can choose them.
pub(super) type NumberHash = BuildHasherDefault<NumberHasher>;

#[derive(Debug, Default)]
pub(super) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u16(&mut self, number: u16) {
        self.0 = self.0 << 16 | u64::from(number);
    }
}
