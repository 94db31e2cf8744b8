//! When to ask for a next hop's MAC.
//!
//! Unknown: at once, then after 1, 2, 4 … 30 s. Known: 30 s after it was last heard, and again by
//! the same steps until it answers. After [`UNREACHABLE_AFTER`] questions without an answer the
//! next hop counts as unreachable; its MAC stays, for traffic may still arrive.

use firmware_api::entry::port::Mac;

/// The first wait for an answer, milliseconds.
pub const RETRY_MS: u64 = 1_000;
/// The longest wait between questions, and the age at which a MAC is confirmed anew.
pub const REVALIDATE_MS: u64 = 30_000;
/// Questions without an answer that make a next hop unreachable.
pub const UNREACHABLE_AFTER: u32 = 3;

/// What is known of a next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachability {
    /// The MAC is configured.
    Static(Mac),
    /// It has not answered yet.
    Unresolved,
    /// It answered.
    Reachable(Mac),
    /// It answered once, and no more.
    Unreachable(Mac),
}

impl Reachability {
    /// The MAC to use, if there is one.
    pub const fn mac(self) -> Option<Mac> {
        match self {
            Self::Static(mac) | Self::Reachable(mac) | Self::Unreachable(mac) => Some(mac),
            Self::Unresolved => None,
        }
    }
}

/// The state of one resolved next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resolver {
    mac: Option<Mac>,
    /// Questions since it was last heard.
    asked: u32,
    next_question: u64,
}

impl Resolver {
    pub(super) const fn new(now: u64) -> Self {
        Self {
            mac: None,
            asked: 0,
            next_question: now,
        }
    }

    /// When to ask next.
    pub(super) const fn next_question(&self) -> u64 {
        self.next_question
    }

    /// Whether to ask now; if so, it counts as asked.
    pub(super) fn ask(&mut self, now: u64) -> bool {
        if now < self.next_question {
            return false;
        }
        let wait = RETRY_MS << self.asked.min(5);
        self.asked = self.asked.saturating_add(1);
        self.next_question = now.saturating_add(wait.min(REVALIDATE_MS));
        true
    }

    /// It was heard; the answer is whether its MAC is new.
    pub(super) fn heard(&mut self, now: u64, mac: Mac) -> bool {
        self.asked = 0;
        self.next_question = now.saturating_add(REVALIDATE_MS);
        self.mac.replace(mac) != Some(mac)
    }

    pub(super) const fn mac(&self) -> Option<Mac> {
        self.mac
    }

    pub(super) const fn reachability(&self) -> Reachability {
        match self.mac {
            None => Reachability::Unresolved,
            Some(mac) if self.asked > UNREACHABLE_AFTER => Reachability::Unreachable(mac),
            Some(mac) => Reachability::Reachable(mac),
        }
    }
}
