//! Checks are judged: by what the log of a table tells, by what dbt told, and by questions to a SQL
//! warehouse.
//!
//! A result is bound to the data version that it judged. What the log tells costs no query and is judged
//! in every pass; questions are asked of one version by its number, at most so many at once and for so
//! long in a pass, and what is not answered is asked again in the next one: they only read. Nothing is
//! decided here about what a failure means.

mod sql;

use std::sync::Arc;
use std::time::Duration;

use assets::check::{Check, Finding, Rule, Told};
use assets::dbt::{TestResult, TestResults, TestStatus};
use assets::delta::schema::Schema;
use assets::{Asset, AssetKey};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures::StreamExt as _;
use lineage::AssetGraph;

use crate::ports::{Clock, JobsError, Question, State, StateError, StatementAnswer, Statements};
use crate::state::{CheckResult, CheckStatus, DataCommit, Memory, ObservedState};

/// Questions under way at once: enough for a warehouse of the smallest size.
const AT_ONCE: usize = 4;

/// Questions in one pass.
const IN_A_PASS: usize = 40;

/// How long questions may take in a pass, in all: well below the lifetime of the lease.
const PATIENCE: Duration = Duration::from_secs(30);

/// What could not be judged is tried again after this.
const TRIED_AGAIN_AFTER: TimeDelta = TimeDelta::minutes(10);

/// What judging needs of the world.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    /// For the columns of tables.
    pub state: &'a dyn State,
    /// The warehouses, where they may be asked.
    pub statements: Option<&'a dyn Statements>,
    /// How much time questions took.
    pub clock: &'a dyn Clock,
    /// What dbt told of its tests.
    pub tests: &'a TestResults,
}

/// What was judged in one pass.
#[derive(Debug, Default)]
pub struct Judged {
    /// What is new, by asset and name of the check.
    pub results: Vec<(AssetKey, Arc<str>, CheckResult)>,
    /// How many questions were asked.
    pub asked: usize,
    /// Why warehouses did not answer, once.
    pub problem: Option<JobsError>,
}

/// Judges the newest data version of every table with checks, as far as it can be.
pub async fn judge(
    bench: Bench<'_>,
    graph: &AssetGraph,
    memory: &Memory,
    now: DateTime<Utc>,
) -> Result<Judged, StateError> {
    let mut judged = Judged::default();
    let mut open = Vec::new();
    for index in graph.indices() {
        let asset = graph.asset(index);
        let Some(subject) = Subject::of(asset, memory, now) else {
            continue;
        };
        for check in &asset.checks {
            let before = subject.before(memory, check);
            match subject.look(bench, check, before)? {
                Look::Nothing => {}
                Look::Found(result) => {
                    let name = Arc::clone(&check.name);
                    judged.results.push((asset.key.clone(), name, result));
                }
                Look::Ask(question) => open.push(Open {
                    subject,
                    check,
                    before,
                    question,
                }),
            }
        }
    }
    if let Some(statements) = bench.statements {
        // In turns, so that what takes long keeps nothing from being asked at all.
        let turn = usize::try_from(memory.pass.0).unwrap_or(0);
        let begin = turn
            .checked_mul(IN_A_PASS)
            .map_or(0, |at| at % open.len().max(1));
        open.rotate_left(begin);
        open.truncate(IN_A_PASS);
        ask_all(statements, bench.clock, open, &mut judged).await;
    }
    judged
        .results
        .sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    Ok(judged)
}

/// A question that the log did not answer.
struct Open<'a> {
    subject: Subject<'a>,
    check: &'a Check,
    before: Option<&'a CheckResult>,
    question: Question,
}

