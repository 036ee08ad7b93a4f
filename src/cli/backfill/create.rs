//! `backfill create`: what is asked for, under which name.

use super::super::arguments::SelectArgs;
use super::super::open::load_app;
use super::super::reconcile::plan_input;
use super::super::runs::actor;
use super::super::{Context, human};
use super::wanted::wanted;
use super::{show, wait};
use crate::app::{App, StateFile};
use crate::error::{CommandError, Exit};
use crate::plan::{appended_before, standings};
use crate::ports::State;
use crate::report::{self, BackfillProgress, tally};
use crate::state::{Backfill, BackfillName, BackfillOrder, BackfillState, Memory};

/// Most runs at once unless somebody asks for another number.
const AT_ONCE: u32 = 4;

/// Arguments of `backfill create`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater backfill create silver.orders --from 2026-01-01 --to 2026-01-31\n  \
                  headwater backfill create silver.orders --partitions 2026-01-01,2026-01-05 --downstream\n  \
                  headwater backfill create tag:finance --all --chunk 7 --max-concurrent 2 --order newest\n  \
                  headwater backfill create silver.orders --all --dry-run"
)]
pub(super) struct CreateArgs {
    /// Partitions of which assets.
    #[command(flatten)]
    pub(super) select: SelectArgs,
    /// From this partition on
    #[arg(long, value_name = "KEY", conflicts_with_all = ["partitions", "all"])]
    pub(super) from: Option<String>,
    /// Up to this partition, inclusive
    #[arg(long, value_name = "KEY", conflicts_with_all = ["partitions", "all"])]
    pub(super) to: Option<String>,
    /// Just these partitions
    #[arg(
        long,
        value_name = "KEY,…",
        value_delimiter = ',',
        conflicts_with = "all"
    )]
    pub(super) partitions: Vec<String>,
    /// All partitions that exist; of assets without partitions, the whole
    #[arg(long)]
    pub(super) all: bool,
    /// And what they feed in all assets downstream that are built here
    #[arg(long)]
    pub(super) downstream: bool,
    /// Most partitions in one run [default: the asset's `max_partitions_per_run`, else 30]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    chunk: Option<u32>,
    /// Most runs at once
    #[arg(long, value_name = "N", default_value_t = AT_ONCE, value_parser = clap::value_parser!(u32).range(1..))]
    max_concurrent: u32,
    /// Which dates first
    #[arg(long, value_enum, default_value_t = Order::Oldest)]
    order: Order,
    /// Also append to partitions a second time, where the task appends
    #[arg(long)]
    force: bool,
    /// Its name [default: the asset's and the date]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Say what would be asked for, and write nothing down
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    /// Make passes until it is at its end
    #[arg(long)]
    wait: bool,
}

/// Which dates first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Order {
    Oldest,
    Newest,
}

pub(super) async fn run(context: &Context, args: &CreateArgs) -> Result<Exit, CommandError> {
    let app = load_app(context, None)?;
    let found = wanted(context, &app, args)?;
    let store = if args.dry_run {
        app.read_state()?
    } else {
        app.open_state()?
    };
    let who = actor(context);
    let memory = store.load()?;
    let now = app.clock().now();
    let first = found
        .seeds
        .first()
        .map(|index| &app.graph.asset(*index).key);
    let stem = first.map(|key| key.as_str().rsplit('.').next().unwrap_or(key.as_str()));
    let name = if let Some(name) = &args.name {
        checked(name)?
    } else {
        let date = now.format("%Y-%m-%d");
        free_name(&store, &format!("{}-{date}", stem.unwrap_or("backfill")))?
    };
    let backfill = Backfill {
        name,
        state: BackfillState::Active,
        order: match args.order {
            Order::Oldest => BackfillOrder::OldestFirst,
            Order::Newest => BackfillOrder::NewestFirst,
        },
        chunk: args.chunk,
        max_concurrent_runs: args.max_concurrent,
        is_forced: args.force,
        pass: memory.pass,
        created_at: now,
        created_by: who.clone(),
        finished_at: None,
        targets: found.targets,
    };
    refuse_appending_twice(&app, &memory, &backfill)?;
    if args.dry_run {
        let progress = BackfillProgress::default();
        let document = report::backfill_document(&app.graph, &backfill, progress, now);
        context
            .output
            .emit_value(&document, None, || summary(&app, &backfill, "would be"))?;
        return Ok(Exit::Done);
    }
    store.act_as(&who);
    store.create_backfill(&backfill)?;
    if args.wait {
        return wait::run(context, app, store, &backfill).await;
    }
    let backfill = show::find(&store, &backfill.name)?;
    let document =
        report::backfill_document(&app.graph, &backfill, BackfillProgress::default(), now);
    context
        .output
        .emit_value(&document, None, || summary(&app, &backfill, "is"))?;
    Ok(Exit::Done)
}

