//! Invariants 4 and 5, by comparing the allocator with the model step by step.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::model::{Live, Model};
use super::*;

#[derive(Debug, Clone)]
enum Step {
    Allocate(Flow),
    /// Release the n-th live flow.
    Release(usize, u64),
    Tick(u64),
    Configure(Plan),
    /// Confirm every n-th block in quarantine.
    Confirm(usize),
    /// Share UDP ports, or not.
    Share(bool),
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop::sample::select(Protocol::ALL.to_vec())
}

/// Few of everything, so that flows meet.
fn any_flow() -> impl Strategy<Value = Flow> {
    (
        any::<bool>(),
        0..4_u32,
        protocol(),
        0..24_u16,
        0..3_u16,
        0..2_u16,
    )
        .prop_map(|(v6, instance, protocol, sport, host, dport)| {
            if v6 && instance == 0 {
                flow_v6(instance, protocol, sport, host, dport)
            } else {
                flow(instance, protocol, sport, host, dport)
            }
        })
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let addresses = vec![public_v4(1), public_v4(2), public_v6(1)];
    let quotas = (
        Just(addresses).prop_shuffle(),
        prop::array::uniform3(0..5_u32),
    );
    let share = (any::<bool>(), quotas);
    let reserved = prop::collection::vec((1..3_u8, 1000..1100_u16), 0..3);
    (prop::collection::vec(share, 8), reserved).prop_map(|(shares, reserved)| {
        let keys = (0..4).flat_map(|n| Protocol::ALL.map(|protocol| (n, protocol)));
        let shares = keys
            .zip(shares)
            .filter(|(_, (present, _))| *present)
            .map(|((instance, protocol), (_, (addresses, blocks)))| {
                let quotas = addresses.into_iter().zip(blocks.map(|n| n * 8));
                super::share(instance, protocol, &quotas.collect::<Vec<_>>())
            })
            .collect();
        let address = |(n, port)| ReservedPort {
            address: public_v4(n),
            port,
        };
        Plan {
            shares,
            reserved: reserved.into_iter().map(address).collect(),
        }
    })
}

fn step(configure: u32) -> impl Strategy<Value = Step> {
    let after = prop_oneof![Just(0), Just(15_000), Just(240_000)];
    prop_oneof![
        40 => any_flow().prop_map(Step::Allocate),
        20 => (any::<usize>(), after).prop_map(|(n, after)| Step::Release(n, after)),
        5 => (0..100_000_u64).prop_map(Step::Tick),
        configure => any_plan().prop_map(Step::Configure),
        configure => (1..3_usize).prop_map(Step::Confirm),
        1 => any::<bool>().prop_map(Step::Share),
    ]
}

fn play(allocator: &mut Allocator, model: &mut Model, step: Step) {
    match step {
        Step::Allocate(flow) => {
            let established = model
                .live
                .iter()
                .any(|live| live.flow == flow && live.due.is_none());
            if !established {
                assert_eq!(
                    allocator.allocate(&flow).ok(),
                    model.allocate(&flow),
                    "{flow:?}"
                );
            }
        }
        Step::Release(n, after) => release(allocator, model, n, after),
        Step::Tick(span) => tick(allocator, model, span),
        Step::Configure(plan) => {
            model.plan = plan.clone();
            let changes = allocator.configure(plan).expect("the plan is small");
            model.apply(&changes);
            model.check_upper(&changes);
        }
        Step::Confirm(every) => {
            let removed: Vec<Block> = model.quarantine.iter().copied().step_by(every).collect();
            model.quarantine.retain(|block| !removed.contains(block));
            model.apply(&allocator.confirm(&removed));
        }
        Step::Share(is_shared) => {
            if allocator.share_udp_ports(is_shared) {
                model.share(is_shared, |live| {
                    allocator.restore(&live.flow, live.public).is_ok()
                });
            }
        }
    }
}

fn release(allocator: &mut Allocator, model: &mut Model, n: usize, after: u64) {
    if model.live.is_empty() {
        return;
    }
    let n = n % model.live.len();
    let Live { flow, public, .. } = model.live[n];
    let released = allocator.release(model.now, &flow, public, after);
    if after == 0 {
        model.live.remove(n);
        assert_eq!(released, Released::Free);
    } else {
        model.live[n].due = Some(model.now + after);
        assert_eq!(released, Released::Held);
    }
}

