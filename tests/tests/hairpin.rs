//! Members of a pool that talk to the pool's own frontend (ILB-01..03).

use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, end};

const CONFIGURATION: &str = r#"
headgate: 1
profile: current
uplink: { mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }
instances:
  - { name: a, addresses: [10.0.0.4], vport: 1, mac: "02:00:00:00:00:04" }
  - { name: b, addresses: [10.0.0.5], vport: 2, mac: "02:00:00:00:00:05" }
loadBalancers:
  - name: web
    sku: Standard
    frontends: [ { name: f, address: 10.0.1.1, internal: true } ]
    backendPools: [ { name: p, members: [ { instance: a }, { instance: b } ] } ]
    loadBalancingRules:
      - { name: http, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p, backendPort: 8080 }
"#;

/// A SYN of instance `a` to the internal frontend that the hash gives to that vport.
fn opened_to(rig: &mut Rig, vport: u16) -> (Segment, Segment) {
    for port in 50_000..50_100 {
        let syn = Segment::tcp(&format!("10.0.0.4:{port}"), "10.0.1.1:80", flags::S).numbered(7, 0);
        let sent = rig.segment(1, &syn);
        assert_eq!(sent.len(), 1);
        if sent[0].port == vport {
            return (syn, sent[0].segment());
        }
    }
    panic!("the hash gives vport {vport} nothing");
}

/// A-29: another member is what the two legs match with.
#[test]
fn ilb_01_03_a_flow_to_another_member_keeps_its_source_and_works() {
    let mut rig = Rig::new(CONFIGURATION);
    let (syn, arrived) = opened_to(&mut rig, 2);
    assert_eq!(
        (arrived.source, arrived.destination),
        (syn.source, end("10.0.0.5:8080"))
    );
    let answer = rig.segment(2, &arrived.answer(flags::SA).numbered(70, 8));
    assert_eq!((answer.len(), answer[0].port), (1, 1));
    let answer = answer[0].segment();
    assert_eq!(
        (answer.source, answer.destination),
        (syn.destination, syn.source)
    );
    let data = rig.segment(1, &answer.answer(flags::PA).numbered(8, 71).with(b"data"));
    assert_eq!((data.len(), data[0].port), (1, 2));
    assert_eq!(data[0].segment().destination, arrived.destination);
}

#[test]
fn ilb_02_a_flow_to_itself_fails_as_two_legs_that_do_not_match() {
    let mut rig = Rig::new(CONFIGURATION);
    let (syn, arrived) = opened_to(&mut rig, 1);
    assert_eq!(
        (arrived.source, arrived.destination),
        (syn.source, end("10.0.0.4:8080"))
    );
    // The guest answers its own address: the packet never leaves it, and no session follows.
    let answer = arrived.answer(flags::SA);
    assert_eq!(answer.destination.0, answer.source.0);
}
