//! Hits in the flow tables.

use firmware_api::flow_state::FlowState;
use firmware_api::flow_state::tcp_flags::{FIN, RST};

use super::*;

fn installed() -> Net {
    let net = Net::new();
    let frontend = (FRONTEND, HTTP);
    net.install(
        key(Zone::UPLINK, Protocol::Tcp, CLIENT, frontend),
        action(
            5,
            Direction::Forward,
            Side::Destination,
            ("10.0.0.2", 8080),
            WEB_2,
        ),
    );
    net.install(
        key(Zone::VNET, Protocol::Tcp, ("10.0.0.2", 8080), CLIENT),
        action(5, Direction::Return, Side::Source, frontend, UPLINK_PORT),
    );
    net
}

#[test]
fn both_directions_are_translated_and_noted_fwd_01_fwd_03_dist_02() {
    let mut net = installed();
    let request = ack(UPLINK_PORT, CLIENT, (FRONTEND, HTTP)).payload(b"GET /");
    let verdict = net.send(UPLINK_PORT, &request);
    assert_forward(
        &verdict,
        WEB_2,
        request.clone().destination("10.0.0.2", 8080),
    );
    assert!(verdict.copies.is_empty());
    let reply = Wire::tcp(WEB_2, ("10.0.0.2", 8080), CLIENT, SYN | ACK);
    let verdict = net.send(WEB_2, &reply);
    assert_forward(&verdict, UPLINK_PORT, reply.clone().source(FRONTEND, HTTP));
    let at = net.layout.flow_state(5).expect("a flow");
    let state = FlowState::load(&*net.bars.bar2, at);
    assert_eq!(state.last_seen, Some(77));
    assert_eq!((state.forward.packets, state.forward.bytes), (1, 45));
    assert_eq!((state.reverse.packets, state.reverse.flags), (1, SYN | ACK));
    assert_eq!(net.pipeline.activity.harvest(0, 64).next(), Some(1 << 5));
}

#[test]
fn a_flow_beats_every_rule_flow_sticks() {
    let mut net = installed();
    net.writer().rule(1, Net::rule(0, 0, HashMode::FiveTuple));
    let again = syn(UPLINK_PORT, CLIENT, (FRONTEND, HTTP));
    let verdict = net.send(UPLINK_PORT, &again);
    assert_forward(&verdict, WEB_2, again.destination("10.0.0.2", 8080));
}

#[test]
fn the_end_of_a_flow_and_a_new_syn_are_told_and_forwarded() {
    for flags in [FIN | ACK, RST, SYN] {
        let mut net = installed();
        let wire = Wire::tcp(UPLINK_PORT, CLIENT, (FRONTEND, HTTP), flags).payload(b"bye");
        let verdict = net.send(UPLINK_PORT, &wire);
        assert_forward(&verdict, WEB_2, wire.clone().destination("10.0.0.2", 8080));
        let teardown = copy(&verdict);
        assert_eq!(teardown.punt.reason, PuntReason::Teardown);
        assert_eq!(teardown.punt.flow, Some(5));
        assert_eq!((teardown.punt.rule, teardown.punt.backend), (None, None));
        assert_eq!(teardown.bytes, wire.frame()[..54]);
    }
}

#[test]
fn a_copy_never_takes_more_than_one_slot() {
    let mut net = Net::new();
    let mut options = [0u8; 40];
    options.fill(1);
    let mut wire = syn(UPLINK_PORT, CLIENT_V6, (FRONTEND_V6, HTTP)).payload(&options);
    wire.segment[12] = 0xf0;
    let verdict = net.send(UPLINK_PORT, &wire);
    assert_eq!(copy(&verdict).bytes.len(), ONE_SLOT_PAYLOAD);
}

#[test]
fn ipv6_and_udp_flows_hit() {
    let mut net = Net::new();
    net.install(
        key(Zone::UPLINK, Protocol::Udp, CLIENT_V6, (FRONTEND_V6, 53)),
        action(
            0,
            Direction::Forward,
            Side::Destination,
            ("fd00::2", 5353),
            WEB_2,
        ),
    );
    let wire = Wire::udp(UPLINK_PORT, CLIENT_V6, (FRONTEND_V6, 53), b"query");
    let verdict = net.send(UPLINK_PORT, &wire);
    assert_forward(&verdict, WEB_2, wire.clone().destination("fd00::2", 5353));
}

#[test]
fn near_misses_do_not_hit() {
    let mut net = installed();
    for (from, to) in [
        ((CLIENT.0, CLIENT.1 + 1), (FRONTEND, HTTP)),
        (("198.51.100.8", CLIENT.1), (FRONTEND, HTTP)),
    ] {
        let verdict = net.send(UPLINK_PORT, &ack(UPLINK_PORT, from, to));
        assert!(matches!(verdict.outcome, Outcome::Held(_)));
    }
    let other_zone = ack(UPLINK_PORT, ("10.0.0.2", 8080), CLIENT);
    assert_drop(&net.send(UPLINK_PORT, &other_zone), DropReason::NoFrontend);
}

#[test]
fn an_entry_of_a_flow_without_state_is_a_broken_reference() {
    let mut net = Net::new();
    net.install(
        key(Zone::UPLINK, Protocol::Tcp, CLIENT, (FRONTEND, HTTP)),
        action(
            256,
            Direction::Forward,
            Side::Destination,
            ("10.0.0.2", 8080),
            WEB_2,
        ),
    );
    let verdict = net.send(UPLINK_PORT, &ack(UPLINK_PORT, CLIENT, (FRONTEND, HTTP)));
    assert_drop(&verdict, DropReason::BrokenReference);
}

#[test]
fn an_outbound_flow_to_our_own_frontend_comes_in_again_a_15() {
    let mut net = Net::new();
    let frontend = (FRONTEND, HTTP);
    net.install(
        key(Zone::VNET, Protocol::Tcp, ("10.0.0.1", 9), frontend),
        action(
            1,
            Direction::Forward,
            Side::Source,
            (FRONTEND, 1029),
            EGRESS_RECIRCULATE,
        ),
    );
    net.install(
        key(Zone::UPLINK, Protocol::Tcp, (FRONTEND, 1029), frontend),
        action(
            2,
            Direction::Forward,
            Side::Destination,
            ("10.0.0.1", 8080),
            WEB_1,
        ),
    );
    let wire = ack(WEB_1, ("10.0.0.1", 9), frontend);
    let verdict = net.send(WEB_1, &wire);
    let expected = wire.source(FRONTEND, 1029).destination("10.0.0.1", 8080);
    assert_forward(&verdict, WEB_1, expected);
    assert_eq!(net.pipeline.counters.rx, 1);
    assert_eq!(net.pipeline.counters.tx, 1);
}
