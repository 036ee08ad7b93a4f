//! What becomes of requests and answers on their way.

use chrono::TimeDelta;
use headwater::execute::CORRELATION;
use headwater::ports::{JobsError, RunRequest};
use headwater::state::{IntentId, RunId};

use super::World;
use super::service::Started;
use crate::faults::Fault;
use crate::steps::Step;
use crate::topology::asset_of_job;

/// One request in so many is in trouble, where there may be any.
const TROUBLE: u32 = 3;

/// The longest time a request is under way, of the five minutes that the protocol allows for: the
/// rest is for the time between stamp and send.
const LONGEST_WAY: i64 = 240;

fn unanswered(why: &str) -> JobsError {
    JobsError::Unanswered(why.to_owned())
}

impl World {
    /// A request to start a run leaves its sender.
    pub(crate) fn send(&mut self, request: &RunRequest) -> Result<RunId, JobsError> {
        self.check_leaving(request);
        let trouble = [
            Fault::LostRequest,
            Fault::LateRequest,
            Fault::DuplicateRequest,
            Fault::LostAnswer,
            Fault::Throttled,
            Fault::ServerError,
            Fault::Denied,
            Fault::Refused,
        ];
        let fault = self.draw(&trouble, Step::RunNow);
        let Some(fault) = fault else {
            return self.arrive(request);
        };
        self.note(|_| format!("request of {}: {}", about(request), fault.name()));
        match fault {
            Fault::LateRequest => {
                self.delay(request);
                Err(unanswered("timed out"))
            }
            Fault::DuplicateRequest => {
                self.delay(request);
                self.arrive(request)
            }
            Fault::LostAnswer => {
                drop(self.arrive(request));
                Err(unanswered("connection reset"))
            }
            other => Err(error(other)),
        }
    }

    /// What goes wrong with a question, if anything does.
    pub(crate) fn question_fails(&mut self, step: Step) -> Option<JobsError> {
        let trouble = [
            Fault::LostAnswer,
            Fault::Throttled,
            Fault::ServerError,
            Fault::Denied,
        ];
        let fault = self.draw(&trouble, step)?;
        self.note(|_| format!("{}: {}", step.name(), fault.name()));
        Some(error(fault))
    }

    fn draw(&mut self, of: &[Fault], step: Step) -> Option<Fault> {
        let fault = self.dice.any(of)?;
        if !self.strikes(fault, TROUBLE) {
            return None;
        }
        self.coverage.note(step, fault);
        Some(fault)
    }

    fn delay(&mut self, request: &RunRequest) {
        let seconds = self.dice.between(1, LONGEST_WAY);
        let until = self.time.truth + TimeDelta::seconds(seconds);
        self.service.delay(until, request.clone());
    }

    /// Somebody asks for runs, some of which may not show up yet.
    pub(crate) fn look(&mut self, step: Step) {
        let now = self.time.truth;
        let mut runs = self.service.runs.iter();
        if runs.any(|run| run.visible_from > now) {
            self.coverage.note(step, Fault::SlowList);
        }
    }

    /// A request takes effect.
    pub(crate) fn arrive(&mut self, request: &RunRequest) -> Result<RunId, JobsError> {
        let asset = asset_of_job(request.job_id);
        let now = self.time.truth;
        let memory = headwater::execute::Windows::default().horizon;
        match self.service.arrive(request, asset, now, memory)? {
            Started::Known(run) => Ok(run),
            Started::New(run) => {
                self.note(|_| format!("run {run} of {} begins", about(request)));
                self.check_started(run);
                Ok(run)
            }
        }
    }
}

/// What an asset and attempt are called in the trace.
fn about(request: &RunRequest) -> String {
    let correlation = request.parameters.get(CORRELATION);
    format!(
        "job {} for {}",
        request.job_id,
        correlation.map_or("nobody", String::as_str)
    )
}

fn error(fault: Fault) -> JobsError {
    let message = fault.name().to_owned();
    match fault {
        Fault::Throttled => JobsError::RateLimited {
            message,
            retry_after: None,
        },
        Fault::Denied => JobsError::Unauthenticated {
            message,
            hint: String::new(),
        },
        Fault::Refused => JobsError::Refused(message),
        _ => unanswered(&message),
    }
}

/// Takes a correlation apart: the intent and the attempt.
pub(crate) fn of_correlation(correlation: &str) -> Option<(IntentId, u32)> {
    let (intent, attempt) = correlation.rsplit_once('.')?;
    Some((IntentId(intent.to_owned()), attempt.parse().ok()?))
}
