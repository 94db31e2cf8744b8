//! From the backends to the Internet.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use firmware_api::Family;
use headgate_tests::lab::plan::{FAMILIES, frontend, internet};
use headgate_tests::lab::talk::Conversation;
use headgate_tests::lab::{Engine, Lab, Netns, Options, say};

/// Connections at a time from one backend to each destination.
const EACH: usize = 3;

/// OUT-01, SNAT-19: the Internet sees the frontend's address. SNAT-02: connections to one
/// destination have a port each. SNAT-03, SNAT-04: other destinations use the same ports again.
/// SNAT-01: two backends never share a port towards one destination.
fn outbound_connections_share_snat_ports_between_destinations(engine: Engine) {
    let Some(lab) = Lab::start(&Options::on(engine)) else {
        return;
    };
    for family in FAMILIES {
        let first = Outbound::open(&lab.topology.backends[0], family);
        let second = Outbound::open(&lab.topology.backends[1], family);
        for outbound in [&first, &second] {
            say(format_args!(
                "{family:?}: SNAT ports by destination {:?}",
                outbound.ports
            ));
            assert!(
                outbound.ports.values().all(|ports| ports.len() == EACH),
                "SNAT-02"
            );
            assert_eq!(outbound.all_ports().len(), EACH, "SNAT-03, SNAT-04");
        }
        assert!(
            first.all_ports().is_disjoint(&second.all_ports()),
            "SNAT-01"
        );
        first.go_on();
        second.go_on();
    }
    lab.finish();
}

/// Open connections of one backend.
struct Outbound {
    talks: Vec<Conversation>,
    ports: BTreeMap<SocketAddr, BTreeSet<u16>>,
}

impl Outbound {
    /// Opens some to each of four destinations, which differ in address, in port, or in both.
    fn open(inside: &Netns, family: Family) -> Self {
        let destinations = internet(family)
            .into_iter()
            .flat_map(|address| [443, 8443].map(|port| SocketAddr::new(address, port)));
        let mut outbound = Self {
            talks: Vec::new(),
            ports: BTreeMap::new(),
        };
        for destination in destinations.flat_map(|to| [to; EACH]) {
            let mut talk = inside
                .run(|| Conversation::open(destination))
                .expect("connects");
            let seen = talk.say("who am I?").expect("an answer").seen;
            assert_eq!(seen.ip(), frontend(family), "OUT-01");
            outbound
                .ports
                .entry(destination)
                .or_default()
                .insert(seen.port());
            outbound.talks.push(talk);
        }
        outbound
    }

    fn all_ports(&self) -> BTreeSet<u16> {
        self.ports.values().flatten().copied().collect()
    }

    /// All of them still work, side by side.
    fn go_on(mut self) {
        for talk in &mut self.talks {
            talk.say("still there?").expect("an answer");
        }
    }
}

crate::on_both_engines! {
    outbound_connections_share_snat_ports_between_destinations,
}
