//! Parse and `ingress_port`.

use super::*;

const TO_FRONTEND: (&str, u16) = (FRONTEND, HTTP);

/// A change that breaks a frame.
type Break = fn(&mut Vec<u8>);

#[test]
fn what_cannot_be_parsed_is_dropped_with_its_reason() {
    let good = syn(UPLINK_PORT, CLIENT, TO_FRONTEND).frame();
    let cases: [(DropReason, Break); 6] = [
        (DropReason::Truncated, |f| f.truncate(20)),
        (DropReason::Oversized, |f| f.resize(9217, 0)),
        (DropReason::UnsupportedEthertype, |f| f[12] = 0x88),
        (DropReason::BadVersion, |f| f[14] = 0x65),
        (DropReason::BadTotalLength, |f| f[17] = 255),
        (DropReason::BadChecksum, |f| f[24] ^= 1),
    ];
    for (reason, change) in cases {
        let mut frame = good.clone();
        change(&mut frame);
        assert_drop(&Net::new().run(UPLINK_PORT, &frame), reason);
    }
}

#[test]
fn fragments_are_dropped_a_17() {
    let mut frame = syn(UPLINK_PORT, CLIENT, TO_FRONTEND).frame();
    frame[20] = 0x20;
    let sum = !firmware_api::packet::checksum::sum(&[&frame[14..24], &frame[26..34]].concat());
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    assert_drop(&Net::new().run(UPLINK_PORT, &frame), DropReason::Fragment);
}

#[test]
fn ports_that_are_off_invalid_or_missing_take_nothing() {
    for port in [OFF, 7, 8, 4096] {
        let wire = syn(UPLINK_PORT, CLIENT, TO_FRONTEND);
        assert_drop(&Net::new().send(port, &wire), DropReason::PortOff);
    }
}

#[test]
fn the_vlan_id_has_to_be_the_ports() {
    let from = ("10.0.0.6", 1000);
    let mut net = Net::new();
    let plain = syn(TAGGED, from, SERVER);
    assert_drop(&net.send(TAGGED, &plain), DropReason::VlanMismatch);
    let wrong = plain.clone().vlan(101);
    assert_drop(&net.send(TAGGED, &wrong), DropReason::VlanMismatch);
    let right = plain.vlan(100);
    assert_held(
        &net.send(TAGGED, &right),
        PuntReason::SnatMiss,
        TAGGED,
        &right.frame(),
    );
    let tagged = syn(UPLINK_PORT, CLIENT, TO_FRONTEND).vlan(100);
    assert_drop(&net.send(UPLINK_PORT, &tagged), DropReason::VlanMismatch);
    let priority = syn(UPLINK_PORT, CLIENT, TO_FRONTEND).vlan(0);
    assert!(matches!(
        net.send(UPLINK_PORT, &priority).outcome,
        Outcome::Forward { .. }
    ));
}

#[test]
fn frames_for_others_and_from_groups_are_not_for_us() {
    let mut net = Net::new();
    for (at, value) in [(5, 9), (0, 0xff), (6, 3)] {
        let mut frame = syn(UPLINK_PORT, CLIENT, TO_FRONTEND).frame();
        frame[at] = value;
        assert_drop(&net.run(UPLINK_PORT, &frame), DropReason::NotForUs);
    }
}

#[test]
fn arp_and_neighbor_discovery_are_held() {
    let mut net = Net::new();
    let mut arp = [[0xff; 6], crate::fixture::peer_mac(WEB_1)].concat();
    arp.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    arp.extend([0; 20]);
    assert_held(&net.run(WEB_1, &arp), PuntReason::Neighbor, WEB_1, &arp);
    let mut solicitation = Wire::icmp(UPLINK_PORT, "fe80::1", "ff02::1:ff00:10", 135);
    solicitation.macs.0 = [0x33, 0x33, 0xff, 0, 0, 0x10];
    let frame = solicitation.frame();
    let verdict = net.run(UPLINK_PORT, &frame);
    assert_held(&verdict, PuntReason::Neighbor, UPLINK_PORT, &frame);
}

#[test]
fn a_vport_sends_from_its_own_addresses_only() {
    let mut net = Net::new();
    for source in ["10.0.0.2", "203.0.113.10", "fd00::2"] {
        let to = if source.contains(':') {
            "2001:db8:5::1"
        } else {
            SERVER.0
        };
        let wire = syn(WEB_1, (source, 8080), (to, 443));
        assert_drop(&net.send(WEB_1, &wire), DropReason::SpoofedSource);
    }
}

#[test]
fn a_floating_ip_instance_sends_from_its_frontend_l_fip_03() {
    let mut net = Net::new();
    let reply = ack(WEB_2, (FLOATING, 8080), CLIENT);
    let verdict = net.send(WEB_2, &reply);
    assert_forward(&verdict, UPLINK_PORT, reply.clone().source(FLOATING, HTTP));
    let other_port = ack(WEB_2, (FLOATING, 8081), CLIENT);
    assert_drop(&net.send(WEB_2, &other_port), DropReason::SpoofedSource);
    let other_instance = ack(WEB_1, (FLOATING, 8080), CLIENT);
    assert_drop(&net.send(WEB_1, &other_instance), DropReason::SpoofedSource);
}

#[test]
fn a_vport_without_instance_is_a_broken_reference() {
    let mut net = Net::new();
    net.writer().port(7, PortKind::Vport(9), 0);
    let wire = syn(7, ("10.0.0.9", 1), SERVER);
    assert_drop(&net.send(7, &wire), DropReason::BrokenReference);
}
