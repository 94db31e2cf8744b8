//! Misses from the uplink: frontends, 1:1 addresses, SNAT blocks, nothing.

use super::*;

fn to_frontend(port: u16) -> Wire {
    syn(UPLINK_PORT, CLIENT, (FRONTEND, port))
}

/// The instance that the wire's packet went to.
#[track_caller]
fn backend(verdict: &Verdict) -> PortId {
    let Outcome::Forward { egress, .. } = verdict.outcome else {
        panic!("not forwarded: {verdict:?}");
    };
    egress
}

#[test]
fn a_new_flow_goes_to_a_backend_and_is_told_gen_01_fwd_01_fwd_02() {
    let mut net = Net::new();
    let wire = to_frontend(HTTP).payload(b"early data");
    let verdict = net.send(UPLINK_PORT, &wire);
    let egress = backend(&verdict);
    let address = format!("10.0.0.{egress}");
    assert_forward(&verdict, egress, wire.clone().destination(&address, 8080));
    let learn = copy(&verdict);
    assert_eq!(learn.punt.reason, PuntReason::Learn);
    assert_eq!(learn.punt.rule, Some(1));
    assert_eq!(learn.punt.backend, Some(egress));
    assert_eq!(learn.punt.ingress, UPLINK_PORT);
    assert_ne!(learn.punt.flow_hash, 0);
    let frame = wire.frame();
    assert_eq!(learn.bytes, frame[..54], "headers as they came, no payload");
    assert_eq!(usize::from(learn.punt.length), frame.len());
}

#[test]
fn ipv6_is_balanced_alike() {
    let mut net = Net::new();
    let wire = syn(UPLINK_PORT, CLIENT_V6, (FRONTEND_V6, HTTP));
    let verdict = net.send(UPLINK_PORT, &wire);
    assert_forward(&verdict, WEB_1, wire.clone().destination("fd00::1", 8080));
    assert_eq!(copy(&verdict).punt.backend, Some(4));
}

#[test]
fn flows_spread_over_all_backends_and_repeat_themselves_dist_01_dist_03() {
    let mut net = Net::new();
    let mut hits = [0; 3];
    for port in 1000..1400 {
        let wire = syn(UPLINK_PORT, (CLIENT.0, port), (FRONTEND, HTTP));
        let egress = backend(&net.send(UPLINK_PORT, &wire));
        assert_eq!(backend(&net.send(UPLINK_PORT, &wire)), egress);
        hits[usize::from(egress)] += 1;
    }
    assert!(hits[1] > 150 && hits[2] > 150, "{hits:?}");
}

#[test]
fn the_two_tuple_keeps_a_client_over_ports_and_protocols_dist_04_l_dist_04() {
    let mut net = Net::new();
    let first = backend(&net.send(UPLINK_PORT, &to_frontend(90)));
    for port in 1000..1100 {
        let tcp = syn(UPLINK_PORT, (CLIENT.0, port), (FRONTEND, 90));
        let udp = Wire::udp(UPLINK_PORT, (CLIENT.0, port), (FRONTEND, 90), b"media");
        assert_eq!(backend(&net.send(UPLINK_PORT, &tcp)), first);
        assert_eq!(backend(&net.send(UPLINK_PORT, &udp)), first);
    }
}

#[test]
fn udp_is_balanced_from_its_first_packet() {
    let mut net = Net::new();
    let wire = Wire::udp(UPLINK_PORT, CLIENT, (FRONTEND, 53), b"query");
    let verdict = net.send(UPLINK_PORT, &wire);
    let egress = backend(&verdict);
    let address = format!("10.0.0.{egress}");
    assert_forward(&verdict, egress, wire.clone().destination(&address, 8080));
    assert_eq!(copy(&verdict).bytes, wire.frame()[..42]);
}

#[test]
fn an_inbound_nat_rule_goes_to_its_one_backend_natr_01_dist_07() {
    let mut net = Net::new();
    for port in 1000..1050 {
        let wire = syn(UPLINK_PORT, (CLIENT.0, port), (FRONTEND, SSH));
        let verdict = net.send(UPLINK_PORT, &wire);
        assert_forward(&verdict, WEB_1, wire.clone().destination("10.0.0.1", 22));
        let punt = copy(&verdict).punt;
        assert_eq!((punt.rule, punt.backend), (Some(7), Some(3)));
    }
}

