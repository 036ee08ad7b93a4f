//! Late data: a commit into old partitions, and just what depends on them runs.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use workspace::showcase::{Orders, Piece};

use super::{Show, wrong_tables};
use crate::demo::figure::{Bound, Figure};
use crate::demo::stage::StageError;
use crate::demo::witness::{builds_by_partition, runs_of};

/// The days for which something comes late, and the months that they are of.
const LATE: [&str; 3] = ["2024-01-09", "2024-01-23", "2024-03-03"];
const LATE_MONTHS: [&str; 2] = ["2024-01", "2024-03"];

pub(super) async fn play(show: &Show<'_>) -> Result<Vec<Figure>, StageError> {
    let stage = show.stage;
    let commands = stage.commands_of(Piece::LateData);
    let orders = Orders::new(&stage.folder_of(Piece::LateData));
    show.say("\n7. Orders of 91 days are built by days and months; then some come late for three old days.");
    orders.first_load(stage.now()).map_err(StageError::Sample)?;
    commands.settle().await?;
    let before = stage.runs();
    let days: Vec<NaiveDate> = LATE.iter().filter_map(|day| day.parse().ok()).collect();
    let version = orders.arrive_late(&days, stage.now());
    show.say(&format!(
        "   raw.orders is at version {} now, which holds orders of {}.",
        version.map_err(StageError::Sample)?,
        LATE.join(", ")
    ));
    commands.settle().await?;

    let entries = stage.runs_after(before);
    let built = |job| builds_by_partition(&runs_of(&entries, job));
    let jobs = [
        (
            "days of silver.orders built",
            built("late data orders"),
            LATE.as_slice(),
        ),
        (
            "days of mart.revenue_by_day built",
            built("late data revenue by day"),
            LATE.as_slice(),
        ),
        (
            "months of mart.revenue_by_month built",
            built("late data revenue by month"),
            LATE_MONTHS.as_slice(),
        ),
    ];
    let mut figures = Vec::new();
    let mut others = 0;
    for (name, builds, wanted) in jobs {
        let must_be = u64::try_from(wanted.len()).unwrap_or(u64::MAX);
        figures.push(Figure::count(
            name,
            builds.values().sum(),
            Bound::Exactly(must_be),
        ));
        others += beside(&builds, wanted);
    }
    show.say(&format!(
        "   {} runs built just these three days, and the two months they are of.",
        entries.len()
    ));
    figures.push(Figure::count(
        "other partitions built",
        others,
        Bound::Exactly(0),
    ));
    figures.push(wrong_tables(&orders.verify().map_err(StageError::Sample)?));
    Ok(figures)
}

/// How many partitions were built that nobody wanted.
fn beside(builds: &BTreeMap<String, usize>, wanted: &[&str]) -> usize {
    let wanted: BTreeSet<&str> = wanted.iter().copied().collect();
    let others = builds.keys().filter(|key| !wanted.contains(key.as_str()));
    others.count()
}
