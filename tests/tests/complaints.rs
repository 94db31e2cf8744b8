//! What users of other load balancers complain about, each as the scenario that must not happen here.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use flow_compiler::source::Source;
use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::{Rig, Sent, end, small_card};
use hw_sim::CardConfig;

const HEAD: &str = r#"
headgate: 1
profile: current
uplink: { mac: "02:00:00:00:00:01", nextHopMac: "02:00:00:00:00:fe" }
instances:
  - { name: a, addresses: [10.0.0.4], vport: 1, mac: "02:00:00:00:00:04" }
  - { name: b, addresses: [10.0.0.5], vport: 2, mac: "02:00:00:00:00:05" }
  - { name: c, addresses: [10.0.0.6], vport: 3, mac: "02:00:00:00:00:06" }
loadBalancers:
"#;

/// A public load balancer over the members, with these further rules.
fn web(members: &[&str], more: &str) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|name| format!("{{ instance: {name} }}"))
        .collect();
    format!(
        "{HEAD}
  - name: web
    sku: Standard
    frontends: [ {{ name: f, address: 203.0.113.10 }} ]
    backendPools: [ {{ name: p, members: [ {} ] }} ]
    loadBalancingRules:
      - {{ name: ssh, protocol: Tcp, frontend: f, frontendPort: 22, backendPool: p, enableTcpReset: true, disableOutboundSnat: true }}
{more}",
        members.join(", ")
    )
}

/// A pool whose members leave by these frontends, with that many SNAT ports each.
fn outbound(members: &[&str], addresses: &[&str], ports: u16) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|name| format!("{{ instance: {name} }}"))
        .collect();
    let frontends = |with: &dyn Fn(usize, &str) -> String| -> Vec<String> {
        (0..).zip(addresses).map(|(i, a)| with(i, a)).collect()
    };
    format!(
        "{HEAD}
  - name: out
    sku: Standard
    frontends: [ {} ]
    backendPools: [ {{ name: p, members: [ {} ] }} ]
    outboundRules:
      - {{ name: o, protocol: All, frontends: [ {} ], backendPool: p, allocatedOutboundPorts: {ports}, idleTimeoutInMinutes: 30 }}
",
        frontends(&|i, a| format!("{{ name: f{i}, address: {a} }}")).join(", "),
        members.join(", "),
        frontends(&|i, _| format!("f{i}")).join(", "),
    )
}

/// The only packet that leaves.
fn one(sent: Vec<Sent>) -> Sent {
    let [one] = <[Sent; 1]>::try_from(sent).expect("one packet leaves");
    one
}

fn refused(rig: &Rig, reason: &str) -> u64 {
    let counters = rig.engine.counters();
    let row = counters.refusals.iter().find(|row| row.reason == reason);
    row.expect("a reason").count
}

fn client(port: u16, flags: u8) -> Segment {
    Segment::tcp(&format!("198.51.100.7:{port}"), "203.0.113.10:22", flags)
}

/// Opens a connection through the frontend; returns the SYN as the member gets it.
fn connect(rig: &mut Rig, port: u16) -> Sent {
    let syn = one(rig.segment(0, &client(port, flags::S).numbered(100, 0)));
    let answer = syn.segment().answer(flags::SA).numbered(500, 101);
    one(rig.segment(syn.port, &answer));
    one(rig.segment(0, &client(port, flags::A).numbered(101, 501)));
    syn
}

/// The SYN of an instance to the Internet.
fn syn_out(port: u16, to: &str) -> Segment {
    Segment::tcp(&format!("10.0.0.4:{port}"), to, flags::S)
}

const REMOTE: &str = "192.0.2.1:443";

#[test]
fn closed_short_connections_keep_their_snat_ports_until_idle() {
    for (closing, wait) in [(flags::FA, 240_000), (flags::RA, 15_000)] {
        let mut rig = Rig::new(&outbound(&["a"], &["203.0.113.10"], 8));
        for port in 50_000..50_008 {
            let left = one(rig.segment(1, &syn_out(port, REMOTE))).segment();
            one(rig.segment(0, &left.answer(flags::SA)));
            let mut closes = syn_out(port, REMOTE);
            closes.flags = closing;
            one(rig.segment(1, &closes));
            one(rig.segment(0, &left.answer(closing)));
        }
        assert_eq!(rig.segment(1, &syn_out(50_100, REMOTE)), [], "none is left");
        rig.pass(wait + 2_000);
        one(rig.segment(1, &syn_out(50_101, REMOTE)));
    }
}

