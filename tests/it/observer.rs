//! An observer that is killed at any point and started again knows what it would know undisturbed;
//! and what `history` and `observe --explain` say of one table, and how they end.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::{Value, json};
use workspace::delta::{self, Stamp, Writer};

use crate::lakehouse::Lakehouse;
use crate::points::{dies_at, reached};
use crate::program::{Ran, folder, run, write};

/// A partitioned table that is written by hand: `path` below the project's folder.
struct ByHand<'a> {
    project: &'a Path,
    path: &'a str,
}

const BY_DAY: &str = "lake/landing/by_day";

impl ByHand<'_> {
    fn commit(&self, version: u64, lines: &[Value]) {
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        self.raw(version, &lines.join("\n"));
    }

    fn raw(&self, version: u64, text: &str) {
        let file = format!("{}/_delta_log/{version:020}.json", self.path);
        write(self.project, &file, text);
        let written = fs::File::options()
            .append(true)
            .open(self.project.join(file))
            .unwrap();
        let seconds = std::time::Duration::from_secs(1_700_000_000 + 60 * version);
        written
            .set_modified(std::time::UNIX_EPOCH + seconds)
            .unwrap();
    }
}

fn protocol() -> Value {
    json!({ "protocol": { "minReaderVersion": 1, "minWriterVersion": 2 } })
}

/// Columns of the table, the first of which it is partitioned by.
fn metadata(id: &str, columns: &[(&str, &str)]) -> Value {
    let field = |(name, kind): &(&str, &str)| json!({ "name": name, "type": kind, "nullable": true, "metadata": {} });
    let fields: Vec<Value> = columns.iter().map(field).collect();
    let schema = json!({ "type": "struct", "fields": fields }).to_string();
    json!({ "metaData": {
        "id": id, "schemaString": schema, "partitionColumns": [columns[0].0], "configuration": {},
    }})
}

const COLUMNS: [(&str, &str); 2] = [("day", "date"), ("x", "long")];

fn file(verb: &str, path: &str, day: &str) -> Value {
    json!({ verb: {
        "path": path, "dataChange": true, "partitionValues": { "day": day },
        "stats": "{\"numRecords\":3}",
    }})
}

fn by_hand(lake: &Lakehouse) -> Stamp {
    Stamp {
        at: lake.now(),
        writer: Writer::outside("Test/1", "tester"),
    }
}

/// What happens to the tables before each round.
const ROUNDS: [fn(&Lakehouse); 4] = [
    // Something new everywhere, and a table that is there for the first time.
    |lake| {
        lake.arrive(3);
        let asset =
            format!("assets:\n  - key: landing.by_day\n    kind: source\n    path: \"{BY_DAY}\"\n");
        write(lake.path(), "assets/by_day.yml", &asset);
        let table = day_table(lake);
        table.commit(0, &[protocol(), metadata("d", &COLUMNS)]);
        table.commit(
            1,
            &[
                file("add", "a", "2026-01-01"),
                file("add", "b", "2026-01-02"),
            ],
        );
    },
    // Partitions carried forward, maintenance, and other columns.
    |lake| {
        lake.arrivals().maintenance(lake.now()).unwrap();
        let table = day_table(lake);
        table.commit(
            2,
            &[
                file("remove", "a", "2026-01-01"),
                file("add", "c", "2026-01-02"),
            ],
        );
        let wider = [COLUMNS[0], COLUMNS[1], ("y", "string")];
        table.commit(3, &[metadata("d", &wider)]);
        table.commit(4, &[file("add", "d", "2026-01-03")]);
    },
    // A torn commit, a table that is made again, and one that vanishes.
    |lake| {
        lake.arrive(2);
        day_table(lake).raw(5, "{\"add\":{\"path\":");
        let place = lake.table("landing.salesforce_accounts");
        let table = delta::snapshot(&place).unwrap();
        let rows = delta::rows(&place, &table).unwrap();
        fs::remove_dir_all(&place).unwrap();
        delta::create(&place, &table.schema, &rows, &by_hand(lake)).unwrap();
        fs::remove_dir_all(lake.table("landing.netsuite_payments")).unwrap();
    },
    // Partitioned in another way, which has to be counted anew.
    |lake| {
        let table = day_table(lake);
        let by_x = [("x", "long"), ("day", "date")];
        let mut added = file("add", "z", "2026-01-01");
        added["add"]["partitionValues"] = json!({ "x": "7" });
        table.commit(
            5,
            &[
                metadata("d", &by_x),
                file("remove", "b", "2026-01-02"),
                file("remove", "c", "2026-01-02"),
                file("remove", "d", "2026-01-03"),
                added,
            ],
        );
    },
];

