//! Conformance vectors A.1 to A.4, row by row.

use std::collections::BTreeSet;

use super::*;

const SECOND: u64 = 1000;

/// A.1: what the compiler plans for each member of a pool of this size.
fn default_ports(members: u32) -> u32 {
    match members {
        0..=50 => 1024,
        51..=100 => 512,
        101..=200 => 256,
        201..=400 => 128,
        401..=800 => 64,
        _ => 32,
    }
}

fn instance_ports(changes: &[Block], instance: u32, protocol: Protocol) -> Vec<u16> {
    let own = changes
        .iter()
        .filter(|b| b.instance.0 == instance && b.protocol == protocol);
    own.map(Block::first_port).collect()
}

fn usage(allocator: &Allocator, instance: u32, protocol: Protocol) -> Usage {
    allocator.usage(InstanceId(instance), protocol)
}

/// Fills the instance's TCP ports toward one destination; the flows and their ports.
fn fill(allocator: &mut Allocator, instance: u32, ports: u32) -> Vec<(Flow, Endpoint)> {
    (0..ports as u16)
        .map(|n| flow(instance, Protocol::Tcp, n, 1, 443))
        .map(|flow| (flow, allocator.allocate(&flow).expect("a port is free")))
        .collect()
}

/// SNAT-20..22, L-OUT-25: the pool grows by one member into the next tier.
fn tier_up(members: u32) {
    let (before, after) = (default_ports(members), default_ports(members + 1));
    let mut allocator = with(even(members, before));
    let flows = fill(&mut allocator, 0, before);
    let changes = allocator.configure(even(members + 1, after)).unwrap();

    let revoked = instance_ports(&changes.revoked, 0, Protocol::Tcp);
    let half = 1024 + after as u16;
    assert_eq!(
        revoked,
        (half..1024 + before as u16).step_by(8).collect::<Vec<_>>()
    );
    let lost: BTreeSet<Lost> = changes.lost.iter().copied().collect();
    for (flow, public) in &flows {
        let gone = lost.contains(&Lost::Tcp {
            instance: flow.instance,
            public: *public,
            remote: flow.remote,
        });
        assert_eq!(gone, public.port >= half, "{public}");
        let released = allocator.release(0, flow, *public, 0);
        assert_eq!(
            released,
            if gone {
                Released::Unknown
            } else {
                Released::Free
            }
        );
    }
    let again = flow(0, Protocol::Tcp, 9, 1, 443);
    assert_eq!(
        allocator.allocate(&again),
        Ok(flows[0].1),
        "SNAT-22: succeeds at once"
    );
    for n in 0..=members {
        assert_eq!(
            usage(&allocator, n, Protocol::Udp).allocated,
            after,
            "instance {n}"
        );
    }
}

/// SNAT-23: the pool shrinks by one member into the tier below.
fn tier_down(members: u32) {
    let (before, after) = (default_ports(members + 1), default_ports(members));
    let mut allocator = with(even(members + 1, before));
    let flows = fill(&mut allocator, 0, before);
    let again = flow(0, Protocol::Tcp, 60_000, 1, 443);
    assert!(allocator.allocate(&again).is_err(), "all are in use");
    let mut changes = allocator.configure(even(members, after)).unwrap();
    changes
        .granted
        .extend(allocator.confirm(&changes.revoked).granted);

    assert!(changes.lost.is_empty(), "no flow is affected");
    assert!(
        changes
            .revoked
            .iter()
            .all(|block| block.instance.0 == members)
    );
    let more = instance_ports(&changes.granted, 0, Protocol::Tcp);
    assert_eq!(more.len() as u32 * 8, after - before);
    for n in 0..members {
        assert_eq!(
            usage(&allocator, n, Protocol::Tcp).allocated,
            after,
            "instance {n}"
        );
    }
    let public = allocator.allocate(&again).unwrap();
    assert_eq!(Some(&public.port), more.first(), "the new ports are usable");
    for (flow, public) in flows {
        assert_eq!(allocator.release(0, &flow, public, 0), Released::Free);
    }
}

