//! Over which values of a column commits are seen to spread: on the way on, at first contact, after a change of
//! what the column is, and where it was not watched before.

use assets::delta::contents::Watch;
use assets::delta::schema::DataType;

use super::*;

/// Asks for the spread over a column.
fn watching(column: &str) -> Ask {
    Ask::counting(vec![Watch::Spread(column.to_owned())], Look::Quick)
}

fn table(column: (&str, &str, Option<&str>), partitioned_by: &[&str]) -> Table {
    let table = Table::empty();
    let described = described("t", &[column], partitioned_by, &json!({})).to_string();
    table.commit(0, &[PROTOCOL, &described]);
    table
}

/// A commit of files that are added, each with the least and greatest value of a column.
fn add(table: &Table, version: u64, column: &str, files: &[(&str, &str)]) {
    let lines = files.iter().enumerate().map(|(at, (min, max))| {
        let stats = json!({ "numRecords": 1, "nullCount": { column: 0 },
            "minValues": { column: min }, "maxValues": { column: max } });
        let path = format!("{version}-{at}");
        json!({ "add": { "path": path, "partitionValues": {}, "dataChange": true,
            "stats": stats.to_string() } })
        .to_string()
    });
    let lines: Vec<String> = lines.collect();
    table.commit(
        version,
        &lines.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

fn read_on(table: &Table, known: Option<&KnownHead>, ask: &Ask) -> Update {
    update(read(&LocalStore::of(table.location()), known, ask))
}

/// The ranges of each commit; `unknown` where one of its files does not tell.
fn spreads(update: &Update) -> Vec<String> {
    let of = |commit: &Commit| {
        let shown = commit.spreads.iter().map(|spread| match &spread.ranges {
            None => format!("{} unknown", spread.column),
            Some(ranges) => {
                let text = |edge: &assets::delta::Edge| edge.bound().unwrap().value.clone();
                let ranges = ranges
                    .iter()
                    .map(|r| format!("{}..{}", text(&r.min), text(&r.max)));
                format!("{} {}", spread.column, ranges.collect::<Vec<_>>().join(" "))
            }
        });
        format!(
            "v{} {}",
            commit.version,
            shown.collect::<Vec<_>>().join(" ")
        )
    };
    update.commits.iter().map(of).collect()
}

#[test]
fn commits_tell_their_spread_at_first_contact_and_from_then_on() {
    let table = table(("day", "date", Some("col-1")), &[]);
    add(&table, 1, "col-1", &[("2026-05-01", "2026-05-02")]);
    let ask = watching("day");
    let cold = read_on(&table, None, &ask);
    assert_eq!(spreads(&cold), ["v1 day 2026-05-01..2026-05-02"]);
    add(
        &table,
        2,
        "col-1",
        &[("2026-06-01", "2026-06-01"), ("2026-07-01", "2026-07-01")],
    );
    table.commit(3, &[REMOVE]);
    let warm = read_on(&table, Some(&cold.head), &ask);
    assert_eq!(
        spreads(&warm),
        [
            "v2 day 2026-06-01..2026-06-01 2026-07-01..2026-07-01",
            "v3 day unknown"
        ]
    );
}

#[test]
fn a_column_that_files_are_partitioned_by_is_not_looked_at() {
    let table = table(("day", "date", None), &["day"]);
    add(&table, 1, "day", &[("2026-05-01", "2026-05-02")]);
    let cold = read_on(&table, None, &watching("DAY"));
    assert_eq!(spreads(&cold), ["v1 "]);
}

#[test]
fn what_was_not_watched_before_is_from_the_next_commit_on() {
    let table = table(("day", "date", None), &[]);
    add(&table, 1, "day", &[("2026-05-01", "2026-05-02")]);
    let cold = read_on(&table, None, &Ask::counting(Vec::new(), Look::Quick));
    assert_eq!(spreads(&cold), ["v1 "]);
    add(&table, 2, "day", &[("2026-06-01", "2026-06-01")]);
    let warm = read_on(&table, Some(&cold.head), &watching("day"));
    assert_eq!(spreads(&warm), ["v2 day 2026-06-01..2026-06-01"]);
    assert!(
        warm.head.details.contents.is_some(),
        "nothing was counted anew for it"
    );
}

#[test]
fn a_column_that_becomes_another_one_is_read_as_that() {
    let table = table(("day", "date", None), &[]);
    add(&table, 1, "day", &[("2026-05-01", "2026-05-02")]);
    let ask = watching("day");
    let cold = read_on(&table, None, &ask);
    let wider = [("day", "timestamp_ntz", None)];
    let wider = described("t", &wider, &[], &json!({})).to_string();
    let stats = json!({ "numRecords": 1, "nullCount": { "day": 0 },
        "minValues": { "day": "2026-06-01T00:00:00" }, "maxValues": { "day": "2026-06-02T00:00:00" } });
    let file = json!({ "add": { "path": "x", "partitionValues": {}, "dataChange": true,
        "stats": stats.to_string() } });
    table.commit(2, &[&wider, &file.to_string()]);
    add(
        &table,
        3,
        "day",
        &[("2026-06-03T01:00:00", "2026-06-03T02:00:00")],
    );
    let warm = read_on(&table, Some(&cold.head), &ask);
    assert_eq!(
        spreads(&warm),
        ["v2 ", "v3 day 2026-06-03 01:00:00..2026-06-03 02:00:00"],
        "the commit that changes it tells nothing"
    );
    let column = &warm.head.details.spread[0];
    assert_eq!(column.data_type, DataType::TimestampNtz);
}

#[test]
fn what_a_column_was_before_the_newest_description_is_not_guessed() {
    let table = table(("day", "date", None), &[]);
    add(&table, 1, "day", &[("2026-05-01", "2026-05-02")]);
    let wider = [("day", "timestamp_ntz", None)];
    let wider = described("t", &wider, &[], &json!({})).to_string();
    table.commit(2, &[&wider]);
    let cold = read_on(&table, None, &watching("day"));
    assert_eq!(spreads(&cold), ["v1 "]);
    // A commit that describes the table and fills it is read as what it says.
    let file = json!({ "add": { "path": "x", "partitionValues": {}, "dataChange": true,
        "stats": json!({ "numRecords": 1, "nullCount": { "day": 0 },
            "minValues": { "day": "2026-06-01T00:00:00" },
            "maxValues": { "day": "2026-06-02T00:00:00" } }).to_string() } });
    table.commit(3, &[&wider, &file.to_string()]);
    let cold = read_on(&table, None, &watching("day"));
    assert_eq!(
        spreads(&cold),
        ["v1 ", "v3 day 2026-06-01 00:00:00..2026-06-02 00:00:00"]
    );
}
