//! `reconcile`: one pass, passes until everything is settled, or passes for ever.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use lineage::{AssetIndex, Selection};

use super::arguments::{SelectArgs, duration};
use super::open::load_app;
use super::progress::Progress;
use super::{Context, full_refresh, mass_change, plan, select, watching};
use crate::app::{App, StateFile};
use crate::error::{CommandError, Exit};
use crate::execute::Sent;
use crate::plan::PlanInput;
use crate::ports::{State, StateError};
use crate::reconcile::{Followed, Mode, PassReport, Remembered, follow, pass, remember_started};
use crate::report::{self, Situation};
use crate::signals::Signals;
use crate::state::Memory;

/// How long a pass may go on after a signal before it is dropped; whatever it leaves is picked up
/// by the next pass, as after a crash.
const GRACE: Duration = Duration::from_secs(4);

/// Arguments of `reconcile`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  * * * * *  cd /srv/lakehouse && headwater reconcile -q\n  \
                  headwater reconcile --wait --timeout 30m\n  headwater reconcile --watch\n  \
                  headwater reconcile tag:finance --dry-run\n  \
                  headwater reconcile --full-refresh silver.orders"
)]
pub struct ReconcileArgs {
    /// Which assets may be run.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Pass after pass, until nothing is running or stale
    #[arg(long, conflicts_with = "watch")]
    pub wait: bool,
    /// With --wait: give up after this long, such as 30m
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "wait")]
    pub timeout: Option<TimeDelta>,
    /// Pass after pass for ever, woken by file and table changes
    #[arg(long)]
    pub watch: bool,
    /// With --watch: look at least this often
    #[arg(long, value_name = "DURATION", value_parser = interval, default_value = "10s", requires = "watch")]
    pub interval: TimeDelta,
    /// Build this asset anew in full, whatever its position in a change feed is; may be given again
    #[arg(long, value_name = "ASSET", conflicts_with = "dry_run")]
    pub full_refresh: Vec<String>,
    /// Go on although many assets are gone from the project, or more runs would begin than `confirm_above`
    #[arg(long, conflicts_with = "dry_run")]
    pub allow_mass_change: bool,
    /// Say what would be done, as `headwater plan` does
    #[arg(long, conflicts_with_all = ["wait", "watch"])]
    pub dry_run: bool,
}

/// Reads how often to look: never so often that one pass follows the other without a pause.
fn interval(text: &str) -> Result<TimeDelta, String> {
    let interval = duration(text)?;
    if interval < TimeDelta::seconds(1) {
        return Err("it has to be at least `1s`".to_owned());
    }
    Ok(interval)
}

pub(super) async fn run(context: &Context, args: &ReconcileArgs) -> Result<Exit, CommandError> {
    if args.dry_run {
        let select = args.select.clone();
        let args = plan::PlanArgs::of(select);
        return plan::run(context, &args).await;
    }
    let selection = select::parse(&args.select)?;
    let app = load_app(context, None)?;
    if app
        .graph
        .indices()
        .any(|index| app.graph.asset(index).is_built_here())
    {
        app.require_workspace()?;
    }
    let store = app.open_state()?;
    full_refresh::request(context, &app, &store, &args.full_refresh)?;
    let mut session = Session::begin(context, app, store, selection, args.allow_mass_change)?;
    let mut signals = Signals::catch()?;
    let done = if args.watch {
        watching::run(context, &mut session, &mut signals, args.interval).await
    } else if args.wait {
        wait(context, &mut session, &mut signals, args.timeout).await
    } else {
        once(context, &mut session, &mut signals).await
    };
    session.end()?;
    done
}

/// Passes of this process under one lease.
pub(super) struct Session {
    pub(super) app: App,
    pub(super) store: StateFile,
    pub(super) selection: Selection,
    pub(super) selected: Option<BTreeSet<AssetIndex>>,
    /// Whether a person expects that much changes at once.
    pub(super) allow_mass_change: bool,
    pub(super) remembered: Remembered,
}

impl Session {
    pub(super) fn begin(
        context: &Context,
        app: App,
        store: StateFile,
        selection: Selection,
        allow_mass_change: bool,
    ) -> Result<Self, CommandError> {
        let app = mass_change::guard(app, &store, allow_mass_change)?;
        let selected = selected(context, &app, &load_for_plan(&app, &store)?, &selection)?;
        app.take_lease(&store)?;
        Ok(Self {
            app,
            store,
            selection,
            selected,
            allow_mass_change,
            remembered: Remembered::default(),
        })
    }

