//! Inbound NAT rules for a pool: a range of frontend ports, one for each member (L-NAT-01..03, A-19).

use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, Sent};

/// A load balancer whose frontend ports 500 to 502 lead to ssh of the members.
fn members(names: &[&str]) -> String {
    let members: Vec<String> = names
        .iter()
        .map(|name| format!("{{ instance: {name} }}"))
        .collect();
    format!(
        r#"
headgate: 1
profile: current
uplink: {{ mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }}
instances:
  - {{ name: a, addresses: [10.0.0.4], vport: 1, mac: "02:00:00:00:00:04" }}
  - {{ name: b, addresses: [10.0.0.5], vport: 2, mac: "02:00:00:00:00:05" }}
  - {{ name: c, addresses: [10.0.0.6], vport: 3, mac: "02:00:00:00:00:06" }}
  - {{ name: d, addresses: [10.0.0.7], vport: 4, mac: "02:00:00:00:00:07" }}
loadBalancers:
  - name: admin
    sku: Standard
    frontends: [ {{ name: f, address: 203.0.113.10 }} ]
    backendPools: [ {{ name: p, members: [ {} ] }} ]
    inboundNatRules:
      - {{ name: ssh, protocol: Tcp, frontend: f, backendPool: p, frontendPortRangeStart: 500, frontendPortRangeEnd: 502, backendPort: 22 }}
"#,
        members.join(", ")
    )
}

/// The vport that a new connection to the frontend port arrives at, at port 22.
fn leads_to(rig: &mut Rig, port: u16, client_port: u16) -> Option<u16> {
    let client = format!("198.51.100.7:{client_port}");
    let syn = Segment::tcp(&client, &format!("203.0.113.10:{port}"), flags::S);
    let sent: Vec<Sent> = rig.segment(0, &syn);
    assert!(sent.iter().all(|s| s.segment().destination.1 == 22));
    sent.first().map(|sent| sent.port)
}

fn mapping(rig: &mut Rig, client_port: u16) -> [Option<u16>; 4] {
    [500, 501, 502, 503].map(|port| leads_to(rig, port, client_port))
}

#[test]
fn l_nat_02_who_stays_keeps_its_port_and_who_comes_takes_the_lowest_free_one() {
    let mut rig = Rig::new(&members(&["a", "b", "c"]));
    assert_eq!(mapping(&mut rig, 1), [Some(1), Some(2), Some(3), None]);
    assert!(rig.apply(&members(&["b", "c"])).accepted);
    assert_eq!(mapping(&mut rig, 2), [None, Some(2), Some(3), None]);
    assert!(rig.apply(&members(&["d", "c", "b"])).accepted);
    assert_eq!(mapping(&mut rig, 3), [Some(4), Some(2), Some(3), None]);
}

#[test]
fn l_nat_02_a_full_range_refuses_growth_and_nothing_changes() {
    let mut rig = Rig::new(&members(&["a", "b", "c"]));
    let applied = rig.apply(&members(&["a", "b", "c", "d"]));
    assert!(!applied.accepted);
    let says = applied.diagnostics.join("\n");
    assert!(
        says.contains("HG0521") && says.contains("4 members"),
        "{says}"
    );
    assert_eq!(mapping(&mut rig, 1), [Some(1), Some(2), Some(3), None]);
}
