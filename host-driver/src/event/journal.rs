//! The latest events, and how many of each kind there were.

use std::collections::{HashMap, VecDeque};

use super::{Kind, Quiet, Severity};

/// How many events are kept.
const KEPT: usize = 1_000;
/// The longest message that is kept, in bytes: diagnostics can be long.
const LONGEST: usize = 4_000;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Counts from 1 on; a gap means that events were not kept.
    pub sequence: u64,
    /// Driver time, milliseconds.
    pub at: u64,
    /// What.
    pub kind: Kind,
    /// How soon somebody should look.
    pub severity: Severity,
    /// To whom: a rule, an instance, a card.
    pub subject: String,
    /// For people.
    pub message: String,
}

/// The latest events.
#[derive(Debug, Default)]
pub struct Journal {
    events: VecDeque<Event>,
    last: u64,
    counts: HashMap<(Kind, Severity), u64>,
    quiet: Quiet,
}

impl Journal {
    /// Whether to tell it now; if so it counts as told, and [`Journal::tell`] follows.
    pub fn admits(&mut self, now: u64, kind: Kind, subject: &str) -> bool {
        self.quiet.admits(now, kind, subject)
    }

    /// Whether [`Journal::admits`] would.
    pub fn is_due(&self, now: u64, kind: Kind, subject: &str) -> bool {
        self.quiet.is_due(now, kind, subject)
    }

    /// Keeps an event and says it in the log.
    pub fn tell(
        &mut self,
        now: u64,
        (kind, severity): (Kind, Severity),
        subject: String,
        mut message: String,
    ) {
        message.truncate(message.floor_char_boundary(LONGEST));
        let name = kind.name();
        match severity {
            Severity::Info => tracing::info!("{name} {subject}: {message}"),
            Severity::Warning => tracing::warn!("{name} {subject}: {message}"),
            Severity::Critical => tracing::error!("{name} {subject}: {message}"),
        }
        self.last += 1;
        *self.counts.entry((kind, severity)).or_default() += 1;
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(Event {
            sequence: self.last,
            at: now,
            kind,
            severity,
            subject,
            message,
        });
    }

    /// The events after one, oldest first.
    pub fn after(&self, sequence: u64) -> impl Iterator<Item = &Event> {
        let from = self
            .events
            .partition_point(|event| event.sequence <= sequence);
        self.events.range(from..)
    }

    /// How often a kind was told with that severity.
    pub fn count(&self, kind: Kind, severity: Severity) -> u64 {
        self.counts.get(&(kind, severity)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(journal: &mut Journal, n: u64) {
        let what = (Kind::HealthChanged, Severity::Warning);
        journal.tell(n, what, "a".into(), n.to_string());
    }

    #[test]
    fn the_latest_are_kept_in_order_and_gaps_show() {
        let mut journal = Journal::default();
        for n in 1..=KEPT as u64 + 5 {
            tell(&mut journal, n);
        }
        let kept: Vec<u64> = journal.after(0).map(|event| event.sequence).collect();
        assert_eq!(kept, (6..=KEPT as u64 + 5).collect::<Vec<_>>());
        assert_eq!(journal.after(KEPT as u64 + 4).count(), 1);
        assert_eq!(journal.after(u64::MAX).count(), 0);
        let count = |severity| journal.count(Kind::HealthChanged, severity);
        assert_eq!(
            (count(Severity::Info), count(Severity::Warning)),
            (0, KEPT as u64 + 5)
        );
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let mut journal = Journal::default();
        journal.tell(
            0,
            (Kind::ConfigurationRefused, Severity::Warning),
            String::new(),
            "ü".repeat(LONGEST),
        );
        let kept = journal.after(0).next().expect("kept").message.len();
        assert_eq!(kept, LONGEST);
    }
}
