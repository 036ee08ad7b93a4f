//! Where `deltalake` says something else than the rules do, and why.

use std::collections::BTreeSet;

use serde_json::Value;

use super::catalogue::{Catalogue, list, name_of};

/// Table, what differs, and why. Nothing else may differ, and all of this has to.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "checkpoints/part_missing_older_there",
        "opens",
        "it relies on `_last_checkpoint` and does not look for an older checkpoint",
    ),
    (
        "damage/bad_statistics",
        "rows",
        "it counts a file whose statistics it cannot read as empty",
    ),
    (
        "damage/bad_statistics",
        "rows_read",
        "it cannot read rows where statistics are no JSON",
    ),
    (
        "damage/corrupt_checkpoint",
        "opens",
        "it does not pass over a checkpoint that it cannot read",
    ),
    (
        "damage/corrupt_checkpoint_older_there",
        "opens",
        "it does not pass over a checkpoint that it cannot read",
    ),
    (
        "damage/hint_dangling",
        "opens",
        "it relies on `_last_checkpoint`",
    ),
    (
        "damage/stray_checksum",
        "opens",
        "it fails where a checksum is newer than the newest commit",
    ),
    (
        "damage/truncated",
        "trusts",
        "it does not hold a commit against its checksum",
    ),
    (
        "damage/zero_bytes",
        "trusts",
        "it takes an empty file for a commit without actions",
    ),
    (
        "operations/cloned",
        "rows_read",
        "the clone names a file in a store that is not there",
    ),
    (
        "operations/converted",
        "rows",
        "it counts files without statistics as empty",
    ),
    (
        "operations/converted",
        "rows_read",
        "it reads the files; without statistics the log does not tell",
    ),
    (
        "operations/flag_missing",
        "opens",
        "it refuses an action without dataChange",
    ),
    (
        "operations/no_commit_info",
        "operations",
        "it numbers operations from the newest commit back and does not see that one is missing",
    ),
    (
        "operations/no_schema",
        "opens",
        "it refuses metaData without schemaString",
    ),
    (
        "operations/strange_schema",
        "opens",
        "it refuses a schema that does not parse",
    ),
    (
        "operations/without_stats",
        "rows",
        "it counts files without statistics as empty",
    ),
    (
        "operations/without_stats",
        "rows_read",
        "it reads the files; without statistics the log does not tell",
    ),
    (
        "partitions/bad_decimal",
        "opens",
        "it cannot read the decimal that it wrote",
    ),
    (
        "partitions/equal_decimals",
        "opens",
        "it cannot read a decimal with more digits than its type has",
    ),
    (
        "partitions/equal_local_times",
        "partitions",
        "it counts spellings, not values",
    ),
    (
        "partitions/equal_nulls",
        "partitions",
        "it counts spellings, not values",
    ),
    (
        "partitions/equal_numbers",
        "partitions",
        "it counts spellings, not values",
    ),
    (
        "partitions/equal_times",
        "partitions",
        "it counts spellings, not values",
    ),
    (
        "partitions/unparsable",
        "opens",
        "it fails at a value that is no date",
    ),
    (
        "refused/not_observable_features",
        "rows_read",
        "reading rows needs features that observing the log does not",
    ),
    (
        "vectors/add_stands_first",
        "rows",
        "its count is that of the files; its rows are right",
    ),
    (
        "vectors/deleted_again",
        "rows",
        "its count is that of the files; its rows are right",
    ),
    (
        "vectors/deleted_rows",
        "rows",
        "its count is that of the files; its rows are right",
    ),
    (
        "vectors/in_a_file",
        "rows",
        "its count is that of the files",
    ),
    (
        "vectors/in_a_file",
        "rows_read",
        "the file with the vectors is not there, and nothing but reading rows needs it",
    ),
    (
        "vectors/in_checkpoint",
        "rows",
        "its count is that of the files; its rows are right",
    ),
    (
        "vectors/loose_bounds",
        "rows",
        "its count is that of the files; its rows are right",
    ),
    (
        "volume/many_partitions",
        "partitions",
        "it counts spellings, not values",
    ),
];

/// What both are asked.
const ASKED: [&str; 6] = [
    "files",
    "partition_columns",
    "partitions",
    "rows",
    "table_id",
    "version",
];

#[test]
fn another_reader_says_the_same_but_for_what_is_explained() {
    let Some(catalogue) = Catalogue::generated() else {
        return;
    };
    let found: BTreeSet<(&str, &str)> = catalogue
        .tables()
        .flat_map(|table| differing(table).map(|what| (name_of(table), what)))
        .collect();
    let explained = DIFFERENCES.iter().map(|(table, what, _)| (*table, *what));
    let explained: BTreeSet<(&str, &str)> = explained.collect();
    let unexplained: Vec<_> = found.difference(&explained).collect();
    let vain: Vec<_> = explained.difference(&found).collect();
    assert!(unexplained.is_empty(), "not explained: {unexplained:?}");
    assert!(vain.is_empty(), "does not differ: {vain:?}");
}

/// Returns what differs between the rules and the other reader.
fn differing(table: &Value) -> impl Iterator<Item = &'static str> {
    let (ours, theirs) = (&table["observe"], &table["deltalake"]);
    let (is_ok, opens) = (ours["state"] == "ok", theirs["opens"] == true);
    let mut found = Vec::new();
    if is_ok && !opens {
        found.push("opens");
    }
    if !is_ok && opens {
        found.push("trusts");
    }
    if is_ok && opens {
        let asked = ASKED.iter().copied();
        found.extend(asked.filter(|what| {
            let ours = ours.get(*what);
            ours.is_some_and(|ours| *ours != theirs[*what])
        }));
        if !theirs["rows_read"].is_null() && ours["rows"] != theirs["rows_read"] {
            found.push("rows_read");
        }
        if table["history"].is_object() && !same_operations(table) {
            found.push("operations");
        }
    }
    found.into_iter()
}

/// Whether each operation that the other reader tells is that of the commit.
fn same_operations(table: &Value) -> bool {
    let commits = list(&table["history"], "commits");
    let of = |version: &Value| commits.iter().find(|commit| commit["version"] == *version);
    list(&table["deltalake"], "operations")
        .iter()
        .all(|told| of(&told[0]).is_none_or(|commit| commit["operation"] == told[1]))
}