    /// Makes a pass, renewing the lease.
    async fn pass(&mut self) -> Result<PassReport, CommandError> {
        let lease = self.app.take_lease(&self.store)?;
        let world = self.app.world(&self.store);
        let scope = self.app.scope(self.selected.as_ref());
        Ok(pass(world, scope, &lease, Mode::Act, &mut self.remembered).await?)
    }

    /// Gives the lease back.
    pub(super) fn end(&self) -> Result<(), CommandError> {
        match self.app.take_lease(&self.store) {
            Ok(lease) => Ok(self.store.release_lease(&lease)?),
            // Somebody else has it already: there is nothing to give back.
            Err(_) => Ok(()),
        }
    }
}

/// What a pass under signals came to.
pub(super) enum Step {
    Passed(Box<PassReport>),
    Signalled(Exit),
}

/// Makes a pass. On a signal it may finish within the grace; then the session ends.
pub(super) async fn step(
    session: &mut Session,
    signals: &mut Signals,
) -> Result<Step, CommandError> {
    let mut passing = std::pin::pin!(session.pass());
    tokio::select! {
        report = &mut passing => Ok(Step::Passed(Box::new(report?))),
        exit = signals.received() => {
            if let Ok(done) = tokio::time::timeout(GRACE, passing).await {
                drop(done?);
            } else {
                tracing::warn!("the pass was dropped; the next one picks up its work");
            }
            Ok(Step::Signalled(exit))
        }
    }
}

async fn once(
    context: &Context,
    session: &mut Session,
    signals: &mut Signals,
) -> Result<Exit, CommandError> {
    let report = match step(session, signals).await? {
        Step::Passed(report) => report,
        Step::Signalled(exit) => return Ok(exit),
    };
    let document = report::pass_document(&report, &session.app.environment);
    let is_news = !report.is_quiet() || !report.triggered.is_empty() || report.unknown > 0;
    context.output.emit_value(&document, None, || {
        // Cron mails whatever is printed.
        if is_news || !context.output.is_quiet() {
            super::progress::pass_text(&report)
        } else {
            String::new()
        }
    })?;
    Ok(finish(context, &report))
}

async fn wait(
    context: &Context,
    session: &mut Session,
    signals: &mut Signals,
    timeout: Option<TimeDelta>,
) -> Result<Exit, CommandError> {
    let mut progress = Progress::start(context);
    let deadline = timeout.map(|timeout| session.app.clock().monotonic() + to_std(timeout));
    let mut all = WaitedFor::default();
    let exit = loop {
        let report = match step(session, signals).await? {
            Step::Passed(report) => report,
            Step::Signalled(exit) => return Ok(exit),
        };
        progress.pass(&report);
        let is_quiet = report.is_quiet();
        let followed = follow(
            &report,
            session.selected.as_ref(),
            session.app.clock().now(),
            all.quiet,
        );
        all.add(*report, is_quiet);
        let pause = match followed {
            Followed::Settled => break all.exit(context),
            Followed::Stuck => break stuck(context, &all),
            Followed::Again(pause) => pause,
        };
        let now = session.app.clock().monotonic();
        if deadline.is_some_and(|deadline| now >= deadline) {
            progress.end();
            break gave_up(context, &all);
        }
        let pause = deadline.map_or(pause, |deadline| pause.min(deadline.saturating_sub(now)));
        tokio::select! {
            () = session.app.clock().sleep(pause) => {}
            exit = signals.received() => return Ok(exit),
        }
    };
    progress.end();
    if let Some(document) = all.document(&session.app.environment) {
        context.output.emit_value(&document, None, || all.text())?;
    }
    Ok(exit)
}

/// What happened over all passes of a wait.
#[derive(Default)]
struct WaitedFor {
    last: Option<PassReport>,
    quiet: u32,
    failed: bool,
    /// The service was last heard of when it did not answer.
    is_unanswered: bool,
}

impl WaitedFor {
    fn add(&mut self, mut report: PassReport, is_quiet: bool) {
        self.quiet = if is_quiet {
            self.quiet.saturating_add(1)
        } else {
            0
        };
        self.failed |= report.has_failures();
        self.is_unanswered = report.is_remote_unavailable || (self.is_unanswered && is_quiet);
        if let Some(last) = self.last.take() {
            let (mut settled, mut triggered) = (last.settled, last.triggered);
            // What is tried again in every pass is told of once, as it stands at the end.
            triggered.retain(|sent| matches!(sent.sent, Sent::Started(_) | Sent::Refused { .. }));
            settled.append(&mut report.settled);
            triggered.append(&mut report.triggered);
            (report.settled, report.triggered) = (settled, triggered);
            report.elapsed += last.elapsed;
            report.started_at = last.started_at;
        }
        self.last = Some(report);
    }

