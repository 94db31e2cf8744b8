//! When something is said again that was said before.

use std::collections::HashMap;

use super::Kind;

/// What was said last, and when.
#[derive(Debug, Default)]
pub struct Quiet {
    said: HashMap<Kind, HashMap<String, u64>>,
}

impl Quiet {
    /// Whether to say it at `now`.
    pub fn is_due(&self, now: u64, kind: Kind, subject: &str) -> bool {
        let last = self.said.get(&kind).and_then(|said| said.get(subject));
        last.is_none_or(|last| now.saturating_sub(*last) >= kind.quiet())
    }

    /// Whether to say it at `now`; if so it counts as said. Allocates only then.
    pub fn admits(&mut self, now: u64, kind: Kind, subject: &str) -> bool {
        if kind.quiet() == 0 {
            return true;
        }
        if !self.is_due(now, kind, subject) {
            return false;
        }
        let said = self.said.entry(kind).or_default();
        said.retain(|_, last| now.saturating_sub(*last) < kind.quiet());
        said.insert(subject.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l_mon_08_the_same_is_said_again_after_its_time_and_something_else_at_once() {
        let mut quiet = Quiet::default();
        let kind = Kind::SnatPortExhaustion;
        assert!(quiet.admits(1_000, kind, "web-1"));
        assert!(!quiet.admits(300_999, kind, "web-1"));
        assert!(quiet.admits(2_000, kind, "web-2"));
        assert!(quiet.admits(2_000, Kind::HighSnatPortUsage, "web-1"));
        assert!(quiet.admits(301_000, kind, "web-1"));
        assert!(!quiet.admits(301_001, kind, "web-1"));
    }

    #[test]
    fn l_mon_08_times() {
        let minutes = |kind: Kind| kind.quiet() / 60_000;
        assert_eq!(minutes(Kind::DataPathAvailabilityWarning), 5);
        assert_eq!(minutes(Kind::DataPathAvailabilityCritical), 5);
        assert_eq!(minutes(Kind::NoHealthyBackends), 60);
        assert_eq!(minutes(Kind::HighSnatPortUsage), 5);
        assert_eq!(minutes(Kind::SnatPortExhaustion), 5);
        assert_eq!(minutes(Kind::ApproachingMaxRulesPerNicLimit), 24 * 60);
    }

    #[test]
    fn what_has_no_time_is_always_said_and_nothing_is_kept_for_ever() {
        let mut quiet = Quiet::default();
        for now in 0..3 {
            assert!(quiet.admits(now, Kind::HealthChanged, "10.0.0.4"));
        }
        for n in 0..1_000 {
            quiet.admits(n * 1_000_000, Kind::CardError, &n.to_string());
        }
        let kept: usize = quiet.said.values().map(HashMap::len).sum();
        assert_eq!(kept, 1);
    }
}
