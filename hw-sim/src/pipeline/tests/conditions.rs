//! Without a driver, and with packets that it gave back.

use super::*;

#[test]
fn driverless_rules_forward_every_packet_by_hash_and_tell_nobody() {
    let mut net = Net::driverless();
    let opening = net.send(UPLINK_PORT, &syn(UPLINK_PORT, CLIENT, (FRONTEND, HTTP)));
    let wire = ack(UPLINK_PORT, CLIENT, (FRONTEND, HTTP));
    let verdict = net.send(UPLINK_PORT, &wire);
    let (Outcome::Forward { egress: first, .. }, Outcome::Forward { egress, .. }) =
        (&opening.outcome, &verdict.outcome)
    else {
        panic!("not forwarded: {opening:?} {verdict:?}");
    };
    assert_eq!(first, egress);
    let address = format!("10.0.0.{egress}");
    assert_forward(&verdict, *egress, wire.clone().destination(&address, 8080));
    assert!(opening.copies.is_empty() && verdict.copies.is_empty());
}

#[test]
fn driverless_an_ambiguous_reply_takes_the_return_path() {
    let mut net = Net::driverless();
    let reply = ack(WEB_1, ("10.0.0.1", 8080), ("10.0.0.2", 5));
    let verdict = net.send(WEB_1, &reply);
    assert_forward(&verdict, WEB_2, reply.clone().source(FRONTEND, HTTP));
}

#[test]
fn driverless_nothing_is_held() {
    let mut net = Net::driverless();
    for (port, wire) in [
        (WEB_1, syn(WEB_1, ("10.0.0.1", 9), SERVER)),
        (WEB_1, ack(WEB_1, ("10.0.0.1", 9), SERVER)),
        (UPLINK_PORT, ack(UPLINK_PORT, SERVER, (FRONTEND, 1029))),
        (UPLINK_PORT, Wire::icmp(UPLINK_PORT, SERVER.0, FRONTEND, 3)),
    ] {
        assert_drop(&net.send(port, &wire), DropReason::Driverless);
    }
}

#[test]
fn driverless_known_flows_and_one_to_one_go_on() {
    let mut net = Net::driverless();
    net.install(
        key(Zone::UPLINK, Protocol::Tcp, CLIENT, (FRONTEND, HTTP)),
        action(
            5,
            Direction::Forward,
            Side::Destination,
            ("10.0.0.2", 8080),
            WEB_2,
        ),
    );
    let known = ack(UPLINK_PORT, CLIENT, (FRONTEND, HTTP));
    let verdict = net.send(UPLINK_PORT, &known);
    assert_forward(&verdict, WEB_2, known.destination("10.0.0.2", 8080));
    let out = syn(DB, ("10.0.0.4", 9), SERVER);
    assert_forward(
        &net.send(DB, &out),
        UPLINK_PORT,
        out.clone().source(PUBLIC, 9),
    );
}

#[test]
fn a_packet_given_back_is_translated_or_dropped_but_never_held_again() {
    let mut net = Net::new();
    net.conditions.reprocess = true;
    let wire = syn(WEB_1, ("10.0.0.1", 9), SERVER);
    assert_drop(&net.send(WEB_1, &wire), DropReason::ReprocessMiss);
    net.install(
        key(Zone::VNET, Protocol::Tcp, ("10.0.0.1", 9), SERVER),
        action(
            5,
            Direction::Forward,
            Side::Source,
            (FRONTEND, 1029),
            UPLINK_PORT,
        ),
    );
    let verdict = net.send(WEB_1, &wire);
    assert_forward(&verdict, UPLINK_PORT, wire.clone().source(FRONTEND, 1029));
    let counters = net.pipeline.counters;
    assert_eq!((counters.reprocessed, counters.rx), (2, 0));
}
