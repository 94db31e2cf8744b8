//! At the idle timeout each end gets a reset that a TCP accepts without a challenge (RFC 5961 §3.2:
//! its sequence number is exactly the next one expected), and only established flows get them.

use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, Sent};
use proptest::prelude::*;

use super::{cases, tiny_card};

const CONFIGURATION: &str = r#"
headgate: 1
profile: current
uplink: { mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }
instances:
  - { name: a, addresses: [10.0.0.4, "fd00::4"], vport: 1, mac: "02:00:00:00:00:04" }
loadBalancers:
  - name: web
    sku: Standard
    frontends: [ { name: v4, address: 203.0.113.10 }, { name: v6, address: "2001:db8::10" } ]
    backendPools: [ { name: p, members: [ { instance: a } ] }, { name: q, members: [ { instance: a } ] } ]
    loadBalancingRules:
      - { name: http, protocol: Tcp, frontend: v4, frontendPort: 80, backendPool: p, backendPort: 8080, enableTcpReset: true, disableOutboundSnat: true }
      - { name: http6, protocol: Tcp, frontend: v6, frontendPort: 80, backendPool: p, backendPort: 8080, enableTcpReset: true, disableOutboundSnat: true }
      - { name: floating, protocol: Tcp, frontend: v4, frontendPort: 81, backendPool: q, backendPort: 81, enableFloatingIP: true, enableTcpReset: true, disableOutboundSnat: true }
      - { name: silent, protocol: Tcp, frontend: v4, frontendPort: 82, backendPool: q, backendPort: 82, disableOutboundSnat: true }
    outboundRules:
      - { name: out, protocol: All, frontends: [v4], backendPool: p, enableTcpReset: true, allocatedOutboundPorts: 64 }
"#;

/// Who opens, where from and where to: port, source, destination.
const FLOWS: [(u16, &str, &str); 5] = [
    (0, "198.51.100.7:40000", "203.0.113.10:80"),
    (0, "[2001:db8:7::7]:40000", "[2001:db8::10]:80"),
    (0, "198.51.100.7:40000", "203.0.113.10:81"),
    (1, "10.0.0.4:50000", "192.0.2.1:443"),
    (0, "198.51.100.7:40000", "203.0.113.10:82"),
];
const SILENT: usize = 4;

/// One end as RFC 9293 has it: what it sends next, and what it expects next.
#[derive(Clone, Debug)]
struct Tcp {
    port: u16,
    /// From itself to its peer, as it knows the two.
    template: Segment,
    next: u32,
    expects: u32,
}

impl Tcp {
    fn send(&mut self, rig: &mut Rig, flags: u8, payload: &[u8]) -> Option<Sent> {
        let segment = Segment {
            flags,
            ..self.template.clone()
        };
        let segment = segment.numbered(self.next, self.expects).with(payload);
        let opens = u32::from(flags & flags::S != 0);
        self.next = self.next.wrapping_add(opens + payload.len() as u32);
        let mut sent = rig.segment(self.port, &segment);
        assert!(sent.len() <= 1);
        sent.pop()
    }

    fn take(&mut self, segment: &Segment) {
        assert_eq!(segment.seq, self.expects);
        let opens = u32::from(segment.flags & flags::S != 0);
        self.expects = segment
            .seq
            .wrapping_add(opens + segment.payload.len() as u32);
    }

    /// RFC 5961 §3.2: accepted, not challenged.
    fn accepts_reset(&self, sent: &Sent) -> bool {
        let segment = sent.segment();
        let to_me = (segment.source, segment.destination)
            == (self.template.destination, self.template.source);
        sent.port == self.port
            && to_me
            && segment.flags & flags::R != 0
            && segment.seq == self.expects
    }
}

/// Opens a connection; both ends know the other's number and have acknowledged it.
fn establish(rig: &mut Rig, which: usize, numbers: [u32; 2]) -> [Tcp; 2] {
    let (port, from, to) = FLOWS[which];
    let mut client = Tcp {
        port,
        template: Segment::tcp(from, to, 0),
        next: numbers[0],
        expects: 0,
    };
    let syn = client.send(rig, flags::S, b"").expect("forwarded");
    let arrived = syn.segment();
    let mut server = Tcp {
        port: syn.port,
        template: arrived.answer(0),
        next: numbers[1],
        expects: arrived.seq.wrapping_add(1),
    };
    let answer = server
        .send(rig, flags::SA, b"")
        .expect("forwarded")
        .segment();
    client.expects = answer.seq;
    client.take(&answer);
    client.send(rig, flags::A, b"").expect("forwarded");
    [client, server]
}

fn resets_at_idle(rig: &mut Rig) -> Vec<Sent> {
    rig.take();
    rig.pass(239_000);
    assert!(rig.take().iter().all(Sent::is_neighbor), "too early");
    rig.pass(4_000);
    let sent = rig.take();
    sent.into_iter()
        .filter(|sent| !sent.is_neighbor())
        .collect()
}

proptest! {
    #![proptest_config(cases(24))]

    /// RST-02, RST-04, RST-06.
    #[test]
    fn reset_is_in_window(
        which in 0..FLOWS.len(),
        numbers in any::<[u32; 2]>(),
        data in proptest::collection::vec((any::<bool>(), 1_usize..1400), 0..6),
    ) {
        let mut rig = Rig::with_card(CONFIGURATION, &tiny_card(64));
        let mut ends = establish(&mut rig, which, numbers);
        for (from, length) in data {
            let (from, to) = (usize::from(from), usize::from(!from));
            let sent = ends[from].send(&mut rig, flags::PA, &vec![0; length]).expect("forwarded");
            ends[to].take(&sent.segment());
            ends[to].send(&mut rig, flags::A, b"").expect("forwarded");
        }
        let sent = resets_at_idle(&mut rig);
        if which == SILENT {
            prop_assert!(sent.is_empty(), "the rule asks for no resets");
        } else {
            prop_assert_eq!(sent.len(), 2);
            for end in &ends {
                let accepted = sent.iter().filter(|reset| end.accepts_reset(reset)).count();
                prop_assert_eq!(accepted, 1, "{:?}\n{:?}", end, sent);
            }
        }
        prop_assert_eq!(rig.engine.status().flows.live, 0);
    }
}

#[test]
fn rst_03_only_established_flows_are_reset() {
    let mut rig = Rig::with_card(CONFIGURATION, &tiny_card(64));
    let (port, from, to) = FLOWS[0];
    rig.segment(port, &Segment::tcp(from, to, flags::S));
    let [mut closing, _] = establish(&mut rig, 1, [1, 2]);
    closing.send(&mut rig, flags::FA, b"");
    let [mut gone, _] = establish(&mut rig, 3, [1, 2]);
    gone.send(&mut rig, flags::R, b"");
    assert_eq!(rig.engine.status().flows.live, 3);
    assert_eq!(resets_at_idle(&mut rig), []);
    assert_eq!(rig.engine.status().flows.live, 0);
}
