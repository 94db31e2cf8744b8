//! Walks of single packets, each a branch of the decision graph.

use firmware_api::{DropReason, PuntReason};

use super::*;
use crate::ids::Ids;
use crate::lower::{Live, Lowered, lower};
use crate::source::Source;

/// Public frontends with floating IP and without, an internal HA ports frontend, a 1:1 address.
const CONFIGURATION: &str = "\
headgate: 1
instances:
  - { name: a, addresses: [10.0.0.4, 'fd00::4'], vport: 1, mac: '02:00:00:00:00:04' }
  - { name: b, addresses: [10.0.0.5], vport: 2, mac: '02:00:00:00:00:05' }
  - { name: c, addresses: [10.0.0.6], vport: 3, mac: '02:00:00:00:00:06', publicAddress: 203.0.113.99 }
  - { name: d, addresses: [10.0.0.7], vport: 4, mac: '02:00:00:00:00:07' }
loadBalancers:
  - name: web
    sku: Standard
    frontends: [{ name: v4, address: 203.0.113.10 }, { name: dsr, address: 203.0.113.11 }, { name: v6, address: '2001:db8::10' }]
    backendPools: [{ name: a, members: [{ instance: a }] }, { name: none }]
    loadBalancingRules:
      - { name: http, protocol: Tcp, frontend: v4, frontendPort: 80, backendPool: a, backendPort: 8080 }
      - { name: v6, protocol: Tcp, frontend: v6, frontendPort: 80, backendPool: a, backendPort: 8080 }
      - { name: dns, protocol: Udp, frontend: v4, frontendPort: 53, backendPool: a }
      - { name: dsr, protocol: Tcp, frontend: dsr, frontendPort: 443, backendPool: a, backendPort: 8443, enableFloatingIP: true }
      - { name: empty, protocol: Udp, frontend: v4, frontendPort: 54, backendPool: none }
    inboundNatRules:
      - { name: ssh, protocol: Tcp, frontend: v4, frontendPort: 50001, target: a, backendPort: 22 }
  - name: inner
    sku: Standard
    frontends: [{ name: f, address: 10.9.0.1 }]
    backendPools: [{ name: b, members: [{ instance: b }] }]
    loadBalancingRules:
      - { name: ha, protocol: All, frontend: f, frontendPort: 0, backendPool: b, backendPort: 0 }
";

fn walk(packet: &str, from: &str) -> Verdict {
    explained(CONFIGURATION, packet, from).verdict
}

fn explained(configuration: &str, packet: &str, from: &str) -> Explanation {
    let ir = crate::compile(&Source::new("walk", configuration))
        .expect("valid")
        .ir;
    let Lowered { tables, names } = lower(&ir, &mut Ids::default(), Live::ALL_UP).expect("room");
    let packet = Packet::parse(packet).expect("a packet");
    let ingress = match names.port_of(from).expect("a port") {
        firmware_api::UPLINK_PORT => Ingress::Uplink,
        port => Ingress::Vport(port),
    };
    explain(&tables, &names, &ir.settings, packet, ingress)
}

/// The steps of a packet's way, as people read them.
fn told(configuration: &str, packet: &str, from: &str) -> String {
    explained(configuration, packet, from)
        .step_lines()
        .join("\n")
}

/// The packet that leaves, and by which port.
fn out(packet: &str, from: &str) -> (u16, String) {
    match walk(packet, from) {
        Verdict::Forward { egress, packet, .. } => (egress, packet.to_string()),
        other => panic!("{packet}: {other:?}"),
    }
}

#[track_caller]
fn assert_out(packet: &str, from: &str, egress: u16, expected: &str) {
    assert_eq!(out(packet, from), (egress, expected.to_owned()));
}

#[test]
fn fwd_01_fwd_02_new_flows_are_translated_and_keep_their_source() {
    let client = "tcp 198.51.100.7:40000 >";
    assert_out(
        &format!("{client} 203.0.113.10:80 flags S"),
        "uplink",
        1,
        "tcp 198.51.100.7:40000 > 10.0.0.4:8080 flags S",
    );
    assert_out(
        "tcp [2001:db8:1::7]:40000 > [2001:db8::10]:80",
        "uplink",
        1,
        "tcp [2001:db8:1::7]:40000 > [fd00::4]:8080 flags S",
    );
    assert_out(
        "udp 198.51.100.7:40000 > 203.0.113.10:53",
        "uplink",
        1,
        "udp 198.51.100.7:40000 > 10.0.0.4:53",
    );
}