    fn document(&self, environment: &str) -> Option<serde_json::Value> {
        self.last
            .as_ref()
            .map(|report| report::pass_document(report, environment))
    }

    fn text(&self) -> String {
        self.last
            .as_ref()
            .map(super::progress::pass_text)
            .unwrap_or_default()
    }

    fn exit(&self, context: &Context) -> Exit {
        let exit = self
            .last
            .as_ref()
            .map_or(Exit::Done, |report| finish(context, report));
        if self.failed && exit == Exit::Done {
            Exit::Failed
        } else {
            exit
        }
    }
}

/// The time to wait is over.
fn gave_up(context: &Context, all: &WaitedFor) -> Exit {
    let message = "gave up waiting: runs are still under way or assets stale";
    context.output.warn(message, None);
    let exit = all.exit(context);
    if exit != Exit::Done {
        exit
    } else if all.is_unanswered {
        Exit::Unavailable
    } else {
        Exit::Failed
    }
}

/// Something is stale and nothing will change that by itself.
fn stuck(context: &Context, all: &WaitedFor) -> Exit {
    let exit = all.exit(context);
    let Some(report) = &all.last else {
        return exit;
    };
    if exit != Exit::Done {
        return exit;
    }
    let message = format!(
        "{} assets stay as they are until somebody intervenes",
        report.held + report.waiting
    );
    context
        .output
        .warn(&message, Some("`headwater plan` says what each waits for"));
    Exit::Failed
}

/// Says what did not work, and how the command ends.
pub(super) fn finish(context: &Context, report: &PassReport) -> Exit {
    let nothing_lost = "nothing is lost: the next pass asks again";
    let hint = report.is_remote_unavailable.then_some(nothing_lost);
    for problem in &report.problems {
        context.output.warn(problem, hint);
    }
    if let Some(warning) = &report.search_warning {
        context.output.warn(warning, None);
    }
    if let Some(denied) = &report.denied {
        context.output.complain(
            &CommandError::new("W004", Exit::Unauthorized, denied.clone())
                .hint("`headwater doctor` shows which credentials are used and what they may do"),
        );
        Exit::Unauthorized
    } else if report.has_failures() {
        Exit::Failed
    } else if report.is_remote_unavailable || report.unknown > 0 {
        Exit::Unavailable
    } else {
        Exit::Done
    }
}

/// The assets that a selection restricts to; nothing where everything is meant.
pub(super) fn selected(
    context: &Context,
    app: &App,
    memory: &Memory,
    selection: &Selection,
) -> Result<Option<BTreeSet<AssetIndex>>, CommandError> {
    let words = if selection.needs_health() {
        health_words(app, memory)
    } else {
        Vec::new()
    };
    let word = |index: AssetIndex| words.get(index.position()).copied().unwrap_or("unknown");
    let found = select::find(context, &app.graph, selection, &word)?;
    Ok((found.len() < app.graph.len()).then(|| found.into_iter().collect()))
}

/// The health of every asset in one word, by what is remembered.
pub(super) fn health_words(app: &App, memory: &Memory) -> Vec<&'static str> {
    let input = plan_input(app, memory);
    Situation::of(&input)
        .healths
        .iter()
        .map(|health| health.health.as_str())
        .collect()
}

/// Reads what is remembered, with all that a plan needs of it.
pub(super) fn load_for_plan(app: &App, store: &StateFile) -> Result<Memory, StateError> {
    let mut memory = store.load()?;
    remember_started(&mut memory, store, &app.limits, app.clock().now())?;
    Ok(memory)
}

/// What is remembered, to be judged now.
pub(super) fn plan_input<'a>(app: &'a App, memory: &'a Memory) -> PlanInput<'a> {
    PlanInput {
        now: app.clock().now(),
        pass: memory.pass,
        graph: &app.graph,
        tasks: &app.tasks,
        limits: &app.limits,
        selected: None,
        freezes: &app.freezes,
        memory,
    }
}

fn to_std(duration: TimeDelta) -> Duration {
    duration.to_std().unwrap_or(Duration::ZERO)
}