#[test]
fn floating_ip_keeps_the_address_and_may_change_the_port_l_fip_03_l_fip_04() {
    let mut net = Net::new();
    let wire = syn(UPLINK_PORT, CLIENT, (FLOATING, HTTP));
    let verdict = net.send(UPLINK_PORT, &wire);
    assert_forward(&verdict, WEB_2, wire.clone().destination(FLOATING, 8080));
}

#[test]
fn tcp_in_the_middle_of_a_flow_is_held() {
    let mut net = Net::new();
    for port in [HTTP, SSH, NO_RULE] {
        let wire = ack(UPLINK_PORT, CLIENT, (FRONTEND, port));
        let verdict = net.send(UPLINK_PORT, &wire);
        assert_held(&verdict, PuntReason::Midflow, UPLINK_PORT, &wire.frame());
    }
    let syn_ack = Wire::tcp(UPLINK_PORT, CLIENT, (FRONTEND, HTTP), SYN | ACK);
    let verdict = net.send(UPLINK_PORT, &syn_ack);
    assert_held(&verdict, PuntReason::Midflow, UPLINK_PORT, &syn_ack.frame());
}

#[test]
fn a_rule_without_backend_is_silent_fwd_05() {
    let mut net = Net::new();
    for port in [EMPTY_RULE, EMPTY_SLOT] {
        let verdict = net.send(UPLINK_PORT, &to_frontend(port));
        assert_drop(&verdict, DropReason::NoBackend);
    }
}

#[test]
fn entries_that_name_what_is_not_valid_are_broken_references() {
    let mut net = Net::new();
    for port in [NO_RULE, NO_BACKEND, NO_SLOT, WRONG_FAMILY] {
        let verdict = net.send(UPLINK_PORT, &to_frontend(port));
        assert_drop(&verdict, DropReason::BrokenReference);
    }
    let w = net.writer();
    w.address(Zone::UPLINK, ip("203.0.113.98"), 9);
    w.address(Zone::VNET, ip("10.0.0.98"), 9);
    let verdict = net.send(UPLINK_PORT, &syn(UPLINK_PORT, CLIENT, ("203.0.113.98", 1)));
    assert_drop(&verdict, DropReason::BrokenReference);
    let verdict = net.send(WEB_1, &syn(WEB_1, ("10.0.0.1", 1), ("10.0.0.98", 1)));
    assert_drop(&verdict, DropReason::BrokenReference);
}

#[test]
fn a_backend_behind_a_port_that_is_off_gets_nothing() {
    let mut net = Net::new();
    let verdict = net.send(UPLINK_PORT, &to_frontend(TO_OFF_PORT));
    assert_eq!(verdict.outcome, Outcome::Drop(DropReason::EgressOff));
}

#[test]
fn a_public_address_leads_to_its_instance_for_every_protocol_out_03_l_out_02() {
    let mut net = Net::new();
    let tcp = syn(UPLINK_PORT, CLIENT, (PUBLIC, 22));
    let echo = Wire::icmp(UPLINK_PORT, CLIENT.0, PUBLIC, 8);
    let esp = Wire::other(UPLINK_PORT, CLIENT.0, PUBLIC, 50);
    for wire in [tcp, echo, esp] {
        let verdict = net.send(UPLINK_PORT, &wire);
        assert_forward(&verdict, DB, wire.clone().destination("10.0.0.4", 22));
        assert!(verdict.copies.is_empty());
    }
    let echo = Wire::icmp(UPLINK_PORT, CLIENT_V6.0, PUBLIC_V6, 128);
    let verdict = net.send(UPLINK_PORT, &echo);
    assert_forward(&verdict, DB, echo.clone().destination("fd00::4", 0));
}

