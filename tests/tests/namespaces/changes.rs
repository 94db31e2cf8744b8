//! Members that go and come, by their probe or by the configuration.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use firmware_api::Family;
use headgate_tests::lab::config::HTTP;
use headgate_tests::lab::plan::{BACKENDS, FAMILIES, prober, service};
use headgate_tests::lab::server::{Server, Use};
use headgate_tests::lab::talk::{self, Conversation};
use headgate_tests::lab::{Config, Engine, Lab, Options, count, say, wait_until};

/// How long a change may take to show.
const SOON: Duration = Duration::from_secs(5);

/// PRB-02: a backend whose probe fails gets no new connections, and gets them again when it
/// recovers. PRB-03: its established connections go on. PRB-04, L-PRB-12: where probes come from.
fn a_probe_that_fails_moves_new_connections_only(engine: Engine) {
    let Some(lab) = Lab::start(&Options::on(engine)) else {
        return;
    };
    let sick = "web-2";
    for family in FAMILIES {
        let to = service(family, HTTP);
        let mut talks = Talks::open(&lab, family, lab.some(12));
        lab.server(sick).set_healthy(false);
        let down = wait_until("the backend is avoided", SOON, || {
            !count(lab.requests(to, lab.some(60))).contains_key(sick)
        });
        let without = count(lab.requests(to, lab.some(100)));
        talks.each_says_something();
        lab.server(sick).set_healthy(true);
        let up = wait_until("the backend is used again", SOON, || {
            count(lab.requests(to, lab.some(60))).contains_key(sick)
        });
        talks.each_says_something();
        say(format_args!(
            "{family:?}: down after {down:?}, then requests {without:?}, up after {up:?}; \
             {} connections went on, {} of them to {sick}",
            talks.0.len(),
            talks.with(sick)
        ));
        assert_eq!(without.len(), BACKENDS - 1, "PRB-02: {without:?}");
        probes_come_from_the_service_address(&lab, family);
    }
    lab.finish();
}

fn probes_come_from_the_service_address(lab: &Lab, family: Family) {
    let connections = lab.servers.iter().flat_map(Server::connections);
    let probes = connections.filter(|connection| {
        connection.used == Use::Probe && connection.peer.is_ipv4() == (family == Family::V4)
    });
    let sources: Vec<_> = probes.map(|connection| connection.peer.ip()).collect();
    say(format_args!("{family:?}: {} probes", sources.len()));
    assert!(!sources.is_empty());
    assert!(
        sources.iter().all(|source| *source == prober(family)),
        "PRB-04"
    );
}

/// RCFG-01: a member that is removed gets no new connections, one that is added does. RCFG-02: no
/// connection breaks, not even those of the member that was removed.
fn members_change_under_load_and_no_connection_breaks(engine: Engine) {
    let Some(lab) = Lab::start(&Options::on(engine)) else {
        return;
    };
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let loads = FAMILIES.map(|family| {
            let talks = Talks::open(&lab, family, lab.some(24));
            let (lab, stop) = (&lab, &stop);
            scope.spawn(move || load(lab, family, talks, stop))
        });
        let changes = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| change(&lab)));
        stop.store(true, Ordering::Relaxed);
        for load in loads {
            load.join().expect("no connection breaks");
        }
        changes.expect("the changes show");
    });
    let requests: usize = (0..BACKENDS).map(|index| requests(&lab, index)).sum();
    assert!(requests >= lab.some(300), "only {requests} requests");
    lab.finish();
}

/// Removes the last member, and adds it again, twice.
fn change(lab: &Lab) {
    let all = Config::default();
    let fewer = Config {
        members: vec![0, 1],
        ..all.clone()
    };
    for _ in 0..2 {
        lab.configure(&fewer);
        let gone = wait_until("the member gets no new connections", SOON, || {
            let before = requests(lab, 2);
            let others = requests(lab, 0) + requests(lab, 1);
            wait_until("the load goes on", SOON, || {
                requests(lab, 0) + requests(lab, 1) > others + 40
            });
            requests(lab, 2) == before
        });
        lab.configure(&all);
        let before = requests(lab, 2);
        let back = wait_until("the member gets new connections", SOON, || {
            requests(lab, 2) > before + 10
        });
        say(format_args!(
            "member removed, seen after {gone:?}; added, seen after {back:?}"
        ));
    }
}

/// Requests that a backend has got.
fn requests(lab: &Lab, index: usize) -> usize {
    let connections = lab.servers[index].connections();
    connections
        .iter()
        .filter(|connection| connection.used == Use::Request)
        .count()
}

/// Short connections, and lines on long-lived ones, until it is stopped.
fn load(lab: &Lab, family: Family, mut talks: Talks, stop: &AtomicBool) {
    let (mut rounds, mut requests, mut slowest) = (0, 0, Duration::ZERO);
    lab.topology.client.run(|| {
        while !stop.load(Ordering::Relaxed) {
            talks.each_says_something();
            rounds += 1;
            for _ in 0..20 {
                let start = Instant::now();
                talk::get(service(family, HTTP), "/load").expect("a response");
                slowest = slowest.max(start.elapsed());
                requests += 1;
            }
        }
    });
    say(format_args!(
        "{family:?}: {requests} requests, slowest {slowest:?}; {rounds} lines on each of {} \
         connections; none broke",
        talks.0.len()
    ));
}

/// Conversations and whom each is with.
struct Talks(Vec<(Conversation, String)>);

impl Talks {
    /// At least that many, and at least one with each backend.
    fn open(lab: &Lab, family: Family, number: usize) -> Self {
        let open = || {
            let mut talk = Conversation::open(service(family, HTTP)).expect("connects");
            let server = talk.say("hello").expect("an answer").server;
            (talk, server)
        };
        let mut talks = Self(Vec::new());
        wait_until("every backend has a conversation", SOON, || {
            talks.0.push(lab.topology.client.run(open));
            let missing = lab
                .servers
                .iter()
                .any(|server| talks.with(server.name()) == 0);
            talks.0.len() >= number && !missing
        });
        talks
    }

    /// Each still works, and with the same server.
    fn each_says_something(&mut self) {
        for (talk, server) in &mut self.0 {
            let local = talk.local();
            match talk.say("still there?") {
                Ok(answer) => assert_eq!(answer.server, *server, "DIST-02"),
                Err(error) => panic!("{local} with {server}: {error}"),
            }
        }
    }

    fn with(&self, name: &str) -> usize {
        self.0.iter().filter(|(_, server)| server == name).count()
    }
}

crate::on_both_engines! {
    a_probe_that_fails_moves_new_connections_only,
    members_change_under_load_and_no_connection_breaks,
}
