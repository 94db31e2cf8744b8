//! Misses from vports: internal frontends, replies, neighbours, ways out; leaving and coming back.

use super::*;

#[test]
fn an_internal_frontend_balances_and_keeps_the_source_ilb_01_ilb_02_ilb_03() {
    let mut net = Net::new();
    let mut seen = [false; 3];
    for port in 1000..1040 {
        let wire = syn(WEB_1, ("10.0.0.1", port), (INTERNAL, 443));
        let verdict = net.send(WEB_1, &wire);
        let Outcome::Forward { egress, .. } = verdict.outcome else {
            panic!("not forwarded: {verdict:?}");
        };
        let address = format!("10.0.0.{egress}");
        assert_forward(&verdict, egress, wire.clone().destination(&address, 8080));
        assert_eq!(copy(&verdict).punt.ingress, WEB_1);
        seen[usize::from(egress)] = true;
    }
    assert!(seen[1], "to itself: the instance sees itself as source");
    assert!(seen[2], "to another");
}

#[test]
fn ha_ports_take_every_port_and_keep_it_l_ha_02() {
    let mut net = Net::new();
    for port in [1, 443, 65_535] {
        let tcp = syn(WEB_1, ("10.0.0.1", 9), (HA, port));
        let udp = Wire::udp(WEB_1, ("10.0.0.1", 9), (HA, port), b"x");
        for wire in [tcp, udp] {
            let verdict = net.send(WEB_1, &wire);
            assert_forward(&verdict, WEB_2, wire.clone().destination("10.0.0.2", port));
        }
    }
    let midflow = ack(WEB_1, ("10.0.0.1", 9), (HA, 5));
    let verdict = net.send(WEB_1, &midflow);
    assert_held(&verdict, PuntReason::Midflow, WEB_1, &midflow.frame());
}

#[test]
fn a_reply_without_flow_gets_its_frontends_address_fwd_01() {
    let mut net = Net::new();
    let reply = ack(WEB_1, ("10.0.0.1", 8080), CLIENT);
    let verdict = net.send(WEB_1, &reply);
    assert_forward(&verdict, UPLINK_PORT, reply.clone().source(FRONTEND, HTTP));
    let reply = ack(WEB_1, ("fd00::1", 8080), CLIENT_V6);
    let verdict = net.send(WEB_1, &reply);
    assert_forward(
        &verdict,
        UPLINK_PORT,
        reply.clone().source(FRONTEND_V6, HTTP),
    );
    let any_port = Wire::udp(WEB_2, ("10.0.0.2", 1234), CLIENT, b"x");
    let verdict = net.send(WEB_2, &any_port);
    assert_forward(&verdict, UPLINK_PORT, any_port.clone().source(HA, 1234));
}

#[test]
fn a_new_connection_from_a_backends_port_is_no_reply() {
    let mut net = Net::new();
    let open = syn(WEB_1, ("10.0.0.1", 8080), CLIENT);
    let verdict = net.send(WEB_1, &open);
    assert_held(&verdict, PuntReason::SnatMiss, WEB_1, &open.frame());
}

#[test]
fn a_reply_or_not_between_instances_is_the_drivers_question() {
    let mut net = Net::new();
    let wire = ack(WEB_1, ("10.0.0.1", 8080), ("10.0.0.2", 5));
    let verdict = net.send(WEB_1, &wire);
    assert_held(&verdict, PuntReason::Midflow, WEB_1, &wire.frame());
}

#[test]
fn instances_reach_each_other_untranslated() {
    let mut net = Net::new();
    let tcp = syn(WEB_1, ("10.0.0.1", 9), ("10.0.0.2", 22));
    let midflow = ack(WEB_1, ("10.0.0.1", 9), ("10.0.0.2", 22));
    let echo = Wire::icmp(WEB_1, "10.0.0.1", "10.0.0.2", 8);
    let v6 = Wire::icmp(WEB_1, "fd00::1", "fd00::2", 128);
    for wire in [tcp, midflow, echo, v6] {
        let verdict = net.send(WEB_1, &wire);
        assert_forward(&verdict, WEB_2, wire);
        assert!(verdict.copies.is_empty());
    }
}

#[test]
fn a_one_to_one_instance_leaves_with_its_public_address_out_03_prot_02() {
    let mut net = Net::new();
    let tcp = syn(DB, ("10.0.0.4", 9), SERVER);
    let midflow = ack(DB, ("10.0.0.4", 9), SERVER);
    let echo = Wire::icmp(DB, "10.0.0.4", SERVER.0, 8);
    let esp = Wire::other(DB, "10.0.0.4", SERVER.0, 50);
    for wire in [tcp, midflow, echo, esp] {
        let verdict = net.send(DB, &wire);
        assert_forward(&verdict, UPLINK_PORT, wire.clone().source(PUBLIC, 9));
    }
    let echo = Wire::icmp(DB, "fd00::4", CLIENT_V6.0, 128);
    let verdict = net.send(DB, &echo);
    assert_forward(&verdict, UPLINK_PORT, echo.clone().source(PUBLIC_V6, 0));
}

