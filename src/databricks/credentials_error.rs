//! Why no workspace and credentials could be made out of the configuration, and what to do.
//!
//! Messages name places (a variable, a profile, an attribute), never values.

use crate::databricks::config_file::ConfigFileError;
use crate::databricks::host::HostError;

/// Why the credentials of a workspace could not be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// Nobody says where the workspace is.
    #[error("no workspace host is configured")]
    NoHost,
    /// The host that is configured cannot be used.
    #[error("the workspace host from {from} cannot be used")]
    BadHost {
        /// Where it came from.
        from: String,
        /// What is wrong with it.
        source: HostError,
    },
    /// No credential was found anywhere.
    #[error("no credentials for the workspace are configured")]
    NoCredentials,
    /// Credentials of several kinds, and nobody says which one counts.
    #[error("more than one authorization method configured: {}", found.join(" and "))]
    SeveralMethods {
        /// Each method with the places of its values.
        found: Vec<String>,
    },
    /// A method that the vendor knows and we do not.
    #[error("{what} is not supported")]
    UnsupportedMethod {
        /// The method and the places of its values.
        what: String,
    },
    /// A method of which a part is missing.
    #[error("authorization method `{method}` needs `{missing}`, which is not configured")]
    Incomplete {
        /// The method.
        method: &'static str,
        /// The attribute that is missing.
        missing: &'static str,
    },
    /// A credential with blanks, line ends or other characters that no header can carry.
    #[error("`{attribute}` from {from} is not a usable credential")]
    Unusable {
        /// The attribute.
        attribute: &'static str,
        /// Where it came from.
        from: String,
    },
    /// A profile was asked for, and there is no file to take it from.
    #[error("profile `{profile}` is asked for, but {} does not exist", path.as_ref().map_or_else(|| "a configuration file".to_owned(), |path| format!("`{path}`")))]
    NoConfigFile {
        /// The profile.
        profile: String,
        /// The file that was looked for.
        path: Option<String>,
    },
    /// The file does not have the profile.
    #[error("`{path}` has no profile `{profile}`")]
    NoSuchProfile {
        /// The profile.
        profile: String,
        /// The file.
        path: String,
        /// What it does have.
        existing: Vec<String>,
    },
    /// The file is not an INI file.
    #[error("`{path}` cannot be read: not an INI file at line {line}")]
    BrokenConfigFile {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
    },
    /// The declared profile and the environment name different workspaces.
    #[error("{one} and {other} name different workspaces")]
    TwoHosts {
        /// The one place.
        one: String,
        /// The other place.
        other: String,
    },
}

impl CredentialsError {
    /// Returns the stable code; `docs/errors.md` explains each.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoHost => "W020",
            Self::BadHost { .. } => "W021",
            Self::NoCredentials => "W022",
            Self::SeveralMethods { .. } => "W023",
            Self::UnsupportedMethod { .. } => "W024",
            Self::Incomplete { .. } => "W025",
            Self::Unusable { .. } => "W026",
            Self::NoConfigFile { .. } => "W027",
            Self::NoSuchProfile { .. } => "W028",
            Self::BrokenConfigFile { .. } => "W029",
            Self::TwoHosts { .. } => "W030",
        }
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NoHost => "set `databricks: { host: … }` or `{ profile: … }` for this \
                environment in `headwater.yml`, or `DATABRICKS_HOST`"
                .into(),
            Self::BadHost { .. } => {
                "write it as `https://<workspace>`, as the browser shows it".into()
            }
            Self::NoCredentials => "set `DATABRICKS_CLIENT_ID` and `DATABRICKS_CLIENT_SECRET` \
                (service principal) or `DATABRICKS_TOKEN`, or name a profile of `.databrickscfg`"
                .into(),
            Self::SeveralMethods { .. } => "unset all but one of them, or say which one counts: \
                `DATABRICKS_AUTH_TYPE=pat` or `oauth-m2m`"
                .into(),
            Self::UnsupportedMethod { .. } => {
                "use a service principal's OAuth secret (`oauth-m2m`) or a personal access token \
                 (`pat`)"
                    .into()
            }
            Self::Incomplete { missing, .. } => {
                format!("add `{missing}` beside the other values of this method")
            }
            Self::Unusable { .. } => "copy it anew, without quotes, blanks or line ends".into(),
            Self::NoConfigFile { .. } => "write the file with `databricks configure --profile …`, \
                or point `DATABRICKS_CONFIG_FILE` to it"
                .into(),
            Self::NoSuchProfile {
                existing, profile, ..
            } => missing_profile_hint(profile, existing),
            Self::BrokenConfigFile { .. } => {
                "each line there is `[profile]`, `key = value`, or a comment".into()
            }
            Self::TwoHosts { .. } => "unset the variable, or let the project file declare the \
                host instead of the profile"
                .into(),
        }
    }
}

fn missing_profile_hint(profile: &str, existing: &[String]) -> String {
    match assets::diagnostic::did_you_mean(profile, existing.iter().map(String::as_str)) {
        Some(close) => format!("did you mean `{close}`?"),
        None if existing.is_empty() => "the file has no profiles at all".into(),
        None => format!("it has `{}`", existing.join("`, `")),
    }
}

/// Says which file a problem of a configuration file belongs to.
pub(super) fn config_file_error(error: ConfigFileError, path: &str) -> CredentialsError {
    match error {
        ConfigFileError::Syntax { line } => CredentialsError::BrokenConfigFile {
            path: path.to_owned(),
            line,
        },
        ConfigFileError::NoSuchProfile { name, existing } => CredentialsError::NoSuchProfile {
            profile: name,
            path: path.to_owned(),
            existing,
        },
    }
}
