//! What happens to flows when backends, or all of them, go down and come back, when the
//! administrator overrules their probe, and when they drain: through card and driver.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use flow_compiler::source::Source;
use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, Sent, end};
use host_driver::health::Outcome;
use host_driver::probe::{Report, TargetId};

const INSTANCES: &str = r#"
headgate: 1
profile: current
uplink: { mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }
instances:
  - { name: a, addresses: [10.0.0.4], vport: 1, mac: "02:00:00:00:00:04" }
  - { name: b, addresses: [10.0.0.5], vport: 2, mac: "02:00:00:00:00:05" }
  - { name: c, addresses: [10.0.0.6], vport: 3, mac: "02:00:00:00:00:06" }
"#;

/// What a test says of its load balancer over `a`, `b` and `c`.
#[derive(Clone, Copy)]
struct Setup {
    sku: &'static str,
    probe: &'static str,
    pool: &'static str,
    members: [&'static str; 3],
    /// What is said of instance `b`.
    b: &'static str,
    settings: &'static str,
}

const STANDARD: Setup = Setup {
    sku: "Standard",
    probe: "",
    pool: "",
    members: ["", "", ""],
    b: "",
    settings: "",
};

impl Setup {
    /// `http` and `dns` with a probe, `quic` tracked as well; `raw` without one; `ssh` is a NAT
    /// rule to `a`; the pool `other` has `a` too.
    fn text(self) -> String {
        let Self {
            sku,
            probe,
            pool,
            members,
            b,
            settings,
        } = self;
        let instances = INSTANCES.replace("vport: 2,", &format!("vport: 2{b},"));
        let mut list = String::new();
        for (name, member) in ["a", "b", "c"].iter().zip(members) {
            if member != "gone" {
                let _ = write!(list, "{{ instance: {name}{member} }}, ");
            }
        }
        format!(
            r"{instances}
settings: {{ {settings} }}
loadBalancers:
  - name: web
    sku: {sku}
    frontends: [ {{ name: f, address: 203.0.113.10 }} ]
    backendPools:
      - {{ name: p{pool}, members: [ {list} ] }}
      - {{ name: other, members: [ {{ instance: a }} ] }}
    probes: [ {{ name: alive, protocol: Tcp, port: 9000, intervalInSeconds: 5{probe} }} ]
    loadBalancingRules:
      - {{ name: http, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p, backendPort: 8080, probe: alive }}
      - {{ name: dns, protocol: Udp, frontend: f, frontendPort: 53, backendPool: p, probe: alive }}
      - {{ name: quic, protocol: Udp, frontend: f, frontendPort: 443, backendPool: p, probe: alive, enableConnectionTracking: true }}
      - {{ name: raw, protocol: Tcp, frontend: f, frontendPort: 81, backendPool: p, backendPort: 8081 }}
      - {{ name: away, protocol: Tcp, frontend: f, frontendPort: 82, backendPool: other, backendPort: 8082, probe: alive }}
    inboundNatRules:
      - {{ name: ssh, protocol: Tcp, frontend: f, frontendPort: 2222, target: a, backendPort: 22 }}
"
        )
    }
}

const BACKENDS: [&str; 3] = ["10.0.0.4:0", "10.0.0.5:0", "10.0.0.6:0"];

/// A rig whose probes answer as its test says.
struct Lab {
    rig: Rig,
    targets: HashMap<IpAddr, TargetId>,
    /// Clients so far: each connects once.
    clients: u16,
}

impl Lab {
    /// Every backend answered once.
    fn new(setup: Setup) -> Self {
        let mut lab = Self {
            rig: Rig::new(&setup.text()),
            targets: HashMap::new(),
            clients: 0,
        };
        lab.rig.engine.assume_healthy(|_| false);
        lab.take_targets();
        for vport in 1..=3 {
            lab.report(vport, Outcome::Success);
        }
        lab
    }

