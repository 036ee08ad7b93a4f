//! Which workspace is spoken to, and as whom: a pure function of what was declared, the
//! environment and the text of the configuration file.
//!
//! Order: declared, then environment, then profile of the configuration file; the file is skipped
//! when host or any credential is set already and no profile is named. Messages say where a value
//! came from and never what it is. Reading variables and files is the caller's.
//! Source: databricks-sdk-py 0.156.0, `databricks/sdk/config.py`; facts of the vendor's unified
//! authentication.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use crate::databricks::config_file::pick_profile;
use crate::databricks::credentials_error::{CredentialsError, config_file_error};
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

/// What we know of one attribute: its name in files, its variable, and the group of credentials it
/// belongs to. Groups other than `pat` and `oauth` are known so that they are refused by name.
struct Attribute(&'static str, &'static str, Option<&'static str>);

const ATTRIBUTES: [Attribute; 15] = [
    Attribute("host", "DATABRICKS_HOST", None),
    Attribute("auth_type", "DATABRICKS_AUTH_TYPE", None),
    Attribute("token", "DATABRICKS_TOKEN", Some("pat")),
    Attribute("client_id", "DATABRICKS_CLIENT_ID", Some("oauth")),
    Attribute("client_secret", "DATABRICKS_CLIENT_SECRET", Some("oauth")),
    Attribute("username", "DATABRICKS_USERNAME", Some("basic")),
    Attribute("password", "DATABRICKS_PASSWORD", Some("basic")),
    Attribute(
        "oidc_token_env",
        "DATABRICKS_OIDC_TOKEN_ENV",
        Some("env-oidc"),
    ),
    Attribute(
        "oidc_token_filepath",
        "DATABRICKS_OIDC_TOKEN_FILEPATH",
        Some("file-oidc"),
    ),
    Attribute("azure_client_id", "ARM_CLIENT_ID", Some("azure")),
    Attribute("azure_client_secret", "ARM_CLIENT_SECRET", Some("azure")),
    Attribute("azure_tenant_id", "ARM_TENANT_ID", Some("azure")),
    Attribute("azure_use_msi", "ARM_USE_MSI", Some("azure")),
    Attribute(
        "google_service_account",
        "DATABRICKS_GOOGLE_SERVICE_ACCOUNT",
        Some("google"),
    ),
    Attribute("google_credentials", "GOOGLE_CREDENTIALS", Some("google")),
];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Declared,
    Variable(&'static str),
    Profile { name: String, path: String },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declared => f.write_str("the project file"),
            Self::Variable(name) => write!(f, "environment variable `{name}`"),
            Self::Profile { name, path } => write!(f, "profile `{name}` of `{path}`"),
        }
    }
}

type Values = BTreeMap<&'static str, (Secret, Source)>;

/// Returns where the configuration file is to be looked for: `DATABRICKS_CONFIG_FILE`, else
/// `.databrickscfg` in the home directory.
pub fn config_file_path(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let home = set_variable(environment, "HOME").map(PathBuf::from);
    match set_variable(environment, "DATABRICKS_CONFIG_FILE") {
        Some(path) => match (path.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => Some(home.join(rest)),
            _ => Some(PathBuf::from(path)),
        },
        None => home.map(|home| home.join(".databrickscfg")),
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

fn set_variable<'a>(environment: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    environment
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

fn add_environment(values: &mut Values, environment: &BTreeMap<String, String>) {
    for Attribute(name, variable, _) in ATTRIBUTES {
        if let Some(value) = set_variable(environment, variable) {
            values
                .entry(name)
                .or_insert_with(|| (Secret::new(value), Source::Variable(variable)));
        }
    }
}

fn add_file(
    values: &mut Values,
    declared: &DeclaredConnection,
    environment: &BTreeMap<String, String>,
    file: Option<&ConfigFile>,
) -> Result<(), CredentialsError> {
    let from_variable = set_variable(environment, "DATABRICKS_CONFIG_PROFILE");
    let wanted = declared.profile.as_deref().or(from_variable);
    let is_configured = values.contains_key("host") || !groups(values).is_empty();
    if wanted.is_none() && is_configured {
        return Ok(());
    }
    let Some((path, text)) = file.and_then(|f| f.text.as_ref().map(|text| (&f.path, text))) else {
        return match wanted {
            None => Ok(()),
            Some(profile) => Err(CredentialsError::NoConfigFile {
                profile: profile.to_owned(),
                path: file.map(|file| file.path.clone()),
            }),
        };
    };
    let profile =
        pick_profile(text.reveal(), wanted).map_err(|error| config_file_error(error, path))?;
    let Some(profile) = profile else {
        return Ok(());
    };
    let source = Source::Profile {
        name: profile.name,
        path: path.clone(),
    };
    if let Some(host) = profile.values.get("host") {
        check_same_host(values, declared, host, &source)?;
    }
    for Attribute(name, ..) in ATTRIBUTES {
        if let Some(value) = profile.values.get(name) {
            values
                .entry(name)
                .or_insert_with(|| (value.clone(), source.clone()));
        }
    }
    Ok(())
}

/// Refuses a profile that the project declares while the environment names another workspace.
///
/// The vendor's tools let the variable win. Here that would trigger one environment's jobs in
/// another environment's workspace, so it is refused instead.
fn check_same_host(
    values: &Values,
    declared: &DeclaredConnection,
    host: &Secret,
    profile: &Source,
) -> Result<(), CredentialsError> {
    let Some((other, source @ Source::Variable(_))) = values.get("host") else {
        return Ok(());
    };
    let (ours, theirs) = (Host::parse(host.reveal()), Host::parse(other.reveal()));
    if declared.profile.is_some() && ours.is_ok() && ours != theirs {
        return Err(CredentialsError::TwoHosts {
            one: profile.to_string(),
            other: source.to_string(),
        });
    }
    Ok(())
}

/// Returns the kinds of credentials that are present.
fn groups(values: &Values) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut groups: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for Attribute(name, _, group) in ATTRIBUTES {
        if let (Some(group), Some((_, source))) = (group, values.get(name)) {
            groups
                .entry(group)
                .or_default()
                .insert(format!("`{name}` from {source}"));
        }
    }
    groups
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
