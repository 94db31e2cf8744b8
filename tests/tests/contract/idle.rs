//! Idle timeouts and resets (IDLE, RST, L-IDLE).

use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, Sent, end};
use host_driver::control::{Answer, Question};

use super::{CLIENT, HTTP, HTTP_AT, REMOTE, Tcp, UPLINK, list, live, one, rules, told, web};

const MINUTE: u64 = 60_000;
/// Until the driver has certainly looked: a slot of its wheel and a harvest.
const SCAN: u64 = 3_000;

fn with(more: &str) -> String {
    web(&["a"], &rules(&[&format!("{HTTP}{more}")]))
}

fn resets(rig: &mut Rig) -> Vec<Sent> {
    let mut sent = told(rig);
    sent.retain(|sent| sent.segment().flags & flags::R != 0);
    let client_port = |sent: &Sent| sent.segment().source.1.max(sent.segment().destination.1);
    sent.sort_by_key(|sent| (sent.port, client_port(sent)));
    sent
}

#[test]
fn idle_01_04_l_idle_02_without_reset_a_flow_is_forgotten_in_silence() {
    let mut rig = Rig::new(&with(""));
    let tcp = Tcp::open(&mut rig, UPLINK, CLIENT, HTTP_AT);
    rig.pass(4 * MINUTE + SCAN);
    assert_eq!(live(&rig), 0, "4 minutes when nothing is said");
    assert_eq!(told(&mut rig), []);
    assert_eq!(tcp.says(&mut rig, flags::PA), []);
    rig.pass(SCAN);
    assert_eq!(told(&mut rig), []);
}

#[test]
fn idle_05_06_l_idle_07_a_packet_of_either_side_counts_and_nothing_ends_early() {
    let mut rig = Rig::new(&with(", idleTimeoutInMinutes: 7"));
    let tcp = Tcp::open(&mut rig, UPLINK, CLIENT, HTTP_AT);
    for i in 0..8 {
        rig.pass(7 * MINUTE - 1_000);
        assert_eq!(live(&rig), 1);
        // Only one side keeps the connection alive.
        let sent = if i < 4 {
            tcp.answers(&mut rig, flags::A)
        } else {
            tcp.says(&mut rig, flags::A)
        };
        one(sent);
    }
    rig.pass(7 * MINUTE - 1_000);
    assert_eq!(live(&rig), 1, "never before");
    rig.pass(1_000 + SCAN);
    assert_eq!(live(&rig), 0, "and soon after");
}

/// IDLE-07, A-03: the rule's timeout is for flows from outside; the instance's own keep 4 minutes.
#[test]
fn idle_07_snat_07_a_03_a_rule_s_timeout_is_not_that_of_outbound_flows() {
    let rule = "name: http, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p, idleTimeoutInMinutes: 30, enableTcpReset: true";
    let mut rig = Rig::new(&web(&["a"], &rules(&[rule])));
    Tcp::open(&mut rig, UPLINK, CLIENT, HTTP_AT);
    Tcp::open(&mut rig, 1, "10.0.0.4:5000", REMOTE);
    rig.pass(4 * MINUTE - 1_000);
    assert_eq!(live(&rig), 2);
    rig.pass(1_000 + SCAN);
    assert_eq!(live(&rig), 1);
    assert_eq!(told(&mut rig), [], "and no reset: that is the rule's too");
}

#[test]
fn idle_08_l_idle_05_a_26_udp_has_four_minutes_whatever_the_rule_says() {
    let dns = "name: dns, protocol: Udp, frontend: f, frontendPort: 53, backendPool: p, idleTimeoutInMinutes: 30, enableTcpReset: true, disableOutboundSnat: true";
    let mut rig = Rig::new(&web(&["a"], &rules(&[dns])));
    one(rig.segment(UPLINK, &Segment::udp(CLIENT, "203.0.113.10:53")));
    rig.pass(4 * MINUTE - 1_000);
    assert_eq!(live(&rig), 1);
    rig.pass(1_000 + SCAN);
    assert_eq!((live(&rig), told(&mut rig).len()), (0, 0));
}

