//! From the client through the frontends to the backends, and back.

use std::io::ErrorKind;

use firmware_api::Family;
use headgate_tests::lab::config::{CLOSED, ECHO, HTTP, NOBODY, SSH};
use headgate_tests::lab::plan::{BACKENDS, FAMILIES, client, service};
use headgate_tests::lab::server::LARGE;
use headgate_tests::lab::talk::{self, Conversation};
use headgate_tests::lab::{Engine, Lab, Options, count, say};

/// FWD-02: servers see the client's own address and port. PRB-02: every healthy backend gets new
/// connections. DIST-02: all packets of one connection reach the same backend.
fn requests_reach_all_backends_and_servers_see_the_client(engine: Engine) {
    let Some(lab) = Lab::start(&Options::on(engine)) else {
        return;
    };
    for family in FAMILIES {
        let answers = lab.requests(service(family, HTTP), lab.some(150));
        for answer in &answers {
            assert_eq!(answer.seen, answer.local, "FWD-02");
            assert_eq!(answer.local.ip(), client(family));
            let logged = lab.server(&answer.server).connection_from(answer.local);
            assert_eq!(logged.expect("a log entry").port, 8080);
        }
        let counts = count(answers);
        say(format_args!("{family:?}: requests by backend {counts:?}"));
        assert_eq!(counts.len(), BACKENDS);
        assert!(
            counts.values().all(|&requests| requests >= lab.some(20)),
            "{counts:?}"
        );
        one_backend_per_connection(&lab, family);
    }
    lab.finish();
}

fn one_backend_per_connection(lab: &Lab, family: Family) {
    let lines = lab.some(300);
    let answers = lab.topology.client.run(|| {
        let mut talk = Conversation::open(service(family, HTTP)).expect("connects");
        let say = |n: usize| talk.say(&"x".repeat(1 + n * 4)).expect("an answer");
        (0..lines).map(say).collect::<Vec<_>>()
    });
    let counts = count(answers);
    say(format_args!(
        "{family:?}: {lines} lines on one connection, {counts:?}"
    ));
    assert_eq!(counts.len(), 1, "DIST-02");
}

/// NATR-01: an inbound NAT rule reaches its one target, whatever the source port.
fn inbound_nat_reaches_its_target_only(engine: Engine) {
    let Some(lab) = Lab::start(&Options::on(engine)) else {
        return;
    };
    for family in FAMILIES {
        let answers = lab.requests(service(family, SSH), lab.some(40));
        for answer in &answers {
            assert_eq!(answer.seen, answer.local, "FWD-02");
            let logged = lab.server("web-1").connection_from(answer.local);
            assert_eq!(logged.expect("a log entry").port, 22);
        }
        let counts = count(answers);
        say(format_args!(
            "{family:?}: connections to port {SSH} {counts:?}"
        ));
        assert_eq!(counts.into_keys().collect::<Vec<_>>(), ["web-1"]);
    }
    lab.finish();
}

/// UDP is balanced and answered by the frontend. FWD-04, PRB-06: a backend's refusal, a RST or an
/// ICMP error, reaches the client although its probe is healthy.
fn datagrams_and_refusals_pass(engine: Engine) {
    let Some(lab) = Lab::start(&Options::on(engine)) else {
        return;
    };
    for family in FAMILIES {
        let inside = &lab.topology.client;
        let ask = |n| talk::ask(service(family, ECHO), &format!("datagram {n}"));
        let answers = inside.run(|| (0..60).map(ask).collect::<Result<Vec<_>, _>>());
        let answers = answers.expect("every datagram is answered");
        for answer in &answers {
            assert_eq!(answer.seen.port(), answer.local.port(), "FWD-02");
            assert_eq!(answer.seen.ip(), client(family), "FWD-02");
        }
        let counts = count(answers);
        say(format_args!("{family:?}: 60 datagrams, {counts:?}"));
        assert_eq!(counts.len(), BACKENDS);
        let refused = inside.run(|| talk::get(service(family, CLOSED), "/"));
        let refused = refused.expect_err("nobody listens").kind();
        assert_eq!(refused, ErrorKind::ConnectionRefused, "TCP");
        let refused = inside.run(|| talk::ask(service(family, NOBODY), "anybody?"));
        let refused = refused.expect_err("nobody listens").kind();
        assert_eq!(refused, ErrorKind::ConnectionRefused, "UDP");
    }
    lab.finish();
}

/// A router's "too big" reaches the backend that sent too much, and the transfer completes.
fn path_mtu_is_learnt_by_backends(engine: Engine) {
    let Some(lab) = Lab::start(&Options::on(engine)) else {
        return;
    };
    lab.topology.narrow_client_link(1300).expect("an MTU");
    for family in FAMILIES {
        let complaints = || {
            let backends = lab.topology.backends.iter();
            let count = backends.map(|inside| match family {
                Family::V4 => inside.counter("Icmp", "InDestUnreachs"),
                Family::V6 => inside.counter_v6("Icmp6InPktTooBigs"),
            });
            count.sum::<u64>()
        };
        let before = complaints();
        let fetch = |_| talk::get(service(family, HTTP), "/large").expect("the whole response");
        let inside = &lab.topology.client;
        let answers = inside.run(|| (0..6).map(fetch).collect::<Vec<_>>());
        assert!(answers.iter().all(|answer| answer.len == LARGE));
        let heard = complaints() - before;
        say(format_args!(
            "{family:?}: 6 transfers of {LARGE} bytes, {heard} complaints"
        ));
        assert!(heard > 0, "the link was not narrow");
    }
    lab.finish();
}

crate::on_both_engines! {
    requests_reach_all_backends_and_servers_see_the_client,
    inbound_nat_reaches_its_target_only,
    datagrams_and_refusals_pass,
    path_mtu_is_learnt_by_backends,
}