#[test]
fn a1_snat_20_to_22_every_tier_up() {
    [50, 100, 200, 400, 800].into_iter().for_each(tier_up);
}

#[test]
fn a1_snat_23_every_tier_down() {
    [50, 100, 200, 400, 800].into_iter().for_each(tier_down);
}

#[test]
fn a2_l_out_10_port_maths_of_outbound_rules() {
    let fits = |plan: Plan| Allocator::default().configure(plan).is_ok();
    for (members, ports) in [(1, 64_000), (2, 32_000), (10, 6_400)] {
        assert!(fits(even(members, ports)), "{members} x {ports}");
    }
    let over = |wanted| PlanError::OverCommitted {
        address: public_v4(1),
        protocol: Protocol::Tcp,
        wanted,
        capacity: 64_000,
    };
    assert_eq!(
        Allocator::default().configure(even(7, 10_000)),
        Err(over(70_000))
    );
    assert_eq!(
        Allocator::default().configure(even(2, 32_008)),
        Err(over(64_016))
    );

    let halves = [(public_v4(1), 5_000), (public_v4(2), 5_000)];
    let shares = (0..7).map(|n| share(n, Protocol::Tcp, &halves)).collect();
    assert!(
        fits(Plan {
            shares,
            reserved: Vec::new()
        }),
        "7 x 10,000 on two addresses"
    );
    assert!(matches!(
        Allocator::default().configure(even(1, 1_001)),
        Err(PlanError::PartialBlock { ports: 1_001, .. })
    ));
}

