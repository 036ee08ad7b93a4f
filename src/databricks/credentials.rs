//! Which workspace is spoken to, and as whom: a pure function of what was declared, the
//! environment and the text of the configuration file.
//!
//! Order: declared, then environment, then profile of the configuration file; the file is skipped
//! when host or any credential is set already and no profile is named. Messages say where a value
//! came from and never what it is. Reading variables and files is the caller's.
//! Source: databricks-sdk-py 0.156.0, `databricks/sdk/config.py`; facts of the vendor's unified
//! authentication.

use std::collections::BTreeMap;

pub use crate::databricks::credential_values::config_file_path;
use crate::databricks::credential_values::{Source, Values, add_environment, add_file, groups};
use crate::databricks::credentials_error::CredentialsError;
use crate::databricks::host::Host;
use crate::secret::Secret;

/// What the project file declares of an environment's workspace; secrets never stand there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeclaredConnection {
    /// The profile of the configuration file.
    pub profile: Option<String>,
    /// The workspace's address.
    pub host: Option<String>,
}

/// A configuration file as far as it was read.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    /// Its path, for messages.
    pub path: String,
    /// Its text; `None` where there is no such file.
    pub text: Option<Secret>,
}

/// A workspace and how to prove who we are.
#[derive(Debug, Clone)]
pub struct ResolvedConnection {
    /// Where it is.
    pub host: Host,
    /// Who we are.
    pub auth: Auth,
    /// Where each value came from: attribute name to a description for people, without values.
    pub sources: BTreeMap<&'static str, String>,
}

/// How a request proves who sends it.
#[derive(Debug, Clone)]
pub enum Auth {
    /// A personal access token.
    Pat(Secret),
    /// A service principal that asks for a one-hour token.
    OAuthM2m {
        /// The application id of the service principal.
        client_id: String,
        /// Its OAuth secret.
        client_secret: Secret,
    },
}

impl Auth {
    /// Returns the vendor's word for the method.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Pat(_) => "pat",
            Self::OAuthM2m { .. } => "oauth-m2m",
        }
    }
}

/// Decides which workspace is spoken to and with which credentials.
///
/// Empty variables and values count as absent, as in the vendor's tools.
pub fn resolve(
    declared: &DeclaredConnection,
    environment: &BTreeMap<String, String>,
    file: Option<&ConfigFile>,
) -> Result<ResolvedConnection, CredentialsError> {
    let mut values = Values::new();
    if let Some(host) = declared
        .host
        .as_deref()
        .filter(|host| !host.trim().is_empty())
    {
        values.insert("host", (Secret::new(host), Source::Declared));
    }
    add_environment(&mut values, environment);
    add_file(&mut values, declared, environment, file)?;
    let auth = choose_auth(&values)?;
    let host = parse_host(&values)?;
    let sources = values
        .into_iter()
        .map(|(name, (_, source))| (name, source.to_string()))
        .collect();
    Ok(ResolvedConnection {
        host,
        auth,
        sources,
    })
}

fn choose_auth(values: &Values) -> Result<Auth, CredentialsError> {
    if let Some((forced, source)) = values.get("auth_type") {
        return match forced.reveal() {
            "pat" => pat(values),
            "oauth-m2m" => oauth_m2m(values),
            _ => Err(CredentialsError::UnsupportedMethod {
                what: format!("the authorization method that `auth_type` from {source} asks for"),
            }),
        };
    }
    let groups = groups(values);
    let mut found = groups.iter();
    match (found.next(), found.next()) {
        (None, _) => Err(CredentialsError::NoCredentials),
        (Some(_), Some(_)) => Err(CredentialsError::SeveralMethods {
            found: groups
                .iter()
                .map(|(group, sources)| {
                    let sources: Vec<_> = sources.iter().map(String::as_str).collect();
                    format!("{group} ({})", sources.join(", "))
                })
                .collect(),
        }),
        (Some((&"pat", _)), None) => pat(values),
        (Some((&"oauth", _)), None) => oauth_m2m(values),
        (Some((group, sources)), None) => Err(CredentialsError::UnsupportedMethod {
            what: format!(
                "authorization method `{group}` ({})",
                sources
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        }),
    }
}

fn pat(values: &Values) -> Result<Auth, CredentialsError> {
    Ok(Auth::Pat(credential(values, "pat", "token")?))
}

fn oauth_m2m(values: &Values) -> Result<Auth, CredentialsError> {
    Ok(Auth::OAuthM2m {
        client_id: credential(values, "oauth-m2m", "client_id")?
            .reveal()
            .to_owned(),
        client_secret: credential(values, "oauth-m2m", "client_secret")?,
    })
}

/// Returns a credential that can stand in a header: printable ASCII without blanks.
fn credential(
    values: &Values,
    method: &'static str,
    name: &'static str,
) -> Result<Secret, CredentialsError> {
    let Some((value, source)) = values.get(name) else {
        return Err(CredentialsError::Incomplete {
            method,
            missing: name,
        });
    };
    let trimmed = value.reveal().trim();
    if trimmed.is_empty() || !trimmed.chars().all(|c| c.is_ascii_graphic()) {
        return Err(CredentialsError::Unusable {
            attribute: name,
            from: source.to_string(),
        });
    }
    Ok(Secret::new(trimmed))
}

fn parse_host(values: &Values) -> Result<Host, CredentialsError> {
    let (host, source) = values.get("host").ok_or(CredentialsError::NoHost)?;
    Host::parse(host.reveal()).map_err(|error| CredentialsError::BadHost {
        from: source.to_string(),
        source: error,
    })
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
