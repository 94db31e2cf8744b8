//! Connections that nobody uses.

use std::io::{self, ErrorKind};
use std::thread;
use std::time::{Duration, Instant};

use firmware_api::Family;
use headgate_tests::lab::config::{HTTP, SILENT};
use headgate_tests::lab::plan::{FAMILIES, service};
use headgate_tests::lab::server::{Connection, Ending};
use headgate_tests::lab::talk::Conversation;
use headgate_tests::lab::{Config, Engine, Lab, Options, count, say, wait_until};

/// The clocks' speed: four minutes pass in [`IDLE`].
const TIME_SCALE: u32 = 60;
/// The rules' idle timeout in real time.
const IDLE: Duration = Duration::from_secs(240 / TIME_SCALE as u64);
/// What the timeout may take longer: a sweep, and the scheduling of a busy machine.
const LATE: Duration = Duration::from_secs(4);

/// RST-02, RST-04: at the idle timeout both ends get a RST that their kernels accept at once,
/// without a challenge. IDLE-01: where reset is off nothing is sent, and what comes later is lost.
fn idle_connections_are_reset_at_both_ends_or_silently_forgotten(engine: Engine) {
    let options = Options {
        time_scale: TIME_SCALE,
        config: Config {
            probe_seconds: 60,
            ..Config::default()
        },
        ..Options::on(engine)
    };
    let Some(lab) = Lab::start(&options) else {
        return;
    };
    let before = Counters::read(&lab);
    thread::scope(|scope| {
        for family in FAMILIES {
            let lab = &lab;
            scope.spawn(move || is_reset(lab, Idle::open(lab, family, HTTP)));
            scope.spawn(move || is_forgotten(lab, Idle::open(lab, family, SILENT)));
        }
    });
    let after = Counters::read(&lab);
    say(format_args!(
        "challenges and resets: {before:?}, then {after:?}"
    ));
    assert_eq!(after.challenges, before.challenges, "RST-04");
    let resets = before.resets.map(|number| number + FAMILIES.len() as u64);
    assert_eq!(
        after.resets, resets,
        "RST-02: one for each family at each end"
    );
    for family in FAMILIES {
        let counts = count(lab.requests(service(family, HTTP), 10));
        assert_eq!(counts.values().sum::<usize>(), 10, "RST-05");
    }
    lab.finish();
}

/// What the kernels counted.
#[derive(Debug)]
struct Counters {
    challenges: u64,
    /// Established connections that were reset: the client's, the backends'.
    resets: [u64; 2],
}

impl Counters {
    fn read(lab: &Lab) -> Self {
        let topology = &lab.topology;
        let ends = || topology.backends.iter().chain([&topology.client]);
        let challenges = ["TCPChallengeACK", "TCPSYNChallenge"];
        let resets = |inside: &headgate_tests::lab::Netns| inside.counter("Tcp", "EstabResets");
        Self {
            challenges: ends()
                .flat_map(|inside| challenges.map(|name| inside.counter("TcpExt", name)))
                .sum(),
            resets: [
                resets(&topology.client),
                topology.backends.iter().map(resets).sum(),
            ],
        }
    }
}

/// A connection that was used, and then no more.
struct Idle {
    family: Family,
    talk: Conversation,
    server: String,
    since: Instant,
}

impl Idle {
    /// Opens it and moves both sequence numbers well away from where they began.
    fn open(lab: &Lab, family: Family, port: u16) -> Self {
        let inside = &lab.topology.client;
        let mut talk = inside
            .run(|| Conversation::open(service(family, port)))
            .expect("connects");
        let mut server = String::new();
        for length in 1..40 {
            server = talk
                .say(&"x".repeat(length * 50))
                .expect("an answer")
                .server;
        }
        Self {
            family,
            talk,
            server,
            since: Instant::now(),
        }
    }

    /// Waits at the client's end: what happened, and how long after the last line.
    fn wait(&mut self, at_most: Duration) -> (io::Result<usize>, Duration) {
        let outcome = self.talk.wait(at_most);
        (outcome, self.since.elapsed())
    }

    /// The connection as its server sees it.
    fn at_server(&self, lab: &Lab) -> Connection {
        let connection = lab.server(&self.server).connection_from(self.talk.local());
        connection.expect("a log entry")
    }
}

fn is_reset(lab: &Lab, mut idle: Idle) {
    let (outcome, after) = idle.wait(IDLE + LATE);
    let kind = outcome.expect_err("the client is told").kind();
    say(format_args!(
        "{:?}: reset after {after:?}, {kind:?} at the client",
        idle.family
    ));
    assert_eq!(kind, ErrorKind::ConnectionReset, "RST-02 at the client");
    // Both ends stop their clocks a moment after the card has seen the last packet.
    assert!(
        after + Duration::from_millis(100) > IDLE,
        "early: {after:?}"
    );
    let reset = Some(Ending::Failed(ErrorKind::ConnectionReset));
    wait_until("RST-02 at the backend", Duration::from_secs(2), || {
        idle.at_server(lab).ended == reset
    });
}

fn is_forgotten(lab: &Lab, mut idle: Idle) {
    let before = idle.at_server(lab);
    let (outcome, after) = idle.wait(IDLE + LATE);
    let kind = outcome.expect_err("nothing is sent").kind();
    say(format_args!(
        "{:?}: {kind:?} after {after:?} with reset off",
        idle.family
    ));
    assert_eq!(kind, ErrorKind::WouldBlock, "IDLE-01 at the client");
    assert_eq!(idle.at_server(lab), before, "IDLE-01 at the backend");
    idle.talk
        .send("too late")
        .expect("the client does not know yet");
    let (outcome, _) = idle.wait(Duration::from_secs(1));
    assert_eq!(
        outcome.expect_err("no answer").kind(),
        ErrorKind::WouldBlock
    );
    assert_eq!(idle.at_server(lab), before, "a late packet is lost");
}

crate::on_both_engines! {
    idle_connections_are_reset_at_both_ends_or_silently_forgotten,
}