    fn take_targets(&mut self) {
        let changes = self.rig.engine.take_probe_changes();
        self.targets.retain(|_, id| !changes.remove.contains(id));
        for (id, address, _) in changes.add {
            self.targets.insert(address, id);
        }
    }

    fn apply(&mut self, setup: Setup) {
        let source = Source::new("test.yaml", setup.text());
        let applied = self.rig.engine.apply(&source);
        assert!(applied.accepted, "{:?}", applied.diagnostics);
        self.take_targets();
        self.rig.settle();
    }

    /// One answer of the backend on a vport; nobody listens to one that is not probed.
    fn report(&mut self, vport: u16, outcome: Outcome) {
        let address = end(BACKENDS[usize::from(vport) - 1]).0;
        let Some(target) = self.targets.get(&address).copied() else {
            return;
        };
        let at = self.rig.now;
        let report = Report {
            target,
            at,
            outcome,
        };
        self.rig.engine.observe(at, report);
        self.rig.pass(100);
    }

    /// Two failures: the default threshold.
    fn down(&mut self, vport: u16) {
        self.report(vport, Outcome::ConnectTimeout);
        self.report(vport, Outcome::ConnectTimeout);
    }

    fn all_down(&mut self) {
        (1..=3).for_each(|vport| self.down(vport));
        self.rig.take();
    }

    /// The vports that new connections through a frontend port reach.
    fn reached(&mut self, port: u16) -> Vec<u16> {
        let mut reached: Vec<u16> = (0..64)
            .flat_map(|i| {
                let client = format!("198.51.100.77:{}", 20_000 + self.clients + i);
                let syn = Segment::tcp(&client, &format!("203.0.113.10:{port}"), flags::S);
                self.rig.segment(0, &syn)
            })
            .map(|sent| sent.port)
            .collect();
        self.clients += 64;
        reached.sort_unstable();
        reached.dedup();
        reached
    }

    fn live(&self) -> u32 {
        self.rig.engine.status().flows.live
    }

    fn reason(&self, rule: &str, instance: &str) -> (bool, String) {
        let rows = self.rig.engine.backends();
        let row = rows
            .iter()
            .find(|row| row.rule == format!("web/{rule}") && row.instance == instance);
        let row = row.expect("a member");
        (row.eligible, row.reason.clone())
    }
}

/// The only packet that leaves.
fn one(sent: Vec<Sent>) -> Sent {
    let [one] = <[Sent; 1]>::try_from(sent).expect("one packet leaves");
    one
}

/// An established connection: the client's end, and its backend's vport.
#[derive(Clone)]
struct Tcp {
    from_client: Segment,
    from_backend: Segment,
    vport: u16,
}

impl Tcp {
    fn open(lab: &mut Lab, client: &str, frontend: &str) -> Self {
        let syn = Segment::tcp(client, frontend, flags::S).numbered(100, 0);
        let arrived = one(lab.rig.segment(0, &syn));
        let answer = arrived.segment().answer(flags::SA).numbered(500, 101);
        one(lab.rig.segment(arrived.port, &answer));
        let tcp = Self {
            from_client: Segment {
                flags: flags::A,
                ..syn.numbered(101, 501)
            },
            from_backend: Segment {
                flags: flags::A,
                ..answer.numbered(501, 101)
            },
            vport: arrived.port,
        };
        one(lab.rig.segment(0, &tcp.from_client));
        tcp
    }

    /// A connection to the backend on that vport.
    fn open_to(lab: &mut Lab, frontend: &str, vport: u16) -> Self {
        for port in 40_000..40_100 {
            let tcp = Self::open(lab, &format!("198.51.100.7:{port}"), frontend);
            if tcp.vport == vport {
                return tcp;
            }
        }
        panic!("nothing reaches vport {vport}");
    }

