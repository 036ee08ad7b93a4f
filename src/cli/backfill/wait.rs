//! `backfill create --wait`: passes until the backfill is at its end.
//!
//! Where somebody else reconciles, that one works the backfill off, and this only looks on.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use lineage::AssetIndex;

use super::super::Context;
use super::super::arguments::SelectArgs;
use super::super::reconcile::{Session, Step, finish, step};
use super::super::select;
use super::show;
use crate::app::{App, StateFile};
use crate::error::{CommandError, Exit};
use crate::ports::StateError;
use crate::reconcile::{Followed, follow};
use crate::report::tally;
use crate::signals::Signals;
use crate::state::{Backfill, BackfillName, BackfillState};

/// Between two looks where there is nothing to do but to wait.
const LOOK: Duration = Duration::from_secs(2);

pub(super) async fn run(
    context: &Context,
    app: App,
    store: StateFile,
    backfill: &Backfill,
) -> Result<Exit, CommandError> {
    let mut signals = Signals::catch()?;
    let bar = Bar::start(context, backfill);
    match app.take_lease(&store) {
        Ok(_) => {}
        Err(StateError::LeaseHeld { .. }) => {
            let done = look_on(&app, &store, &mut signals, &backfill.name, &bar).await;
            return end(context, &app, &store, &backfill.name, &bar, done?);
        }
        Err(error) => return Err(error.into()),
    }
    if app.workspace.is_none() {
        app.require_workspace()?;
    }
    let selection = select::parse(&SelectArgs::default())?;
    let mut session = Session::begin(context, app, store, selection, false)?;
    let graph = &session.app.graph;
    let keys = backfill.targets.keys();
    let mine = keys.filter_map(|key| graph.index_of(key.as_str()));
    session.selected = Some(mine.collect::<std::collections::BTreeSet<AssetIndex>>());
    let done = work(context, &mut session, &mut signals, &backfill.name, &bar).await;
    session.end()?;
    end(
        context,
        &session.app,
        &session.store,
        &backfill.name,
        &bar,
        done?,
    )
}

/// Makes passes until the backfill is at its end; returns an exit where something else ended it.
async fn work(
    context: &Context,
    session: &mut Session,
    signals: &mut Signals,
    name: &BackfillName,
    bar: &Bar,
) -> Result<Option<Exit>, CommandError> {
    let mut quiet = 0_u32;
    loop {
        let report = match step(session, signals).await? {
            Step::Passed(report) => report,
            Step::Signalled(exit) => return Ok(Some(exit)),
        };
        let backfill = show::find(&session.store, name)?;
        bar.show(&backfill);
        if !backfill.state.is_open() {
            return Ok(None);
        }
        if report.denied.is_some() {
            return Ok(Some(finish(context, &report)));
        }
        quiet = if report.is_quiet() {
            quiet.saturating_add(1)
        } else {
            0
        };
        let now = session.app.clock().now();
        let pause = match follow(&report, session.selected.as_ref(), now, quiet) {
            Followed::Again(pause) => pause,
            // What it waits for is somebody else's: a freeze, a pause, an input that failed.
            Followed::Settled | Followed::Stuck => LOOK,
        };
        tokio::select! {
            () = session.app.clock().sleep(pause) => {}
            exit = signals.received() => return Ok(Some(exit)),
        }
    }
}

/// Looks on until the backfill is at its end.
async fn look_on(
    app: &App,
    store: &StateFile,
    signals: &mut Signals,
    name: &BackfillName,
    bar: &Bar,
) -> Result<Option<Exit>, CommandError> {
    loop {
        let backfill = show::find(store, name)?;
        bar.show(&backfill);
        if !backfill.state.is_open() {
            return Ok(None);
        }
        tokio::select! {
            () = app.clock().sleep(LOOK) => {}
            exit = signals.received() => return Ok(Some(exit)),
        }
    }
}

fn end(
    context: &Context,
    app: &App,
    store: &StateFile,
    name: &BackfillName,
    bar: &Bar,
    exit: Option<Exit>,
) -> Result<Exit, CommandError> {
    bar.end();
    let backfill = show::find(store, name)?;
    show::emit(context, app, store, &backfill)?;
    Ok(exit.unwrap_or(match backfill.state {
        BackfillState::Completed => Exit::Done,
        BackfillState::Active
        | BackfillState::Paused
        | BackfillState::Failed
        | BackfillState::Cancelled => Exit::Failed,
    }))
}

/// How far it is, on a terminal.
struct Bar(Option<ProgressBar>);

impl Bar {
    fn start(context: &Context, backfill: &Backfill) -> Self {
        let bar = context.output.shows_progress().then(|| {
            let bar = ProgressBar::new(tally(backfill).wanted);
            let form = "{bar:30} {pos}/{len} partitions {elapsed} {msg}";
            if let Ok(style) = ProgressStyle::with_template(form) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self(bar)
    }

    fn show(&self, backfill: &Backfill) {
        if let Some(bar) = &self.0 {
            let found = tally(backfill);
            bar.set_position(found.done + found.failed + found.skipped);
            bar.set_message(show::counted(found));
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
