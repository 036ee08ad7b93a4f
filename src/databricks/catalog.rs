//! Tables as Unity Catalog knows them: identity, kind and place.
//!
//! Nothing here tells how fresh a table is: the catalog's times are about its own entry, not about
//! the data. A table that our principal may not see is [`ApiError::NotFound`] or
//! [`ApiError::Forbidden`], at the catalog's choice.

use assets::Relation;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use crate::databricks::error::ApiError;
use crate::databricks::workspace::Workspace;
use crate::secret::Secret;

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

const TABLE_CREDENTIALS: &str = "/api/2.0/unity-catalog/temporary-table-credentials";

/// Credentials for the files of one table, for a while.
#[derive(Debug, Clone)]
pub struct TableCredentials {
    /// When they end, UTC, by the workspace's clock.
    pub expires_at: DateTime<Utc>,
    /// Of S3.
    pub aws: Option<AwsCredentials>,
    /// The query of a shared access signature of Azure.
    pub azure_signature: Option<Secret>,
    /// A bearer token of Azure.
    pub azure_token: Option<Secret>,
    /// A bearer token of Google.
    pub google: Option<Secret>,
}

/// A temporary key of AWS.
#[derive(Debug, Clone)]
pub struct AwsCredentials {
    /// Its id.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: Secret,
    /// What goes with it.
    pub session_token: Secret,
}

/// The answer as it is sent; no `Debug`, for it is nothing but secrets.
#[derive(Deserialize)]
struct Lent {
    #[serde(default)]
    expiration_time: Option<i64>,
    #[serde(default)]
    aws_temp_credentials: Option<LentAws>,
    #[serde(default)]
    azure_user_delegation_sas: Option<LentSas>,
    #[serde(default)]
    azure_aad: Option<LentAad>,
    #[serde(default)]
    gcp_oauth_token: Option<LentOauth>,
}

#[derive(Deserialize)]
struct LentAws {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
}

#[derive(Deserialize)]
struct LentSas {
    sas_token: String,
}

#[derive(Deserialize)]
struct LentAad {
    aad_token: String,
}

#[derive(Deserialize)]
struct LentOauth {
    oauth_token: String,
}

impl Workspace {
    /// Borrows credentials for reading the files of a table, by its id in the catalog.
    pub async fn table_credentials(&self, table_id: &str) -> Result<TableCredentials, ApiError> {
        let body = json!({"table_id": table_id, "operation": "READ"});
        let lent: Lent = self.post(TABLE_CREDENTIALS, body).await?.read()?;
        let expires_at = lent
            .expiration_time
            .and_then(DateTime::from_timestamp_millis);
        Ok(TableCredentials {
            // Without an end they are good for this moment.
            expires_at: expires_at.unwrap_or(DateTime::UNIX_EPOCH),
            aws: lent.aws_temp_credentials.map(|aws| AwsCredentials {
                access_key_id: aws.access_key_id,
                secret_access_key: Secret::new(aws.secret_access_key),
                session_token: Secret::new(aws.session_token),
            }),
            azure_signature: lent
                .azure_user_delegation_sas
                .map(|sas| Secret::new(sas.sas_token)),
            azure_token: lent.azure_aad.map(|aad| Secret::new(aad.aad_token)),
            google: lent
                .gcp_oauth_token
                .map(|oauth| Secret::new(oauth.oauth_token)),
        })
    }
}
