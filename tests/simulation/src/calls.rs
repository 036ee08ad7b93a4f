//! The calls of the service, as a process makes them.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use assets::task::JobReference;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use headwater::execute::CORRELATION;
use headwater::ports::{Clock as _, Job, Jobs, JobsError, Run, RunRequest};
use headwater::state::RunId;

use crate::bugs::Bug;
use crate::ports::Ports;
use crate::steps::{Side, Step};
use crate::world::World;

/// How long the client of the service waits for an answer at most, and how old one may be to tell
/// the time.
const LONGEST_CALL: Duration = Duration::from_mins(1);

impl Ports<'_> {
    /// Asks the service something.
    fn ask<T>(
        &self,
        step: Step,
        answer: impl FnOnce(&mut World) -> Result<T, JobsError>,
    ) -> Result<T, JobsError> {
        if !self.reach(step, Side::Before) {
            return Err(dead());
        }
        let (asked_at, answered) = self.with(|world| {
            let asked_at = world.time.monotonic();
            let answered = match world.question_fails(step) {
                Some(error) => Err(error),
                None => answer(world),
            };
            (asked_at, answered)
        });
        self.hear(step, asked_at, answered)
    }

    /// An answer comes in, sooner or later.
    fn hear<T>(
        &self,
        step: Step,
        asked_at: Duration,
        answered: Result<T, JobsError>,
    ) -> Result<T, JobsError> {
        let dated = self.with(|world| world.time.truth);
        if !self.reach(step, Side::After) {
            return Err(dead());
        }
        let is_late = self.with(|world| {
            let late = world.time.monotonic().saturating_sub(asked_at) > LONGEST_CALL;
            late && world.dice.one_in(2)
        });
        if is_late {
            return Err(JobsError::Unanswered("timed out".to_owned()));
        }
        if !matches!(answered, Err(JobsError::Unanswered(_))) {
            self.inner().has_heard.set(true);
            self.hear_time(asked_at, dated);
        }
        answered
    }

    /// An answer tells the service's time to the second, unless it came so late that it tells of
    /// another time.
    fn hear_time(&self, asked_at: Duration, dated: DateTime<Utc>) {
        let now = self.monotonic();
        if now.saturating_sub(asked_at) <= LONGEST_CALL {
            let millis = dated.timestamp_subsec_millis();
            let dated = dated - TimeDelta::milliseconds(i64::from(millis));
            self.inner().heard.set(Some((dated, now)));
        }
    }
}

fn dead() -> JobsError {
    JobsError::Unanswered("the process is dead".to_owned())
}

/// Lets what else this process has under way go on first.
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[async_trait]
impl Jobs for Ports<'_> {
    fn workspace_id(&self) -> Option<String> {
        self.inner().has_heard.get().then(|| "w1".to_owned())
    }

    fn service_now(&self) -> Option<DateTime<Utc>> {
        let (told, at) = self.inner().heard.get()?;
        let since = self.monotonic().saturating_sub(at);
        Some(told + TimeDelta::from_std(since).ok()?)
    }

    fn run_url(&self, _job_id: i64, _run: RunId) -> Option<String> {
        None
    }

    async fn job(&self, reference: &JobReference) -> Result<Job, JobsError> {
        Pause(false).await;
        let JobReference::Id(job_id) = *reference else {
            return Err(JobsError::NotFound(format!("no {reference}")));
        };
        self.ask(Step::Job, |_| {
            Ok(Job {
                job_id,
                name: format!("job-{job_id}"),
                parameters: vec![CORRELATION.to_owned()],
                other_triggers: Vec::new(),
            })
        })
    }

    async fn run_now(&self, request: &RunRequest) -> Result<RunId, JobsError> {
        if self.is_dead() {
            return Err(dead());
        }
        // It leaves at once: between the look at the clock and the request nobody else has a turn.
        // What may happen on its way is the network's business.
        let (asked_at, answered) = self.with(|world| {
            world.coverage.reached(Step::RunNow);
            let mut request = request.clone();
            falsify(world, &mut request);
            (world.time.monotonic(), world.send(&request))
        });
        self.stamp_late();
        let answered = self.hear(Step::RunNow, asked_at, answered);
        Pause(false).await;
        match answered {
            Err(JobsError::Unanswered(message)) if self.has(Bug::SilenceIsRefusal) => {
                Err(JobsError::Refused(message))
            }
            answered => answered,
        }
    }

    async fn run(&self, id: RunId) -> Result<Run, JobsError> {
        Pause(false).await;
        self.ask(Step::Run, |world| {
            world.look(Step::Run);
            let now = world.time.truth;
            let found = world.service.told(now).find(|run| run.id == id).cloned();
            found.ok_or_else(|| JobsError::NotFound(format!("no run {id}")))
        })
    }

    async fn active_runs(&self) -> Result<Vec<Run>, JobsError> {
        self.ask(Step::ActiveRuns, |world| {
            world.look(Step::ActiveRuns);
            let runs = world.service.told(world.time.truth);
            let active = runs.filter(|run| run.state == headwater::ports::RunState::Active);
            Ok(active.cloned().collect())
        })
    }

    async fn runs_since(&self, job_id: i64, from: DateTime<Utc>) -> Result<Vec<Run>, JobsError> {
        self.ask(Step::RunsSince, |world| {
            world.look(Step::RunsSince);
            let runs = world.service.told(world.time.truth);
            let mine = runs.filter(|run| run.job_id == job_id && run.started_at >= from);
            Ok(mine.cloned().collect())
        })
    }

    async fn all_runs_since(&self, from: DateTime<Utc>) -> Result<Vec<Run>, JobsError> {
        self.ask(Step::AllRunsSince, |world| {
            world.look(Step::AllRunsSince);
            let runs = world.service.told(world.time.truth);
            let began = runs.filter(|run| run.started_at >= from);
            Ok(began.cloned().collect())
        })
    }

    async fn cancel(&self, id: RunId) -> Result<(), JobsError> {
        self.ask(Step::Cancel, |world| {
            if let Some(run) = world.service.get_mut(id) {
                run.is_cancelling = run.is_active();
            }
            Ok(())
        })
    }
}

/// What planted bugs do to tokens.
fn falsify(world: &mut World, request: &mut RunRequest) {
    if world.has(Bug::TokenWithoutAttempt) {
        let correlation = request.parameters.get(CORRELATION);
        let intent = correlation.and_then(|text| text.split_once('.'));
        if let Some((intent, _)) = intent {
            intent.clone_into(&mut request.token);
        }
    }
    if world.has(Bug::TokenPerRequest) {
        request.token = format!("{:x}", world.dice.bits());
    }
}