fn day_table(lake: &Lakehouse) -> ByHand<'_> {
    ByHand {
        project: lake.path(),
        path: BY_DAY,
    }
}

/// What is known of all tables, without when it was looked at.
fn known(lake: &Lakehouse) -> Vec<String> {
    let ran = lake.run("observe -o json");
    assert!(matches!(ran.exit, 0 | 5), "{ran:?}");
    let mut document = ran.json();
    document["observed_at"] = Value::Null;
    for table in document["tables"].as_array_mut().unwrap() {
        table["since"] = Value::Null;
        if let Some(change) = table
            .get_mut("schema_change")
            .filter(|change| change.is_object())
        {
            change["seen_at"] = Value::Null;
        }
        // That of a log which is kept for too short hangs on how often is looked.
        table["warnings"] = Value::Null;
    }
    let mut known = vec![format!("{document:#}")];
    let state = Connection::open(lake.state_file()).unwrap();
    for sql in [
        "SELECT * FROM table_partition ORDER BY asset, partition",
        "SELECT * FROM table_schema ORDER BY asset",
        "SELECT asset, table_id, version, compatibility, changes FROM schema_change ORDER BY seq",
        "SELECT asset, state, code, reason, head FROM observation ORDER BY asset",
        "SELECT asset, table_id, version, committed_at, operation FROM data_commit
         ORDER BY asset, table_id, version",
    ] {
        let mut query = state.prepare(sql).unwrap();
        let columns = query.column_count();
        let row = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Vec<Cell>> {
            (0..columns).map(|at| row.get(at)).collect()
        };
        let rows = query.query_map((), row).unwrap();
        known.extend(rows.map(|row| format!("{:?}", row.unwrap())));
    }
    known
}

/// Puts the state of one folder into another, as it stands there.
fn put(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).unwrap();
    }
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn fault_50_an_observer_that_is_killed_at_any_point_knows_in_the_end_what_it_would_have_known() {
    let lake = Lakehouse::built();
    let state = lake.state_file().parent().unwrap().to_owned();
    let (before, after) = (lake.path().join("before"), lake.path().join("after"));
    let mut kills = 0;
    for (round, change) in ROUNDS.into_iter().enumerate() {
        change(&lake);
        put(&state, &before);
        lake.run("observe");
        let undisturbed = known(&lake);
        put(&state, &after);
        put(&before, &state);
        let points = reached(&lake, "observe");
        assert!(
            points.contains_key("committing record_sightings"),
            "{points:?}"
        );
        for point in points.keys() {
            put(&before, &state);
            // A point that hangs on chance may be missed.
            kills += usize::from(dies_at(&lake, "observe", (point, 1)));
            // What vanished is believed when it is seen twice.
            lake.run("observe");
            let found = known(&lake);
            assert!(
                found == undisturbed,
                "round {round}, {point}: {}",
                first_difference(&found, &undisturbed)
            );
        }
        put(&after, &state);
        let checked = lake.run("state check");
        assert_eq!(checked.exit, 0, "{checked:?}");
    }
    assert!(kills > 40, "{kills}");
}

fn first_difference(found: &[String], expected: &[String]) -> String {
    let lines =
        |all: &[String]| -> Vec<String> { all.join("\n").lines().map(str::to_owned).collect() };
    let (found, expected) = (lines(found), lines(expected));
    let at = found.iter().zip(&expected).position(|(a, b)| a != b);
    let at = at.unwrap_or(found.len().min(expected.len()));
    format!("{:?} instead of {:?}", found.get(at), expected.get(at))
}

