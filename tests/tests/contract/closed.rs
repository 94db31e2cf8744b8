//! Closed by default (SKU-08).

use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::Rig;

use super::{
    CLIENT, HTTP, HTTP_AT, REMOTE, Tcp, UPLINK, inner, list, one, reaches, rules, told, web,
};

const MINUTE: u64 = 60_000;
const DNS: &str = "name: dns, protocol: Udp, frontend: f, frontendPort: 53, backendPool: p, disableOutboundSnat: true";

fn secure(text: &str) -> String {
    text.replace("headgate: 1", "headgate: 1\nsecureByDefault: true")
}

fn open(rule: &str) -> String {
    format!("{rule}, allowInbound: true")
}

/// Frames that no frontend was for.
fn without_frontend(rig: &Rig) -> u64 {
    let drops = rig.engine.counters().drops;
    let row = drops.iter().find(|row| row.reason == "no_frontend");
    row.expect("a reason").count
}

#[test]
fn sku_08_new_flows_come_in_by_the_rules_that_say_so() {
    let other = "name: other, protocol: Tcp, frontend: g, frontendPort: 80, backendPool: p, backendPort: 8081, disableOutboundSnat: true";
    let ssh = "name: ssh, protocol: Tcp, frontend: f, frontendPort: 22, target: a";
    let range = "name: range, protocol: Tcp, frontend: f, backendPool: p, frontendPortRangeStart: 500, frontendPortRangeEnd: 510, backendPort: 23";
    let out = "name: o, protocol: All, frontends: [v6, f], backendPool: p";
    let lists = |allowed: &str| {
        let say = |rule: &str| {
            let rule = rule.to_owned();
            if rule.contains(allowed) {
                open(&rule)
            } else {
                rule
            }
        };
        let balancing = [say(HTTP), say(other)];
        let nat = [say(ssh), say(range)];
        rules(&[&balancing[0], &balancing[1]])
            + &list("inboundNatRules", &[&nat[0], &nat[1]])
            + &list("outboundRules", &[out])
    };
    let places = [
        HTTP_AT,
        "203.0.113.11:80",
        "203.0.113.10:22",
        "203.0.113.10:500",
    ];
    let mut rig = Rig::new(&secure(&web(&["a"], &lists("name: none"))));
    for (number, allowed) in ["none", "http", "other", "ssh", "range"].iter().enumerate() {
        let text = secure(&web(&["a"], &lists(&format!("name: {allowed}"))));
        assert!(rig.apply(&text).accepted);
        let before = without_frontend(&rig);
        let client = format!("198.51.100.{}:40000", number + 1);
        let reached: Vec<bool> = places
            .iter()
            .map(|to| reaches(&mut rig, &client, to).is_some())
            .collect();
        let expected: Vec<bool> = (1..=4).map(|place| place == number).collect();
        assert_eq!(reached, expected, "{allowed}");
        let closed = expected.iter().filter(|open| !**open).count() as u64;
        assert_eq!(without_frontend(&rig) - before, closed, "{allowed}");
        // Ways out are as always.
        let syn = Segment::tcp(&format!("10.0.0.4:{}", 5000 + number), REMOTE, flags::S);
        let left = one(rig.segment(1, &syn));
        assert_eq!(
            (left.port, left.segment().source.0.to_string().as_str()),
            (0, "203.0.113.10")
        );
    }
    // Without the knob nothing is closed.
    assert!(rig.apply(&web(&["a"], &lists("name: none"))).accepted);
    for to in places {
        assert!(reaches(&mut rig, "198.51.100.9:1", to).is_some(), "{to}");
    }
}

#[test]
fn sku_08_basic_and_internal_load_balancers_are_open() {
    let basic = web(&["a"], &rules(&[HTTP])).replace("sku: Standard", "sku: Basic");
    let mut rig = Rig::new(&secure(&basic));
    assert_eq!(reaches(&mut rig, CLIENT, HTTP_AT), Some(1));
    let mut rig = Rig::new(&secure(&inner(&["a"], &rules(&[HTTP]))));
    let syn = Segment::tcp("10.0.0.5:40000", "10.0.1.1:80", flags::S);
    assert_eq!(one(rig.segment(2, &syn)).port, 1);
}