/// RST-02: for all flows of the rule, one to each end, as each end knows the other.
#[test]
fn rst_02_every_idle_flow_of_the_rule_is_reset_at_both_ends_once() {
    let mut rig = Rig::new(&with(", enableTcpReset: true"));
    for port in 10_000..10_020 {
        Tcp::open(&mut rig, UPLINK, &format!("198.51.100.7:{port}"), HTTP_AT);
    }
    rig.pass(4 * MINUTE + SCAN);
    let sent = resets(&mut rig);
    assert_eq!(sent.len(), 40);
    for (sent, port) in sent.iter().zip((10_000..10_020).chain(10_000..10_020)) {
        let reset = sent.segment();
        let client = end(&format!("198.51.100.7:{port}"));
        let ends = (reset.source, reset.destination);
        let expected = match sent.port {
            UPLINK => (end(HTTP_AT), client),
            _ => (client, end("10.0.0.4:8080")),
        };
        assert_eq!(ends, expected);
    }
    rig.pass(MINUTE);
    assert_eq!(resets(&mut rig).len(), 0, "once");
}

/// RST-03, A-35: a connection that was never established has the same timeout and no reset.
#[test]
fn rst_03_a_35_half_open_connections_end_without_reset() {
    let mut rig = Rig::new(&with(", enableTcpReset: true, idleTimeoutInMinutes: 5"));
    let syn = Segment::tcp(CLIENT, HTTP_AT, flags::S).numbered(1, 0);
    let arrived = one(rig.segment(UPLINK, &syn));
    let other = Segment::tcp("198.51.100.8:1", HTTP_AT, flags::S);
    one(rig.segment(UPLINK, &other));
    one(rig.segment(1, &arrived.segment().answer(flags::SA)));
    rig.pass(5 * MINUTE - 1_000);
    assert_eq!(live(&rig), 2);
    rig.pass(1_000 + SCAN);
    assert_eq!((live(&rig), resets(&mut rig).len()), (0, 0));
}

#[test]
fn rst_05_the_client_may_open_the_same_connection_right_after_its_reset() {
    let mut rig = Rig::new(&with(", enableTcpReset: true"));
    let tcp = Tcp::open(&mut rig, UPLINK, CLIENT, HTTP_AT);
    rig.pass(4 * MINUTE + SCAN);
    assert_eq!(resets(&mut rig).len(), 2);
    assert!(!tcp.passes(&mut rig), "the old one is over");
    told(&mut rig);
    let again = Tcp::open(&mut rig, UPLINK, CLIENT, HTTP_AT);
    assert!(again.passes(&mut rig));
}

#[test]
fn rst_06_l_idle_04_an_outbound_flow_has_its_rule_s_timeout_and_resets_in_both_words() {
    let rule = "name: o, protocol: All, frontends: [f], backendPool: p, allocatedOutboundPorts: 8, idleTimeoutInMinutes: 20, enableTcpReset: true";
    let mut rig = Rig::new(&web(&["a"], &list("outboundRules", &[rule])));
    let tcp = Tcp::open(&mut rig, 1, "10.0.0.4:5000", REMOTE);
    let public = tcp.responder.1.destination;
    rig.pass(20 * MINUTE - 1_000);
    assert_eq!((live(&rig), told(&mut rig).len()), (1, 0));
    rig.pass(1_000 + SCAN);
    let sent = resets(&mut rig);
    let ends: Vec<_> = sent
        .iter()
        .map(|sent| (sent.port, sent.segment().source, sent.segment().destination))
        .collect();
    assert_eq!(
        ends,
        [
            (UPLINK, public, end(REMOTE)),
            (1, end(REMOTE), end("10.0.0.4:5000")),
        ]
    );
}

/// L-IDLE-06, A-05: a connection that an end tears down is told by that end only.
#[test]
fn l_idle_06_a_05_no_reset_of_ours_when_an_end_disappears() {
    let mut rig = Rig::new(&with(", enableTcpReset: true"));
    let tcp = Tcp::open(&mut rig, UPLINK, CLIENT, HTTP_AT);
    let sent = one(tcp.answers(&mut rig, flags::RA));
    assert_eq!(sent.port, UPLINK, "the backend's own");
    rig.pass(20_000);
    assert_eq!((live(&rig), told(&mut rig).len()), (0, 0));
}