async fn ask_all(
    statements: &dyn Statements,
    clock: &dyn Clock,
    open: Vec<Open<'_>>,
    judged: &mut Judged,
) {
    let began = clock.monotonic();
    let ask = |open| async move {
        let Open { question, .. } = &open;
        let spent = clock.monotonic().saturating_sub(began);
        let left = PATIENCE.saturating_sub(spent);
        if left.is_zero() {
            return (open, None);
        }
        let answer = statements.ask(question, left).await;
        (open, Some(answer))
    };
    let asked = futures::stream::iter(open)
        .map(ask)
        .buffer_unordered(AT_ONCE);
    let answers: Vec<_> = asked.collect().await;
    for (open, answer) in answers {
        judged.asked += usize::from(answer.is_some());
        let result = match answer {
            None | Some(Ok(StatementAnswer::Running)) => continue,
            Some(Err(error)) => {
                judged.problem.get_or_insert(error);
                continue;
            }
            Some(Ok(StatementAnswer::Number(number))) => {
                open.subject.of_number(open.check, open.before, number)
            }
            Some(Ok(StatementAnswer::Failed(message))) => CheckResult {
                message: Some(message),
                ..open.subject.result(open.check, CheckStatus::Error)
            },
        };
        let result = CheckResult {
            rows: result.rows.or(open.before.and_then(|before| before.rows)),
            ..result
        };
        let key = open.subject.asset.key.clone();
        judged
            .results
            .push((key, Arc::clone(&open.check.name), result));
    }
}

/// What a look at a check comes to.
enum Look {
    /// Nothing new.
    Nothing,
    /// A result.
    Found(CheckResult),
    /// Only a warehouse can say.
    Ask(Question),
}

/// A table that was read, at its newest data version.
#[derive(Clone, Copy)]
struct Subject<'a> {
    asset: &'a Asset,
    commit: &'a DataCommit,
    head: &'a assets::delta::KnownHead,
    now: DateTime<Utc>,
}

impl<'a> Subject<'a> {
    fn of(asset: &'a Asset, memory: &'a Memory, now: DateTime<Utc>) -> Option<Self> {
        if asset.checks.is_empty() {
            return None;
        }
        let observation = memory.observations.get(&asset.key)?;
        let commit = memory.commits.get(&asset.key)?.last()?;
        let head = observation.head.as_deref()?;
        let is_whole = observation.state == ObservedState::Ok;
        let is_this = head.table_id == commit.version.table_id;
        (is_whole && is_this).then_some(Self {
            asset,
            commit,
            head,
            now,
        })
    }

