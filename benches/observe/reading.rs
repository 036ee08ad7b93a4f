//! Tables that stand still, tables seen for the first time, and one commit more.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use assets::AssetKey;
use assets::delta::contents::{PartitionNews, Watch};
use assets::delta::{KnownHead, Reading, Update};
use headwater::adapters::LogTables;
use headwater::delta_log::{Ask, LocalStore, Look, read};
use headwater::ports::{Counting, TableLocation, TableRequest, Tables};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::logs::{self, WATCHED};
use crate::measure::{cpu, median, peak_mib};

/// Looks at many tables of which nothing is new, as a pass does.
pub(crate) fn quiet(lake: &Path, count: usize, passes: usize) {
    let runtime = Runtime::new().expect("threads can be started");
    let tables = LogTables::new(lake.to_path_buf(), Arc::default(), 0);
    let mut requests: Vec<TableRequest> = (0..count).map(|table| request(lake, table)).collect();
    let readings = runtime.block_on(tables.read(requests.clone()));
    for (request, reading) in requests.iter_mut().zip(readings) {
        let head = news(reading).head;
        assert!(head.details.contents.is_some(), "its files are counted");
        request.known = Some(Arc::new(head));
        request.counting = Counting::InTime;
    }
    let (mut spent, mut walls) = (Vec::new(), Vec::new());
    for _ in 0..passes {
        let requests = requests.clone();
        let since = Instant::now();
        let (readings, took) = cpu(|| runtime.block_on(tables.read(requests)));
        walls.push(since.elapsed().as_secs_f64() * 1e6 / many(count));
        spent.push(took * 1e3 / many(count));
        assert!(
            readings
                .iter()
                .all(|reading| *reading == Reading::Unchanged)
        );
    }
    say(&json!({"us": median(spent), "wall_us": median(walls)}));
}

fn request(lake: &Path, table: usize) -> TableRequest {
    let place = logs::place(lake, table);
    let name = format!("bronze.table_{table:05}");
    TableRequest {
        asset: AssetKey::new(&name).expect("the name of a table is a key"),
        location: TableLocation {
            path: place.display().to_string(),
            located: None,
        },
        known: None,
        columns: vec![Watch::Range(WATCHED.to_owned())],
        counting: Counting::Now,
    }
}

/// Reads a table of which nothing is known, so many times.
pub(crate) fn cold(table: &Path, is_full: bool, times: usize) {
    let store = LocalStore::of(table);
    let ask = if is_full {
        everything()
    } else {
        Ask::default()
    };
    let idle = peak_mib();
    let (mut spent, mut walls) = (Vec::new(), Vec::new());
    let mut peak = idle;
    let mut said = Value::Null;
    for _ in 0..times {
        let since = Instant::now();
        let (reading, took) = cpu(|| read(&store, None, &ask));
        walls.push(since.elapsed().as_secs_f64() * 1e3);
        spent.push(took);
        if said.is_null() {
            peak = peak_mib();
        }
        said = says(&news(reading), is_full);
    }
    let found = json!({"ms": median(spent), "wall_ms": median(walls), "peak_mib": peak,
        "idle_mib": idle, "says": said});
    say(&found);
}

/// What the other reader has to find as well.
fn says(update: &Update, is_full: bool) -> Value {
    let head = &update.head;
    let Some(contents) = head.details.contents.as_ref().filter(|_| is_full) else {
        return json!({"version": head.version});
    };
    let PartitionNews::Replaced(partitions) = &update.partitions else {
        return json!("no partitions were counted");
    };
    let live = partitions.values().filter(|partition| partition.files > 0);
    let watched = contents.columns.first().expect("one column is watched");
    let bound = |edge: &assets::delta::bounds::Edge| edge.bound().map(|bound| bound.value.clone());
    json!({"version": head.version, "files": contents.files, "rows": contents.rows,
        "partitions": live.count(), "min": bound(&watched.range.min), "max": bound(&watched.range.max)})
}

/// Reads one commit more of a table that is known, so many times.
pub(crate) fn next(table: &Path, times: usize) {
    let store = LocalStore::of(table);
    let ask = everything();
    let mut head = news(read(&store, None, &ask)).head;
    let first = head.version + 1;
    let mut spent = Vec::new();
    for version in first..first + u64::try_from(times).expect("a few times") {
        logs::append(table, version);
        let (reading, took) = cpu(|| read(&store, Some(&head), &ask));
        spent.push(took * 1e3);
        let update = news(reading);
        assert_eq!(update.head.version, version);
        assert!(
            matches!(update.partitions, PartitionNews::Changed(_)),
            "it is carried"
        );
        head = update.head;
    }
    logs::cut(table, first);
    say(&json!({"us": median(spent)}));
}

/// Files, rows, partitions and a column.
pub(crate) fn everything() -> Ask {
    Ask::counting(vec![Watch::Range(WATCHED.to_owned())], Look::Quick)
}

pub(crate) fn news(reading: Reading) -> Update {
    match reading {
        Reading::Read(update) => *black_box(update),
        other @ (Reading::Unchanged | Reading::Unknown(_) | Reading::Absent) => {
            unreachable!("the table can be read: {other:?}")
        }
    }
}

/// Remembers a head.
pub(crate) fn head(reading: Reading) -> Arc<KnownHead> {
    Arc::new(news(reading).head)
}

#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub(crate) fn say(found: &Value) {
    println!("{found}");
}

fn many(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("not that many tables"))
}