#[test]
fn natr_01_a_frontend_port_leads_to_one_instance() {
    assert_out(
        "tcp 198.51.100.7:40000 > 203.0.113.10:50001",
        "uplink",
        1,
        "tcp 198.51.100.7:40000 > 10.0.0.4:22 flags S",
    );
}

#[test]
fn l_fip_03_l_fip_04_floating_ip_translates_the_port_only() {
    assert_out(
        "tcp 198.51.100.7:40000 > 203.0.113.11:443",
        "uplink",
        1,
        "tcp 198.51.100.7:40000 > 203.0.113.11:8443 flags S",
    );
    assert_out(
        "tcp 203.0.113.11:8443 > 198.51.100.7:40000 flags SA",
        "a",
        0,
        "tcp 203.0.113.11:443 > 198.51.100.7:40000 flags SA",
    );
}

#[test]
fn l_fip_08_a_floating_address_is_no_source_of_other_flows() {
    let spoofed = Verdict::Drop(DropReason::SpoofedSource);
    assert_eq!(
        walk("tcp 203.0.113.11:9999 > 198.51.100.7:443", "a"),
        spoofed
    );
    assert_eq!(walk("tcp 10.0.0.7:1 > 198.51.100.7:443", "a"), spoofed);
    assert_eq!(
        walk("tcp 203.0.113.11:8443 > 198.51.100.7:1 flags A", "b"),
        spoofed
    );
}

#[test]
fn a_33_packets_without_a_flow_are_the_drivers() {
    let midflow = Verdict::Punt(PuntReason::Midflow);
    assert_eq!(
        walk("tcp 198.51.100.7:40000 > 203.0.113.10:80 flags .", "uplink"),
        midflow
    );
    assert_eq!(
        walk(
            "tcp 198.51.100.7:40000 > 203.0.113.10:80 flags SA",
            "uplink"
        ),
        midflow
    );
    assert_eq!(
        walk("tcp 10.0.0.4:40000 > 198.51.100.7:443 flags .", "a"),
        midflow
    );
}

/// where the connection goes on that the settings have adopted.
#[test]
fn a_33_explain_tells_who_adopts_a_connection() {
    let adopting = format!("settings: {{ adoptMidflow: true }}\n{CONFIGURATION}");
    let at = |packet: &str| {
        let explanation = explained(&adopting, packet, "uplink");
        assert_eq!(explanation.verdict, Verdict::Punt(PuntReason::Midflow));
        let lines = explanation.step_lines();
        (explanation.adopted.is_some(), lines.last().cloned())
    };
    let (adopted, last) = at("tcp 198.51.100.7:40000 > 203.0.113.10:80 flags .");
    let last = last.expect("steps");
    assert!(adopted && last.contains("backend a"), "{last}");
    assert!(at("tcp 198.51.100.7:40000 > 203.0.113.10:50001 flags .").0);
    assert!(!at("tcp 198.51.100.7:40000 > 203.0.113.10:80 flags SA").0);
    let silent = explained(
        CONFIGURATION,
        "tcp 198.51.100.7:40000 > 203.0.113.10:80 flags .",
        "uplink",
    );
    assert_eq!(silent.adopted, None);
}

#[test]
fn gen_01_fwd_05_silence_where_nobody_answers() {
    let dropped = |packet: &str| walk(packet, "uplink");
    assert_eq!(
        dropped("tcp 198.51.100.7:1 > 203.0.113.10:81"),
        Verdict::Drop(DropReason::NoFrontend)
    );
    assert_eq!(
        dropped("udp 198.51.100.7:1 > 203.0.113.10:80"),
        Verdict::Drop(DropReason::NoFrontend)
    );
    assert_eq!(
        dropped("udp 198.51.100.7:1 > 203.0.113.10:54"),
        Verdict::Drop(DropReason::NoBackend)
    );
}

