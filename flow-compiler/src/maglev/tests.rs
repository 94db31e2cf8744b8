//! Balance and disruption of selections, as properties.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// Members with different identities and small weights.
fn members() -> impl Strategy<Value = Vec<(Identity, u32)>> {
    prop::collection::btree_map(any::<u64>(), 1u32..=9, 2..40)
        .prop_map(|members| members.into_iter().collect())
}

fn size(members: &[(Identity, u32)]) -> u32 {
    let weights: Vec<u32> = members.iter().map(|member| member.1).collect();
    size_for(&weights)
}

fn owners(slots: &[u32], members: &[(Identity, u32)]) -> Vec<Option<Identity>> {
    slots
        .iter()
        .map(|index| Some(members[*index as usize].0))
        .collect()
}

/// The largest distance of a member's slots from its exact share, in parts of the share.
fn imbalance(owners: &[Option<Identity>], members: &[(Identity, u32)]) -> f64 {
    let mut counts: HashMap<Identity, u32> = HashMap::new();
    for owner in owners.iter().flatten() {
        *counts.entry(*owner).or_default() += 1;
    }
    let sum: u32 = members.iter().map(|member| member.1).sum();
    let distance = |member: &(Identity, u32)| {
        let share = f64::from(owners.len() as u32) * f64::from(member.1) / f64::from(sum);
        (f64::from(counts.get(&member.0).copied().unwrap_or(0)) - share).abs() / share
    };
    members.iter().map(distance).fold(0.0, f64::max)
}

fn moved(before: &[Option<Identity>], after: &[Option<Identity>], by: Identity) -> usize {
    let pairs = before.iter().zip(after);
    pairs
        .filter(|(a, b)| a != b && **a != Some(by) && **b != Some(by))
        .count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_member_is_within_one_percent_of_its_share(members in members()) {
        let slots = fill(&members, size(&members));
        prop_assert!(imbalance(&owners(&slots, &members), &members) <= 0.01);
    }

    #[test]
    fn the_order_of_members_does_not_matter(
        (members, shuffled) in members().prop_flat_map(|m| (Just(m.clone()), Just(m).prop_shuffle()))
    ) {
        let size = size(&members);
        let (a, b) = (fill(&members, size), fill(&shuffled, size));
        prop_assert_eq!(owners(&a, &members), owners(&b, &shuffled));
    }

    #[test]
    fn no_slot_of_a_survivor_moves_when_a_member_leaves(
        members in members(), leaver in any::<prop::sample::Index>(),
    ) {
        let before = owners(&fill(&members, size(&members)), &members);
        let mut survivors = members.clone();
        let (gone, _) = survivors.remove(leaver.index(members.len()));
        let after = owners(&refill(&before, &survivors), &survivors);
        prop_assert_eq!(moved(&before, &after, gone), 0);
        prop_assert!(imbalance(&after, &survivors) <= 0.01);
    }

    #[test]
    fn only_slots_of_the_joiner_move_when_a_member_joins(
        members in members(), joiner in any::<prop::sample::Index>(),
    ) {
        let size = size(&members);
        let mut first = members.clone();
        let (new, _) = first.remove(joiner.index(members.len()));
        let before = owners(&fill(&first, size), &first);
        let after = owners(&refill(&before, &members), &members);
        prop_assert_eq!(moved(&before, &after, new), 0);
        prop_assert!(imbalance(&after, &members) <= 0.01);
    }

    #[test]
    fn any_history_stays_balanced(steps in prop::collection::vec(prop::collection::vec(any::<bool>(), 8), 1..12)) {
        let all: Vec<(Identity, u32)> = (0..8).map(|i| (identity(&format!("web-{i}")), 1)).collect();
        let mut table = vec![None; size(&all) as usize];
        for mask in steps {
            let live: Vec<_> = all.iter().zip(mask).filter(|(_, up)| *up).map(|(m, _)| *m).collect();
            if live.is_empty() {
                continue;
            }
            table = owners(&refill(&table, &live), &live);
            prop_assert!(imbalance(&table, &live) <= 0.01);
        }
    }
}

#[test]
fn sizes_are_prime_and_fit_the_rule_entry() {
    let is_prime = |n: u32| (2..1001).all(|d| n == d || !n.is_multiple_of(d));
    assert!(SIZES.into_iter().all(is_prime));
    assert!(SIZES[SIZES.len() - 1] <= firmware_api::entry::rule::MAX_SELECTOR_SIZE);
}

#[test]
fn a_table_of_no_members_is_empty() {
    assert!(fill(&[], 307).is_empty());
    assert!(refill(&[], &[(1, 1)]).is_empty());
    assert_eq!(size_for(&[]), 307);
}

#[test]
fn equal_weights_count_as_one() {
    assert_eq!(size_for(&[50, 50, 50]), 307);
    assert!(can_express(&[1].repeat(5000)));
    assert!(!can_express(&[99, 98].repeat(100)));
}

#[test]
fn identities_never_change() {
    assert_eq!(identity("web-1"), 14_504_880_023_684_625_546);
}