/// A rule that closes keeps its flows, also where the instance answers from the frontend's address.
#[test]
fn sku_08_flows_of_a_rule_that_closes_stay() {
    for floating in ["", ", enableFloatingIP: true"] {
        let http = format!("{HTTP}{floating}");
        let dns = format!("{DNS}{floating}");
        let with = |said: fn(&str) -> String| {
            secure(&web(&["a", "b"], &rules(&[&said(&http), &said(&dns)])))
        };
        let (opened, closed) = (
            with(open),
            with(|rule| format!("{rule}, allowInbound: false")),
        );
        let mut rig = Rig::new(&opened);
        let tcp = Tcp::open(&mut rig, UPLINK, CLIENT, HTTP_AT);
        let query = Segment::udp(CLIENT, "203.0.113.10:53");
        let asked = one(rig.segment(UPLINK, &query));
        assert!(rig.apply(&closed).accepted);
        for _ in 0..3 {
            assert!(tcp.passes(&mut rig), "{floating}");
            let again = one(rig.segment(UPLINK, &query));
            assert_eq!(again, asked);
            let answer = one(rig.segment(asked.port, &asked.segment().answer(0)));
            assert_eq!(
                (answer.port, answer.segment().source),
                (UPLINK, query.destination)
            );
            rig.pass(MINUTE);
        }
        for to in [HTTP_AT, "203.0.113.10:53"] {
            assert_eq!(reaches(&mut rig, "198.51.100.8:1", to), None, "{to}");
        }
        let datagram = Segment::udp("198.51.100.8:1", "203.0.113.10:53");
        assert_eq!(rig.segment(UPLINK, &datagram), []);
        assert!(rig.apply(&opened).accepted);
        assert!(tcp.passes(&mut rig));
        assert!(reaches(&mut rig, "198.51.100.8:1", HTTP_AT).is_some());
    }
}

/// a frontend without an open rule is silent; one with an open rule answers for that one.
#[test]
fn sku_08_a_13_a_closed_frontend_does_not_answer_pings() {
    let other = "name: other, protocol: Tcp, frontend: f, frontendPort: 81, backendPool: none";
    let ping = Segment::echo("198.51.100.7:77", "203.0.113.10:0");
    let config = |http: &str, other: &str| {
        let text = secure(&web(&["a"], &rules(&[http, other])));
        text.replace(
            "backendPools: [",
            "backendPools: [ { name: none, members: [] },",
        )
    };
    let mut rig = Rig::new(&config(&open(HTTP), other));
    assert_eq!(rig.segment(UPLINK, &ping).len(), 1);
    assert!(rig.apply(&config(HTTP, other)).accepted);
    assert_eq!(rig.segment(UPLINK, &ping), [], "nothing is open");
    assert!(rig.apply(&config(HTTP, &open(other))).accepted);
    assert_eq!(
        rig.segment(UPLINK, &ping),
        [],
        "no member is behind what is open"
    );
    assert!(rig.apply(&config(&open(HTTP), other)).accepted);
    assert_eq!(rig.segment(UPLINK, &ping).len(), 1);
}

#[test]
fn sku_08_l_mon_05_a_closed_rule_is_no_broken_data_path() {
    let dns = open(DNS);
    let mut rig = Rig::new(&secure(&web(&["a"], &rules(&[HTTP, &dns]))));
    rig.pass(2 * MINUTE);
    told(&mut rig);
    let rules = rig.engine.rules();
    let mut closed = rules.iter().filter(|rule| rule.closed);
    assert_eq!(
        closed.next().map(|rule| rule.name.as_str()),
        Some("web/http")
    );
    assert!(closed.next().is_none());
    let text = rig.engine.metrics().text();
    let ratios: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("headgate_frontend_availability_ratio{"))
        .collect();
    let [open] = ratios.as_slice() else {
        panic!("{ratios:?}");
    };
    assert!(open.contains("web/dns") && open.ends_with(" 1"), "{open}");
    let is_available = "headgate_resource_health{load_balancer=\"web\",health=\"Available\"} 1";
    assert!(text.contains(is_available), "{text}");
    let alarms: Vec<_> = rig
        .engine
        .events(0)
        .into_iter()
        .map(|event| event.event)
        .collect();
    let is_alarm = |event: &String| event.starts_with("DataPath") || event == "NoHealthyBackends";
    assert!(!alarms.iter().any(is_alarm), "{alarms:?}");
}
