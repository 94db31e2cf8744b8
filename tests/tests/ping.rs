//! Pings: of public frontends, which the driver answers (A-13, L-ICMP-01..04), and through HA ports,
//! which are forwarded (L-HA-09, A-18).

use firmware_api::packet::{Class, parse};
use headgate_tests::frame::Segment;
use headgate_tests::rig::{Rig, Sent};

const INSTANCES: &str = r#"
headgate: 1
uplink: { mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }
instances:
  - { name: a, addresses: [10.0.0.4, "fd00::4"], vport: 1, mac: "02:00:00:00:00:04" }
  - { name: b, addresses: [10.0.0.5, "fd00::5"], vport: 2, mac: "02:00:00:00:00:05" }
  - { name: c, addresses: [10.0.0.6], vport: 3, mac: "02:00:00:00:00:06", publicAddress: 203.0.113.99 }
"#;

/// A public load balancer with frontends of both families, and its members.
fn public(profile: &str, sku: &str, members: &str) -> String {
    format!(
        r#"{INSTANCES}
profile: {profile}
loadBalancers:
  - name: web
    sku: {sku}
    frontends: [ {{ name: v4, address: 203.0.113.10 }}, {{ name: v6, address: "2001:db8::10" }}, {{ name: idle, address: 203.0.113.11 }} ]
    backendPools: [ {{ name: p, members: [ {members} ] }} ]
    probes: [ {{ name: alive, protocol: Tcp, port: 8080 }} ]
    loadBalancingRules:
      - {{ name: http, protocol: Tcp, frontend: v4, frontendPort: 80, backendPool: p, backendPort: 8080, probe: alive }}
      - {{ name: http6, protocol: Tcp, frontend: v6, frontendPort: 80, backendPool: p, backendPort: 8080, probe: alive }}
"#
    )
}

const MEMBERS: &str = "{ instance: a }, { instance: b }";
const PINGS: [(&str, &str); 2] = [
    ("198.51.100.7:77", "203.0.113.10:0"),
    ("[2001:db8:1::7]:77", "[2001:db8::10]:0"),
];

/// What comes back on the uplink, and what it is.
fn ping(rig: &mut Rig, (from, to): (&str, &str), payload: usize) -> Vec<(Sent, Class)> {
    let request = Segment::echo(from, to).with(&vec![7; payload]);
    let sent = rig.segment(0, &request);
    sent.into_iter()
        .map(|sent| {
            let class = parse(&sent.frame).expect("sound").class;
            assert_eq!(sent.port, 0, "no backend sees a ping");
            (sent, class)
        })
        .collect()
}

#[test]
fn l_icmp_01_a_frontend_answers_with_the_request_s_contents() {
    let mut rig = Rig::new(&public("current", "Standard", MEMBERS));
    for at in PINGS {
        let answers = ping(&mut rig, at, 56);
        let [(sent, Class::EchoReply)] = answers.as_slice() else {
            panic!("{answers:?}");
        };
        let request = Segment::echo(at.0, at.1).with(&[7; 56]);
        assert_eq!(sent.segment(), request.answer(0));
        let whole = request.answer(0).emit(rig.own_mac(0), rig.peer_mac(0));
        assert_eq!(sent.frame[14 + 20..].len(), whole[14 + 20..].len());
        let l4 = usize::from(parse(&sent.frame).expect("sound").l4);
        assert_eq!(sent.frame[l4..], whole[l4..], "checksum included");
    }
}

#[test]
fn l_icmp_02_every_member_down_is_host_unreachable() {
    let mut rig = Rig::new(&public("current", "Standard", MEMBERS));
    rig.engine.assume_healthy(|_| false);
    rig.settle();
    for at in PINGS {
        let answers = ping(&mut rig, at, 8);
        assert!(
            matches!(answers.as_slice(), [(_, Class::IcmpError)]),
            "{answers:?}"
        );
        let frame = &answers[0].0.frame;
        let l4 = usize::from(parse(frame).expect("sound").l4);
        let v4 = frame[12] == 8;
        assert_eq!(frame[l4..l4 + 2], if v4 { [3, 1] } else { [1, 3] });
    }
    rig.engine.assume_healthy(|_| true);
    rig.settle();
    assert!(matches!(
        ping(&mut rig, PINGS[0], 8).as_slice(),
        [(_, Class::EchoReply)]
    ));
}

