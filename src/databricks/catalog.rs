//! Tables as Unity Catalog knows them: identity, kind and place.
//!
//! Nothing here tells how fresh a table is: the catalog's times are about its own entry, not about
//! the data. A table that our principal may not see is [`ApiError::NotFound`] or
//! [`ApiError::Forbidden`], at the catalog's choice.

use assets::Relation;
use serde::Deserialize;

use crate::databricks::error::ApiError;
use crate::databricks::workspace::Workspace;

const TABLES_GET: &str = "/api/2.1/unity-catalog/tables/{full_name}";
const TABLES: &str = "/api/2.1/unity-catalog/tables/";

/// A table, or something like it, as the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CatalogTable {
    /// `catalog.schema.table`.
    pub full_name: String,
    /// The catalog's own id; it changes when the table is dropped and made again.
    #[serde(default)]
    pub table_id: Option<String>,
    /// `MANAGED`, `EXTERNAL`, `VIEW`, `MATERIALIZED_VIEW`, `STREAMING_TABLE` …: an open set.
    #[serde(default)]
    pub table_type: Option<String>,
    /// `DELTA`, `PARQUET` …: an open set; absent for views.
    #[serde(default)]
    pub data_source_format: Option<String>,
    /// Where its files are, as a URL.
    #[serde(default)]
    pub storage_location: Option<String>,
    /// Who owns it.
    #[serde(default)]
    pub owner: Option<String>,
    /// The pipeline that fills a streaming table or materialized view.
    #[serde(default)]
    pub pipeline_id: Option<String>,
}

impl CatalogTable {
    /// Returns whether its files may be read by path: a Delta table whose layout is not private.
    pub fn is_readable_by_path(&self) -> bool {
        let is_table = matches!(
            self.table_type.as_deref(),
            Some("MANAGED" | "EXTERNAL" | "MANAGED_SHALLOW_CLONE" | "EXTERNAL_SHALLOW_CLONE")
        );
        is_table
            && self.data_source_format.as_deref() == Some("DELTA")
            && self.storage_location.is_some()
    }
}

impl Workspace {
    /// Reads what the catalog knows of a table.
    pub async fn get_table(&self, relation: &Relation) -> Result<CatalogTable, ApiError> {
        let parts = relation.parts();
        if parts.len() != 3 || parts.iter().any(|part| part.contains(['.', '/'])) {
            return Err(ApiError::Unsent {
                call: self.call("GET", TABLES_GET),
                reason: format!("`{relation}` is not `catalog.schema.table`"),
            });
        }
        let mut url = self.url(TABLES);
        if let Ok(mut segments) = url.path_segments_mut() {
            // Encodes whatever is not plain, `%` and `?` included.
            segments.pop_if_empty().push(&parts.join("."));
        }
        self.get(TABLES_GET, url).await
    }
}
