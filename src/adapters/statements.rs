//! SQL warehouses, as checks want them.
//!
//! A statement that takes longer than anybody waits for it goes on at the warehouse. It is remembered
//! here, so that asking for the same again looks at it instead of beginning another one; a process that
//! ends forgets it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::jobs_error;
use crate::databricks::{ApiError, StatementState, StatementStatus, Workspace};
use crate::ports::{Clock, JobsError, Question, StatementAnswer, Statements};

/// Between two looks at a statement.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The warehouses of a workspace.
pub struct WorkspaceStatements {
    workspace: Workspace,
    clock: Arc<dyn Clock>,
    open: Mutex<BTreeMap<Question, String>>,
}

impl WorkspaceStatements {
    /// Speaks through a workspace client.
    pub fn new(workspace: Workspace, clock: Arc<dyn Clock>) -> Self {
        Self {
            workspace,
            clock,
            open: Mutex::default(),
        }
    }

    fn remembered(&self, question: &Question) -> Option<String> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(question).cloned()
    }

    fn remember(&self, question: &Question, id: Option<&str>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match id {
            Some(id) => open.insert(question.clone(), id.to_owned()),
            None => open.remove(question),
        };
    }

    async fn begin(&self, question: &Question) -> Result<StatementStatus, ApiError> {
        let Question {
            warehouse,
            statement,
        } = question;
        self.workspace.execute_statement(warehouse, statement).await
    }
}

#[async_trait]
impl Statements for WorkspaceStatements {
    async fn ask(
        &self,
        question: &Question,
        patience: Duration,
    ) -> Result<StatementAnswer, JobsError> {
        let began = self.clock.monotonic();
        let first = match self.remembered(question) {
            None => self.begin(question).await,
            Some(id) => match self.workspace.statement(&id).await {
                // The service drops what nobody looked at for a while.
                Err(ApiError::NotFound { .. }) => self.begin(question).await,
                looked => looked,
            },
        };
        let mut status = match first {
            Ok(status) => status,
            Err(error) => return refused(&error),
        };
        loop {
            let answer = match status.state {
                StatementState::Open => {
                    self.remember(question, Some(&status.id));
                    let spent = self.clock.monotonic().saturating_sub(began);
                    if spent.saturating_add(LOOK_EVERY) > patience {
                        return Ok(StatementAnswer::Running);
                    }
                    self.clock.sleep(LOOK_EVERY).await;
                    let looked = self.workspace.statement(&status.id).await;
                    status = looked.map_err(|error| jobs_error(&error))?;
                    continue;
                }
                StatementState::Rows(rows) => Ok(number(&rows)),
                StatementState::Failed {
                    message,
                    is_passing: true,
                } => Err(JobsError::Unanswered(message)),
                StatementState::Failed { message, .. } => Ok(StatementAnswer::Failed(message)),
                StatementState::Stopped => Err(JobsError::Unanswered(
                    "somebody stopped the statement".to_owned(),
                )),
            };
            self.remember(question, None);
            return answer;
        }
    }
}

/// A warehouse that is not there, or not for us, is not asked again and again.
fn refused(error: &ApiError) -> Result<StatementAnswer, JobsError> {
    match jobs_error(error) {
        JobsError::NotFound(message) | JobsError::Refused(message) => {
            Ok(StatementAnswer::Failed(message))
        }
        JobsError::Forbidden { message, hint } => {
            Ok(StatementAnswer::Failed(format!("{message}; {hint}")))
        }
        other @ (JobsError::Unanswered(_)
        | JobsError::RateLimited { .. }
        | JobsError::Unauthenticated { .. }
        | JobsError::TokenRunDeleted(_)) => Err(other),
    }
}

/// Reads the one number that every question asks for.
fn number(rows: &[Vec<Option<String>>]) -> StatementAnswer {
    let cell = rows.first().and_then(|row| row.first());
    let number = cell.and_then(|cell| cell.as_deref()?.trim().parse().ok());
    match number {
        Some(number) => StatementAnswer::Number(number),
        None => StatementAnswer::Failed("the warehouse did not answer with a number".to_owned()),
    }
}
