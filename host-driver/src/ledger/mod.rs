//! What flows are and carried, by whom: counters for metrics and listings.
//!
//! Pure. A flow's packets are counted by the card in its state block; the driver reads the block now
//! and then and books what is new since the last reading. A flow that ends unread is booked from its
//! block afterwards, unless a new flow took the block over; that is counted as unread.
//!
//! ```text
//! learn record ──forwarded──┐                       ┌─► members    (rule, backend) × protocol
//! state block ───read───────┼─► Account of the flow ┤
//! removed flow ──part, read─┘                       └─► addresses  (vport, public address) × protocol
//! ```

mod account;
mod phases;
#[cfg(test)]
mod tests;
mod traffic;

pub use account::{Account, Cell, Cells, FlowCount};
pub use phases::Phases;
pub use traffic::{Carried, Traffic};

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use firmware_api::PortId;
use firmware_api::entry::backend::BackendId;
use firmware_api::entry::rule::RuleId;
use firmware_api::flow_state::FlowState;

use crate::conn::{Conn, Phase};
use account::{NumberHash, protocol_index};
use traffic::Reading;

/// Flows and what they carried.
#[derive(Debug, Default)]
pub struct Ledger {
    rules: Vec<FlowCount>,
    members: HashMap<(RuleId, BackendId), Cells, NumberHash>,
    addresses: HashMap<(PortId, IpAddr), Cells>,
    phases: Phases,
    /// What was booked of each flow's block already, by flow id.
    booked: Vec<Reading>,
    /// Flows that ended before their blocks were read for the last time, by flow id.
    parted: BTreeMap<u32, Parted>,
    unread: u64,
}

/// A flow that ended, as far as its block concerns.
#[derive(Clone, Copy, Debug)]
struct Parted {
    account: Account,
    protocol: usize,
    booked: Reading,
}

impl Ledger {
    /// Takes room for the flow ids below `ids` at once.
    pub fn reserve(&mut self, ids: u32) {
        self.booked.resize(ids as usize, Reading::default());
    }

    /// A flow begins.
    pub fn open(&mut self, conn: &Conn) {
        self.phases.enter(conn);
        self.count(conn, |count| {
            count.live += 1;
            count.total += 1;
        });
    }

    /// A flow ends that is in the books as far as its block goes.
    pub fn close(&mut self, id: u32, conn: &Conn) {
        self.take_booked(id);
        self.phases.leave(conn);
        self.count(conn, |count| count.live = count.live.saturating_sub(1));
    }

    /// A flow ends whose block holds what is not in the books yet.
    pub fn part(&mut self, id: u32, conn: &Conn) {
        let booked = self.take_booked(id);
        self.close(id, conn);
        let Some(account) = Account::of(conn) else {
            return;
        };
        let parted = Parted {
            account,
            protocol: protocol_index(conn.protocol),
            booked,
        };
        self.unread += u64::from(self.parted.insert(id, parted).is_some());
    }

    /// A flow's phase changes.
    pub fn change_phase(&mut self, conn: &Conn, from: Phase) {
        self.phases.leave(&Conn {
            phase: from,
            ..*conn
        });
        self.phases.enter(conn);
    }

    /// A rule forwarded a packet of so many bytes ahead of its flow's entries.
    pub fn forwarded(&mut self, conn: &Conn, bytes: u16) {
        if let Some(cell) = self.cell(conn) {
            cell.traffic.inbound += Carried {
                packets: 1,
                bytes: bytes.into(),
            };
            cell.traffic.syns += u64::from(conn.protocol == firmware_api::Protocol::Tcp);
        }
    }

    /// The initiator sent a SYN that no learn record tells of.
    pub fn syn(&mut self, conn: &Conn) {
        if let Some(cell) = self.cell(conn) {
            cell.traffic.syns += 1;
        }
    }

    /// Books what a live flow's block holds beyond the last reading.
    pub fn read(&mut self, id: u32, conn: &Conn, state: &FlowState) {
        self.lose(id);
        let Some(account) = Account::of(conn) else {
            return;
        };
        if self.booked.len() <= id as usize {
            self.booked.resize(id as usize + 1, Reading::default());
        }
        let now = Reading::of(state);
        let before = std::mem::replace(&mut self.booked[id as usize], now);
        self.book(account, protocol_index(conn.protocol), now, before);
    }