/// A project with one table of five commits, one that is nowhere, and one that has no place.
fn project() -> tempfile::TempDir {
    let folder = folder(&[
        (
            "headwater.yml",
            "version: 1\nname: shop\nenvironments: { dev: {} }\ndefault_environment: dev\n",
        ),
        (
            "assets/days.yml",
            "assets:\n  - { key: shop.days, kind: source, path: lake/days }\n  \
             - { key: shop.nowhere, kind: source, path: lake/nowhere }\n  \
             - { key: shop.placeless, kind: source, relation: a.b.c }\n",
        ),
    ]);
    let table = days(folder.path());
    let info = json!({ "commitInfo": {
        "operation": "WRITE", "userName": "ann", "readVersion": 0, "isBlindAppend": true,
        "job": { "jobRunId": "77", "jobId": "5" },
    }});
    table.commit(0, &[protocol(), metadata("d", &COLUMNS)]);
    table.commit(1, &[info, file("add", "a", "2026-01-01")]);
    table.commit(
        2,
        &[
            json!({ "commitInfo": { "operation": "DELETE" } }),
            file("remove", "a", "2026-01-01"),
            file("add", "b", "2026-01-02"),
        ],
    );
    table.commit(3, &[json!({ "commitInfo": { "operation": "VACUUM END" } })]);
    table.commit(4, &[file("add", "c", "2026-01-02")]);
    folder
}

fn days(project: &Path) -> ByHand<'_> {
    ByHand {
        project,
        path: "lake/days",
    }
}

/// What was said, without the folder.
fn told(folder: &Path, ran: &Ran) -> String {
    let text = format!("exit {}\n{}{}", ran.exit, ran.stdout, ran.stderr);
    text.replace(&folder.display().to_string(), "PROJECT")
}

#[test]
fn history_shows_every_commit_to_people() {
    let project = project();
    let ran = run(project.path(), "history shop.days");
    insta::assert_snapshot!(told(project.path(), &ran));
}

