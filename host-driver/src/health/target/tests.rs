//! The conformance rows of probe states, and a model of the thresholds that reads the whole history
//! each time.

use proptest::prelude::*;

use super::*;
use crate::health::spec::tests::{http, nz, port};

const S: Outcome = Outcome::Success;
const F: Outcome = Outcome::ConnectTimeout;
const SILENCE: Outcome = Outcome::ReplyTimeout;
const INTERVAL_MS: u64 = 5_000;

fn tcp(threshold: u32) -> Probe {
    Probe::new(Protocol::Tcp, port(80), nz(5), nz(threshold))
}

fn classic_tcp() -> Probe {
    Probe::classic(Protocol::Tcp, port(80), nz(15), nz(31))
}

/// Observes one outcome an interval, from `start` on; the health after each as a letter.
fn feed_from(target: &mut Target, start: u64, outcomes: &[Outcome]) -> String {
    let letter = |(at, outcome): (u64, &Outcome)| {
        target.observe(start + at * INTERVAL_MS, *outcome);
        if target.health() == Health::Up {
            'U'
        } else {
            'd'
        }
    };
    (0..).zip(outcomes).map(letter).collect()
}

fn feed(target: &mut Target, outcomes: &[Outcome]) -> String {
    feed_from(target, 0, outcomes)
}

fn steady(probe: &Probe) -> Target {
    Target::new(probe, HoldDown::OFF)
}

#[test]
fn l_prb_08_first_success_is_up_at_once() {
    assert_eq!(feed(&mut steady(&tcp(5)), &[S]), "U");
    assert_eq!(
        feed(&mut steady(&tcp(5)), &[F, F, F, S]),
        "dddU",
        "also after a slow boot"
    );
}

#[test]
fn a_6_l_prb_07_tcp_threshold_2() {
    let mut target = steady(&tcp(2));
    assert_eq!(feed(&mut target, &[S, S]), "UU");
    assert_eq!(feed(&mut target, &[F, F]), "Ud", "two failures");
    assert_eq!(feed(&mut target, &[S, S]), "dU", "two successes");
    assert_eq!(
        feed(&mut target, &[F, S, F, S]),
        "UUUU",
        "never two in a row"
    );
    assert_eq!(feed(&mut target, &[F, F, S, F, S, F]), "Uddddd");
}

#[test]
fn counts_differ_by_direction() {
    let mut target = steady(&tcp(1).with_counts(nz(3), nz(1)));
    assert_eq!(feed(&mut target, &[S, F, S, S, S]), "UdddU");
}

#[test]
fn a_6_l_prb_06_http_answers_decide_alone() {
    let mut target = steady(&Probe::new(http(), port(80), nz(5), nz(5)));
    assert_eq!(feed(&mut target, &[Outcome::HttpStatus(200)]), "U");
    for status in [201, 204, 301, 403, 404, 500, 503] {
        let transition = target
            .observe(0, Outcome::HttpStatus(status))
            .expect("down at once");
        assert_eq!(
            (transition.to, transition.reason),
            (Health::Down, Reason::DownProbeHttpStatusCodeError)
        );
        let transition = target
            .observe(0, Outcome::HttpStatus(200))
            .expect("up at once");
        assert_eq!(
            (transition.to, transition.reason),
            (Health::Up, Reason::UpProbeSuccess)
        );
    }
    assert_eq!(
        feed(&mut target, &[Outcome::Reset]),
        "d",
        "a reset is an answer"
    );
}

#[test]
fn a_6_http_silence_is_counted() {
    let mut target = steady(&Probe::new(http(), port(80), nz(5), nz(2)));
    assert_eq!(
        feed(&mut target, &[Outcome::HttpStatus(200), SILENCE, SILENCE]),
        "UUd"
    );
    assert_eq!(target.reason(), Some(Reason::DownProbeHttpNoResponse));
    assert_eq!(
        feed(&mut target, &[Outcome::HttpStatus(200), F, Outcome::Closed]),
        "UUd"
    );
}

