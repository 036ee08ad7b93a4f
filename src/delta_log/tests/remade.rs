//! Tables that are restored, replaced, partitioned in another way, or have their columns renamed.

use std::collections::BTreeMap;

use assets::delta::contents::PartitionState;
use assets::delta::partition_tuple::PartitionTuple;
use assets::delta::touched::{AllBecause, Touched};

use super::contents::{partitioned_by_number, read_counted, take};
use super::*;

/// A file action in a partition of a column.
fn file(verb: &str, path: &str, (column, value): (&str, &str)) -> String {
    let action = json!({
        "path": path, "dataChange": true, "partitionValues": { column: value },
        "stats": "{\"numRecords\":2}",
    });
    json!({ verb: action }).to_string()
}

/// A table of two files in two partitions, followed from the beginning.
struct Followed {
    table: Table,
    head: KnownHead,
    kept: BTreeMap<PartitionTuple, PartitionState>,
}

impl Followed {
    fn new(metadata: &Value, column: &str) -> Self {
        let table = Table::empty();
        table.commit(0, &[PROTOCOL, &metadata.to_string()]);
        let (a, b) = (
            file("add", "a", (column, "1")),
            file("add", "b", (column, "2")),
        );
        table.commit(1, &[&a, &b]);
        let first = update(read_counted(&table, None));
        let mut kept = BTreeMap::new();
        take(&mut kept, &first.head, &first.partitions);
        let head = first.head;
        Self { table, head, kept }
    }

    fn read(&mut self) -> Update {
        let update = update(read_counted(&self.table, Some(&self.head)));
        take(&mut self.kept, &update.head, &update.partitions);
        self.head = update.head.clone();
        update
    }

    /// The partitions with data: their newest version, and how many files they have.
    fn live(&self) -> Vec<(String, u64, u64)> {
        let live = self.kept.iter().filter(|(_, state)| state.files > 0);
        live.map(|(tuple, state)| (tuple.to_string(), state.version, state.files))
            .collect()
    }

    /// What counting anew comes to.
    fn assert_as_anew(&self) {
        let cold = update(read_counted(&self.table, None));
        let mut anew = BTreeMap::new();
        take(&mut anew, &cold.head, &cold.partitions);
        anew.retain(|_, state| state.files > 0);
        let mut kept = self.kept.clone();
        kept.retain(|_, state| state.files > 0);
        assert_eq!(kept, anew);
        assert_eq!(self.head.details.contents, cold.head.details.contents);
        assert_eq!(self.head.state, cold.head.state);
    }
}

fn of(partition: &str, version: u64, files: u64) -> (String, u64, u64) {
    (partition.to_owned(), version, files)
}

#[test]
fn a_restore_brings_files_back() {
    let mut followed = Followed::new(&partitioned_by_number("t"), "p");
    let removed = file("remove", "a", ("p", "1"));
    followed
        .table
        .commit(2, &[&removed, &file("add", "c", ("p", "3"))]);
    followed.read();
    assert_eq!(followed.live(), [of("2", 1, 1), of("3", 2, 1)]);
    let back = file("add", "a", ("p", "1"));
    let gone = file("remove", "c", ("p", "3"));
    followed
        .table
        .commit(3, &[&operation("RESTORE"), &back, &gone]);
    let restored = followed.read();
    assert_eq!(restored.continuity, Continuity::Continues);
    assert_eq!(followed.live(), [of("1", 3, 1), of("2", 1, 1)]);
    followed.assert_as_anew();
}

#[test]
fn a_replaced_table_has_changed_everywhere() {
    let mut followed = Followed::new(&partitioned_by_number("old"), "p");
    let new = partitioned_by_number("new").to_string();
    let lines = [
        &file("remove", "a", ("p", "1")),
        &file("remove", "b", ("p", "2")),
        &file("add", "c", ("p", "2")),
    ];
    followed.table.commit(
        2,
        &[
            &operation("REPLACE TABLE"),
            &new,
            lines[0],
            lines[1],
            lines[2],
        ],
    );
    let replaced = followed.read();
    assert_eq!(replaced.continuity, Continuity::Replaced);
    assert_eq!(
        replaced.commits[0].partitions,
        Touched::All(AllBecause::Replaced)
    );
    assert_eq!(followed.head.table_id, TableId::new("new"));
    assert_eq!(followed.live(), [of("2", 2, 1)]);
    followed.assert_as_anew();
}