#[test]
fn fwd_08_an_internal_frontend_is_not_reached_from_the_uplink() {
    let verdict = walk("tcp 198.51.100.7:1 > 10.9.0.1:80", "uplink");
    assert_eq!(verdict, Verdict::Drop(DropReason::NoFrontend));
}

#[test]
fn l_ha_02_ha_ports_keep_the_port() {
    assert_out(
        "tcp 10.0.0.4:40000 > 10.9.0.1:12345",
        "a",
        2,
        "tcp 10.0.0.4:40000 > 10.0.0.5:12345 flags S",
    );
    assert_out(
        "udp 10.0.0.4:40000 > 10.9.0.1:1",
        "a",
        2,
        "udp 10.0.0.4:40000 > 10.0.0.5:1",
    );
}

#[test]
fn ilb_02_a_member_may_meet_itself() {
    assert_out(
        "tcp 10.0.0.5:40000 > 10.9.0.1:80",
        "b",
        2,
        "tcp 10.0.0.5:40000 > 10.0.0.5:80 flags S",
    );
}

#[test]
fn replies_leave_as_the_frontend() {
    assert_out(
        "tcp 10.0.0.4:8080 > 198.51.100.7:40000 flags SA",
        "a",
        0,
        "tcp 203.0.113.10:80 > 198.51.100.7:40000 flags SA",
    );
    assert_out(
        "udp 10.0.0.4:53 > 198.51.100.7:40000",
        "a",
        0,
        "udp 203.0.113.10:53 > 198.51.100.7:40000",
    );
}

#[test]
fn fwd_09_only_the_driver_knows_where_the_client_of_an_internal_frontend_is() {
    let verdict = walk("tcp 10.0.0.5:777 > 192.0.2.1:40000 flags A", "b");
    assert_eq!(verdict, Verdict::Punt(PuntReason::Midflow));
}

#[test]
fn a_reply_to_a_neighbour_is_ambiguous() {
    let verdict = walk("tcp 10.0.0.4:8080 > 10.0.0.6:40000 flags SA", "a");
    assert_eq!(verdict, Verdict::Punt(PuntReason::Midflow));
}

#[test]
fn neighbours_reach_each_other_untranslated() {
    assert_out(
        "tcp 10.0.0.4:40000 > 10.0.0.6:22",
        "a",
        3,
        "tcp 10.0.0.4:40000 > 10.0.0.6:22 flags S",
    );
    assert_out(
        "icmp echo 10.0.0.4 > 10.0.0.6",
        "a",
        3,
        "icmp echo 10.0.0.4 > 10.0.0.6",
    );
}

#[test]
fn out_03_l_out_02_a_public_address_keeps_ports_and_passes_icmp() {
    assert_out(
        "tcp 10.0.0.6:40000 > 198.51.100.7:443",
        "c",
        0,
        "tcp 203.0.113.99:40000 > 198.51.100.7:443 flags S",
    );
    assert_out(
        "icmp echo 10.0.0.6 > 198.51.100.7",
        "c",
        0,
        "icmp echo 203.0.113.99 > 198.51.100.7",
    );
    assert_out(
        "tcp 198.51.100.7:443 > 203.0.113.99:40000 flags A",
        "uplink",
        3,
        "tcp 198.51.100.7:443 > 10.0.0.6:40000 flags .",
    );
}

#[test]
fn out_04_l_out_05_snat_or_no_way_out() {
    let verdict = walk("tcp 10.0.0.4:40000 > 198.51.100.7:443", "a");
    assert_eq!(verdict, Verdict::Punt(PuntReason::SnatMiss));
    let no_way = Verdict::Drop(DropReason::NoOutbound);
    assert_eq!(walk("udp 10.0.0.7:40000 > 198.51.100.7:53", "d"), no_way);
    assert_eq!(walk("tcp 10.0.0.7:40000 > 198.51.100.7:53", "d"), no_way);
}

