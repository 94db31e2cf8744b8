//! The path of a connection through card and driver, inbound and outbound.

use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, end};

const CONFIGURATION: &str = r#"
headgate: 1
profile: current
uplink: { mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }
instances:
  - { name: web-1, addresses: [10.0.0.4], vport: 1, mac: "02:00:00:00:00:04" }
  - { name: web-2, addresses: [10.0.0.5], vport: 2, mac: "02:00:00:00:00:05" }
loadBalancers:
  - name: web
    sku: Standard
    frontends: [ { name: public, address: 203.0.113.10 } ]
    backendPools: [ { name: web, members: [ { instance: web-1 }, { instance: web-2 } ] } ]
    loadBalancingRules:
      - { name: http, protocol: Tcp, frontend: public, frontendPort: 80, backendPool: web, backendPort: 8080 }
"#;

#[test]
fn fwd_01_02_a_connection_goes_to_one_backend_and_back_from_the_frontend() {
    let mut rig = Rig::new(CONFIGURATION);
    let syn = Segment::tcp("198.51.100.7:40000", "203.0.113.10:80", flags::S).numbered(100, 0);
    let sent = rig.segment(0, &syn);
    assert_eq!(sent.len(), 1);
    let arrived = sent[0].segment();
    assert_eq!(arrived.source, syn.source, "the client's address is kept");
    let backend = sent[0].port;
    let own = [end("10.0.0.4:8080"), end("10.0.0.5:8080")][usize::from(backend) - 1];
    assert_eq!(arrived.destination, own);

    let reply = arrived.answer(flags::SA).numbered(500, 101);
    let sent = rig.segment(backend, &reply);
    assert_eq!((sent.len(), sent[0].port), (1, 0));
    assert_eq!(sent[0].segment().source, syn.destination);

    let ack = syn.answer(flags::A).answer(flags::A).numbered(101, 501);
    let sent = rig.segment(0, &ack);
    assert_eq!(
        (sent[0].port, sent[0].segment().destination),
        (backend, own)
    );
    assert_eq!(rig.engine.status().flows.live, 1);
}

#[test]
fn out_01_an_instance_reaches_the_internet_by_the_frontend() {
    let mut rig = Rig::new(CONFIGURATION);
    let syn = Segment::tcp("10.0.0.4:50000", "192.0.2.1:443", flags::S);
    let sent = rig.segment(1, &syn);
    assert_eq!((sent.len(), sent[0].port), (1, 0));
    let left = sent[0].segment();
    assert_eq!(
        (left.source, left.destination),
        (end("203.0.113.10:1024"), syn.destination)
    );

    let sent = rig.segment(0, &left.answer(flags::SA));
    assert_eq!((sent.len(), sent[0].port), (1, 1));
    assert_eq!(sent[0].segment().destination, syn.source);
}