#[test]
fn a_06b_l_prb_02_tcp_reset_is_one_failure() {
    assert_eq!(
        feed(&mut steady(&tcp(2)), &[S, Outcome::Reset, Outcome::Reset]),
        "UUd"
    );
}

#[test]
fn csd_03_06_07_down_and_up_again() {
    let mut target = steady(&Probe::classic(http(), port(80), nz(15), nz(31)));
    let (ok, busy) = (Outcome::HttpStatus(200), Outcome::HttpStatus(503));
    assert_eq!(
        feed(&mut target, &[ok, busy, ok, SILENCE, SILENCE, ok]),
        "UdUUdU"
    );
}

#[test]
fn a_6_csd_14_15_silence_takes_down_at_31_s() {
    let mut target = steady(&classic_tcp());
    target.observe(0, S);
    assert_eq!(target.deadline(), Some(31_000));
    assert_eq!(
        target.observe(30_000, F),
        None,
        "the probe of t=15 timed out: a first miss"
    );
    assert_eq!(target.tick(30_999), None);
    let down = Transition {
        at: 31_000,
        to: Health::Down,
        reason: Reason::DownProbeTcpProbeTimeout,
    };
    assert_eq!(target.tick(31_000), Some(down));
    assert_eq!(
        (target.deadline(), target.tick(99_000)),
        (None, None),
        "once"
    );
}

#[test]
fn csd_14_a_good_answer_restarts_the_clock() {
    let mut target = steady(&classic_tcp());
    target.observe(0, S);
    target.observe(15_000, S);
    assert_eq!(target.tick(31_000), None);
    assert_eq!(target.deadline(), Some(46_000));
}

#[test]
fn l_prb_22_resets_take_down_by_count() {
    let mut target = steady(&classic_tcp());
    target.observe(0, S);
    assert_eq!(target.observe(15_000, Outcome::Reset), None);
    assert!(
        target.observe(30_000, Outcome::Reset).is_some(),
        "31/15 = 2"
    );
}

#[test]
fn l_prb_11_reaction_time() {
    // Answers stop right after, or right before, the probe of t=0; a probe times out after 5 s.
    for (first_failure, expected) in [(10_000, 15_000), (5_000, 10_000)] {
        let mut target = steady(&tcp(2));
        target.observe(0, S);
        assert_eq!(target.observe(first_failure, F), None);
        let down = target
            .observe(first_failure + INTERVAL_MS, F)
            .expect("two failures");
        assert_eq!(down.at, expected);
    }
}

#[test]
fn a_32_l_prb_09_flapping_waits_longer() {
    let mut target = Target::new(&tcp(2), HoldDown::default());
    target.observe(0, S);
    let mut now = 0;
    let mut waits = Vec::new();
    for _ in 0..5 {
        assert_eq!(feed_from(&mut target, now + INTERVAL_MS, &[F, F]), "Ud");
        now += 2 * INTERVAL_MS;
        let mut successes = 0;
        while target.health() == Health::Down {
            now += INTERVAL_MS;
            successes += 1;
            target.observe(now, S);
        }
        waits.push(successes);
    }
    assert_eq!(
        waits,
        [4, 8, 16, 16, 16],
        "threshold 2, doubled for each flap, three times at most"
    );
}

#[test]
fn a_32_a_minute_up_ends_the_hold_down() {
    let mut target = Target::new(&tcp(2), HoldDown::default());
    assert_eq!(feed(&mut target, &[S, F, F, S, S, S, S]), "UUddddU");
    let later = 6 * INTERVAL_MS + 60_000;
    assert_eq!(feed_from(&mut target, later, &[F, F, S, S]), "UddU");
}

#[test]
fn l_prb_06_hold_down_never_delays_an_http_200() {
    let mut target = Target::new(
        &Probe::new(http(), port(80), nz(5), nz(2)),
        HoldDown::default(),
    );
    let (ok, busy) = (Outcome::HttpStatus(200), Outcome::HttpStatus(503));
    assert_eq!(
        feed(&mut target, &[ok, busy, ok, busy, ok, busy, ok]),
        "UdUdUdU"
    );
}

