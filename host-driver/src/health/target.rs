//! The state machine of one backend under one probe.
//!
//! - Down until the first success, which brings it up at once (L-PRB-08).
//! - Afterwards a run of equal answers changes the state (L-PRB-07); an explicit HTTP answer does
//!   so alone (L-PRB-06).
//! - The hold-down multiplies the run that an Up needs, so it never delays an HTTP 200: explicit
//!   answers win.
//! - A classic probe also goes down on the clock, after its timeout without a good answer (CSD-06,
//!   CSD-14).

use super::{HoldDown, Outcome, Probe, Protocol, Reason, outcome::Evidence};

#[cfg(test)]
mod tests;

/// Whether a backend answers its probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Up,
    /// It does not, or has not yet.
    Down,
}

/// A change of health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub at: u64,
    /// To what.
    pub to: Health,
    /// Why.
    pub reason: Reason,
}

/// One backend under one probe.
#[derive(Clone, Debug)]
pub struct Target {
    protocol: Protocol,
    up_count: u32,
    down_count: u32,
    silence_ms: Option<u64>,
    hold_down: HoldDown,

    health: Health,
    /// Consecutive answers against the present state.
    against: u32,
    /// What the next Up has to pay for; `None` until the first Up.
    owed: Option<u32>,
    doublings: u32,
    up_since: u64,
    last_good: u64,
    failure: Option<Reason>,
}

impl Target {
    /// A backend nothing is known about.
    pub fn new(probe: &Probe, hold_down: HoldDown) -> Self {
        Self {
            protocol: probe.protocol().clone(),
            up_count: probe.up_count(),
            down_count: probe.down_count(),
            silence_ms: probe.silence_ms(),
            hold_down,
            health: Health::Down,
            against: 0,
            owed: None,
            doublings: 0,
            up_since: 0,
            last_good: 0,
            failure: None,
        }
    }

    /// A backend known to be up, from a driver that ran before or from the probe this one replaces.
    pub fn adopt_up(now: u64, probe: &Probe, hold_down: HoldDown) -> Self {
        let mut target = Self::new(probe, hold_down);
        target.last_good = now;
        target.go_up(now);
        target
    }

    /// Takes other knobs, which forgive what exceeds them.
    pub fn set_hold_down(&mut self, hold_down: HoldDown) {
        self.hold_down = hold_down;
        let most = hold_down.most();
        self.doublings = self.doublings.min(most);
        self.owed = self.owed.map(|owed| owed.min(most));
    }

    /// Takes one probe's outcome.
    pub fn observe(&mut self, now: u64, outcome: Outcome) -> Option<Transition> {
        match outcome.evidence(&self.protocol) {
            Evidence::Good { decisive } => self.good(now, decisive),
            Evidence::Bad { decisive, reason } => self.bad(now, decisive, reason),
            Evidence::Nothing => {
                // A probe that never left is no silence of the backend's: its clock starts over.
                self.last_good = now;
                None
            }
        }
    }

    /// When [`tick`](Self::tick) has something to do, if no good answer comes first.
    pub fn deadline(&self) -> Option<u64> {
        match self.health {
            Health::Up => self
                .silence_ms
                .map(|silence| self.last_good.saturating_add(silence)),
            Health::Down => None,
        }
    }

    /// Takes the passing of time. Outcomes from before `now` have to be observed first.
    pub fn tick(&mut self, now: u64) -> Option<Transition> {
        let silent = self.deadline().is_some_and(|deadline| now >= deadline);
        silent.then(|| self.go_down(now, self.silence_reason()))
    }

    /// Whether it may take new flows, as far as its probe goes.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Why; `None` until the first outcome.
    pub fn reason(&self) -> Option<Reason> {
        match (self.health, self.against) {
            (Health::Up, 0) => Some(Reason::UpProbeSuccess),
            (Health::Up, _) => Some(Reason::UpProbeApproachingUnhealthyThreshold),
            (Health::Down, 0) => self.failure,
            (Health::Down, _) => Some(Reason::DownProbeApproachingHealthyThreshold),
        }
    }

    fn good(&mut self, now: u64, decisive: bool) -> Option<Transition> {
        self.last_good = now;
        if self.health == Health::Up {
            self.against = 0;
            return None;
        }
        self.against += 1;
        (decisive || self.against >= self.needed()).then(|| self.go_up(now))
    }

    /// Successes the next Up takes; the first takes one (L-PRB-08).
    fn needed(&self) -> u32 {
        let factor = |owed| 1_u32.checked_shl(owed).unwrap_or(u32::MAX);
        self.owed
            .map_or(1, |owed| self.up_count.saturating_mul(factor(owed)))
    }

    fn bad(&mut self, now: u64, decisive: bool, reason: Reason) -> Option<Transition> {
        if self.health == Health::Down {
            self.against = 0;
            self.failure = Some(reason);
            return None;
        }
        self.against += 1;
        (decisive || self.against >= self.down_count).then(|| self.go_down(now, reason))
    }

    fn go_up(&mut self, now: u64) -> Transition {
        self.health = Health::Up;
        self.against = 0;
        self.up_since = now;
        Transition {
            at: now,
            to: Health::Up,
            reason: Reason::UpProbeSuccess,
        }
    }

    fn go_down(&mut self, now: u64, reason: Reason) -> Transition {
        let (doublings, owed) = self
            .hold_down
            .on_down(self.doublings, now.saturating_sub(self.up_since));
        self.doublings = doublings;
        self.owed = Some(owed);
        self.health = Health::Down;
        self.against = 0;
        self.failure = Some(reason);
        Transition {
            at: now,
            to: Health::Down,
            reason,
        }
    }

    fn silence_reason(&self) -> Reason {
        match self.protocol {
            Protocol::Tcp => Reason::DownProbeTcpProbeTimeout,
            Protocol::Http(_) | Protocol::Https(_) => Reason::DownProbeHttpNoResponse,
        }
    }
}