#[test]
fn a_new_flow_that_needs_a_snat_port_is_held_out_01() {
    let mut net = Net::new();
    for wire in [
        syn(WEB_1, ("10.0.0.1", 9), SERVER),
        Wire::udp(WEB_1, ("10.0.0.1", 9), SERVER, b"x"),
        syn(WEB_1, ("fd00::1", 9), CLIENT_V6),
    ] {
        let verdict = net.send(WEB_1, &wire);
        assert_held(&verdict, PuntReason::SnatMiss, WEB_1, &wire.frame());
    }
}

#[test]
fn tcp_in_the_middle_of_an_outbound_flow_is_held() {
    let mut net = Net::new();
    let wire = ack(WEB_1, ("10.0.0.1", 9), SERVER);
    let verdict = net.send(WEB_1, &wire);
    assert_held(&verdict, PuntReason::Midflow, WEB_1, &wire.frame());
}

#[test]
fn no_way_out_is_no_way_out_l_out_05() {
    let mut net = Net::new();
    for wire in [
        syn(CLOSED, ("10.0.0.3", 9), SERVER),
        ack(CLOSED, ("10.0.0.3", 9), SERVER),
        Wire::udp(CLOSED, ("10.0.0.3", 9), SERVER, b"x"),
    ] {
        assert_drop(&net.send(CLOSED, &wire), DropReason::NoOutbound);
    }
}

#[test]
fn other_protocols_have_no_snat_prot_02() {
    let mut net = Net::new();
    for wire in [
        Wire::icmp(WEB_1, "10.0.0.1", SERVER.0, 8),
        Wire::other(WEB_1, "10.0.0.1", SERVER.0, 50),
    ] {
        assert_drop(&net.send(WEB_1, &wire), DropReason::UnsupportedProtocol);
    }
}

#[test]
fn out_of_one_instance_and_in_to_another_a_15() {
    let mut net = Net::new();
    // The 1:1 instance opens a connection to the public frontend: out, and in by the rule.
    let wire = syn(DB, ("10.0.0.4", 9), (FRONTEND, HTTP));
    let verdict = net.send(DB, &wire);
    let Outcome::Forward { egress, .. } = verdict.outcome else {
        panic!("not forwarded: {verdict:?}");
    };
    let address = format!("10.0.0.{egress}");
    let expected = wire.source(PUBLIC, 9).destination(&address, 8080);
    assert_forward(&verdict, egress, expected);
    let learn = copy(&verdict);
    assert_eq!(learn.punt.ingress, EGRESS_RECIRCULATE);
    assert_eq!(
        learn.bytes[26..30],
        [203, 0, 113, 99],
        "as it came in again"
    );
    // A reply to the 1:1 instance's public address comes back the same way.
    let reply = ack(WEB_1, ("10.0.0.1", 8080), (PUBLIC, 9));
    let verdict = net.send(WEB_1, &reply);
    let expected = reply.source(FRONTEND, HTTP).destination("10.0.0.4", 9);
    assert_forward(&verdict, DB, expected);
}

#[test]
fn a_reply_to_a_snat_port_comes_back_and_is_held_as_from_the_uplink() {
    let mut net = Net::new();
    let reply = ack(WEB_1, ("10.0.0.1", 8080), (FRONTEND, 1029));
    let verdict = net.send(WEB_1, &reply);
    let mut frame = reply.clone().source(FRONTEND, HTTP).frame();
    assert_held(&verdict, PuntReason::Midflow, EGRESS_RECIRCULATE, &frame);
    // Given back, it goes on where it was.
    net.conditions.reprocess = true;
    net.install(
        key(
            Zone::UPLINK,
            Protocol::Tcp,
            (FRONTEND, HTTP),
            (FRONTEND, 1029),
        ),
        action(
            3,
            Direction::Return,
            Side::Destination,
            ("10.0.0.2", 7),
            WEB_2,
        ),
    );
    frame[5] = 0xee; // the link header plays no part any more
    let verdict = net.run(EGRESS_RECIRCULATE, &frame);
    let expected = reply.source(FRONTEND, HTTP).destination("10.0.0.2", 7);
    assert_forward(&verdict, WEB_2, expected);
}

#[test]
fn nobody_goes_round_for_ever() {
    let mut net = Net::new();
    let to = (FRONTEND, 4000);
    net.install(
        key(Zone::UPLINK, Protocol::Tcp, CLIENT, to),
        action(
            1,
            Direction::Forward,
            Side::Destination,
            to,
            EGRESS_RECIRCULATE,
        ),
    );
    let verdict = net.send(UPLINK_PORT, &ack(UPLINK_PORT, CLIENT, to));
    assert_drop(&verdict, DropReason::RecirculationLimit);
}
