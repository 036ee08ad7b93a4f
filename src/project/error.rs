//! Why there is no project to speak of.

use std::path::PathBuf;

use assets::declaration::Project;
use assets::{Diagnostic, did_you_mean};

use super::Sources;
use super::find::PROJECT_FILE;

/// Why nothing could be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// There is no project file here or above.
    #[error("there is no `{PROJECT_FILE}` in `{}` or in any folder above it", .start.display())]
    NotFound {
        /// Where the search began.
        start: PathBuf,
    },
    /// The folder that was named has no project file.
    #[error("there is no `{PROJECT_FILE}` in `{}`", .folder.display())]
    NotInFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The project file cannot be read.
    #[error("`{}` cannot be read", .path.display())]
    Unreadable {
        /// The project file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The project file says too little to go on.
    #[error("`{}` has errors", .path.display())]
    Broken {
        /// The project file.
        path: PathBuf,
        /// Everything that is wrong with it.
        diagnostics: Vec<Diagnostic>,
        /// Its text.
        sources: Sources,
    },
    /// The project does not declare the environment that was asked for.
    #[error("environment `{name}` is not declared; there is {}", listed(.known))]
    UnknownEnvironment {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
        /// What was probably meant.
        suggestion: Option<String>,
    },
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

impl ProjectError {
    pub(super) fn unknown_environment(name: &str, project: &Project) -> Self {
        let known: Vec<String> = project.environments.keys().cloned().collect();
        let suggestion = did_you_mean(name, known.iter().map(String::as_str)).map(str::to_owned);
        Self::UnknownEnvironment {
            name: name.to_owned(),
            known,
            suggestion,
        }
    }

    /// Returns the stable code; `docs/errors.md` explains each.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } | Self::NotInFolder { .. } => "C001",
            Self::Broken { .. } => "C002",
            Self::UnknownEnvironment { .. } => "C003",
            Self::Unreadable { .. } => "C004",
        }
    }

    /// Returns what to do next.
    pub fn hint(&self) -> String {
        let fixed = match self {
            Self::NotFound { .. } => {
                "begin a project here with `headwater init`, or name its folder with `--project DIR`"
            }
            Self::NotInFolder { .. } => {
                "name the folder that holds it, or begin a project there with `headwater init`"
            }
            Self::Unreadable { .. } => "it has to be a UTF-8 text that this user may read",
            Self::Broken { .. } => "`headwater validate` shows every problem",
            Self::UnknownEnvironment {
                suggestion: Some(suggestion),
                ..
            } => return format!("did you mean `{suggestion}`?"),
            Self::UnknownEnvironment { .. } => {
                "name one of them, or add it under `environments:` in `headwater.yml`"
            }
        };
        fixed.to_owned()
    }
}
