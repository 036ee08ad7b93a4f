//! Values of credentials and where they were found: the environment, and a profile.
//!
//! Whoever comes first keeps an attribute; what the values mean is
//! [`credentials`](super::credentials)'s.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use crate::databricks::config_file::pick_profile;
use crate::databricks::credentials::{ConfigFile, DeclaredConnection};
use crate::databricks::credentials_error::{CredentialsError, config_file_error};
use crate::databricks::host::Host;
use crate::secret::Secret;

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
pub(super) enum Source {
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

/// The values that were found, by attribute, each with its place.
pub(super) type Values = BTreeMap<&'static str, (Secret, Source)>;

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

fn set_variable<'a>(environment: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    environment
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

/// Adds what the environment says of attributes that have no value yet.
pub(super) fn add_environment(values: &mut Values, environment: &BTreeMap<String, String>) {
    for Attribute(name, variable, _) in ATTRIBUTES {
        if let Some(value) = set_variable(environment, variable) {
            values
                .entry(name)
                .or_insert_with(|| (Secret::new(value), Source::Variable(variable)));
        }
    }
}

/// Adds what the profile that counts says of attributes that have no value yet.
pub(super) fn add_file(
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
pub(super) fn groups(values: &Values) -> BTreeMap<&'static str, BTreeSet<String>> {
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
