//! The health of a load balancer as a resource, from the availability of its rules (L-MON-06).

use crate::event::Severity;

/// Milliseconds between evaluations, and what each of them looks back on.
pub const PERIOD: u64 = 120_000;
/// Milliseconds without data after which the health is unknown.
const NO_DATA: u64 = 600_000;

/// How a load balancer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// At least 90 % of the traces of two minutes would have been delivered.
    Available,
    /// Below 90 %, and at least 25 %.
    Degraded,
    /// Below 25 %.
    Unavailable,
    /// Nothing was traced for ten minutes, or not yet.
    #[default]
    Unknown,
}

impl Status {
    /// Each of them.
    pub const ALL: [Self; 4] = [
        Self::Available,
        Self::Degraded,
        Self::Unavailable,
        Self::Unknown,
    ];

    /// The service's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Available => "Available",
            Self::Degraded => "Degraded",
            Self::Unavailable => "Unavailable",
            Self::Unknown => "Unknown",
        }
    }

    /// How soon somebody should look.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Available => Severity::Info,
            Self::Degraded | Self::Unknown => Severity::Warning,
            Self::Unavailable => Severity::Critical,
        }
    }

    fn of(good: u64, all: u64) -> Self {
        match 100 * good {
            percent if percent >= 90 * all => Self::Available,
            percent if percent >= 25 * all => Self::Degraded,
            _ => Self::Unavailable,
        }
    }
}

/// The health of one load balancer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceHealth {
    status: Status,
    /// Traces since the last evaluation: those delivered, and all.
    good: u64,
    all: u64,
    /// The percentage that the last evaluation with data found, rounded down, and when that was.
    last: Option<(u32, u64)>,
}

impl ResourceHealth {
    /// Takes a trace of one of its rules.
    pub const fn note(&mut self, is_delivered: bool) {
        self.good += is_delivered as u64;
        self.all += 1;
    }

    /// Evaluates the time since the last evaluation; due every [`PERIOD`]. Returns what the health
    /// was before, if it is another now. That all is well at the first evaluation is no news.
    pub fn evaluate(&mut self, now: u64) -> Option<Status> {
        let (before, is_first) = (self.status, self.last.is_none());
        let (good, all) = (self.good, self.all);
        (self.good, self.all) = (0, 0);
        if all > 0 {
            self.status = Status::of(good, all);
            self.last = Some(((100 * good / all) as u32, now));
        } else if self
            .last
            .is_none_or(|(_, at)| now.saturating_sub(at) >= NO_DATA)
        {
            self.status = Status::Unknown;
        }
        let is_well = is_first && self.status == Status::Available;
        (self.status != before && !is_well).then_some(before)
    }

    /// As of the last evaluation.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// In whole percent, rounded down, the share of traces that would have been delivered, by the
    /// last evaluation; `None` while the health is unknown.
    pub fn percent(&self) -> Option<u32> {
        let (percent, _) = self.last?;
        (self.status != Status::Unknown).then_some(percent)
    }

    /// What there is to say of it.
    pub fn message(&self) -> String {
        match self.percent() {
            Some(percent) => format!("{}, {percent} % over two minutes", self.status.name()),
            None => format!("{}, nothing was traced for ten minutes", self.status.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(good: u32, bad: u32) -> Status {
        let mut health = ResourceHealth::default();
        (0..good).for_each(|_| health.note(true));
        (0..bad).for_each(|_| health.note(false));
        health.evaluate(PERIOD);
        health.status()
    }

    #[test]
    fn l_mon_06_90_percent_are_available_and_25_degraded() {
        assert_eq!(after(120, 0), Status::Available);
        assert_eq!(after(900, 100), Status::Available, "90 %");
        assert_eq!(after(899, 101), Status::Degraded);
        assert_eq!(after(250, 750), Status::Degraded, "25 %");
        assert_eq!(after(249, 751), Status::Unavailable);
        assert_eq!(after(0, 1), Status::Unavailable);
        assert_eq!(after(0, 0), Status::Unknown);
    }

    #[test]
    fn l_mon_06_each_evaluation_looks_back_to_the_last_and_tells_a_change_once() {
        let mut health = ResourceHealth::default();
        health.note(true);
        assert_eq!(health.evaluate(PERIOD), None, "all is well from the start");
        health.note(false);
        assert_eq!(health.evaluate(2 * PERIOD), Some(Status::Available));
        assert_eq!(health.message(), "Unavailable, 0 % over two minutes");
        health.note(false);
        assert_eq!(health.evaluate(3 * PERIOD), None);
        health.note(true);
        assert_eq!(health.evaluate(4 * PERIOD), Some(Status::Unavailable));
        assert_eq!(
            (health.status(), health.percent()),
            (Status::Available, Some(100))
        );
    }

    #[test]
    fn l_mon_06_without_data_it_stays_for_ten_minutes() {
        let mut health = ResourceHealth::default();
        assert_eq!(health.evaluate(PERIOD), None, "unknown from the start");
        health.note(true);
        health.evaluate(2 * PERIOD);
        for n in 3..7 {
            assert_eq!(health.evaluate(n * PERIOD), None);
            assert_eq!(health.status(), Status::Available);
        }
        assert_eq!(health.evaluate(7 * PERIOD), Some(Status::Available));
        assert_eq!((health.status(), health.percent()), (Status::Unknown, None));
        health.note(true);
        assert_eq!(health.evaluate(8 * PERIOD), Some(Status::Unknown));
    }
}
