//! The specification's behaviours, each played through card and driver, by topic. Test functions are
//! named by the IDs that they prove; `tests/coverage.txt` lists all of them.

mod change;
mod closed;
mod distribution;
mod floating_ip;
mod forwarding;
mod ha_ports;
mod idle;
mod internal;
mod nat;
mod outbound;
mod route;
mod snat;

use firmware_api::PortId;
use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, Sent};
use host_driver::control::view::Snat;

/// Instances `a` to `e` on vports 1 to 5; `e` has a public address of its own.
const HEAD: &str = r#"
headgate: 1
profile: current
uplink: { mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }
instances:
  - { name: a, addresses: [10.0.0.4, "fd00::4"], vport: 1, mac: "02:00:00:00:00:04" }
  - { name: b, addresses: [10.0.0.5, "fd00::5"], vport: 2, mac: "02:00:00:00:00:05" }
  - { name: c, addresses: [10.0.0.6, "fd00::6"], vport: 3, mac: "02:00:00:00:00:06" }
  - { name: d, addresses: [10.0.0.7, "fd00::7"], vport: 4, mac: "02:00:00:00:00:07" }
  - { name: e, addresses: [10.0.0.8], vport: 5, mac: "02:00:00:00:00:08", publicAddress: 203.0.113.99 }
loadBalancers:
"#;

/// A client on the Internet, and two servers there.
const CLIENT: &str = "198.51.100.7:40000";
const REMOTE: &str = "192.0.2.1:443";
const OTHER_REMOTE: &str = "192.0.2.2:443";
const UPLINK: PortId = 0;

/// A public Standard load balancer `web` on 203.0.113.10 and `2001:db8::10` over these members,
/// with these lists of rules.
fn web(members: &[&str], lists: &str) -> String {
    format!("{HEAD}{}", balancer("web", "203.0.113.10", members, lists))
}

/// An internal one on 10.0.1.1.
fn inner(members: &[&str], lists: &str) -> String {
    format!("{HEAD}{}", balancer("inner", "10.0.1.1", members, lists))
}

/// A load balancer with frontends `f` and, if it is public, `g` (the next address) and `v6`.
fn balancer(name: &str, address: &str, members: &[&str], lists: &str) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|name| format!("{{ instance: {name} }}"))
        .collect();
    let more = if address.starts_with("203") {
        r#", { name: g, address: 203.0.113.11 }, { name: v6, address: "2001:db8::10" }"#
    } else {
        r#", { name: g, address: 10.0.1.2 }, { name: v6, address: "fd00:1::1" }"#
    };
    format!(
        "
  - name: {name}
    sku: Standard
    frontends: [ {{ name: f, address: {address} }}{more} ]
    backendPools: [ {{ name: p, members: [ {} ] }} ]
    probes: [ {{ name: alive, protocol: Tcp, port: 9000 }} ]
{lists}",
        members.join(", ")
    )
}

/// A list of load-balancing rules.
fn rules(items: &[&str]) -> String {
    list("loadBalancingRules", items)
}

fn list(name: &str, items: &[&str]) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|item| format!("      - {{ {item} }}\n"))
        .collect();
    format!("    {name}:\n{}", items.concat())
}

/// Port 80 of `f` to port 8080 of the members, without SNAT.
const HTTP: &str = "name: http, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p, backendPort: 8080, disableOutboundSnat: true";
const HTTP_AT: &str = "203.0.113.10:80";

/// The only packet that leaves.
fn one(sent: Vec<Sent>) -> Sent {
    let [one] = <[Sent; 1]>::try_from(sent).expect("one packet leaves");
    one
}

/// What left since, without questions for neighbours.
fn told(rig: &mut Rig) -> Vec<Sent> {
    let sent = rig.take().into_iter();
    sent.filter(|sent| !sent.is_neighbor()).collect()
}

fn live(rig: &Rig) -> u32 {
    rig.engine.status().flows.live
}

/// The vport that a new connection from the uplink reaches.
fn reaches(rig: &mut Rig, from: &str, to: &str) -> Option<PortId> {
    let sent = rig.segment(UPLINK, &Segment::tcp(from, to, flags::S));
    sent.first().map(|sent| sent.port)
}

/// The vports that new connections from many ports of one client reach.
fn reached(rig: &mut Rig, client: &str, to: &str) -> Vec<PortId> {
    let mut ports: Vec<PortId> = (20_000..20_064)
        .filter_map(|port| reaches(rig, &format!("{client}:{port}"), to))
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// SNAT ports of an instance and protocol.
fn snat(rig: &Rig, instance: &str, protocol: &str) -> Snat {
    let rows = rig.engine.snat_ports();
    let row = rows
        .into_iter()
        .find(|row| row.instance == instance && row.protocol == protocol);
    row.unwrap_or_default()
}

/// An established TCP connection, seen from both ends.
#[derive(Clone)]
struct Tcp {
    /// Where the initiator is, and its next segment.
    initiator: (PortId, Segment),
    /// The same of the responder.
    responder: (PortId, Segment),
}

impl Tcp {
    fn open(rig: &mut Rig, port: PortId, from: &str, to: &str) -> Self {
        let syn = Segment::tcp(from, to, flags::S).numbered(100, 0);
        let arrived = one(rig.segment(port, &syn));
        let answer = arrived.segment().answer(flags::SA).numbered(500, 101);
        let back = one(rig.segment(arrived.port, &answer));
        assert_eq!(back.port, port);
        assert_eq!(
            (back.segment().source, back.segment().destination),
            (syn.destination, syn.source)
        );
        let with = |segment: Segment, seq, ack| Segment {
            flags: flags::A,
            ..segment.numbered(seq, ack)
        };
        let tcp = Self {
            initiator: (port, with(syn, 101, 501)),
            responder: (arrived.port, with(answer, 501, 101)),
        };
        one(rig.segment(port, &tcp.initiator.1));
        tcp
    }

    fn vport(&self) -> PortId {
        self.responder.0
    }

    /// Whether segments of both ends reach the other end.
    fn passes(&self, rig: &mut Rig) -> bool {
        let arrives = |rig: &mut Rig, from: &(PortId, Segment), to: &(PortId, Segment)| {
            let sent = rig.segment(from.0, &from.1);
            matches!(sent.as_slice(), [sent] if sent.port == to.0
                && sent.segment().destination == to.1.source
                && sent.segment().source == to.1.destination
                && sent.segment().flags & flags::R == 0)
        };
        arrives(rig, &self.initiator, &self.responder)
            && arrives(rig, &self.responder, &self.initiator)
    }

    /// A segment of the initiator with other flags.
    fn says(&self, rig: &mut Rig, flags: u8) -> Vec<Sent> {
        let segment = Segment {
            flags,
            ..self.initiator.1.clone()
        };
        rig.segment(self.initiator.0, &segment)
    }

    /// The same of the responder.
    fn answers(&self, rig: &mut Rig, flags: u8) -> Vec<Sent> {
        let segment = Segment {
            flags,
            ..self.responder.1.clone()
        };
        rig.segment(self.responder.0, &segment)
    }
}

/// Changes an IPv4 header and puts its checksum right.
fn patch_ip(frame: &mut [u8], change: impl FnOnce(&mut [u8])) {
    let ip = &mut frame[14..34];
    change(ip);
    ip[10..12].fill(0);
    let checksum = pnet_packet::util::checksum(ip, 5);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
}
