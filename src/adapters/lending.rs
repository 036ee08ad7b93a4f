//! Credentials for buckets that Unity Catalog lends, by the id that it gave a table.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use assets::Relation;
use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::buckets::{Lender, LendingError, Lent, LentKey};
use crate::databricks::{ApiError, TableCredentials, Workspace};
use crate::ports::Clock;

/// Questions to the catalog at once, as when it is asked where tables lie.
const CONCURRENCY: usize = 10;

/// The ids of tables, as far as they were heard. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct TableIds(Arc<Mutex<BTreeMap<Relation, String>>>);

impl TableIds {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Relation, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers, or forgets, the id of a table.
    pub(super) fn note(&self, relation: &Relation, id: Option<String>) {
        match id {
            Some(id) => drop(self.lock().insert(relation.clone(), id)),
            None => drop(self.lock().remove(relation)),
        }
    }
}

/// A workspace whose catalog lends credentials.
pub struct CatalogLender {
    workspace: Workspace,
    clock: Arc<dyn Clock>,
    ids: TableIds,
    turns: Semaphore,
}

impl CatalogLender {
    pub(super) fn new(workspace: Workspace, clock: Arc<dyn Clock>, ids: TableIds) -> Self {
        Self {
            workspace,
            clock,
            ids,
            turns: Semaphore::new(CONCURRENCY),
        }
    }

    async fn id(&self, relation: &Relation) -> Result<String, LendingError> {
        let known = self.ids.lock().get(relation).cloned();
        if let Some(id) = known {
            return Ok(id);
        }
        let table = self.workspace.get_table(relation).await;
        let table = table.map_err(|error| not_lent(relation, &error))?;
        let id = table.table_id.ok_or_else(|| LendingError {
            reason: format!("the catalog gives `{relation}` no id to lend credentials by"),
            is_refusal: true,
        })?;
        self.ids.note(relation, Some(id.clone()));
        Ok(id)
    }

    fn lent(
        &self,
        credentials: TableCredentials,
        relation: &Relation,
    ) -> Result<Lent, LendingError> {
        let now = self
            .workspace
            .server_now()
            .unwrap_or_else(|| self.clock.now());
        let lifetime = credentials.expires_at.signed_duration_since(now);
        let lifetime = lifetime.to_std().unwrap_or(Duration::ZERO);
        let key = match credentials {
            TableCredentials { aws: Some(aws), .. } => LentKey::Aws {
                id: aws.access_key_id,
                secret: aws.secret_access_key,
                session: aws.session_token,
            },
            TableCredentials {
                azure_signature: Some(signature),
                ..
            } => LentKey::AzureSignature(signature),
            TableCredentials {
                azure_token: Some(token),
                ..
            } => LentKey::AzureToken(token),
            TableCredentials {
                google: Some(token),
                ..
            } => LentKey::Google(token),
            _ => {
                return Err(LendingError {
                    reason: format!(
                        "the catalog lends no credentials of a known kind for `{relation}`"
                    ),
                    is_refusal: true,
                });
            }
        };
        Ok(Lent { key, lifetime })
    }
}

#[async_trait]
impl Lender for CatalogLender {
    async fn lend(&self, relation: &Relation) -> Result<Lent, LendingError> {
        // Nobody closes it.
        let _turn = self.turns.acquire().await;
        let id = self.id(relation).await?;
        let credentials = match self.workspace.table_credentials(&id).await {
            // It may have been made anew, under another id.
            Err(ApiError::NotFound { .. }) => {
                self.ids.note(relation, None);
                let id = self.id(relation).await?;
                self.workspace.table_credentials(&id).await
            }
            other => other,
        };
        let credentials = credentials.map_err(|error| not_lent(relation, &error))?;
        self.lent(credentials, relation)
    }
}

impl fmt::Debug for CatalogLender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CatalogLender")
    }
}

fn not_lent(relation: &Relation, error: &ApiError) -> LendingError {
    let is_refusal = matches!(
        error,
        ApiError::Forbidden { .. } | ApiError::NotFound { .. } | ApiError::Auth { .. }
    );
    let advice = if is_refusal {
        "; it takes external access to the metastore and EXTERNAL USE SCHEMA, or credentials in variables"
    } else {
        ""
    };
    LendingError {
        reason: format!("the catalog lends no credentials for `{relation}`: {error}{advice}"),
        is_refusal,
    }
}