fn summary(app: &App, backfill: &Backfill, verb: &str) -> String {
    let all = usize::try_from(tally(backfill).wanted).unwrap_or(usize::MAX);
    let first = format!(
        "backfill {} {verb} made: {} of {}, at most {} at once\n",
        backfill.name,
        human::counted(all, "partition"),
        human::counted(backfill.targets.len(), "asset"),
        human::counted(
            usize::try_from(backfill.max_concurrent_runs).unwrap_or(usize::MAX),
            "run"
        ),
    );
    let mut lines = vec![first];
    for (key, target) in &backfill.targets {
        let index = app.graph.index_of(key.as_str());
        let definition = index.and_then(|index| app.graph.asset(index).planned_partitions());
        let ranges = definition.map(|definition| definition.key_ranges(&target.wanted));
        let ranges = ranges.unwrap_or_default();
        let count = target.wanted.count().unwrap_or(1);
        match (ranges.first(), ranges.last()) {
            (Some(first), Some(last)) => {
                lines.push(format!("  {key}: {count}, {} to {}\n", first.from, last.to));
            }
            (None, _) | (_, None) => lines.push(format!("  {key}: the whole\n")),
        }
    }
    lines.concat()
}

/// Checks a name that a person chose.
fn checked(name: &str) -> Result<BackfillName, CommandError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= 100 && name.chars().all(is_plain) {
        return Ok(BackfillName(name.to_owned()));
    }
    let message = format!("`{name}` cannot be the name of a backfill");
    Err(CommandError::new("C030", Exit::Usage, message)
        .hint("write at most 100 letters, digits, `-`, `_` and `.`"))
}

/// Returns a name that no backfill has.
fn free_name(store: &StateFile, stem: &str) -> Result<BackfillName, CommandError> {
    let known = store.backfills()?;
    let is_free = |name: &String| known.iter().all(|backfill| backfill.name.0 != *name);
    let more = (2_u32..).map(|number| format!("{stem}-{number}"));
    let mut names = std::iter::once(stem.to_owned()).chain(more);
    let name = names.find(is_free);
    Ok(BackfillName(name.unwrap_or_else(|| stem.to_owned())))
}

/// Fails where a task would append to what it appended to before.
fn refuse_appending_twice(
    app: &App,
    memory: &Memory,
    backfill: &Backfill,
) -> Result<(), CommandError> {
    if backfill.is_forced {
        return Ok(());
    }
    let input = plan_input(app, memory);
    let standings = standings(&input);
    for (key, target) in &backfill.targets {
        let index = app.graph.index_of(key.as_str());
        let standing = index.and_then(|index| Some((index, standings.get(index.position())?)));
        let Some((index, standing)) = standing else {
            continue;
        };
        let twice = appended_before(&input, index, standing, &target.wanted);
        if twice.is_empty() {
            continue;
        }
        let what = match twice.count() {
            Some(count) => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                human::counted(count, "partition")
            }
            None => "the whole".to_owned(),
        };
        let message = format!("the task of `{key}` appends, and {what} of it was built before");
        return Err(CommandError::new("C029", Exit::Usage, message).hint(
            "take out of the tables what was appended and add `--force`, or ask for other partitions",
        ));
    }
    Ok(())
}