    /// Books what the block of a flow that ended holds beyond the last reading.
    pub fn read_parted(&mut self, id: u32, state: &FlowState) {
        if let Some(parted) = self.parted.remove(&id) {
            let Parted {
                account,
                protocol,
                booked,
            } = parted;
            self.book(account, protocol, Reading::of(state), booked);
        }
    }

    /// Flows that ended and whose blocks are still to be read, at most `limit`.
    pub fn parted(&self, limit: usize) -> impl Iterator<Item = u32> {
        self.parted.keys().take(limit).copied()
    }

    /// Flows that ended before their blocks could be read for the last time.
    pub fn unread(&self) -> u64 {
        self.unread
    }

    /// The block of a flow that ended belongs to another one by now.
    pub fn lose(&mut self, id: u32) {
        if !self.parted.is_empty() {
            self.unread += u64::from(self.parted.remove(&id).is_some());
        }
    }

    /// A rule's number stands for something else, or for nothing, from now on.
    pub fn forget_rule(&mut self, rule: RuleId) {
        if let Some(count) = self.rules.get_mut(usize::from(rule)) {
            *count = FlowCount::default();
        }
        self.members.retain(|(of, _), _| *of != rule);
    }

    /// A backend's number stands for something else from now on.
    pub fn forget_backend(&mut self, backend: BackendId) {
        self.members.retain(|(_, of), _| *of != backend);
    }

    /// Another instance, or none, is behind a vport from now on.
    pub fn forget_vport(&mut self, vport: PortId) {
        self.addresses.retain(|(of, _), _| *of != vport);
    }

    /// Flows of a rule.
    pub fn rule(&self, rule: RuleId) -> FlowCount {
        let count = self.rules.get(usize::from(rule));
        count.copied().unwrap_or_default()
    }

    /// Flows of a rule on one backend.
    pub fn member(&self, rule: RuleId, backend: BackendId) -> FlowCount {
        self.members
            .get(&(rule, backend))
            .map_or_else(FlowCount::default, |cells| cells[0].flows + cells[1].flows)
    }

    /// Everything that is counted by rule and backend, in no particular order.
    pub fn members(&self) -> impl Iterator<Item = ((RuleId, BackendId), Cells)> {
        self.members.iter().map(|(key, cells)| (*key, *cells))
    }

    /// Everything that is counted by vport and public address, in no particular order.
    pub fn addresses(&self) -> impl Iterator<Item = ((PortId, IpAddr), Cells)> {
        self.addresses.iter().map(|(key, cells)| (*key, *cells))
    }

    /// Flows by why they exist and how far they are.
    pub fn phases(&self) -> &Phases {
        &self.phases
    }

    fn take_booked(&mut self, id: u32) -> Reading {
        self.booked
            .get_mut(id as usize)
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// A block with less in it than was booked is another flow's, or a late answer: neither adds.
    fn book(&mut self, account: Account, protocol: usize, now: Reading, before: Reading) {
        let Some(new) = now.since(before) else { return };
        if new == Reading::default() {
            return;
        }
        let (cells, is_inbound) = match account {
            // Of a rule or backend that is gone, what its last packets were is gone too.
            Account::Member(rule, backend) => (self.members.get_mut(&(rule, backend)), true),
            Account::Address(vport, address) => (self.addresses.get_mut(&(vport, address)), false),
        };
        if let Some(cells) = cells {
            let traffic = &mut cells[protocol].traffic;
            let (toward, away) = if is_inbound {
                (new.forward, new.reverse)
            } else {
                (new.reverse, new.forward)
            };
            traffic.inbound += toward;
            traffic.outbound += away;
        }
    }

    fn cell(&mut self, conn: &Conn) -> Option<&mut Cell> {
        let cells = match Account::of(conn)? {
            Account::Member(rule, backend) => self.members.entry((rule, backend)).or_default(),
            Account::Address(vport, address) => self.addresses.entry((vport, address)).or_default(),
        };
        Some(&mut cells[protocol_index(conn.protocol)])
    }

    fn count(&mut self, conn: &Conn, change: impl Fn(&mut FlowCount)) {
        if let Some(Account::Member(rule, _)) = Account::of(conn) {
            let index = usize::from(rule);
            if self.rules.len() <= index {
                self.rules.resize(index + 1, FlowCount::default());
            }
            change(&mut self.rules[index]);
        }
        if let Some(cell) = self.cell(conn) {
            change(&mut cell.flows);
        }
    }
}
