//! `reconcile --watch`: passes for ever, woken by changed logs and files.

use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;

use super::open::{load_app, watched_files};
use super::progress::Progress;
use super::reconcile::{Session, Step, finish, load_for_plan, selected, step};
use super::{Context, mass_change};
use crate::error::{CommandError, Exit};
use crate::reconcile::PassReport;
use crate::report;
use crate::signals::Signals;
use crate::watch::{Watcher, Woken};

/// Between a wake-up and the pass: several files of one change arrive together.
const SETTLE: Duration = Duration::from_millis(20);

/// The shortest and the longest wait between two looks at runs under way.
const LOOKS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Makes passes until a signal comes.
pub(super) async fn run(
    context: &Context,
    session: &mut Session,
    signals: &mut Signals,
    interval: TimeDelta,
) -> Result<Exit, CommandError> {
    let interval = interval.to_std().unwrap_or(Duration::from_secs(10));
    let mut watcher = Watcher::start().map_err(|error| {
        CommandError::from_chain("C014", Exit::Failed, &error).hint(
            "look at fs.inotify.max_user_instances, or use cron with plain `headwater reconcile`",
        )
    })?;
    watcher.watch_project(&watched_files(context)?);
    let mut progress = Progress::start(context);
    let mut quiet = 0_u32;
    context.output.talk("watching; end with Ctrl-C\n");
    loop {
        watcher.watch_tables(table_folders(session)?);
        let report = match step(session, signals).await {
            Ok(Step::Passed(report)) => report,
            Ok(Step::Signalled(exit)) => break Ok(exit),
            // A state that is gone or a lease that is lost ends the loop; the rest passes.
            Err(error) => break Err(error),
        };
        tell(context, &mut progress, &report, session)?;
        let is_quiet = report.is_quiet();
        quiet = if is_quiet { quiet.saturating_add(1) } else { 0 };
        let pause = pause(&report, session, interval, quiet);
        tokio::select! {
            woken = watcher.woken() => {
                session.app.clock().sleep(SETTLE).await;
                if woken == Woken::ByProject {
                    reload(context, session, &mut watcher);
                }
            }
            () = session.app.clock().sleep(pause) => {}
            exit = signals.received() => break Ok(exit),
        }
    }
}

fn tell(
    context: &Context,
    progress: &mut Progress<'_>,
    report: &PassReport,
    session: &Session,
) -> Result<(), CommandError> {
    progress.pass(report);
    let something_happened = !report.settled.is_empty() || !report.triggered.is_empty();
    if something_happened && context.output.is_for_programs() {
        let document = report::pass_document(report, &session.app.environment);
        context.output.line(&document)?;
    }
    // A daemon goes on, however this pass would end by itself: the next one may do better.
    finish(context, report);
    Ok(())
}

fn pause(report: &PassReport, session: &Session, interval: Duration, quiet: u32) -> Duration {
    let (shortest, longest) = LOOKS;
    let mut pause = interval;
    if report.in_flight > 0 {
        pause = pause.min(shortest.saturating_mul(1 << quiet.min(6)).min(longest));
    }
    let now = session.app.clock().now();
    let next = report
        .plan
        .decisions
        .iter()
        .filter_map(|decision| decision.until)
        .min();
    if let Some(until) = next {
        pause = pause.min((until - now).to_std().unwrap_or(shortest).max(shortest));
    }
    pause.max(report.asked_to_wait.unwrap_or_default())
}

/// The folders of all tables that lie on local paths.
fn table_folders(session: &mut Session) -> Result<Vec<PathBuf>, CommandError> {
    let Session {
        app,
        store,
        remembered,
        ..
    } = session;
    let memory = remembered.refresh(store)?;
    let folders = app.graph.indices().filter_map(|index| {
        let asset = app.graph.asset(index);
        let found = || {
            let location = memory.locations.get(asset.relation.as_ref()?)?;
            location.storage_location.clone()
        };
        let location = asset.path.clone().or_else(found)?;
        app.local_folder(&location)
    });
    Ok(folders.collect())
}

/// Takes over changed declarations; with errors in them, goes on with what was there.
fn reload(context: &Context, session: &mut Session, watcher: &mut Watcher) {
    let reloaded = load_app(context, None).and_then(|app| {
        let app = mass_change::guard(app, &session.store, session.allow_mass_change)?;
        let memory = load_for_plan(&app, &session.store)?;
        let selected = selected(context, &app, &memory, &session.selection)?;
        Ok((app, selected))
    });
    match reloaded {
        Ok((app, selected)) => {
            session.app = app;
            session.selected = selected;
            if let Ok(files) = watched_files(context) {
                watcher.watch_project(&files);
            }
            tracing::info!(assets = session.app.graph.len(), "project reloaded");
        }
        Err(error) => {
            context.output.error(&error);
            context
                .output
                .warn("going on with the project as it was", None);
        }
    }
}
