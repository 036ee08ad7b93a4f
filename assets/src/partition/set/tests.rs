//! Tests of sets: against plain sets of partitions, and against hostile bytes.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

type Plain = BTreeSet<Vec<i32>>;

/// The kinds of definitions, from the first part to the last: windows or values.
#[derive(Debug, Clone, Copy)]
enum Part {
    Windows,
    Values,
}

/// Builds the set from its members, without any operation of sets.
fn build(plain: &Plain, parts: &[Part]) -> PartitionSet {
    let (part, others) = parts.split_first().unwrap();
    if others.is_empty() {
        let ordinals = plain.iter().map(|partition| partition[0]);
        return match part {
            Part::Windows => {
                let spans = ordinals.map(|at| Span::new(at, at + 1).unwrap());
                PartitionSet::windows(Spans::from_ordered(spans))
            }
            Part::Values => PartitionSet::values(Bits::of_places(ordinals)),
        };
    }
    let mut runs = Runs::default();
    let firsts: BTreeSet<i32> = plain.iter().map(|partition| partition[0]).collect();
    for first in firsts {
        let inner = plain.iter().filter(|partition| partition[0] == first);
        let inner = inner.map(|partition| partition[1..].to_vec()).collect();
        runs.push(Span::new(first, first + 1).unwrap(), build(&inner, others));
    }
    PartitionSet::product(runs)
}

fn plain(set: &PartitionSet) -> Plain {
    set.iter()
        .map(|partition| partition.ordinals().to_vec())
        .collect()
}

fn some_parts() -> impl Strategy<Value = Vec<Part>> {
    let part = prop_oneof![Just(Part::Windows), Just(Part::Values)];
    prop::collection::vec(part, 1..=MAX_PARTS)
}

fn some_set(parts: &[Part]) -> impl Strategy<Value = Plain> + use<> {
    // Few ordinals of many parts, so that sets overlap; values around the edge of a word.
    let range = [0..40, 0..7, 0..4][parts.len() - 1].clone();
    let offsets: Vec<i32> = parts
        .iter()
        .map(|part| match part {
            Part::Windows => -3,
            Part::Values => 61,
        })
        .collect();
    let partition = prop::collection::vec(range, parts.len());
    let partition = partition.prop_map(move |ordinals| {
        ordinals
            .iter()
            .zip(&offsets)
            .map(|(ordinal, by)| ordinal + by)
            .collect()
    });
    prop::collection::btree_set(partition, 0..40)
}

fn two_sets() -> impl Strategy<Value = (Vec<Part>, Plain, Plain)> {
    some_parts().prop_flat_map(|parts| {
        let sets = (some_set(&parts), some_set(&parts));
        (Just(parts), sets).prop_map(|(parts, (a, b))| (parts, a, b))
    })
}

#[test]
fn everything_is_a_value_of_its_own() {
    let some = PartitionSet::windows(Spans::range(3, 5));
    let (all, none) = (PartitionSet::EVERYTHING, PartitionSet::NOTHING);
    assert_eq!(all.union(&some), all);
    assert_eq!(some.union(&all), all);
    assert_eq!(all.intersection(&some), some);
    assert_eq!(some.intersection(&all), some);
    assert_eq!(some.difference(&all), none);
    assert_eq!(all.difference(&some), all);
    assert_eq!(all.difference(&all), none);
    assert_eq!(
        (all.count(), none.count(), some.count()),
        (None, Some(0), Some(2))
    );
    assert!(all.contains(Partition::single(-7)) && !none.contains(Partition::single(0)));
    assert!(some.is_subset(&all) && !all.is_subset(&some) && none.is_subset(&none));
}

#[test]
fn sets_of_two_definitions_are_never_taken_for_one() {
    let windows = PartitionSet::windows(Spans::range(3, 5));
    let values = PartitionSet::values(Bits::first(3));
    assert_eq!(windows.union(&values), PartitionSet::EVERYTHING);
    assert_eq!(windows.intersection(&values), PartitionSet::NOTHING);
    assert_eq!(windows.difference(&values), windows);
}

#[test]
fn combinations_of_everything_are_not_counted() {
    let values = PartitionSet::values(Bits::first(3));
    let all = PartitionSet::EVERYTHING;
    assert_eq!(all.times(&values).count(), None);
    assert_eq!(
        PartitionSet::windows(Spans::range(0, 2))
            .times(&all)
            .count(),
        None
    );
    assert_eq!(
        PartitionSet::windows(Spans::range(0, 2))
            .times(&values)
            .count(),
        Some(6)
    );
    assert_eq!(all.times(&all), all);
    assert_eq!(all.times(&PartitionSet::NOTHING), PartitionSet::NOTHING);
}