#[test]
fn scaling_out_kills_live_outbound_connections() {
    let mut rig = Rig::new(&outbound(&["a"], &["203.0.113.10"], 1024));
    let before = rig.engine.snat_ports();
    let left: Vec<_> = (50_000..50_100)
        .map(|port| one(rig.segment(1, &syn_out(port, REMOTE))).segment().source)
        .collect();
    assert!(
        rig.apply(&outbound(&["a", "b", "c"], &["203.0.113.10"], 1024))
            .accepted
    );
    for (port, source) in (50_000..50_100).zip(left) {
        let data = Segment {
            flags: flags::PA,
            ..syn_out(port, REMOTE)
        };
        assert_eq!(one(rig.segment(1, &data)).segment().source, source);
    }
    let allocated = |rows: &[host_driver::control::view::Snat]| rows[0].allocated;
    assert_eq!(allocated(&rig.engine.snat_ports()), allocated(&before));
}

#[test]
fn the_second_public_address_is_idle_until_the_first_is_full() {
    // That is the documented order (A-27); what must not happen is that it is hidden.
    let mut rig = Rig::new(&outbound(&["a"], &["203.0.113.10", "203.0.113.11"], 16));
    let mut used = Vec::new();
    for port in 50_000..50_016 {
        let left = one(rig.segment(1, &syn_out(port, REMOTE))).segment();
        used.push(left.source.0);
    }
    let (first, second) = (end("203.0.113.10:0").0, end("203.0.113.11:0").0);
    assert_eq!(used, [[first; 8], [second; 8]].concat());
    let rows = rig.engine.snat_ports();
    let row = rows.iter().find(|row| row.protocol == "TCP");
    let row = row.expect("the instance has SNAT ports");
    assert_eq!(row.addresses, ["203.0.113.10", "203.0.113.11"]);
    assert_eq!((row.allocated, row.used), (16, 16));
}

#[test]
fn exhaustion_is_not_counted() {
    let mut rig = Rig::new(&outbound(&["a"], &["203.0.113.10"], 8));
    for port in 50_000..50_008 {
        one(rig.segment(1, &syn_out(port, REMOTE)));
    }
    for failing in 1..=20 {
        assert_eq!(rig.segment(1, &syn_out(51_000 + failing, REMOTE)), []);
        assert_eq!(refused(&rig, "snat_exhausted"), u64::from(failing));
        let rows = rig.engine.snat_ports();
        let failed = rows.iter().map(|row| row.failed).sum::<u64>();
        assert_eq!(failed, u64::from(failing));
    }
}

/// A card whose flow tables hold very little.
fn tiny_card() -> CardConfig {
    CardConfig {
        flows: 16,
        stash: 0,
        ..small_card()
    }
}

#[test]
fn one_half_of_a_nat_pair_is_evicted() {
    let mut rig = Rig::with_card(&web(&["a", "b"], ""), &tiny_card());
    for port in 1000..1200 {
        rig.segment(0, &client(port, flags::S));
        let pairs = rig.engine.status().flows.live;
        let tables = rig.engine.status().tables;
        let entries = tables
            .iter()
            .find(|t| t.table == "flow_v4")
            .expect("a table");
        assert_eq!(
            entries.entries,
            u64::from(2 * pairs),
            "both entries of every flow, and no others"
        );
    }
}