/// A frontend of its own mind beside a rule of nine minutes.
fn with_frontend(settings: &str) -> String {
    let text = with(", idleTimeoutInMinutes: 9");
    let frontend = "address: 203.0.113.10, idleTimeoutInMinutes: 15 }";
    let text = text.replace("address: 203.0.113.10 }", frontend);
    text.replace("profile: current", &format!("profile: current\n{settings}"))
}

/// L-IDLE-03, A-04: the rule decides when nothing is said.
#[test]
fn l_idle_03_a_04_the_rule_s_timeout_wins() {
    let mut rig = Rig::new(&with_frontend(""));
    let tcp = Tcp::open(&mut rig, UPLINK, CLIENT, HTTP_AT);
    rig.pass(9 * MINUTE - 1_000);
    assert!(tcp.passes(&mut rig));
    rig.pass(9 * MINUTE + SCAN);
    assert_eq!(live(&rig), 0);
}

/// L-IDLE-03, A-04: with the setting the frontend's; new flows follow a reload.
#[test]
fn l_idle_03_a_04_with_the_setting_the_frontend_s_timeout_wins() {
    let on = with_frontend("settings: { frontendIdlePrecedence: true }");
    let mut rig = Rig::new(&on);
    let tcp = Tcp::open(&mut rig, UPLINK, CLIENT, HTTP_AT);
    rig.pass(15 * MINUTE - 1_000);
    assert!(tcp.passes(&mut rig));
    rig.pass(15 * MINUTE + SCAN);
    assert_eq!(live(&rig), 0);

    assert!(rig.apply(&with_frontend("")).accepted);
    Tcp::open(&mut rig, UPLINK, CLIENT, HTTP_AT);
    rig.pass(9 * MINUTE + SCAN);
    assert_eq!(live(&rig), 0, "off again");
    assert!(rig.apply(&on).accepted);
    Tcp::open(&mut rig, UPLINK, CLIENT, HTTP_AT);
    rig.pass(9 * MINUTE + SCAN);
    assert_eq!(live(&rig), 1, "and on");
}

/// what no flow is known of is dropped; there is nothing that adopts it.
#[test]
fn a_33_a_segment_of_no_known_connection_is_dropped() {
    let mut rig = Rig::new(&with(", enableTcpReset: true"));
    for flags in [flags::A, flags::PA, flags::FA, flags::SA, flags::R] {
        let segment = Segment::tcp(CLIENT, HTTP_AT, flags).numbered(1, 1);
        assert_eq!(rig.segment(UPLINK, &segment), []);
    }
    assert_eq!(live(&rig), 0);
}

/// What the driver says of a segment that it knows nothing of.
fn fate(rig: &mut Rig) -> String {
    let question = Question::Explain {
        packet: format!("tcp {CLIENT} > {HTTP_AT} flags ."),
        from: "uplink".to_owned(),
    };
    let Answer::Explanation(explanation) = rig.engine.answer(&question) else {
        panic!("a sensible question");
    };
    explanation.live.last().cloned().unwrap_or_default()
}

fn adopting(text: &str) -> String {
    text.replace(
        "profile: current",
        "profile: current\nsettings: { adoptMidflow: true }",
    )
}

/// after a restart of card and driver, connections go on at the backends they were on.
#[test]
fn a_33_with_the_setting_connections_outlive_a_restart() {
    let nat = "name: ssh, protocol: Tcp, frontend: g, frontendPort: 22, target: c";
    let lists =
        rules(&[&format!("{HTTP}, enableTcpReset: true")]) + &list("inboundNatRules", &[nat]);
    let text = web(&["a", "b", "c"], &lists);
    let mut before = Rig::new(&text);
    let mut open: Vec<Tcp> = (0..32)
        .map(|i| {
            let client = format!("198.51.100.7:{}", 40_000 + i);
            Tcp::open(&mut before, UPLINK, &client, HTTP_AT)
        })
        .collect();
    open.push(Tcp::open(&mut before, UPLINK, CLIENT, "203.0.113.11:22"));

    let mut rig = Rig::new(&text);
    assert!(open.iter().all(|tcp| !tcp.passes(&mut rig)), "off");
    assert!(fate(&mut rig).ends_with("the driver would drop the packet"));
    assert!(rig.apply(&adopting(&text)).accepted);
    let fate = fate(&mut rig);
    let told = "the driver would adopt it for rule web/http, backend ";
    assert!(fate.contains(told), "{fate}");
    for tcp in &open {
        assert!(tcp.passes(&mut rig));
    }
    assert_eq!(live(&rig), 33);
    rig.engine
        .assume_healthy(|address| address != end("10.0.0.4:0").0);
    rig.settle();
    assert!(
        open.iter().all(|tcp| tcp.passes(&mut rig)),
        "they are flows"
    );
    rig.pass(4 * MINUTE + SCAN);
    assert_eq!(resets(&mut rig).len(), 64, "with their rule's timeout");
    assert!(!open[0].passes(&mut rig), "late packets are not adopted");
    assert_eq!(live(&rig), 0);
}

