//! The lab without the programs: what can go wrong in it must not be blamed on them.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use firmware_api::Family;
use flow_compiler::source::Source;

use super::plan::{self, FAMILIES};
use super::server::{Ending, LARGE, Server, Use};
use super::talk::{self, Conversation};
use super::{Config, Topology, prefix, requirements, say, wait_until};

/// The namespaces alone, or `None` and a word why not.
fn topology() -> Option<Topology> {
    let prefix = prefix();
    if let Err(reason) = requirements::check(&prefix, super::Engine::Native) {
        say(format_args!("skipped: {reason}"));
        return None;
    }
    Some(Topology::build(&prefix).expect("the namespaces"))
}

#[test]
fn the_client_reaches_the_internet_through_the_router() {
    let Some(topology) = topology() else { return };
    let _server = Server::start(&topology.internet, "internet", &[443], &[]).expect("a server");
    let _client = Server::start(&topology.client, "client", &[], &[7]).expect("a server");
    for family in FAMILIES {
        for address in plan::internet(family) {
            let answer = topology
                .client
                .run(|| talk::get(SocketAddr::new(address, 443), "/"));
            let answer = answer.expect("an answer");
            assert_eq!(
                (answer.seen, answer.seen.ip()),
                (answer.local, plan::client(family))
            );
        }
        let to = SocketAddr::new(plan::client(family), 7);
        let answer = topology.internet.run(|| talk::ask(to, "?"));
        let seen = answer.expect("an answer").seen.ip();
        assert!(plan::internet(family).contains(&seen));
    }
}

#[test]
fn a_narrow_link_is_complained_about() {
    let Some(topology) = topology() else { return };
    let _server = Server::start(&topology.internet, "internet", &[443], &[]).expect("a server");
    topology.narrow_client_link(1300).expect("an MTU");
    for family in FAMILIES {
        let to = SocketAddr::new(plan::internet(family)[0], 443);
        let answer = topology.client.run(|| talk::get(to, "/large"));
        assert_eq!(answer.expect("all of it").len, LARGE);
    }
    assert!(topology.internet.counter("Icmp", "InDestUnreachs") > 0);
    assert!(topology.internet.counter_v6("Icmp6InPktTooBigs") > 0);
}

#[test]
fn without_the_card_nobody_answers_for_the_frontends() {
    let Some(topology) = topology() else { return };
    let _server = Server::start(&topology.backends[0], "web-1", &[80], &[]).expect("a server");
    for family in FAMILIES {
        let within = Duration::from_millis(500);
        let get = |to| {
            talk::get_within(within, to, "/")
                .expect_err("no answer")
                .kind()
        };
        let kind = topology.client.run(|| get(plan::service(family, 80)));
        assert!(
            matches!(kind, ErrorKind::TimedOut | ErrorKind::HostUnreachable),
            "{kind:?}"
        );
        let kind = topology
            .switch
            .run(|| get(SocketAddr::new(plan::backend(0, family), 80)));
        assert!(
            matches!(kind, ErrorKind::TimedOut | ErrorKind::HostUnreachable),
            "{kind:?}"
        );
    }
}

#[test]
fn a_server_keeps_what_became_of_each_connection() {
    let Some(topology) = topology() else { return };
    let inside = &topology.internet;
    let server = Server::start(inside, "internet", &[443], &[]).expect("a server");
    let to = SocketAddr::new(plan::internet(Family::V6)[1], 443);
    let mut open = topology
        .client
        .run(|| Conversation::open(to))
        .expect("connects");
    assert_eq!(open.say("one").expect("an answer").server, "internet");
    assert_eq!(open.say("two").expect("an answer").seen, open.local());
    let connection = server.connection_from(open.local()).expect("an entry");
    wait_until("both lines are counted", Duration::from_secs(1), || {
        server
            .connection_from(open.local())
            .is_some_and(|connection| connection.lines == 2)
    });
    assert_eq!((connection.port, connection.used), (443, Use::Conversation));
    assert_eq!(connection.ended, None);
    let local = open.local();
    drop(open);
    wait_until("its end is seen", Duration::from_secs(1), || {
        server.connection_from(local).and_then(|c| c.ended) == Some(Ending::Closed)
    });
    let healthz = || topology.client.run(|| talk::get(to, "/healthz"));
    healthz().expect("200");
    server.set_healthy(false);
    healthz().expect_err("503");
}

#[test]
fn the_compiler_accepts_the_configuration() {
    for members in [vec![0, 1, 2], vec![0, 1]] {
        let config = Config {
            members,
            ..Config::default()
        };
        let source = Source::new("headgate.yaml", config.to_yaml());
        let compiled = flow_compiler::compile(&source).expect("accepted");
        assert_eq!(compiled.warnings, [], "{}", source.text);
    }
}
