//! Linux as a gateway, and as the appliance of a next hop.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use headgate_tests::lab::config::INNER;
use headgate_tests::lab::talk::{self, Conversation};
use headgate_tests::lab::{Config, Engine, Lab, Netns, Options, count, say, wait_until};

/// Datagrams through the appliance.
const DATAGRAMS: u64 = 20;

/// FWD-09: a client of another network behind an instance that routes. L-HA-08: both directions
/// between two instances pass their next hop.
fn linux_routes_as_a_gateway_and_as_an_appliance(engine: Engine) {
    let Some(lab) = Lab::start(&Options::on(engine)) else {
        return;
    };
    let [first, _, hub] = lab.topology.backends.as_slice() else {
        panic!("three backends");
    };
    let client = &lab.topology.client;
    make_router(hub, client);
    lab.configure(&Config {
        is_hub: true,
        ..Config::default()
    });

    let inner: SocketAddr = INNER.parse().expect("an address");
    let fetch = || client.run(|| talk::get_within(Duration::from_millis(500), inner, "/inner"));
    wait_until("the hub", Duration::from_secs(10), || fetch().is_ok());
    let answers: Vec<_> = (0..lab.some(60))
        .map(|_| fetch().expect("an answer"))
        .collect();
    let behind: IpAddr = "10.99.0.2".parse().expect("an address");
    assert!(answers.iter().all(|answer| answer.seen.ip() == behind));
    let counts = count(answers);
    say(format_args!("{engine:?}: behind the gateway {counts:?}"));
    assert_eq!(counts.len(), 2, "both backends");

    let own: IpAddr = "10.0.0.4".parse().expect("an address");
    let before = forwarded(hub);
    for n in 0..DATAGRAMS {
        let to = "10.0.0.5:7007".parse().expect("an address");
        let answer = first.run(|| talk::ask(to, &format!("datagram {n}")));
        assert_eq!(answer.expect("an answer").seen.ip(), own);
    }
    let passed = forwarded(hub) - before;
    say(format_args!(
        "{engine:?}: {passed} packets of {DATAGRAMS} questions and answers"
    ));
    assert!(passed >= 2 * DATAGRAMS, "both directions");

    let to = "10.0.0.5:8081".parse().expect("an address");
    let mut talk = first.run(|| Conversation::open(to)).expect("connects");
    for _ in 0..10 {
        assert_eq!(talk.say("through").expect("an answer").seen.ip(), own);
    }
    assert!(forwarded(hub) - before >= passed + 20);
    lab.finish();
}

/// Has an instance route between its vport and a link to another network.
fn make_router(hub: &Netns, client: &Netns) {
    let link = format!(
        "link add net0 type veth peer name hub0 netns {}",
        client.name()
    );
    hub.ip(&link).expect("a link");
    hub.ip("link set net0 up\naddr add 10.99.0.1/24 dev net0\n")
        .expect("its addresses");
    client
        .ip("link set hub0 up\naddr add 10.99.0.2/24 dev hub0\n\
             route add 10.0.1.0/24 via 10.99.0.1\n")
        .expect("its addresses");
    hub.sysctl(&[
        "ipv4/ip_forward=1",
        "ipv4/conf/all/send_redirects=0",
        "ipv4/conf/eth0/send_redirects=0",
    ])
    .expect("a router");
}

/// Packets that a namespace forwarded.
fn forwarded(inside: &Netns) -> u64 {
    inside.counter("Ip", "ForwDatagrams")
}

crate::on_both_engines! {
    linux_routes_as_a_gateway_and_as_an_appliance,
}
