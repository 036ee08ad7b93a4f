//! Laws over random logs.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// What a random commit does.
#[derive(Debug, Clone, Copy)]
enum Step {
    Add,
    Remove,
    Compact,
    Alter,
    Replace(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Add),
        1 => Just(Step::Remove),
        4 => Just(Step::Compact),
        2 => Just(Step::Alter),
        1 => (0_u8..4).prop_map(Step::Replace),
    ]
}

/// Writes the steps as versions 1 and up, each with a file time of its own, and keeps the id.
fn write(table: &Table, id: &mut String, version: u64, step: Step, millis: u16) {
    match step {
        Step::Add => table.commit(version, &[ADD]),
        Step::Remove => table.commit(version, &[&operation("DELETE"), REMOVE]),
        Step::Compact => table.commit(version, &[&operation("OPTIMIZE"), COMPACT]),
        Step::Alter => table.commit(version, &[&metadata(id)]),
        Step::Replace(number) => {
            *id = format!("id-{number}");
            table.commit(version, &[&metadata(id), REMOVE]);
        }
    }
    table.touch(version, i64::from(millis));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn reading_on_ends_where_reading_from_nothing_does(
        steps in proptest::collection::vec((step(), any::<u16>(), any::<bool>()), 0..25),
    ) {
        let table = Table::new("id-0");
        let mut id = "id-0".to_owned();
        let mut head = table.cold().head;
        let mut seen = Vec::new();
        let mut last_time = head.last_committed_at;
        for (version, (step, millis, is_read)) in (1..).zip(steps) {
            write(&table, &mut id, version, step, millis);
            if is_read {
                let update = table.warm(&head);
                seen.extend(update.commits);
                head = update.head;
                prop_assert!(head.last_committed_at > last_time);
                last_time = head.last_committed_at;
            }
        }
        if let Reading::Read(update) = table.read(Some(&head)) {
            seen.extend(update.commits);
            head = update.head;
        }
        let cold = table.cold();
        prop_assert_eq!(&cold.head.table_id, &head.table_id);
        prop_assert_eq!(cold.head.version, head.version);
        prop_assert_eq!(&cold.head.data, &head.data);
        prop_assert_eq!(cold.head.last_committed_at, head.last_committed_at);
        prop_assert_eq!(&cold.head.state, &head.state);
        prop_assert_eq!(&cold.head.marker, &head.marker);
        // What the cold reading saw of the same commits, it saw alike.
        for commit in cold.commits.iter().filter(|commit| commit.version > 0) {
            prop_assert!(seen.contains(commit), "{:?} is not in {:?}", commit, seen);
        }
    }

    /// A store that is not atomic shows a commit growing. Whatever part of it is seen, and whoever
    /// looks once or twice, in the end it is known as it is.
    #[test]
    fn fault_33_a_commit_that_is_seen_growing_ends_as_the_whole(
        cuts in proptest::collection::btree_set(0_usize..1_000, 0..4),
        goes_on in any::<bool>(),
    ) {
        let table = Table::new("t");
        let whole = [operation("MERGE"), REMOVE.to_owned(), COMPACT.to_owned(), ADD.to_owned()].join("\n") + "\n";
        let mut head = table.cold().head;
        let cuts: BTreeSet<usize> = cuts.into_iter().map(|cut| cut % whole.len()).collect();
        for cut in cuts {
            table.raw(&commit_file(1), &whole.as_bytes()[..cut]);
            match table.read(Some(&head)) {
                Reading::Read(update) => head = update.head,
                Reading::Unchanged | Reading::Unknown(_) => {}
                Reading::Absent => prop_assert!(false, "the table is there"),
            }
            prop_assert!(head.version <= 1);
        }
        table.raw(&commit_file(1), whole.as_bytes());
        if goes_on {
            table.commit(2, &[COMPACT]);
        }
        if let Reading::Read(update) = table.read(Some(&head)) {
            head = update.head;
        }
        let cold = table.cold().head;
        prop_assert_eq!(head.data.as_ref().map(|data| data.version), Some(1));
        prop_assert_eq!((head.version, &head.marker), (cold.version, &cold.marker));
        prop_assert!(!head.has_hole_above);
    }

    #[test]
    fn fault_33_arbitrary_bytes_in_a_log_never_panic_and_never_pass_for_a_data_change(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        version in 0_u64..3,
    ) {
        let table = Table::new("t");
        table.commit(1, &[COMPACT]);
        let head = table.cold().head;
        table.raw(&commit_file(version), &bytes);
        if let Reading::Read(update) = table.read(Some(&head)) {
            prop_assert!(update.head.version <= 2);
        }
        drop(table.read(None));
        drop(table.listed(&head));
    }
}
