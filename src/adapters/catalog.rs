//! Unity Catalog, as the loop wants it: where a relation lies, or that there is none.

use std::sync::Arc;

use assets::Relation;
use async_trait::async_trait;

use super::jobs_error;
use super::lending::{CatalogLender, TableIds};
use crate::databricks::{ApiError, Workspace};
use crate::ports::{Catalog, Clock, JobsError};
use crate::state::CatalogLocation;

/// The catalog of a workspace.
pub struct WorkspaceCatalog {
    workspace: Workspace,
    clock: Arc<dyn Clock>,
    ids: TableIds,
}

impl WorkspaceCatalog {
    /// Speaks through a workspace client.
    pub fn new(workspace: Workspace, clock: Arc<dyn Clock>) -> Self {
        Self {
            workspace,
            clock,
            ids: TableIds::default(),
        }
    }

    /// Returns what lends credentials for the tables that it locates.
    pub fn lender(&self) -> CatalogLender {
        let clock = Arc::clone(&self.clock);
        CatalogLender::new(self.workspace.clone(), clock, self.ids.clone())
    }
}

#[async_trait]
impl Catalog for WorkspaceCatalog {
    async fn locate(&self, relation: &Relation) -> Result<CatalogLocation, JobsError> {
        let looked_up_at = self.clock.now();
        match self.workspace.get_table(relation).await {
            Ok(table) => {
                // The layout of what pipelines fill is private: their logs are not read by path.
                let is_readable = table.is_readable_by_path();
                self.ids.note(relation, table.table_id);
                Ok(CatalogLocation {
                    storage_location: table.storage_location.filter(|_| is_readable),
                    exists: true,
                    looked_up_at,
                })
            }
            Err(ApiError::NotFound { .. }) => Ok(CatalogLocation {
                storage_location: None,
                exists: false,
                looked_up_at,
            }),
            Err(error) => Err(jobs_error(&error)),
        }
    }
}