#[test]
fn a_long_history_is_a_few_bytes() {
    let hours = PartitionSet::windows(Spans::range(473_000, 482_480));
    assert_eq!(hours.count(), Some(9_480));
    assert_eq!(hours.to_bytes().len(), 10);
    let regions = PartitionSet::values(Bits::first(50));
    assert_eq!(hours.times(&regions).to_bytes().len(), 20);
}

#[test]
fn other_bytes_are_refused() {
    for (bytes, error) in [
        (vec![], BytesError::Short),
        (vec![9, 0], BytesError::Version(9)),
        (vec![1], BytesError::Short),
        (vec![1, 7], BytesError::Form),
        (vec![1, 0, 0], BytesError::Long),
        // A range of no length; two that touch; a number in too many bytes, or too large.
        (vec![1, 2, 1, 0, 0], BytesError::Form),
        (vec![1, 2, 2, 0, 1, 0, 1], BytesError::Form),
        (vec![1, 2, 1, 0x80, 0, 1], BytesError::Form),
        (
            vec![1, 2, 1, 0xff, 0xff, 0xff, 0xff, 0x7f, 1],
            BytesError::Form,
        ),
        // No ranges, and more than there are bytes.
        (vec![1, 2, 0], BytesError::Form),
        (
            vec![1, 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 1],
            BytesError::Short,
        ),
        (vec![1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0], BytesError::Form),
        // Four parts.
        (
            vec![1, 4, 1, 0, 1, 4, 1, 0, 1, 4, 1, 0, 1, 2, 1, 0, 1],
            BytesError::Form,
        ),
        // The same set in two ranges that touch.
        (vec![1, 4, 2, 0, 1, 1, 0, 1, 1], BytesError::Form),
    ] {
        assert_eq!(PartitionSet::from_bytes(&bytes), Err(error), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn operations_are_those_of_plain_sets((parts, a, b) in two_sets()) {
        let (first, second) = (build(&a, &parts), build(&b, &parts));
        prop_assert_eq!(&plain(&first), &a);
        let union: Plain = a.union(&b).cloned().collect();
        let intersection: Plain = a.intersection(&b).cloned().collect();
        let difference: Plain = a.difference(&b).cloned().collect();
        // Equal as values: there is one representation.
        prop_assert_eq!(first.union(&second), build(&union, &parts));
        prop_assert_eq!(first.intersection(&second), build(&intersection, &parts));
        prop_assert_eq!(first.difference(&second), build(&difference, &parts));
        prop_assert_eq!(first.count(), u64::try_from(a.len()).ok());
        prop_assert_eq!(first.is_empty(), a.is_empty());
        prop_assert_eq!(first.is_subset(&second), a.is_subset(&b));
        prop_assert_eq!(first.meets(&second), !a.is_disjoint(&b));
        for partition in &b {
            let partition = Partition::of_parts(partition).unwrap();
            prop_assert_eq!(first.contains(partition), a.contains(partition.ordinals()));
        }
        let singles = a.iter().map(|one| build(&Plain::from([one.clone()]), &parts));
        prop_assert_eq!(PartitionSet::union_of(singles), first);
    }

    #[test]
    fn ranges_hold_all_members((parts, a, _) in two_sets()) {
        let set = build(&a, &parts);
        let mut found = Plain::new();
        for range in set.ranges() {
            let mut members: Vec<Vec<i32>> = vec![vec![]];
            for (first, last) in range.first.ordinals().iter().zip(range.last.ordinals()) {
                members = members.iter().flat_map(|start| (*first..=*last).map(move |next| {
                    let mut member = start.clone();
                    member.push(next);
                    member
                })).collect();
            }
            prop_assert_eq!(u64::try_from(members.len()).unwrap(), range.count);
            for member in members {
                prop_assert!(found.insert(member));
            }
        }
        prop_assert_eq!(found, a);
    }

    #[test]
    fn what_was_written_is_read((parts, a, _) in two_sets()) {
        let set = build(&a, &parts);
        let bytes = set.to_bytes();
        prop_assert_eq!(PartitionSet::from_bytes(&bytes), Ok(set));
        for end in 0..bytes.len() {
            prop_assert!(PartitionSet::from_bytes(&bytes[..end]).is_err());
        }
    }

    /// Whatever is read is written as it was: no bytes are taken for a set that they are not.
    #[test]
    fn hostile_bytes_are_a_set_or_refused(
        (parts, a, _) in two_sets(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        random in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut bytes = build(&a, &parts).to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        for bytes in [bytes, [vec![1], random].concat()] {
            if let Ok(set) = PartitionSet::from_bytes(&bytes) {
                prop_assert_eq!(set.to_bytes(), bytes);
            }
        }
    }
}