#[test]
fn a2_l_out_11_rule_ports_cost_their_blocks() {
    let capacity = |ports: &[u16]| {
        let reserved = |&port: &u16| ReservedPort {
            address: public_v4(1),
            port,
        };
        let plan = Plan {
            reserved: ports.iter().map(reserved).collect(),
            ..even(2, 32_000)
        };
        match Allocator::default().configure(plan) {
            Err(PlanError::OverCommitted { capacity, .. }) => capacity,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(capacity(&[80, 81, 82]), 63_992, "one aligned block");
    assert_eq!(capacity(&[80, 443]), 63_984, "two");
    assert_eq!(
        capacity(&[8080, 65_535]),
        63_984,
        "inside the range and above it"
    );
}

#[test]
fn a_plan_names_each_share_and_address_once() {
    let twice = share(1, Protocol::Tcp, &[(public_v4(1), 8), (public_v4(1), 8)]);
    let plan = Plan {
        shares: vec![twice],
        reserved: Vec::new(),
    };
    let error = Allocator::default().configure(plan).unwrap_err();
    assert!(
        matches!(error, PlanError::DuplicateAddress { .. }),
        "{error}"
    );

    let plan = Plan {
        shares: vec![share(1, Protocol::Tcp, &[]); 2],
        reserved: Vec::new(),
    };
    let error = Allocator::default().configure(plan).unwrap_err();
    assert!(matches!(error, PlanError::DuplicateShare { .. }), "{error}");
}

#[test]
fn a_rule_port_on_an_owned_block_moves_the_instance_elsewhere() {
    let mut allocator = with(even(1, 16));
    let flows = fill(&mut allocator, 0, 16);
    let rule = ReservedPort {
        address: public_v4(1),
        port: 1027,
    };
    let plan = Plan {
        reserved: vec![rule],
        ..even(1, 16)
    };
    let changes = allocator.configure(plan).unwrap();
    assert_eq!(instance_ports(&changes.revoked, 0, Protocol::Tcp), [1024]);
    assert_eq!(instance_ports(&changes.granted, 0, Protocol::Tcp), [1040]);
    assert_eq!(changes.lost.len(), 8);
    assert_eq!(allocator.allocate(&flows[0].0).unwrap().port, 1040);
    assert!(allocator.confirm(&changes.revoked).is_empty());
    let later = allocator.configure(even(2, 16)).unwrap();
    assert_eq!(
        instance_ports(&later.granted, 1, Protocol::Tcp),
        [1024, 1048]
    );
}

#[test]
fn a3_snat_02_same_destination_takes_a_port_each() {
    let mut allocator = with(even(2, 8));
    let ports: Vec<u16> = fill(&mut allocator, 0, 8)
        .iter()
        .map(|(_, p)| p.port)
        .collect();
    assert_eq!(
        ports,
        (1024..1032).collect::<Vec<_>>(),
        "L-OUT-15: lowest first"
    );

    let ninth = flow(0, Protocol::Tcp, 99, 1, 443);
    let error = Exhausted::AllInUseToward {
        instance: InstanceId(0),
        ports: 8,
        remote: ninth.remote,
    };
    assert_eq!(allocator.allocate(&ninth), Err(error));
    let full = usage(&allocator, 0, Protocol::Tcp);
    assert_eq!((full.used, full.flows, full.failed), (8, 8, 1));
    assert_eq!(
        usage(&allocator, 1, Protocol::Tcp).failed,
        0,
        "L-OUT-19: per instance"
    );
    assert!(
        allocator
            .allocate(&flow(1, Protocol::Tcp, 99, 1, 443))
            .is_ok()
    );
    assert!(
        allocator
            .allocate(&flow(0, Protocol::Udp, 99, 1, 443))
            .is_ok(),
        "L-OUT-08"
    );
}

#[test]
fn a3_snat_03_snat_04_other_destinations_share_a_port() {
    let mut allocator = with(even(1, 8));
    for n in 0..100 {
        let public = allocator
            .allocate(&flow(0, Protocol::Tcp, n, n, 443))
            .unwrap();
        assert_eq!(public.port, 1024, "100 addresses");
        let public = allocator
            .allocate(&flow(0, Protocol::Tcp, n, 500, n))
            .unwrap();
        assert_eq!(public.port, 1024, "100 ports of one address");
    }
    let usage = usage(&allocator, 0, Protocol::Tcp);
    assert_eq!((usage.used, usage.flows), (1, 200));
}

#[test]
fn a3_snat_03_eight_flows_to_each_of_100_destinations() {
    let mut allocator = with(even(1, 8));
    for n in 0..800 {
        allocator
            .allocate(&flow(0, Protocol::Tcp, n, n % 100, 443))
            .unwrap();
    }
    assert_eq!(usage(&allocator, 0, Protocol::Tcp).used, 8);
}

#[test]
fn a3_a16_udp_is_a_cone() {
    let mut allocator = with(even(1, 8));
    for host in 0..100 {
        let public = allocator
            .allocate(&flow(0, Protocol::Udp, 5000, host, 53))
            .unwrap();
        assert_eq!(public.port, 1024, "one source, one port");
    }
    for n in 1..8 {
        let public = allocator
            .allocate(&flow(0, Protocol::Udp, 5000 + n, 0, 53))
            .unwrap();
        assert_eq!(public.port, 1024 + n, "never shared by two sources");
    }
    let usage_full = usage(&allocator, 0, Protocol::Udp);
    assert_eq!((usage_full.used, usage_full.flows), (8, 107));
    let ninth = flow(0, Protocol::Udp, 6000, 77, 53);
    let error = Exhausted::AllInUse {
        instance: InstanceId(0),
        ports: 8,
    };
    assert_eq!(allocator.allocate(&ninth), Err(error), "SNAT-27");
    let public = Endpoint::new(public_v4(1), 1024);
    for host in 0..100 {
        let released = allocator.release(0, &flow(0, Protocol::Udp, 5000, host, 53), public, 0);
        assert_eq!(released, Released::Free);
    }
    assert_eq!(
        allocator.allocate(&ninth),
        Ok(public),
        "free with the last of its flows"
    );
}

#[test]
fn a_16_shared_udp_ports_are_one_source_s_toward_each_address() {
    let mut allocator = with(even(2, 8));
    assert!(allocator.share_udp_ports(true));
    assert!(!allocator.share_udp_ports(true), "nothing new");
    let mut port = |instance, sport, host, dport| {
        let flow = flow(instance, Protocol::Udp, sport, host, dport);
        allocator.allocate(&flow).map(|public| public.port)
    };
    for n in 0..100 {
        assert_eq!(port(0, 5000 + n, n, 53), Ok(1024), "100 sources, 100 hosts");
    }
    assert_eq!(port(0, 5000, 0, 54), Ok(1024), "another port of the host");
    for n in 1..8 {
        assert_eq!(port(0, 6000 + n, 0, 53), Ok(1024 + n), "the same host");
    }
    let ninth = flow(0, Protocol::Udp, 7000, 0, 99);
    let error = Exhausted::AllInUseToward {
        instance: InstanceId(0),
        ports: 8,
        remote: ninth.remote,
    };
    assert_eq!(
        port(0, 7000, 0, 99).unwrap_err(),
        error,
        "whatever its port"
    );
    assert_eq!(port(0, 7000, 1, 99), Ok(1025), "another host");
    assert_eq!(port(1, 5000, 0, 53), Ok(1032), "never two instances");
    let usage = usage(&allocator, 0, Protocol::Udp);
    assert_eq!((usage.used, usage.flows, usage.failed), (8, 109, 1));

    let public = Endpoint::new(public_v4(1), 1024);
    let mut release = |dport| {
        let flow = flow(0, Protocol::Udp, 5000, 0, dport);
        allocator.release(0, &flow, public, 0)
    };
    assert_eq!(release(53), Released::Free);
    assert_eq!(release(54), Released::Free);
    assert_eq!(release(54), Released::Unknown);
    assert_eq!(
        allocator.allocate(&ninth),
        Ok(public),
        "free with the last flow of its source to that host"
    );
}

#[test]
fn a_16_sharing_taken_back_refuses_who_needs_another_port() {
    let mut allocator = with(even(1, 8));
    assert!(allocator.share_udp_ports(true));
    let flows: Vec<_> = [(5000, 0, 53), (5001, 1, 53), (5001, 0, 53)]
        .into_iter()
        .map(|(sport, host, dport)| {
            let flow = flow(0, Protocol::Udp, sport, host, dport);
            (flow, allocator.allocate(&flow).unwrap())
        })
        .collect();
    let ports: Vec<u16> = flows.iter().map(|(_, public)| public.port).collect();
    assert_eq!(ports, [1024, 1024, 1025]);
    assert!(allocator.share_udp_ports(false));
    assert_eq!(
        usage(&allocator, 0, Protocol::Udp).flows,
        0,
        "all to be told"
    );
    let taken: Vec<bool> = flows
        .iter()
        .map(|(flow, public)| allocator.restore(flow, *public).is_ok())
        .collect();
    assert_eq!(taken, [true, false, true]);
    let (lost, public) = flows[1];
    assert_eq!(
        allocator.release(0, &lost, public, 0),
        Released::Unknown,
        "and takes nobody's port with it"
    );
    assert_eq!(usage(&allocator, 0, Protocol::Udp).used, 2);
}

#[test]
fn snat_05_snat_09_exhaustion_ends_with_a_release_and_never_steals() {
    let mut allocator = with(even(1, 8));
    let flows = fill(&mut allocator, 0, 8);
    for n in 100..200 {
        assert!(
            allocator
                .allocate(&flow(0, Protocol::Tcp, n, 1, 443))
                .is_err()
        );
    }
    assert_eq!(usage(&allocator, 0, Protocol::Tcp).failed, 100);
    let (old, public) = flows[3];
    assert_eq!(allocator.release(0, &old, public, 0), Released::Free);
    assert_eq!(
        allocator.allocate(&flow(0, Protocol::Tcp, 200, 1, 443)),
        Ok(public)
    );
}

#[test]
fn no_ports_is_told_from_none_left() {
    let mut allocator = with(even(1, 8));
    for flow in [
        flow(7, Protocol::Tcp, 1, 1, 1),
        flow_v6(0, Protocol::Tcp, 1, 1, 1),
    ] {
        let Flow {
            instance,
            protocol,
            remote,
            ..
        } = flow;
        let error = Exhausted::NoPorts {
            instance,
            protocol,
            remote,
        };
        assert_eq!(allocator.allocate(&flow), Err(error));
        assert_eq!(allocator.usage(instance, protocol).failed, 1);
    }
}

#[test]
fn a4_l_out_16_fin_rst_and_idle() {
    for (after, early) in [(240 * SECOND, 239_999), (15 * SECOND, 14_999)] {
        let mut allocator = with(even(1, 8));
        let (first, public) = fill(&mut allocator, 0, 8)[0];
        let start = 1_700_000_000_000;
        assert_eq!(
            allocator.release(start, &first, public, after),
            Released::Held
        );
        let other = flow(0, Protocol::Tcp, 99, 1, 443);
        allocator.tick(start + early, |flow, _| panic!("{flow:?} freed early"));
        assert!(
            allocator.allocate(&other).is_err(),
            "held toward this destination"
        );
        let elsewhere = allocator.allocate(&flow(0, Protocol::Tcp, 99, 2, 443));
        assert_eq!(elsewhere, Ok(public), "and free toward all others");
        let mut freed = Vec::new();
        allocator.tick(start + after, |flow, public| freed.push((flow, public)));
        assert_eq!(freed, [(first, public)]);
        assert_eq!(allocator.allocate(&other), Ok(public));
    }
}

#[test]
fn a4_a21_a_hold_restarts_while_packets_pass() {
    let mut allocator = with(even(1, 8));
    let (flow, public) = fill(&mut allocator, 0, 1)[0];
    for n in 0..18 {
        let now = n * 200 * SECOND;
        allocator.tick(now, |flow, _| panic!("{flow:?} freed at {now}"));
        assert_eq!(
            allocator.release(now, &flow, public, 240 * SECOND),
            Released::Held
        );
    }
    assert_eq!(allocator.held(), 1);
    let mut freed = 0;
    allocator.tick(17 * 200 * SECOND + 240 * SECOND, |_, _| freed += 1);
    assert_eq!(freed, 1);
}

#[test]
fn a4_rst_shortens_the_hold_of_a_fin() {
    let mut allocator = with(even(1, 8));
    let (flow, public) = fill(&mut allocator, 0, 1)[0];
    assert_eq!(
        allocator.release(0, &flow, public, 240 * SECOND),
        Released::Held
    );
    assert_eq!(
        allocator.release(SECOND, &flow, public, 15 * SECOND),
        Released::Held
    );
    allocator.tick(16 * SECOND, |_, _| {});
    assert_eq!(
        (allocator.held(), usage(&allocator, 0, Protocol::Tcp).used),
        (0, 0)
    );
}

#[test]
fn a_vm_may_reuse_its_5_tuple_in_time_wait() {
    let mut allocator = with(even(1, 8));
    let (flow, public) = fill(&mut allocator, 0, 8)[5];
    assert_eq!(
        allocator.release(0, &flow, public, 240 * SECOND),
        Released::Held
    );
    assert_eq!(
        allocator.allocate(&flow),
        Ok(public),
        "although all 8 ports are taken"
    );
    allocator.tick(1_000 * SECOND, |_, _| panic!("it lives again"));
    assert_eq!(usage(&allocator, 0, Protocol::Tcp).flows, 8);
    assert_eq!(allocator.release(0, &flow, public, 0), Released::Free);
    assert_eq!(allocator.release(0, &flow, public, 0), Released::Unknown);
}

#[test]
fn l_out_14_a27_addresses_are_filled_in_order() {
    let addresses = [(public_v4(9), 8), (public_v6(1), 8), (public_v4(1), 16)];
    let shares = Protocol::ALL
        .map(|protocol| share(0, protocol, &addresses))
        .to_vec();
    let mut allocator = with(Plan {
        shares,
        reserved: Vec::new(),
    });
    for protocol in Protocol::ALL {
        let publics: Vec<Endpoint> = (0..24)
            .map(|n| allocator.allocate(&flow(0, protocol, n, 1, 443)).unwrap())
            .collect();
        let first = (1024..1032).map(|port| Endpoint::new(public_v4(9), port));
        let second = (1024..1040).map(|port| Endpoint::new(public_v4(1), port));
        assert_eq!(publics, first.chain(second).collect::<Vec<_>>());
        assert!(allocator.allocate(&flow(0, protocol, 24, 1, 443)).is_err());
        let v6 = allocator.allocate(&flow_v6(0, protocol, 24, 1, 443));
        assert_eq!(v6, Ok(Endpoint::new(public_v6(1), 1024)), "L-OUT-30");
        assert_eq!(usage(&allocator, 0, protocol).allocated, 32);
    }
}

#[test]
fn removing_an_instance_frees_its_blocks_after_confirmation() {
    let mut allocator = with(even(2, 32_000));
    let (flow, public) = fill(&mut allocator, 1, 1)[0];
    assert_eq!(allocator.release(0, &flow, public, SECOND), Released::Held);
    let only = |plan: Plan, instance: u32| Plan {
        shares: plan
            .shares
            .into_iter()
            .filter(|s| s.instance.0 == instance)
            .collect(),
        ..plan
    };
    let changes = allocator.configure(only(even(1, 64_000), 0)).unwrap();
    assert_eq!(
        (
            changes.revoked.len(),
            changes.granted.len(),
            changes.lost.len()
        ),
        (8000, 0, 1)
    );
    assert_eq!(allocator.held(), 0);
    let waiting = usage(&allocator, 0, Protocol::Tcp);
    assert_eq!((waiting.planned, waiting.allocated), (64_000, 32_000));
    let later = allocator.confirm(&changes.revoked);
    assert_eq!(later.granted.len(), 8000);
    assert_eq!(allocator.owner(Protocol::Tcp, public), Some(InstanceId(0)));
    assert!(allocator.confirm(&changes.revoked).is_empty(), "once");
}

#[test]
fn restore_takes_the_exact_port_or_says_why_not() {
    let mut allocator = Allocator::default();
    let block = |protocol, number| Block {
        address: public_v4(1),
        protocol,
        number,
        instance: InstanceId(0),
    };
    for protocol in Protocol::ALL {
        allocator.adopt(block(protocol, 200)).unwrap();
    }
    for taken in [
        block(Protocol::Tcp, 200),
        block(Protocol::Tcp, 100),
        block(Protocol::Tcp, 9999),
    ] {
        assert_eq!(
            allocator.adopt(taken),
            Err(RestoreError::BlockNotFree(taken))
        );
    }
    let at = |port| Endpoint::new(public_v4(1), port);
    let tcp = |sport, host| flow(0, Protocol::Tcp, sport, host, 443);
    let udp = |sport, host| flow(0, Protocol::Udp, sport, host, 443);
    for (flow, port) in [
        (tcp(1, 1), 1603),
        (tcp(2, 2), 1603),
        (udp(1, 1), 1600),
        (udp(1, 2), 1600),
    ] {
        allocator.restore(&flow, at(port)).unwrap();
    }
    let refused = |result: Result<(), RestoreError>| result.unwrap_err();
    let error = refused(allocator.restore(&tcp(3, 1), at(1603)));
    assert!(matches!(error, RestoreError::InUse { .. }), "{error}");
    let error = refused(allocator.restore(&tcp(3, 1), at(1608)));
    assert!(matches!(error, RestoreError::NotOwned { .. }), "{error}");
    let error = refused(allocator.restore(&udp(2, 9), at(1600)));
    assert!(matches!(error, RestoreError::InUse { .. }), "{error}");
    let error = refused(allocator.restore(&udp(1, 9), at(1601)));
    assert!(
        matches!(error, RestoreError::OtherPort { found, .. } if found == at(1600)),
        "{error}"
    );
    let usage_tcp = usage(&allocator, 0, Protocol::Tcp);
    assert_eq!((usage_tcp.used, usage_tcp.flows), (1, 2));
    let changes = allocator.configure(even(1, 16)).unwrap();
    assert!(changes.revoked.is_empty());
    assert_eq!(
        instance_ports(&changes.granted, 0, Protocol::Tcp),
        [1608],
        "upwards"
    );
}
