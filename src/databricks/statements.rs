//! SQL statements on a warehouse: asked, looked at again, given up.
//!
//! Only statements that read come here: one whose answer was lost is simply asked again. A statement that
//! failed is a good answer over HTTP (Databricks, "Statement Execution API", read 2026-11-20).

use serde::Deserialize;
use serde_json::json;

use crate::databricks::error::ApiError;
use crate::databricks::workspace::Workspace;

const STATEMENTS: &str = "/api/2.0/sql/statements";
const STATEMENT: &str = "/api/2.0/sql/statements/{statement_id}";

/// Codes of failures that say nothing about the statement: it may be asked again.
const PASSING: [&str; 8] = [
    "ABORTED",
    "DEADLINE_EXCEEDED",
    "INTERNAL_ERROR",
    "IO_ERROR",
    "RESOURCE_EXHAUSTED",
    "SERVICE_UNDER_MAINTENANCE",
    "TEMPORARILY_UNAVAILABLE",
    "WORKSPACE_TEMPORARILY_UNAVAILABLE",
];

/// Where a statement stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementStatus {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: StatementState,
}

/// Where a statement stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementState {
    /// It waits for the warehouse, or runs.
    Open,
    /// It ended well; these are the rows of its first chunk.
    Rows(Vec<Vec<Option<String>>>),
    /// It failed by itself.
    Failed {
        /// What a person reads.
        message: String,
        /// Whether asking again may do better.
        is_passing: bool,
    },
    /// Somebody stopped it, or its result is gone.
    Stopped,
}

#[derive(Deserialize)]
struct Wire {
    statement_id: String,
    status: WireStatus,
    #[serde(default)]
    result: Option<WireResult>,
}

#[derive(Deserialize)]
struct WireStatus {
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: Option<WireError>,
}

#[derive(Deserialize)]
struct WireError {
    #[serde(default)]
    error_code: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct WireResult {
    #[serde(default)]
    data_array: Option<Vec<Vec<Option<String>>>>,
}

impl From<Wire> for StatementStatus {
    fn from(wire: Wire) -> Self {
        let state = match wire.status.state.as_str() {
            "SUCCEEDED" => {
                let rows = wire.result.and_then(|result| result.data_array);
                StatementState::Rows(rows.unwrap_or_default())
            }
            "FAILED" => match wire.status.error {
                Some(error) => StatementState::Failed {
                    is_passing: PASSING.contains(&error.error_code.as_str()),
                    message: error.message,
                },
                None => StatementState::Failed {
                    message: "the statement failed without a word".to_owned(),
                    is_passing: false,
                },
            },
            "CANCELED" | "CLOSED" => StatementState::Stopped,
            // States to come are looked at again.
            _ => StatementState::Open,
        };
        Self {
            id: wire.statement_id,
            state,
        }
    }
}

impl Workspace {
    /// Asks a statement that only reads; waits up to ten seconds for its end.
    pub async fn execute_statement(
        &self,
        warehouse: &str,
        statement: &str,
    ) -> Result<StatementStatus, ApiError> {
        let body = json!({
            "warehouse_id": warehouse,
            "statement": statement,
            "wait_timeout": "10s",
            "on_wait_timeout": "CONTINUE",
            "disposition": "INLINE",
            "format": "JSON_ARRAY",
            "row_limit": 1,
        });
        let answer: Wire = self.post(STATEMENTS, body).await?.read()?;
        Ok(answer.into())
    }

    /// Looks at a statement again.
    pub async fn statement(&self, id: &str) -> Result<StatementStatus, ApiError> {
        let mut url = self.url(STATEMENTS);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(id);
        }
        let answer: Wire = self.get(STATEMENT, url).await?;
        Ok(answer.into())
    }
}