fn tick(allocator: &mut Allocator, model: &mut Model, span: u64) {
    model.now += span;
    let mut freed = Vec::new();
    allocator.tick(model.now, |flow, public| freed.push((flow, public)));
    freed.sort_unstable();
    let now = model.now;
    let ended = |live: &Live| live.due.is_some_and(|due| due <= now);
    let ending = model.live.iter().filter(|live| ended(live));
    let mut due: Vec<_> = ending.map(|live| (live.flow, live.public)).collect();
    due.sort_unstable();
    assert_eq!(freed, due);
    model.live.retain(|live| !ended(live));
}

/// What must hold between any two steps.
fn check(allocator: &Allocator, model: &Model) {
    let mut tuples = BTreeSet::new();
    let mut sources = BTreeMap::new();
    for Live { flow, public, .. } in &model.live {
        let unique = tuples.insert((*public, flow.protocol, flow.remote));
        assert!(unique, "two flows are {public} toward {}", flow.remote);
        if flow.protocol == Protocol::Udp {
            let toward = (*public, flow.remote.address);
            let source = *sources.entry(toward).or_insert(flow.inside);
            assert_eq!(
                source, flow.inside,
                "two sources are {public} toward {}",
                toward.1
            );
        }
        let owner = allocator.owner(flow.protocol, *public);
        assert_eq!(owner, Some(flow.instance), "{public}");
    }
    for instance in (0..4).map(InstanceId) {
        for protocol in Protocol::ALL {
            let usage = allocator.usage(instance, protocol);
            let counted = (usage.allocated, usage.used, usage.flows);
            assert_eq!(
                counted,
                model.usage(instance, protocol),
                "{instance} {protocol}"
            );
            assert!(usage.used <= usage.allocated && usage.used <= usage.used_peak);
            assert!(usage.allocated <= usage.planned);
        }
    }
    let held = model.live.iter().filter(|live| live.due.is_some()).count();
    assert_eq!(allocator.held(), held);
}

fn run(steps: Vec<Step>) -> (Allocator, Model) {
    let (mut allocator, mut model) = (Allocator::default(), Model::default());
    for step in steps {
        play(&mut allocator, &mut model, step);
        check(&allocator, &model);
    }
    (allocator, model)
}

/// A driver that starts on the card which `model` describes.
fn restart(model: &Model) -> Allocator {
    let mut allocator = Allocator::default();
    let _ = allocator.share_udp_ports(model.udp_is_shared);
    for (&(address, protocol, number), &instance) in &model.owners {
        allocator
            .adopt(Block {
                address,
                protocol,
                number,
                instance,
            })
            .expect("the block is free");
    }
    for Live { flow, public, due } in &model.live {
        allocator.restore(flow, *public).expect("the port is free");
        if let Some(due) = due {
            assert_eq!(
                allocator.release(model.now, flow, *public, due - model.now),
                Released::Held
            );
        }
    }
    allocator
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn snat_unique(
        is_shared in any::<bool>(),
        plan in any_plan(),
        steps in prop::collection::vec(step(1), 1..150),
    ) {
        let first = [Step::Share(is_shared), Step::Configure(plan)];
        run(first.into_iter().chain(steps).collect());
    }

    #[test]
    fn range_never_moves(steps in prop::collection::vec(step(15), 1..100)) {
        run(steps);
    }

    #[test]
    fn a_restart_changes_nothing(
        plan in any_plan(),
        before in prop::collection::vec(step(5), 1..80),
        after in prop::collection::vec(step(5), 1..40),
    ) {
        let steps = std::iter::once(Step::Configure(plan)).chain(before);
        let (mut allocator, mut model) = run(steps.collect());
        play(&mut allocator, &mut model, Step::Confirm(1));
        let mut allocator = restart(&model);
        check(&allocator, &model);
        let plan = model.plan.clone();
        play(&mut allocator, &mut model, Step::Configure(plan));
        for step in after {
            play(&mut allocator, &mut model, step);
            check(&allocator, &model);
        }
    }
}