#[test]
fn a_late_packet_to_a_snat_port_is_held() {
    let mut net = Net::new();
    let wire = ack(UPLINK_PORT, SERVER, (FRONTEND, 1029));
    let verdict = net.send(UPLINK_PORT, &wire);
    assert_held(&verdict, PuntReason::Midflow, UPLINK_PORT, &wire.frame());
    let other_protocol = Wire::udp(UPLINK_PORT, SERVER, (FRONTEND, 1029), b"");
    assert_drop(
        &net.send(UPLINK_PORT, &other_protocol),
        DropReason::NoFrontend,
    );
    let next_block = ack(UPLINK_PORT, SERVER, (FRONTEND, 1032));
    assert_drop(&net.send(UPLINK_PORT, &next_block), DropReason::NoFrontend);
}

#[test]
fn nothing_else_comes_in_gen_01_fwd_08() {
    let mut net = Net::new();
    for to in [
        (FRONTEND, 8443),
        ("203.0.113.11", HTTP),
        (INTERNAL, 443),
        ("10.0.0.1", 8080),
    ] {
        let verdict = net.send(UPLINK_PORT, &syn(UPLINK_PORT, CLIENT, to));
        assert_drop(&verdict, DropReason::NoFrontend);
    }
    let udp = Wire::udp(UPLINK_PORT, CLIENT, (FRONTEND, HTTP), b"");
    assert_drop(&net.send(UPLINK_PORT, &udp), DropReason::NoFrontend);
}

#[test]
fn other_protocols_are_not_balanced_prot_01() {
    let mut net = Net::new();
    for wire in [
        Wire::icmp(UPLINK_PORT, CLIENT.0, FRONTEND, 8),
        Wire::icmp(UPLINK_PORT, CLIENT_V6.0, FRONTEND_V6, 128),
        Wire::other(UPLINK_PORT, CLIENT.0, FRONTEND, 47),
        Wire::other(UPLINK_PORT, CLIENT.0, FRONTEND, 132),
    ] {
        let verdict = net.send(UPLINK_PORT, &wire);
        assert_drop(&verdict, DropReason::UnsupportedProtocol);
    }
}

#[test]
fn icmp_errors_are_held() {
    let mut net = Net::new();
    for (port, wire) in [
        (UPLINK_PORT, Wire::icmp(UPLINK_PORT, SERVER.0, FRONTEND, 3)),
        (
            UPLINK_PORT,
            Wire::icmp(UPLINK_PORT, CLIENT_V6.0, FRONTEND_V6, 2),
        ),
        (WEB_1, Wire::icmp(WEB_1, "10.0.0.1", CLIENT.0, 3)),
    ] {
        let verdict = net.send(port, &wire);
        assert_held(&verdict, PuntReason::IcmpError, port, &wire.frame());
    }
}

#[test]
fn a_tag_is_added_and_removed_on_the_way() {
    let mut net = Net::new();
    net.writer().backend(1, ip("10.0.0.6"), 8080, TAGGED);
    net.writer().backend(2, ip("10.0.0.6"), 8080, TAGGED);
    let wire = to_frontend(HTTP);
    let expected = wire
        .clone()
        .destination("10.0.0.6", 8080)
        .sent_by(TAGGED)
        .vlan(100);
    let verdict = net.send(UPLINK_PORT, &wire);
    let frame = expected.frame();
    assert_eq!(
        verdict.outcome,
        Outcome::Forward {
            egress: TAGGED,
            frame
        }
    );
    let out = syn(TAGGED, ("10.0.0.6", 1), ("10.0.0.1", 2)).vlan(100);
    assert_forward(&net.send(TAGGED, &out), WEB_1, out);
}

#[test]
fn padding_and_options_stay_fwd_03() {
    let mut net = Net::new();
    let wire = syn(UPLINK_PORT, CLIENT, (FLOATING, HTTP));
    let mut frame = wire.frame();
    frame.extend([0; 6]);
    let mut expected = wire.destination(FLOATING, 8080).sent_by(WEB_2).frame();
    expected.extend([0; 6]);
    let verdict = net.run(UPLINK_PORT, &frame);
    assert_eq!(
        verdict.outcome,
        Outcome::Forward {
            egress: WEB_2,
            frame: expected
        }
    );
}
