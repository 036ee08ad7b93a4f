//! `watermark push`: record a position.

use assets::Asset;
use chrono::{DateTime, TimeDelta, Utc};

use super::super::arguments::parse_instant;
use super::super::open::load_app;
use super::super::{Context, explain, runs};
use crate::error::{CommandError, Exit};
use crate::report;
use crate::state::{Pushed, PushedWord, Pusher};

/// Clocks may be ahead of ours by this much.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// The greatest number that a state file holds.
const GREATEST: u64 = i64::MAX.unsigned_abs();

/// Arguments of `watermark push`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct PushArgs {
    /// The asset's key
    #[arg(value_name = "ASSET")]
    pub asset: String,
    /// Position as a number that the source counts up: a version, a batch, an offset
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=GREATEST), required_unless_present = "watermark")]
    pub version: Option<u64>,
    /// Event time through which it is complete: RFC 3339, or a date for its midnight in UTC. The position,
    /// where no --version is given
    #[arg(long, value_name = "INSTANT", value_parser = event_time)]
    pub watermark: Option<DateTime<Utc>>,
    /// When that was reached [default: now]
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant)]
    pub at: Option<DateTime<Utc>>,
    /// Begin the positions anew with this one: what readers took of earlier ones means nothing any more
    #[arg(long)]
    pub force: bool,
}

/// Reads an event time, which is the position in microseconds since 1970.
fn event_time(text: &str) -> Result<DateTime<Utc>, String> {
    let instant = parse_instant(text)?;
    if instant < DateTime::UNIX_EPOCH {
        return Err("it has to be after 1970".to_owned());
    }
    Ok(instant)
}

pub(super) fn run(context: &Context, args: &PushArgs) -> Result<Exit, CommandError> {
    let app = load_app(context, None)?;
    let index = explain::find(&app, &args.asset)?;
    let asset = app.graph.asset(index);
    if let Some(refused) = refuse(asset) {
        return Err(refused);
    }
    let now = app.clock().now();
    let at = args.at.unwrap_or(now);
    if at - now > SKEW {
        let message = "`--at` is in the future: nothing was reached then".to_owned();
        return Err(CommandError::new("C027", Exit::Usage, message));
    }
    let Some(pushed) = pushed(args) else {
        let message = "neither `--version` nor `--watermark` says how far it is".to_owned();
        return Err(CommandError::new("C027", Exit::Usage, message));
    };
    let store = app.open_state()?;
    let actor = runs::actor(context);
    let by = Pusher {
        actor: &actor,
        at: at.min(now),
        now,
        begins_anew: args.force,
    };
    let key = &asset.key;
    let is_news = store.push_position(key, &pushed, by)?.map_err(|refused| {
        let message = format!("the position of `{key}` is not taken: {refused}");
        CommandError::new("C027", Exit::Failed, message)
            .hint("positions only go on; `--force` begins them anew, which makes all readers stale")
    })?;
    let message = if is_news {
        format!("{key} is at {pushed}: the next pass sees the change")
    } else {
        format!("{key} is at {pushed} already: nothing changed")
    };
    let document = report::push_document(key, &pushed, is_news, &message);
    context
        .output
        .emit_value(&document, None, || format!("{message}\n"))?;
    Ok(Exit::Done)
}

fn pushed(args: &PushArgs) -> Option<Pushed> {
    match (args.version, args.watermark) {
        (Some(version), event_at) => Some(Pushed {
            word: PushedWord::Version,
            position: version,
            event_at,
        }),
        (None, event_at) => event_at.map(Pushed::at),
    }
}

/// Why nobody pushes the position of an asset, if so.
fn refuse(asset: &Asset) -> Option<CommandError> {
    let reason = if let Some(path) = &asset.path {
        format!(
            "`{}` has a table at `{path}`, whose log says how far it is",
            asset.key
        )
    } else if asset.is_built_here() || !asset.kind.has_table() {
        format!(
            "`{}` is no source: what builds it says how far it is",
            asset.key
        )
    } else {
        return None;
    };
    Some(
        CommandError::new("C026", Exit::Usage, reason)
            .hint("a position is pushed of a source that declares no `path`"),
    )
}