#[test]
fn deleting_a_backend_breaks_established_connections() {
    let mut rig = Rig::new(&web(&["a", "b"], ""));
    let syns: Vec<Sent> = (1000..1010).map(|port| connect(&mut rig, port)).collect();
    assert!(rig.apply(&web(&["b"], "")).accepted);
    for (port, syn) in (1000..).zip(&syns) {
        let data = client(port, flags::PA)
            .numbered(101, 501)
            .with(b"still here");
        let sent = one(rig.segment(0, &data));
        assert_eq!(
            (sent.port, sent.segment().destination),
            (syn.port, syn.segment().destination)
        );
        let reply = sent.segment().answer(flags::A).numbered(501, 111);
        assert_eq!(
            one(rig.segment(syn.port, &reply)).segment().source,
            end("203.0.113.10:22")
        );
    }
}

#[test]
fn a_few_hundred_new_ports_take_minutes_to_program() {
    let mut rules = String::new();
    for port in 1000..1500 {
        let _ = writeln!(
            rules,
            "      - {{ name: r{port}, protocol: Tcp, frontend: f, frontendPort: {port}, backendPool: p, disableOutboundSnat: true }}"
        );
    }
    let mut rig = Rig::new(&web(&["a"], ""));
    let before = (rig.engine.accesses().bar2.writes, rig.now);
    let applied = rig.apply(&web(&["a"], &rules));
    assert!(
        !applied.accepted,
        "300 rules concern one instance at most (L-LIM-01)"
    );
    let some: String = rules
        .lines()
        .take(250)
        .map(|line| format!("{line}\n"))
        .collect();
    let applied = rig.apply(&web(&["a"], &some));
    assert!(applied.accepted, "{:?}", applied.diagnostics);
    let writes = rig.engine.accesses().bar2.writes - before.0;
    assert!(
        writes < 100_000,
        "{writes} words for 250 rules, most of them selector slots"
    );
    assert_eq!(rig.now, before.1, "in one step, before any time has passed");
    one(rig.segment(
        0,
        &Segment::tcp("198.51.100.7:1", "203.0.113.10:1249", flags::S),
    ));
}

#[test]
fn live_idle_flows_are_evicted_and_dead_ones_never_time_out() {
    let mut rig = Rig::with_card(&web(&["a"], ""), &tiny_card());
    let first = connect(&mut rig, 999);
    rig.pass(200_000);
    for port in 1000..1200 {
        rig.segment(0, &client(port, flags::S));
    }
    let data = client(999, flags::PA).numbered(101, 501);
    assert_eq!(
        one(rig.segment(0, &data)).port,
        first.port,
        "idle, but alive"
    );
    let others = rig.engine.status().flows.live - 1;
    assert!(others > 0);
    rig.pass(239_000);
    assert_eq!(rig.engine.status().flows.live, others + 1);
    one(rig.segment(0, &data));
    rig.pass(5_000);
    assert_eq!(rig.engine.status().flows.live, 1, "the used one is left");
    rig.pass(240_000);
    assert_eq!(rig.engine.status().flows.live, 0);
}

#[test]
fn time_wait_blocks_the_same_ports() {
    let mut rig = Rig::new(&web(&["a"], ""));
    for round in 0..5 {
        let syn = connect(&mut rig, 1000);
        one(rig.segment(0, &client(1000, flags::FA)));
        one(rig.segment(syn.port, &syn.segment().answer(flags::FA)));
        rig.pass(1_000);
        assert_eq!(rig.engine.status().flows.live, 1, "round {round}");
    }
}

#[test]
fn a_full_table_panics_or_is_silent() {
    let mut rig = Rig::with_card(&web(&["a"], ""), &tiny_card());
    for port in 1000..2000 {
        rig.segment(0, &client(port, flags::S));
    }
    let status = rig.engine.status();
    let told = refused(&rig, "table_full") + refused(&rig, "flow_ids_exhausted");
    assert_eq!(
        told + u64::from(status.flows.live),
        1000,
        "every flow is in the card or counted"
    );
    rig.pass(243_000);
    connect(&mut rig, 3000);
}