/// resets of an adopted flow are in both windows, also when its backend said nothing since.
#[test]
fn a_33_rst_03_an_adopted_flow_is_reset_in_its_windows() {
    let text = adopting(&with(", enableTcpReset: true"));
    let mut rig = Rig::new(&text);
    let segment = Segment::tcp(CLIENT, HTTP_AT, flags::A).numbered(7_000, 9_000);
    one(rig.segment(UPLINK, &segment));
    rig.pass(4 * MINUTE + SCAN);
    let sent = resets(&mut rig);
    let numbers: Vec<_> = sent
        .iter()
        .map(|sent| (sent.port, sent.segment().seq))
        .collect();
    assert_eq!(numbers, [(UPLINK, 9_000), (1, 7_000)]);
}

/// only what goes to a frontend and is no SYN of either kind.
#[test]
fn a_33_who_is_not_adopted() {
    let text = adopting(&with(""));
    let mut rig = Rig::new(&text);
    let answer = Segment::tcp(CLIENT, HTTP_AT, flags::SA).numbered(1, 1);
    assert_eq!(rig.segment(UPLINK, &answer), [], "nobody asked");
    let elsewhere = Segment::tcp(CLIENT, "203.0.113.10:81", flags::A).numbered(1, 1);
    assert_eq!(rig.segment(UPLINK, &elsewhere), [], "no frontend");
    let out = Segment::tcp("10.0.0.7:5000", REMOTE, flags::A).numbered(1, 1);
    assert_eq!(rig.segment(4, &out), [], "on its way out");
    assert_eq!(live(&rig), 0);
    rig.engine.assume_healthy(|_| false);
    let probed = text.replace("frontendPort: 80,", "frontendPort: 80, probe: alive,");
    assert!(
        rig.engine
            .apply(&flow_compiler::source::Source::new("t", &probed))
            .accepted
    );
    rig.settle();
    let segment = Segment::tcp(CLIENT, HTTP_AT, flags::A).numbered(1, 1);
    assert_eq!(rig.segment(UPLINK, &segment), [], "no member takes it");
}

/// the wait for the port begins with the first FIN, of whichever side, and a half-closed
/// connection that is used goes on. A-36: an inbound one keeps its idle timer until both closed.
#[test]
fn a_21_36_l_out_16_half_closed_connections_go_on() {
    let rule = "name: o, protocol: All, frontends: [f], backendPool: p, allocatedOutboundPorts: 8";
    let lists =
        rules(&[&format!("{HTTP}, idleTimeoutInMinutes: 10")]) + &list("outboundRules", &[rule]);
    let mut rig = Rig::new(&web(&["a"], &lists));
    let inbound = Tcp::open(&mut rig, UPLINK, CLIENT, HTTP_AT);
    let outbound = Tcp::open(&mut rig, 1, "10.0.0.4:5000", REMOTE);
    one(inbound.says(&mut rig, flags::FA));
    one(outbound.answers(&mut rig, flags::FA));
    for _ in 0..5 {
        rig.pass(200_000);
        one(outbound.says(&mut rig, flags::PA));
        one(inbound.answers(&mut rig, flags::PA));
    }
    rig.pass(4 * MINUTE + SCAN);
    assert_eq!(live(&rig), 1, "the outbound port is free again");
    rig.pass(6 * MINUTE + SCAN);
    assert_eq!(live(&rig), 0);
}
