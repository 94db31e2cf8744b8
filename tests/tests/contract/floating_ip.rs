//! Floating IP (L-FIP, ILB-04).

use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, end};

use super::{CLIENT, HTTP_AT, REMOTE, Tcp, UPLINK, inner, one, rules, web};

/// Port 443 of `f` to port 8443 of the members, the address as it is.
const FLOATING: &str = "name: float, protocol: Tcp, frontend: f, frontendPort: 443, backendPool: p, backendPort: 8443, enableFloatingIP: true, disableOutboundSnat: true";
const PLAIN: &str = "name: plain, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p, backendPort: 8080, disableOutboundSnat: true";

#[test]
fn l_fip_01_02_03_04_06_both_kinds_of_rules_and_both_answer_by_themselves() {
    let mut rig = Rig::new(&web(&["a"], &rules(&[FLOATING, PLAIN])));
    for (frontend, seen) in [
        ("203.0.113.10:443", "203.0.113.10:8443"),
        (HTTP_AT, "10.0.0.4:8080"),
    ] {
        let arrived = one(rig.segment(UPLINK, &Segment::tcp(CLIENT, frontend, flags::S)));
        assert_eq!(arrived.segment().destination, end(seen));
        assert_eq!(arrived.frame[..6], [2, 0, 0, 0, 0, 4], "the instance's own");
        let back = one(rig.segment(1, &arrived.segment().answer(flags::SA)));
        assert_eq!((back.port, back.segment().source), (UPLINK, end(frontend)));
    }
}

#[test]
fn l_fip_08_an_instance_gets_out_by_its_own_address_and_not_by_the_frontend_s() {
    let snat = "name: o, protocol: All, frontends: [g], backendPool: p, allocatedOutboundPorts: 8";
    let lists = rules(&[FLOATING]) + &super::list("outboundRules", &[snat]);
    let mut rig = Rig::new(&web(&["a"], &lists));
    one(rig.segment(1, &Segment::tcp("10.0.0.4:5000", REMOTE, flags::S)));
    let bound = Segment::tcp("203.0.113.10:5000", REMOTE, flags::S);
    assert_eq!(rig.segment(1, &bound), []);
}

#[test]
fn l_fip_11_floating_ip_changes_as_if_the_rule_were_made_anew() {
    let text = |floating: bool| {
        let rule = PLAIN.replace(
            "backendPort: 8080",
            &format!("backendPort: 8080, enableFloatingIP: {floating}"),
        );
        web(&["a"], &rules(&[&rule]))
    };
    let mut rig = Rig::new(&text(false));
    let old = Tcp::open(&mut rig, UPLINK, CLIENT, HTTP_AT);
    assert_eq!(old.responder.1.source, end("10.0.0.4:8080"));
    assert!(rig.apply(&text(true)).accepted);
    let new = Tcp::open(&mut rig, UPLINK, "198.51.100.7:40001", HTTP_AT);
    assert_eq!(new.responder.1.source, end("203.0.113.10:8080"));
    assert!(new.passes(&mut rig));
}

#[test]
fn ilb_04_with_floating_ip_a_flow_to_itself_arrives_at_the_frontend_s_address() {
    let mut rig = Rig::new(&inner(&["a"], &rules(&[FLOATING])));
    let syn = Segment::tcp("10.0.0.4:5000", "10.0.1.1:443", flags::S);
    let arrived = one(rig.segment(1, &syn));
    assert_eq!(
        (arrived.port, arrived.segment().destination),
        (1, end("10.0.1.1:8443"))
    );
    assert_eq!(arrived.segment().source, syn.source);
}

/// ILB-05: what is not supported leaves the tables as they are, and other flows alone.
#[test]
fn ilb_05_a_flow_to_itself_harms_no_other() {
    let mut rig = Rig::new(&inner(&["a"], &rules(&[PLAIN])));
    let other = Tcp::open(&mut rig, 4, "10.0.0.7:5000", "10.0.1.1:80");
    for port in 5000..5100 {
        let syn = Segment::tcp(&format!("10.0.0.4:{port}"), "10.0.1.1:80", flags::S);
        let arrived = one(rig.segment(1, &syn));
        rig.segment(1, &arrived.segment().answer(flags::SA));
    }
    assert!(other.passes(&mut rig));
    rig.pass(490_000);
    assert_eq!(super::live(&rig), 0);
    let tables = rig.engine.status().tables;
    let flows = tables.iter().filter(|t| t.table.starts_with("flow"));
    assert_eq!(flows.map(|t| t.entries).sum::<u64>(), 0);
}