#[test]
fn l_icmp_02_without_members_or_rules_there_is_silence() {
    let mut rig = Rig::new(&public("current", "Standard", ""));
    assert_eq!(ping(&mut rig, PINGS[0], 8), []);
    let mut rig = Rig::new(&public("current", "Standard", MEMBERS));
    let no_rule = (PINGS[0].0, "203.0.113.11:0");
    assert_eq!(ping(&mut rig, no_rule, 8), []);
}

#[test]
fn l_icmp_03_pings_of_more_than_64_bytes_are_dropped() {
    let mut rig = Rig::new(&public("current", "Standard", MEMBERS));
    for at in PINGS {
        assert_eq!(ping(&mut rig, at, 56).len(), 1, "64 bytes with the header");
        assert_eq!(ping(&mut rig, at, 57), []);
    }
}

#[test]
fn a_13_the_seed_profile_and_basic_are_silent() {
    for (profile, sku) in [("seed", "Standard"), ("current", "Basic")] {
        let mut rig = Rig::new(&public(profile, sku, MEMBERS));
        for at in PINGS {
            assert_eq!(ping(&mut rig, at, 8), [], "{profile} {sku}");
        }
    }
}

#[test]
fn a_13_the_setting_beats_the_profile_and_follows_a_reload() {
    let with = |profile: &str, ping: bool| {
        let head = format!("headgate: 1\nsettings: {{ frontendPing: {ping} }}");
        public(profile, "Standard", MEMBERS).replace("headgate: 1", &head)
    };
    for profile in ["seed", "current"] {
        let mut rig = Rig::new(&with(profile, true));
        for answered in [true, false, true] {
            assert!(rig.apply(&with(profile, answered)).accepted);
            for at in PINGS {
                let answers = ping(&mut rig, at, 8).len();
                assert_eq!(answers, usize::from(answered), "{profile} {answered}");
            }
        }
    }
    let basic = with("seed", true).replace("sku: Standard", "sku: Basic");
    let mut rig = Rig::new(&basic);
    assert_eq!(
        ping(&mut rig, PINGS[0], 8),
        [],
        "Basic is silent all the same"
    );
}

#[test]
fn a_15_an_instance_with_a_public_address_pings_a_frontend_of_its_own_card() {
    let mut rig = Rig::new(&public("current", "Standard", MEMBERS));
    let request = Segment::echo("10.0.0.6:5", "203.0.113.10:0").with(&[1; 8]);
    let sent = rig.segment(3, &request);
    let [answer] = sent.as_slice() else {
        panic!("{sent:?}");
    };
    assert_eq!(answer.port, 3);
    assert_eq!(answer.segment(), request.answer(0));
}

/// An internal load balancer with HA ports over `a` and `b`; `c` is the client.
fn ha_ports(floating: bool) -> String {
    format!(
        r"{INSTANCES}
profile: current
loadBalancers:
  - name: nva
    sku: Standard
    frontends: [ {{ name: f, address: 10.0.1.1 }} ]
    backendPools: [ {{ name: p, members: [ {MEMBERS} ] }} ]
    loadBalancingRules:
      - {{ name: all, protocol: All, frontend: f, frontendPort: 0, backendPool: p, backendPort: 0, enableFloatingIP: {floating} }}
"
    )
}

#[test]
fn l_ha_09_a_ping_goes_through_ha_ports_and_its_reply_comes_back() {
    for floating in [false, true] {
        let mut rig = Rig::new(&ha_ports(floating));
        for identifier in [1, 2, 900] {
            let from = format!("10.0.0.6:{identifier}");
            let request = Segment::echo(&from, "10.0.1.1:0").with(&[3; 16]);
            for _ in 0..2 {
                let sent = rig.segment(3, &request);
                let [at_member] = sent.as_slice() else {
                    panic!("{sent:?}");
                };
                assert!([1, 2].contains(&at_member.port));
                let reply = at_member.segment().answer(0);
                let back = rig.segment(at_member.port, &reply);
                let [back] = back.as_slice() else {
                    panic!("{back:?}");
                };
                assert_eq!((back.port, back.segment()), (3, request.answer(0)));
            }
        }
    }
}

#[test]
fn a_member_of_ha_ports_is_pinged_at_its_own_address_too() {
    let mut rig = Rig::new(&ha_ports(false));
    let request = Segment::echo("10.0.0.6:9", "10.0.0.4:0").with(&[3; 16]);
    let sent = rig.segment(3, &request);
    assert_eq!((sent.len(), sent[0].port), (1, 1));
    let back = rig.segment(1, &sent[0].segment().answer(0));
    assert_eq!(back.len(), 1);
    assert_eq!((back[0].port, back[0].segment()), (3, request.answer(0)));
}
