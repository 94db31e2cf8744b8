//! What a target's HTTPS probes keep of their handshakes: one ticket, for at most a minute.
//!
//! A probe that resumes a session costs a fraction of a whole handshake and asks the same: whether
//! who answers at the address speaks TLS and says 200. That its chain is signed well enough was seen
//! when the session began. So that a changed certificate is noticed (L-PRB-19), tickets are given up
//! every [`WHOLE_EVERY_MS`], whatever came since; a backend that refuses a ticket makes a whole
//! handshake anyway. A backend that fails over a ticket is asked again without, and offered none
//! until that time has passed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::{
    NamedGroup,
    client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue},
    pki_types::ServerName,
};

use super::TargetId;
use crate::health::spread;

/// The longest that a session lives, in milliseconds. Probes at this interval or a longer one are
/// all whole handshakes.
pub(super) const WHOLE_EVERY_MS: u64 = 60_000;

/// The session of one target. That is never two backends, so names are not looked at.
#[derive(Debug)]
pub(super) struct Session {
    /// Sessions of different targets end at different times, in milliseconds.
    phase: u64,
    kept: Mutex<Kept>,
}

/// At most one of each: of many tickets the last one is kept. A ticket has up to 64 KiB.
#[derive(Debug, Default)]
struct Kept {
    /// How often sessions have been given up.
    period: u64,
    group: Option<NamedGroup>,
    tls12: Option<Tls12ClientSessionValue>,
    tls13: Option<Tls13ClientSessionValue>,
    /// The handshake under way offers a ticket.
    offered: bool,
    /// The backend failed over a ticket in this period.
    refused: bool,
}

impl Session {
    pub(super) fn new(target: TargetId) -> Self {
        Self {
            phase: spread(target.0.into(), WHOLE_EVERY_MS),
            kept: Mutex::default(),
        }
    }

    /// A probe is about to be sent.
    pub(super) fn start(&self, now: u64) {
        let period = (now + self.phase) / WHOLE_EVERY_MS;
        let mut kept = self.kept();
        kept.offered = false;
        if kept.period != period {
            kept.period = period;
            kept.refused = false;
            kept.forget();
        }
    }

    /// The handshake came to a good end.
    pub(super) fn done(&self) {
        self.kept().offered = false;
    }

    /// The probe is over. Returns whether it broke off over a ticket.
    pub(super) fn is_broken(&self) -> bool {
        let mut kept = self.kept();
        if kept.offered {
            kept.refused = true;
            kept.forget();
        }
        std::mem::take(&mut kept.offered)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget(&mut self) {
        self.tls12 = None;
        self.tls13 = None;
    }
}

impl ClientSessionStore for Session {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.kept().group = Some(group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.kept().group
    }

    fn set_tls12_session(&self, _: ServerName<'static>, session: Tls12ClientSessionValue) {
        let mut kept = self.kept();
        kept.tls12 = (!kept.refused).then_some(session);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let mut kept = self.kept();
        kept.offered |= kept.tls12.is_some();
        kept.tls12.clone()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.kept().tls12 = None;
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let mut kept = self.kept();
        kept.tls13 = (!kept.refused).then_some(ticket);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let mut kept = self.kept();
        kept.offered |= kept.tls13.is_some();
        kept.tls13.take()
    }
}