#[test]
fn out_06_default_outbound_access_is_called_so() {
    let platform = "headgate: 1\nuplink: { nextHopMac: '02:00:00:00:00:fe', defaultOutboundAddress: 203.0.113.250 }";
    let configuration = CONFIGURATION.replace("headgate: 1", platform);
    let told = |packet, from| told(&configuration, packet, from);
    let by_default = "default outbound access: a SNAT port of 203.0.113.250";
    let packet = "udp 10.0.0.7:40000 > 198.51.100.7:53";
    assert!(
        told(packet, "d").contains(by_default),
        "{}",
        told(packet, "d")
    );
    let by_frontend = "tcp 10.0.0.4:40000 > 198.51.100.7:443";
    assert!(!told(by_frontend, "a").contains(by_default));
    let internal = "tcp 10.0.0.5:40000 > 198.51.100.7:443";
    let verdict = explained(&configuration, internal, "b").verdict;
    assert_eq!(verdict, Verdict::Drop(DropReason::NoOutbound));
}

#[test]
fn sku_08_a_closed_rule_says_what_to_write() {
    let secure = CONFIGURATION
        .replace("headgate: 1", "headgate: 1\nsecureByDefault: true")
        .replace("name: dns,", "name: dns, allowInbound: true,");
    for (packet, rule) in [
        ("tcp 198.51.100.7:1 > 203.0.113.10:80", "web/http"),
        ("tcp [2001:db8:1::7]:1 > [2001:db8::10]:80", "web/v6"),
        ("tcp 198.51.100.7:1 > 203.0.113.10:50001", "web/ssh"),
    ] {
        let found = explained(&secure, packet, "uplink");
        assert_eq!(found.verdict, Verdict::Drop(DropReason::NoFrontend));
        let text = told(&secure, packet, "uplink");
        assert!(text.contains(&format!("rule {rule} at ")), "{text}");
        assert!(text.contains("write `allowInbound: true`"), "{text}");
        let open = explained(CONFIGURATION, packet, "uplink").verdict;
        assert!(matches!(open, Verdict::Forward { .. }), "{open:?}");
    }
    for open in [
        ("udp 198.51.100.7:1 > 203.0.113.10:53", "uplink"),
        ("tcp 10.0.0.4:1 > 10.9.0.1:80", "a"),
    ] {
        let verdict = explained(&secure, open.0, open.1).verdict;
        assert!(matches!(verdict, Verdict::Forward { .. }), "{verdict:?}");
    }
    let nobody = told(&secure, "tcp 198.51.100.7:1 > 203.0.113.10:81", "uplink");
    assert!(!nobody.contains("allowInbound"), "{nobody}");
    let out = explained(&secure, "tcp 10.0.0.4:40000 > 198.51.100.7:443", "a").verdict;
    assert_eq!(
        out,
        Verdict::Punt(PuntReason::SnatMiss),
        "SNAT is as always"
    );
}

#[test]
fn prot_01_prot_02_other_protocols_are_dropped() {
    let dropped = Verdict::Drop(DropReason::UnsupportedProtocol);
    assert_eq!(
        walk("icmp echo 198.51.100.7 > 203.0.113.10", "uplink"),
        dropped
    );
    assert_eq!(walk("icmp echo 10.0.0.4 > 198.51.100.7", "a"), dropped);
    let error = walk("icmp error 198.51.100.7 > 203.0.113.10", "uplink");
    assert_eq!(error, Verdict::Punt(PuntReason::IcmpError));
}

#[test]
fn a_15_an_instance_reaches_a_public_frontend_through_its_public_address() {
    assert_out(
        "tcp 10.0.0.6:40000 > 203.0.113.10:80",
        "c",
        1,
        "tcp 203.0.113.99:40000 > 10.0.0.4:8080 flags S",
    );
}

#[test]
fn packets_read_back_as_they_are_written() {
    for text in [
        "tcp 198.51.100.7:40000 > 203.0.113.10:80 flags SA",
        "tcp [2001:db8::7]:1 > [2001:db8::10]:65535 flags FPA",
        "tcp 198.51.100.7:40000 > 203.0.113.10:80 flags .",
        "udp 198.51.100.7:1 > 203.0.113.10:2",
        "icmp echo 198.51.100.7 > 203.0.113.10",
        "icmp error 2001:db8::7 > 2001:db8::10",
    ] {
        assert_eq!(Packet::parse(text).expect("a packet").to_string(), text);
    }
}