#[test]
fn history_gives_programs_the_commits_of_a_range_and_what_they_touched() {
    let project = project();
    let ran = run(project.path(), "history shop.days --from 1 --to 2 -o json");
    assert_eq!((ran.exit, &*ran.stderr), (0, ""));
    let document = ran.json();
    assert_eq!(document["earliest"], 0);
    assert_eq!(document["newest"], 4);
    assert_eq!(document["partition_columns"], json!(["day"]));
    assert_eq!(
        document["partitions_changed"],
        json!([{ "day": "2026-01-01" }, { "day": "2026-01-02" }])
    );
    let [write, delete] = &document["commits"].as_array().unwrap()[..] else {
        panic!("{document}");
    };
    assert_eq!(write["version"], 1);
    assert_eq!(write["time"], "2023-11-14T22:14:20Z");
    assert_eq!(write["commit_time_source"], "file");
    assert_eq!(write["partitions"], json!([{ "day": "2026-01-01" }]));
    assert_eq!(
        (&write["rows_added"], &write["rows_removed"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(write["is_blind_append"], true);
    assert_eq!(write["writer"]["job_run_id"], 77);
    assert_eq!(
        (&delete["operation"], &delete["rows_removed"]),
        (&json!("DELETE"), &json!(3))
    );
    // Beyond what is there, the ends of the log count.
    let ran = run(
        project.path(),
        "history shop.days --from 3 --to 900 -o json",
    );
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert_eq!(ran.json()["commits"].as_array().unwrap().len(), 2);
    let ran = run(project.path(), "history shop.days --from 900 -o json");
    assert_eq!((ran.exit, &ran.json()["commits"]), (0, &json!([])));
}

#[test]
fn history_of_what_cannot_be_read_says_so_and_how_far_it_came() {
    let project = project();
    days(project.path()).raw(3, "{\"add\":");
    let ran = run(project.path(), "history shop.days -o json");
    let document = ran.json();
    assert_eq!((ran.exit, &document["code"]), (5, &json!("torn_commit")));
    assert_eq!(document["commits"].as_array().unwrap().len(), 3);
    // What was not read may have changed anything.
    assert_eq!(
        (
            &document["partitions_changed"],
            &document["partitions_changed_reason"]
        ),
        (&json!("all"), &json!("lost"))
    );
    let ran = run(project.path(), "history shop.days");
    assert!(
        ran.exit == 5 && ran.stdout.contains("not read further: "),
        "{ran:?}"
    );
    let ran = run(project.path(), "history shop.days --to 2 -o json");
    assert_eq!((ran.exit, &ran.json()["state"]), (0, &json!("ok")));
}

#[test]
fn history_and_observe_refuse_what_makes_no_sense() {
    let project = project();
    let mut all = String::new();
    for args in [
        "history shop.day",
        "history shop.days --from 3 --to 2",
        "history shop.days --from -1",
        "history shop.nowhere",
        "history shop.placeless",
        "observe --explain shop.day",
        "observe --explain shop.placeless",
        "observe --cold",
        "observe --explain shop.days shop.days",
    ] {
        let ran = run(project.path(), args);
        writeln!(all, "$ headwater {args}\n{}", told(project.path(), &ran)).unwrap();
    }
    insta::assert_snapshot!(all);
}

/// The conclusions and the requests of a look.
fn explained(project: &Path, args: &str) -> (Vec<String>, Vec<String>) {
    let ran = run(project, &format!("observe --explain {args} -o json"));
    assert_eq!(ran.exit, 0, "{ran:?}");
    let document = ran.json();
    let texts = |list: &Value, of: &dyn Fn(&Value) -> String| {
        list.as_array().unwrap().iter().map(of).collect()
    };
    let request = |call: &Value| {
        let word = |field: &str| call[field].as_str().unwrap().to_owned();
        format!("{} {} {}", word("verb"), word("name"), word("answer"))
    };
    (
        texts(&document["conclusions"], &|said| {
            said.as_str().unwrap().to_owned()
        }),
        texts(&document["requests"], &request),
    )
}

#[test]
fn observe_explains_a_look_request_by_request_and_records_nothing() {
    let project = project();
    let (said, requests) = explained(project.path(), "shop.days");
    assert_eq!(said[0], "nothing was known");
    assert!(said.contains(&"2 files, 6 rows".to_owned()), "{said:?}");
    assert!(!requests.is_empty());
    let (again, _) = explained(project.path(), "shop.days");
    assert_eq!(again[0], "nothing was known", "nothing was recorded");

    let seen = run(project.path(), "observe shop.days");
    assert_eq!(seen.exit, 5, "where others lie is not known: {seen:?}");
    let (said, requests) = explained(project.path(), "shop.days");
    assert_eq!(said, ["v4 was known", "nothing is new"]);
    assert!(requests.len() <= 2, "{requests:?}");
    days(project.path()).commit(5, &[file("add", "e", "2026-01-09")]);
    let (said, _) = explained(project.path(), "shop.days");
    assert!(
        said.iter().any(|line| line.starts_with("read up to v5")),
        "{said:?}"
    );
    let (said, _) = explained(project.path(), "shop.days --cold");
    assert_eq!(said[0], "nothing was known");

    days(project.path()).raw(6, "{");
    let (said, _) = explained(project.path(), "shop.days");
    assert!(
        said.last()
            .unwrap()
            .starts_with("what comes after does not count: "),
        "{said:?}"
    );
    let (said, _) = explained(project.path(), "shop.nowhere");
    assert_eq!(
        said,
        ["nothing was known", "there is no log, or none of its files"]
    );
    let people = run(project.path(), "observe --explain shop.days --cold");
    assert!(
        people.exit == 0 && people.stdout.contains("- nothing was known\n"),
        "{people:?}"
    );
}