    /// The newest result of a check, of whatever version.
    fn before<'m>(&self, memory: &'m Memory, check: &Check) -> Option<&'m CheckResult> {
        memory.checks.get(&self.asset.key)?.get(&check.name)
    }

    fn look(
        &self,
        bench: Bench<'_>,
        check: &Check,
        before: Option<&CheckResult>,
    ) -> Result<Look, StateError> {
        let known = before.filter(|known| known.answers(check, &self.commit.version));
        if let Rule::Freshness { max_age } = check.rule {
            return Ok(self.look_at_age(check, max_age, known));
        }
        if let Rule::Dbt { unique_id, .. } = &check.rule {
            let told = bench.tests.get(unique_id);
            if let Some(result) = told.and_then(|told| self.of_dbt(check, told, known)) {
                return Ok(Look::Found(result));
            }
        }
        let is_settled = known.is_some_and(|known| {
            known.status != CheckStatus::Error
                || check.is_of_dbt()
                || self.now - known.at < TRIED_AGAIN_AFTER
        });
        if is_settled {
            return Ok(Look::Nothing);
        }
        if let Rule::Columns { .. } = check.rule {
            let schema = bench.state.table_schema(&self.asset.key)?;
            let schema = schema.as_deref().and_then(Schema::parse);
            let finding = schema.and_then(|schema| check.rule.judge_columns(&schema));
            return Ok(finding.map_or(Look::Nothing, |finding| {
                Look::Found(self.of_finding(check, finding))
            }));
        }
        Ok(self.look_at_contents(check, before))
    }

    fn look_at_contents(&self, check: &Check, before: Option<&CheckResult>) -> Look {
        let ask = || sql::question(self.asset, check, &self.commit.version);
        if check.needs_sql() {
            return ask().map_or(Look::Nothing, Look::Ask);
        }
        let Some(contents) = &self.head.details.contents else {
            return Look::Nothing;
        };
        let rows = before.and_then(|before| before.rows);
        match check.rule.judge_contents(contents, rows) {
            None | Some(Told::NotYet) => Look::Nothing,
            Some(Told::Found(finding)) => {
                let is_drift = matches!(check.rule, Rule::RowCountDrift { .. });
                let passed = contents.rows.filter(|_| is_drift && finding.is_met);
                Look::Found(CheckResult {
                    rows: passed.or(rows),
                    ..self.of_finding(check, finding)
                })
            }
            Some(Told::Untold(_)) if check.is_of_dbt() => Look::Nothing,
            Some(Told::Untold(why)) => match ask() {
                Some(question) => Look::Ask(question),
                None => Look::Found(CheckResult {
                    message: Some(format!("{why}, and no SQL warehouse may be asked")),
                    rows,
                    ..self.result(check, CheckStatus::Unknown)
                }),
            },
        }
    }

    /// What time alone decides is judged anew in every pass.
    fn look_at_age(&self, check: &Check, max_age: TimeDelta, known: Option<&CheckResult>) -> Look {
        let at = self.commit.committed_at;
        let found = self.of_finding(
            check,
            Finding {
                is_met: self.now - at <= max_age,
                measured: format!(
                    "changed at {}",
                    at.to_rfc3339_opts(SecondsFormat::Secs, true)
                ),
            },
        );
        match known {
            Some(known) if known.status == found.status => Look::Nothing,
            Some(_) | None => Look::Found(found),
        }
    }

    /// What dbt told, if that was about the newest data version and is news.
    fn of_dbt(
        &self,
        check: &Check,
        told: &TestResult,
        known: Option<&CheckResult>,
    ) -> Option<CheckResult> {
        let is_news = known.is_none_or(|known| known.at < told.at);
        if told.at < self.commit.committed_at || !is_news {
            return None;
        }
        let status = match told.status {
            TestStatus::Pass => CheckStatus::Pass,
            TestStatus::Fail => CheckStatus::of(false, check.severity),
            TestStatus::Warn => CheckStatus::Warn,
            TestStatus::Error => CheckStatus::Error,
        };
        Some(CheckResult {
            measured: told.failures.map(|rows| format!("{rows} failures")),
            message: told.message.clone(),
            at: told.at,
            ..self.result(check, status)
        })
    }

    fn of_number(&self, check: &Check, before: Option<&CheckResult>, number: u64) -> CheckResult {
        let counted = |is_met, what: &str| Finding {
            is_met,
            measured: format!("{number} {what}"),
        };
        let finding = match &check.rule {
            Rule::NotNull { .. } => counted(number == 0, "rows with null"),
            Rule::Unique { .. } => counted(number == 0, "values more than once"),
            Rule::Sql { .. } => counted(number == 0, "rows"),
            Rule::RowCount { .. }
            | Rule::RowCountDrift { .. }
            | Rule::Freshness { .. }
            | Rule::Columns { .. }
            | Rule::Dbt { .. } => {
                let rows = before.and_then(|before| before.rows);
                check.rule.judge_rows(number, rows)
            }
        };
        let is_drift = matches!(check.rule, Rule::RowCountDrift { .. });
        CheckResult {
            rows: (is_drift && finding.is_met).then_some(number),
            ..self.of_finding(check, finding)
        }
    }

    fn of_finding(&self, check: &Check, finding: Finding) -> CheckResult {
        let status = CheckStatus::of(finding.is_met, check.severity);
        CheckResult {
            measured: Some(finding.measured),
            ..self.result(check, status)
        }
    }

    fn result(&self, check: &Check, status: CheckStatus) -> CheckResult {
        CheckResult {
            version: self.commit.version.clone(),
            status,
            severity: check.severity,
            expected: check.rule.expected(),
            measured: None,
            message: None,
            rows: None,
            at: self.now,
        }
    }
}