#[test]
fn other_partition_columns_make_other_partitions() {
    let mut followed = Followed::new(&partitioned_by_number("t"), "p");
    let columns = [("p", "integer", None), ("x", "long", None)];
    let by_x = described("t", &columns, &["x"], &json!({}));
    // Removed files belonged to the old partitions.
    let removed =
        ["a", "b"].map(|path| file("remove", path, ("p", if path == "a" { "1" } else { "2" })));
    let added = file("add", "c", ("x", "007"));
    followed
        .table
        .commit(2, &[&by_x.to_string(), &removed[0], &removed[1], &added]);
    followed.table.commit(3, &[&file("add", "d", ("x", "8"))]);
    let found = followed.read();
    assert_eq!(
        found.commits[0].partitions,
        Touched::All(AllBecause::Repartitioned)
    );
    assert!(matches!(&found.commits[1].partitions, Touched::These(tuples) if tuples.len() == 1));
    assert_eq!(followed.live(), [of("7", 2, 1), of("8", 3, 1)]);
    assert_eq!(followed.kept.len(), 2, "nothing is left of the old ones");
    followed.assert_as_anew();
}

#[test]
fn a_renamed_partition_column_leaves_every_partition_where_it_is() {
    let mapped = json!({ "delta.columnMapping.mode": "name" });
    let named = |name: &str| {
        let columns = [(name, "integer", Some("c-1")), ("x", "long", Some("c-2"))];
        described("t", &columns, &[name], &mapped)
    };
    let mut followed = Followed::new(&named("p"), "c-1");
    followed.table.commit(2, &[&named("q").to_string()]);
    followed.table.commit(3, &[&file("add", "c", ("c-1", "2"))]);
    let found = followed.read();
    assert_eq!(versions(&found.commits), [3]);
    assert!(matches!(&found.commits[0].partitions, Touched::These(tuples) if tuples.len() == 1));
    assert_eq!(followed.live(), [of("1", 1, 1), of("2", 3, 2)]);
    assert_eq!(followed.head.state.metadata.partition_columns, ["q"]);
    followed.assert_as_anew();
}

#[test]
fn a_column_that_is_added_is_told_with_the_schema_and_changes_no_data() {
    let mut followed = Followed::new(&partitioned_by_number("t"), "p");
    let columns = [
        ("p", "integer", None),
        ("x", "long", None),
        ("y", "string", None),
    ];
    let wider = described("t", &columns, &["p"], &json!({}));
    followed
        .table
        .commit(2, &[&operation("ADD COLUMNS"), &wider.to_string()]);
    let found = followed.read();
    let told = found.schema.unwrap();
    assert!(told.contains("\"y\""), "{told}");
    assert_eq!(versions(&found.commits), Vec::<u64>::new());
    assert_eq!(followed.live(), [of("1", 1, 1), of("2", 1, 1)]);
    followed.assert_as_anew();
}

#[test]
fn statistics_of_empty_files_that_are_refreshed_add_no_file() {
    let mut followed = Followed::new(&partitioned_by_number("t"), "p");
    let empty = |data_change: bool| {
        let action = json!({
            "path": "empty", "dataChange": data_change, "partitionValues": { "p": "1" },
            "stats": "{\"numRecords\":0}",
        });
        json!({ "add": action }).to_string()
    };
    followed.table.commit(2, &[&empty(true)]);
    followed.read();
    followed
        .table
        .commit(3, &[&operation("COMPUTE STATS"), &empty(false)]);
    followed.read();
    assert_eq!(followed.live(), [of("1", 2, 2), of("2", 1, 1)]);
    followed.assert_as_anew();
}
