//! Configurations that several tests use.

use std::fmt::Write as _;

/// A pool of that many members, with SNAT ports by its size.
pub fn pool(members: u16) -> String {
    let mut text = String::from("headgate: 1\nprofile: current\ninstances:\n");
    let mut names = String::new();
    for i in 1..=members {
        let _ = writeln!(
            text,
            "  - {{ name: i{i}, addresses: [10.0.0.{i}], vport: {i}, mac: \"02:00:00:00:01:{i:02x}\" }}"
        );
        let _ = write!(names, "{{ instance: i{i} }}, ");
    }
    let _ = write!(
        text,
        "uplink: {{ mac: \"02:00:00:00:00:01\", nextHopMac: \"02:00:00:00:00:fe\" }}\n\
         loadBalancers:\n  - name: web\n    sku: Standard\n    \
         frontends: [ {{ name: f, address: 203.0.113.10 }} ]\n    \
         backendPools: [ {{ name: p, members: [ {names} ] }} ]\n    loadBalancingRules:\n      \
         - {{ name: r, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p }}\n"
    );
    text
}
