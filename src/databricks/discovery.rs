//! Where tokens are asked for: the workspace's own description of its endpoints, as far as it helps.
//!
//! Best effort: whatever fails, the documented path is used. An endpoint on another origin is not
//! believed, since the principal's secret would go there.
//! Source: databricks-sdk-py 0.156.0, `databricks/sdk/config.py` and `oauth.py`.

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::databricks::answer::{check_status, read_json};
use crate::databricks::error::{ApiError, Call};
use crate::databricks::host::Host;
use crate::databricks::http::{Body, Credential, Request, Transport};

/// How long discovery may take; a workspace that does not know it may also not answer it.
const DISCOVERY_TIME: Duration = Duration::from_secs(10);

/// Finds the token endpoint; whatever fails there, the documented path is used.
pub(super) async fn discover(transport: &Transport, host: &Host, known: &mut Option<Url>) -> Url {
    let fallback = host.at("/oidc/v1/token");
    let reading = tokio::time::timeout(DISCOVERY_TIME, read_discovery(transport, host));
    let (endpoint, is_final) = match reading.await {
        Ok(Ok(found)) => (found.filter(|url| host.owns(url)).unwrap_or(fallback), true),
        Ok(Err(error)) => (fallback, !error.is_passing()),
        Err(_) => (fallback, false),
    };
    if is_final {
        *known = Some(endpoint.clone());
    }
    endpoint
}

async fn read_discovery(transport: &Transport, host: &Host) -> Result<Option<Url>, ApiError> {
    let path = "/.well-known/databricks-config";
    let config: DatabricksConfig = read(transport, host, path, host.at(path)).await?;
    let Some(endpoint) = config.oidc_endpoint else {
        return Ok(None);
    };
    let endpoint = endpoint.replace("{account_id}", config.account_id.as_deref().unwrap_or(""));
    let path = "/.well-known/oauth-authorization-server";
    let url = Url::parse(&format!("{}{path}", endpoint.trim_end_matches('/')));
    let Some(url) = url.ok().filter(|url| host.owns(url)) else {
        return Ok(None);
    };
    let server: AuthorizationServer = read(transport, host, path, url).await?;
    Ok(server.token_endpoint.and_then(|url| Url::parse(&url).ok()))
}

async fn read<T: DeserializeOwned>(
    transport: &Transport,
    host: &Host,
    path: &'static str,
    url: Url,
) -> Result<T, ApiError> {
    let call = Call {
        method: "GET",
        path,
        host: host.to_string().into(),
    };
    let request = Request {
        call,
        url,
        body: Body::None,
    };
    let raw = transport.send(&request, Credential::Nobody, 1).await?;
    let raw = check_status(&request.call, raw, &[])?;
    read_json(&request.call, &raw)
}

#[derive(Deserialize)]
struct DatabricksConfig {
    #[serde(default)]
    oidc_endpoint: Option<String>,
    #[serde(default)]
    account_id: Option<String>,
}

#[derive(Deserialize)]
struct AuthorizationServer {
    #[serde(default)]
    token_endpoint: Option<String>,
}