    /// Whether segments pass both ways, between the same ends as before.
    fn passes(&self, lab: &mut Lab) -> bool {
        let there = lab.rig.segment(0, &self.from_client);
        let back = lab.rig.segment(self.vport, &self.from_backend);
        let ports = [&there, &back].map(|sent| sent.iter().map(|s| s.port).collect::<Vec<_>>());
        let is_reset = |sent: &[Sent]| sent.iter().any(|s| s.segment().flags & flags::R != 0);
        ports == [vec![self.vport], vec![0]] && !is_reset(&there) && !is_reset(&back)
    }
}

const HTTP: &str = "203.0.113.10:80";
const RAW: &str = "203.0.113.10:81";

fn datagram(port: u16) -> Segment {
    Segment::udp("198.51.100.7:5000", &format!("203.0.113.10:{port}"))
}

#[test]
fn a_7_prb_02_05_l_prb_06_07_a_backend_that_fails_its_threshold_gets_no_new_flows() {
    let mut lab = Lab::new(STANDARD);
    assert_eq!(lab.reached(80), [1, 2, 3]);
    lab.report(2, Outcome::ConnectTimeout);
    lab.report(2, Outcome::Success);
    lab.report(2, Outcome::Reset);
    assert_eq!(lab.reached(80), [1, 2, 3], "never two in a row");
    lab.report(2, Outcome::ConnectTimeout);
    assert_eq!(lab.reached(80), [1, 3]);
    assert_eq!(lab.reached(81), [1, 2, 3], "no probe, always (L-PRB-23)");
}

#[test]
fn prb_03_a_connection_outlives_its_backends_health_as_long_as_it_is_used() {
    let mut lab = Lab::new(STANDARD);
    let tcp = Tcp::open_to(&mut lab, HTTP, 2);
    let before = lab.live();
    lab.down(2);
    assert_eq!(lab.live(), before);
    for _ in 0..3 {
        lab.rig.pass(200_000);
        assert!(tcp.passes(&mut lab));
    }
    lab.rig.pass(245_000);
    assert_eq!(lab.live(), 0, "and no longer");
}

#[test]
fn l_prb_14_a_09_udp_moves_off_a_backend_that_goes_down_and_tracked_udp_stays() {
    let mut lab = Lab::new(STANDARD);
    let plain = one(lab.rig.segment(0, &datagram(53))).port;
    let tracked = one(lab.rig.segment(0, &datagram(443))).port;
    lab.down(plain);
    if tracked != plain {
        lab.down(tracked);
    }
    let moved = one(lab.rig.segment(0, &datagram(53))).port;
    assert!(moved != plain && moved != tracked);
    assert_eq!(one(lab.rig.segment(0, &datagram(443))).port, tracked);
    lab.report(plain, Outcome::Success);
    assert_eq!(
        one(lab.rig.segment(0, &datagram(53))).port,
        moved,
        "and stays where it went"
    );
}

#[test]
fn prb_10_l_prb_15_a_08_all_down_by_sku() {
    for (sku, stays) in [("Standard", true), ("Basic", false)] {
        let mut lab = Lab::new(Setup { sku, ..STANDARD });
        let tcp = Tcp::open(&mut lab, "198.51.100.7:40000", HTTP);
        let raw = Tcp::open(&mut lab, "198.51.100.7:40000", RAW);
        one(lab.rig.segment(0, &datagram(53)));
        one(lab.rig.segment(0, &datagram(443)));
        (1..=3).for_each(|vport| lab.down(vport));
        let told = lab.rig.take().into_iter().filter(|s| !s.is_neighbor());
        assert_eq!(told.count(), 0, "{sku}: nobody is told");
        assert_eq!(lab.live(), if stays { 3 } else { 1 }, "{sku}");
        assert_eq!(tcp.passes(&mut lab), stays, "{sku}");
        assert!(raw.passes(&mut lab), "no probe, no matter");
        let tracked = lab.rig.segment(0, &datagram(443)).len();
        assert_eq!(
            tracked,
            usize::from(stays),
            "{sku}: tracked UDP is like TCP"
        );
        assert_eq!(lab.rig.segment(0, &datagram(53)), [], "{sku}: UDP ends");
        assert_eq!(lab.reached(80), [0; 0], "{sku}: a SYN meets silence");
        lab.report(1, Outcome::Success);
        lab.report(1, Outcome::Success);
        (0..8).for_each(|_| lab.report(1, Outcome::Success));
        assert_eq!(lab.reached(80), [1], "{sku}: back after its hold-down");
    }
}

#[test]
fn l_prb_17_a_37_all_probed_up_spreads_new_flows_over_all() {
    let mut lab = Lab::new(Setup {
        probe: ", noHealthyBackendsBehavior: AllProbedUp",
        ..STANDARD
    });
    let tcp = Tcp::open(&mut lab, "198.51.100.7:40000", HTTP);
    lab.down(1);
    lab.down(2);
    assert_eq!(lab.reached(80), [3], "one is up");
    lab.down(3);
    assert_eq!(lab.reached(80), [1, 2, 3], "each SYN to one of them");
    assert!(tcp.passes(&mut lab));
    let udp = one(lab.rig.segment(0, &datagram(53))).port;
    assert_eq!(one(lab.rig.segment(0, &datagram(53))).port, udp);
    assert_eq!(
        lab.reason("http", "a"),
        (true, "Up_Probe_AllDownIsUp".to_owned())
    );
}

#[test]
fn prb_08_l_prb_24_outbound_and_nat_rules_do_not_ask_probes() {
    for sku in ["Basic", "Standard"] {
        let mut lab = Lab::new(Setup { sku, ..STANDARD });
        let out = Segment::tcp("10.0.0.4:50000", "192.0.2.1:443", flags::S).numbered(1, 0);
        let before = one(lab.rig.segment(1, &out)).segment();
        lab.all_down();
        let answer = before.answer(flags::SA).numbered(7, 2);
        assert_eq!(one(lab.rig.segment(0, &answer)).port, 1, "an old flow");
        let new = Segment::tcp("10.0.0.5:50000", "192.0.2.1:443", flags::S);
        let sent = one(lab.rig.segment(2, &new));
        assert_eq!(
            (sent.port, sent.segment().source.0),
            (0, end(HTTP).0),
            "a new one"
        );
        assert_eq!(lab.reached(2222), [1], "inbound NAT");
    }
}

#[test]
fn l_adm_02_up_overrules_a_failing_probe() {
    let mut lab = Lab::new(Setup {
        members: [", adminState: Up", "", ""],
        ..STANDARD
    });
    let tcp = Tcp::open_to(&mut lab, HTTP, 1);
    lab.all_down();
    assert_eq!(lab.reached(80), [1]);
    assert!(tcp.passes(&mut lab));
    assert_eq!(lab.reason("http", "a"), (true, "Up_Admin".to_owned()));
}

#[test]
fn l_adm_01_03_05_06_a_11_down_overrules_a_good_probe() {
    let mut lab = Lab::new(STANDARD);
    let tcp = Tcp::open_to(&mut lab, HTTP, 2);
    let udp = one(lab.rig.segment(0, &datagram(53))).port;
    let mut members = ["", "", ""];
    members[1] = ", adminState: Down";
    members[usize::from(udp) - 1] = ", adminState: Down";
    lab.apply(Setup {
        members,
        ..STANDARD
    });
    let mut expected = vec![1, 2, 3];
    expected.retain(|vport| *vport != 2 && *vport != udp);
    assert_eq!(lab.reached(80), expected, "no new connections");
    assert!(tcp.passes(&mut lab), "established TCP persists");
    let moved = one(lab.rig.segment(0, &datagram(53))).port;
    assert!(expected.contains(&moved), "UDP moves");
    assert_eq!(lab.reached(81), [1, 2, 3], "no effect without a probe");
    assert_eq!(lab.reason("http", "b"), (false, "Down_Admin".to_owned()));
    assert_eq!(lab.reason("raw", "b"), (true, String::new()));
    lab.apply(STANDARD);
    assert_eq!(lab.reached(80), [1, 2, 3], "None: its probe decides again");
}

#[test]
fn l_adm_04_the_admin_state_is_of_the_member_in_one_pool() {
    let mut lab = Lab::new(Setup {
        members: [", adminState: Down", "", ""],
        ..STANDARD
    });
    assert_eq!(lab.reached(80), [2, 3]);
    assert_eq!(lab.reached(82), [1], "another pool");
    for rule in ["http", "dns", "quic"] {
        assert!(!lab.reason(rule, "a").0, "every rule of the pool: {rule}");
    }
    assert!(lab.reason("away", "a").0);
}

#[test]
fn l_prb_13_an_instance_that_stops_is_no_longer_asked_and_down() {
    let mut lab = Lab::new(STANDARD);
    lab.apply(Setup {
        b: ", powerState: Deallocated",
        ..STANDARD
    });
    assert!(!lab.targets.contains_key(&end(BACKENDS[1]).0));
    assert_eq!(lab.reached(80), [1, 3]);
    assert_eq!(lab.reason("http", "b"), (false, String::new()));
    lab.apply(STANDARD);
    assert_eq!(lab.reached(80), [1, 3], "nothing is known of it yet");
    lab.report(2, Outcome::Success);
    assert_eq!(lab.reached(80), [1, 2, 3], "once after boot (L-PRB-08)");
}

const DRAINED: Setup = Setup {
    pool: ", drainPeriodInSeconds: 30",
    ..STANDARD
};

/// The resets that leave, with the ports they leave by.
fn resets(sent: Vec<Sent>) -> Vec<(u16, Segment)> {
    let mut resets: Vec<_> = sent
        .into_iter()
        .filter(|sent| !sent.is_neighbor())
        .map(|sent| (sent.port, sent.segment()))
        .filter(|(_, segment)| segment.flags & flags::R != 0)
        .collect();
    resets.sort_unstable_by_key(|(port, _)| *port);
    resets
}

#[test]
fn l_adm_07_a_12_a_member_that_leaves_or_is_set_down_is_drained_and_then_reset() {
    for member in ["gone", ", adminState: Down"] {
        let mut lab = Lab::new(DRAINED);
        let tcp = Tcp::open_to(&mut lab, HTTP, 2);
        let other = Tcp::open_to(&mut lab, HTTP, 3);
        lab.rig.pass(60_000);
        assert!(tcp.passes(&mut lab), "no timer runs yet");
        let after = Setup {
            members: ["", member, ""],
            ..DRAINED
        };
        lab.apply(after);
        lab.rig.pass(29_900);
        assert_eq!(resets(lab.rig.take()), [], "{member}: not a moment early");
        assert!(tcp.passes(&mut lab), "{member}: drains");
        lab.rig.pass(2_000);
        let sent = resets(lab.rig.take());
        let to_client: Vec<_> = sent.iter().filter(|(port, _)| *port == 0).collect();
        let to_backend: Vec<_> = sent.iter().filter(|(port, _)| *port == 2).collect();
        assert_eq!(sent.len(), to_client.len() + to_backend.len());
        assert!(!to_client.is_empty() && to_client.len() == to_backend.len());
        let (client, backend) = (&tcp.from_client, &tcp.from_backend);
        assert!(
            to_client.iter().any(|(_, reset)| {
                (reset.source, reset.destination, reset.seq)
                    == (client.destination, client.source, client.ack)
            }),
            "{member}: in the client's window, from the frontend"
        );
        assert!(
            to_backend.iter().any(|(_, reset)| {
                (reset.source, reset.destination, reset.seq)
                    == (backend.destination, backend.source, backend.ack)
            }),
            "{member}: in the backend's window, from the client"
        );
        assert!(!tcp.passes(&mut lab), "{member}: over");
        assert!(other.passes(&mut lab), "{member}: who stays is not touched");
        lab.rig.pass(10_000);
        lab.apply(after);
        lab.rig.pass(10_000);
        assert_eq!(resets(lab.rig.take()), [], "{member}: once");
    }
}

#[test]
fn l_adm_07_a_member_that_comes_back_keeps_its_flows() {
    let mut lab = Lab::new(DRAINED);
    let tcp = Tcp::open_to(&mut lab, HTTP, 2);
    let leaving = Setup {
        members: ["", "gone", ""],
        ..DRAINED
    };
    lab.apply(leaving);
    lab.rig.pass(20_000);
    lab.apply(DRAINED);
    lab.rig.pass(60_000);
    assert!(tcp.passes(&mut lab));
    lab.apply(leaving);
    lab.rig.pass(29_000);
    assert!(tcp.passes(&mut lab), "its time begins anew");
}

#[test]
fn l_adm_07_a_34_without_a_drain_period_flows_stay() {
    for pool in ["", ", drainPeriodInSeconds: 0"] {
        let setup = Setup { pool, ..STANDARD };
        let mut lab = Lab::new(setup);
        let tcp = Tcp::open_to(&mut lab, HTTP, 2);
        let members = ["", "gone", ""];
        lab.apply(Setup { members, ..setup });
        for _ in 0..2 {
            lab.rig.pass(200_000);
            assert!(tcp.passes(&mut lab));
        }
        assert_eq!(resets(lab.rig.take()), []);
    }
}

#[test]
fn l_adm_05_07_without_a_probe_only_leaving_drains() {
    let mut lab = Lab::new(DRAINED);
    let tcp = Tcp::open_to(&mut lab, RAW, 2);
    let after = |member| Setup {
        members: ["", member, ""],
        ..DRAINED
    };
    lab.apply(after(", adminState: Down"));
    lab.rig.pass(60_000);
    assert!(tcp.passes(&mut lab));
    lab.apply(after("gone"));
    lab.rig.pass(32_000);
    assert!(!tcp.passes(&mut lab));
}

#[test]
fn a_12_a_probe_that_fails_drains_nobody() {
    let mut lab = Lab::new(DRAINED);
    let tcp = Tcp::open_to(&mut lab, HTTP, 2);
    lab.down(2);
    lab.rig.pass(60_000);
    assert!(tcp.passes(&mut lab));
}

const RESETTING: Setup = Setup {
    settings: "adminDownReset: true",
    ..STANDARD
};

/// A slot of the driver's timer wheel, and a harvest.
const AT_ONCE: u64 = 500;

#[test]
fn l_adm_03_07_a_11_with_the_setting_a_member_set_down_is_reset_at_once() {
    for pool in ["", ", drainPeriodInSeconds: 30"] {
        let setup = Setup { pool, ..RESETTING };
        let mut lab = Lab::new(setup);
        let tcp = Tcp::open_to(&mut lab, HTTP, 2);
        let raw = Tcp::open_to(&mut lab, RAW, 2);
        let other = Tcp::open_to(&mut lab, HTTP, 3);
        let udp = one(lab.rig.segment(0, &datagram(53))).port;
        let down = |vport: u16| {
            let mut members = ["", ", adminState: Down", ""];
            members[usize::from(vport) - 1] = ", adminState: Down";
            Setup { members, ..setup }
        };
        lab.rig.take();
        lab.apply(down(if udp == 3 { 2 } else { udp }));
        lab.rig.pass(AT_ONCE);
        let sent = resets(lab.rig.take());
        let (client, backend) = (&tcp.from_client, &tcp.from_backend);
        let told = |at: u16, to: &Segment| {
            let is_it = |(port, reset): &&(u16, Segment)| {
                *port == at
                    && (reset.source, reset.destination, reset.seq)
                        == (to.destination, to.source, to.ack)
            };
            sent.iter().filter(is_it).count()
        };
        assert_eq!(told(0, client), 1, "{pool}: the client, in its window");
        assert_eq!(told(2, backend), 1, "{pool}: the backend");
        assert!(!tcp.passes(&mut lab));
        assert!(raw.passes(&mut lab), "no effect without a probe (L-ADM-05)");
        assert!(other.passes(&mut lab), "who is not set down");
        if udp != 3 {
            assert_ne!(
                one(lab.rig.segment(0, &datagram(53))).port,
                udp,
                "UDP moves"
            );
        }
        lab.rig.pass(40_000);
        assert_eq!(resets(lab.rig.take()), [], "{pool}: once");
        lab.apply(setup);
        assert_eq!(lab.reached(80), [1, 2, 3]);
        let again = Tcp::open_to(&mut lab, HTTP, 2);
        lab.rig.pass(40_000);
        assert!(again.passes(&mut lab), "up again");
    }
}

#[test]
fn a_11_12_the_setting_counts_from_the_reload_on_and_only_for_who_is_set_down() {
    let with = |setup: Setup, member| Setup {
        members: ["", member, ""],
        ..setup
    };
    let mut lab = Lab::new(STANDARD);
    let tcp = Tcp::open_to(&mut lab, HTTP, 2);
    lab.apply(with(STANDARD, ", adminState: Down"));
    lab.rig.pass(60_000);
    assert!(tcp.passes(&mut lab), "off");
    lab.apply(with(RESETTING, ", adminState: Down"));
    lab.rig.pass(AT_ONCE);
    assert!(!tcp.passes(&mut lab), "on");

    let mut lab = Lab::new(RESETTING);
    let tcp = Tcp::open_to(&mut lab, HTTP, 2);
    lab.apply(with(RESETTING, "gone"));
    lab.down(3);
    lab.rig.pass(60_000);
    assert!(tcp.passes(&mut lab), "leaving is not being set down");
}

/// The good answers in a row that bring the backend on a vport up again, after it went down.
fn answers_to_come_back(lab: &mut Lab, vport: u16) -> u32 {
    lab.down(vport);
    let mut answers = 0;
    while !lab.reason("http", "b").0 && answers < 100 {
        lab.report(vport, Outcome::Success);
        answers += 1;
    }
    answers
}

#[test]
fn a_32_l_prb_09_the_hold_down_has_settings_that_a_reload_changes() {
    let with = |settings| Setup {
        settings,
        ..STANDARD
    };
    let thrice = |lab: &mut Lab| [(); 3].map(|()| answers_to_come_back(lab, 2));
    let mut lab = Lab::new(STANDARD);
    assert_eq!(thrice(&mut lab), [4, 8, 16], "as specified");
    lab.apply(with("flapMaxDoublings: 1"));
    assert_eq!(thrice(&mut lab), [4, 4, 4], "what is owed shrinks");
    lab.apply(with("flapWindowInSeconds: 0"));
    assert_eq!(thrice(&mut lab), [2, 2, 2], "off");
    lab.apply(with("flapWindowInSeconds: 30"));
    lab.rig.pass(31_000);
    assert_eq!(answers_to_come_back(&mut lab, 2), 2, "31 s up is no flap");
    lab.rig.pass(20_000);
    assert_eq!(answers_to_come_back(&mut lab, 2), 4, "20 s is");
    lab.apply(STANDARD);
    lab.rig.pass(31_000);
    assert_eq!(
        answers_to_come_back(&mut lab, 2),
        8,
        "the window is 60 s again"
    );
}

#[test]
fn a_32_a_backend_that_is_being_held_down_profits_from_a_reload() {
    let mut lab = Lab::new(STANDARD);
    for _ in 0..2 {
        answers_to_come_back(&mut lab, 2);
    }
    lab.down(2);
    lab.report(2, Outcome::Success);
    lab.report(2, Outcome::Success);
    assert_eq!(lab.reached(80), [1, 3], "16 are owed");
    lab.apply(Setup {
        settings: "flapMaxDoublings: 0",
        ..STANDARD
    });
    lab.report(2, Outcome::Success);
    assert_eq!(lab.reached(80), [1, 2, 3]);
}
