//! Laws of what partitions incorporate: it is what a list with one entry for each partition says.

use std::collections::BTreeMap;

use assets::partition::Partition;
use proptest::prelude::*;

use super::*;

const PARTITIONS: i32 = 12;

fn daily() -> Partitions {
    use assets::partition::{PartitionsSpec, WindowsSpec};
    let windows = WindowsSpec {
        column: Some("day".to_owned()),
        start: "1970-01-01".to_owned(),
        ..WindowsSpec::default()
    };
    Partitions::check(&PartitionsSpec::Daily(windows)).unwrap()
}

fn set(ordinals: &[i32]) -> PartitionSet {
    let daily = daily();
    PartitionSet::union_of(
        ordinals
            .iter()
            .map(|at| daily.set_of(Partition::single(*at))),
    )
}

fn version(number: Option<u64>) -> Option<TableVersion> {
    let table_id = TableId::new("t");
    number.map(|version| TableVersion { table_id, version })
}

fn of(consumed: &Consumed, partition: i32) -> Option<u64> {
    let partition = Partition::single(partition);
    let mut held = consumed
        .partitions
        .iter()
        .filter(|part| part.set.contains(partition));
    let found = held.next().map_or(&consumed.version, |part| &part.version);
    assert_eq!(held.next(), None, "sets have nothing in common");
    found.as_ref().map(|version| version.version)
}

proptest! {
    #[test]
    fn each_partition_incorporates_what_was_recorded_last(
        runs in prop::collection::vec(
            (prop::collection::vec(0..PARTITIONS, 1..5), prop::option::of(0_u64..4)), 0..8),
    ) {
        let mut consumed = Consumed::whole(version(Some(1)), Basis::Run);
        let mut model: BTreeMap<i32, Option<u64>> = (0..PARTITIONS).map(|at| (at, Some(1))).collect();
        for (ordinals, number) in runs {
            consumed.incorporate(&set(&ordinals), version(number), Basis::Run);
            model.extend(ordinals.into_iter().map(|at| (at, number)));
        }
        for (partition, expected) in &model {
            prop_assert_eq!(of(&consumed, *partition), *expected);
        }
        // The base counts too: it holds for partitions to come.
        let least = model.values().copied().chain([Some(1)]).min().flatten();
        let told = consumed.least().map(|version| version.version);
        prop_assert_eq!(told, least);
        let text = serde_json::to_string(&consumed).unwrap();
        prop_assert_eq!(serde_json::from_str::<Consumed>(&text).unwrap(), consumed);
    }

    #[test]
    fn each_partition_has_the_code_it_was_built_with_last(
        runs in prop::collection::vec((prop::collection::vec(0..PARTITIONS, 1..5), 0_u8..3), 0..8),
    ) {
        let code = |number: u8| CodeVersion::new(&number.to_string());
        let mut built = BuiltPartitions::none_of(&daily());
        let mut recorded = None;
        let mut model: BTreeMap<i32, u8> = BTreeMap::new();
        for (ordinals, number) in runs {
            recorded = built.build(&set(&ordinals), (recorded, Some(code(number))));
            model.extend(ordinals.into_iter().map(|at| (at, number)));
        }
        for at in 0..PARTITIONS {
            let partition = Partition::single(at);
            let expected = model.get(&at).map(|number| Some(code(*number)));
            prop_assert_eq!(built.built.contains(partition), expected.is_some());
            let others: Vec<_> = built.other_code.iter().filter(|(_, set)| set.contains(partition)).collect();
            let told = match others.as_slice() {
                [] => recorded.clone(),
                [(code, _)] => code.clone(),
                more => panic!("{more:?}"),
            };
            if let Some(expected) = expected {
                prop_assert_eq!(told, expected);
            }
        }
    }
}