#[test]
fn the_nat_pool_collides_with_another_use_of_the_address() {
    let text = web(
        &["a"],
        "    inboundNatRules:
      - { name: n, protocol: Tcp, frontend: f, frontendPort: 1027, target: b, backendPort: 3389 }
    outboundRules:
      - { name: o, protocol: All, frontends: [ f ], backendPool: p, allocatedOutboundPorts: 64 }
",
    );
    let mut rig = Rig::new(&text);
    let ports: BTreeSet<u16> = (50_000..50_064)
        .map(|port| {
            one(rig.segment(1, &syn_out(port, REMOTE)))
                .segment()
                .source
                .1
        })
        .collect();
    assert_eq!(ports.len(), 64);
    assert!(
        ports.iter().all(|port| port / 8 != 1027 / 8),
        "its whole block is the rule's"
    );
    let inbound = Segment::tcp("192.0.2.1:443", "203.0.113.10:1027", flags::S);
    let sent = one(rig.segment(0, &inbound));
    assert_eq!(
        (sent.port, sent.segment().destination),
        (2, end("10.0.0.5:3389"))
    );
}

#[test]
fn why_a_flow_is_not_offloaded_is_in_a_debug_log_only() {
    let mut rig = Rig::with_card(&web(&["a"], ""), &tiny_card());
    let before: u64 = rig
        .engine
        .counters()
        .refusals
        .iter()
        .map(|row| row.count)
        .sum();
    for port in 1000..1100 {
        rig.segment(0, &client(port, flags::S));
    }
    rig.segment(0, &client(5000, flags::PA).numbered(1, 1));
    let counters = rig.engine.counters();
    let told: u64 = counters.refusals.iter().map(|row| row.count).sum();
    let live = u64::from(rig.engine.status().flows.live);
    assert_eq!(told - before, 100 - live + 1, "each has a counted reason");
    assert_eq!(refused(&rig, "unknown_flow"), 1);
}

#[test]
fn an_unrelated_change_of_rules_drops_the_offload() {
    let mut rig = Rig::new(&web(&["a", "b"], ""));
    let syn = connect(&mut rig, 1000);
    let held = rig.engine.status().packets.held;
    let more = "      - { name: other, protocol: Udp, frontend: f, frontendPort: 53, backendPool: p, disableOutboundSnat: true }\n";
    for text in [web(&["a", "b"], more), web(&["a", "b"], "")] {
        let flow_writes = |rig: &Rig| {
            let tables = rig.engine.status().tables;
            tables
                .iter()
                .find(|t| t.table == "flow_v4")
                .map(|t| t.entries)
        };
        let before = flow_writes(&rig);
        assert!(rig.apply(&text).accepted);
        assert_eq!(flow_writes(&rig), before);
        for _ in 0..3 {
            let data = client(1000, flags::PA).numbered(101, 501);
            assert_eq!(one(rig.segment(0, &data)).port, syn.port);
        }
    }
    assert_eq!(
        rig.engine.status().packets.held,
        held,
        "no packet of it left the fast path"
    );
}

#[test]
fn idle_ssh_freezes_without_a_reset() {
    let mut rig = Rig::new(&web(&["a"], ""));
    let syn = connect(&mut rig, 1000);
    rig.pass(243_000);
    let sent = rig.take();
    let resets: Vec<_> = sent
        .iter()
        .filter(|sent| !sent.is_neighbor())
        .map(|sent| (sent.port, sent.segment()))
        .collect();
    assert_eq!(resets.len(), 2, "one to each end");
    for (port, reset) in resets {
        assert!(reset.flags & flags::R != 0);
        let (to, seq) = if port == 0 {
            ("198.51.100.7:1000", 501)
        } else {
            ("10.0.0.4:22", 101)
        };
        assert_eq!(port == 0, port != syn.port);
        assert_eq!((reset.destination, reset.seq), (end(to), seq));
    }
}

#[test]
fn a_bad_configuration_loses_what_was_in_force() {
    let mut rig = Rig::new(&web(&["a"], ""));
    let syn = connect(&mut rig, 1000);
    let applied = rig
        .engine
        .apply(&Source::new("test.yaml", "headgate: [".to_owned()));
    assert!(!applied.accepted && !applied.diagnostics.is_empty());
    let data = client(1000, flags::PA).numbered(101, 501);
    assert_eq!(one(rig.segment(0, &data)).port, syn.port);
    connect(&mut rig, 1001);
}