#[test]
fn l_mon_07_reasons_follow_the_run() {
    let mut target = steady(&tcp(2));
    let reason = |target: &Target| target.reason().map(Reason::name);
    assert_eq!(reason(&target), None, "nothing known");
    for (outcome, expected) in [
        (F, "Down_Probe_TcpProbeTimeout"),
        (S, "Up_Probe_Success"),
        (F, "Up_Probe_ApproachingUnhealthyThreshold"),
        (S, "Up_Probe_Success"),
        (F, "Up_Probe_ApproachingUnhealthyThreshold"),
        (F, "Down_Probe_TcpProbeTimeout"),
        (S, "Down_Probe_ApproachingHealthyThreshold"),
        (F, "Down_Probe_TcpProbeTimeout"),
    ] {
        target.observe(0, outcome);
        assert_eq!(reason(&target), Some(expected));
    }
}

#[test]
fn a_probe_that_was_not_sent_proves_nothing() {
    let mut target = steady(&tcp(2));
    assert_eq!(
        feed(&mut target, &[S, F, Outcome::NotSent, F]),
        "UUUd",
        "the run goes on around it"
    );
    let mut classic = steady(&classic_tcp());
    classic.observe(0, S);
    classic.observe(15_000, Outcome::NotSent);
    assert_eq!(
        classic.deadline(),
        Some(46_000),
        "nobody listened, so nobody was silent"
    );
}

#[test]
fn an_adopted_backend_stays_up_until_its_probe_says_otherwise() {
    let mut target = Target::adopt_up(1_000, &classic_tcp(), HoldDown::default());
    assert_eq!(
        (target.health(), target.deadline()),
        (Health::Up, Some(32_000))
    );
    assert!(target.tick(32_000).is_some());
}

/// The rules as one sentence over the whole history: from the first success on, the state is what
/// the latest `threshold` consecutive equal answers say, and up if there are none yet.
fn model(history: &[bool], threshold: usize) -> bool {
    let Some(first) = history.iter().position(|good| *good) else {
        return false;
    };
    let agrees = |window: &&[bool]| window.iter().all(|good| *good == window[0]);
    history[first..]
        .windows(threshold)
        .rev()
        .find(agrees)
        .is_none_or(|window| window[0])
}

proptest! {
    #[test]
    fn l_prb_07_thresholds_match_the_model(
        threshold in 1_u32..6,
        history in prop::collection::vec(prop::bool::weighted(0.6), 0..200),
    ) {
        let mut target = steady(&tcp(threshold));
        let mut before = Health::Down;
        for (at, good) in history.iter().enumerate() {
            let transition = target.observe(at as u64 * INTERVAL_MS, if *good { S } else { F });
            let up = model(&history[..=at], threshold as usize);
            prop_assert_eq!(target.health() == Health::Up, up);
            let changed = (target.health() != before).then_some(target.health());
            prop_assert_eq!(transition.map(|transition| transition.to), changed);
            before = target.health();
        }
    }

    #[test]
    fn any_outcomes_at_any_time_never_panic(
        classic: bool,
        steps in prop::collection::vec((any::<u64>(), 0_u16..600), 0..100),
    ) {
        let slow = Probe::new(http(), port(80), nz(5), nz(u32::MAX));
        let probe = if classic { classic_tcp() } else { slow };
        let mut target = Target::new(&probe, HoldDown { window_ms: 1, max_doublings: u32::MAX });
        for (now, pick) in steps {
            let status = Outcome::HttpStatus(pick);
            let outcomes = [S, F, SILENCE, Outcome::Reset, Outcome::NotSent, status];
            target.observe(now, outcomes[usize::from(pick) % outcomes.len()]);
            target.tick(now);
            let up = target.reason().is_some_and(|reason| reason.name().starts_with("Up_"));
            prop_assert_eq!(up, target.health() == Health::Up);
        }
    }
}
