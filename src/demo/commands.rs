//! The commands of this program, run in a project's folder as processes of their own.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, Command};

use super::stage::{StageError, TOKEN};

/// What runs commands in one project.
#[derive(Debug, Clone)]
pub struct Commands {
    program: PathBuf,
    folder: PathBuf,
    is_quiet: bool,
}

impl Commands {
    /// Prepares commands of a program in a project's folder.
    pub fn new(program: &Path, folder: &Path, is_quiet: bool) -> Self {
        Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            is_quiet,
        }
    }

    /// The same without talk.
    #[must_use]
    pub fn quietly(mut self) -> Self {
        self.is_quiet = true;
        self
    }

    /// Starts a command; its talk is shown.
    pub fn start(&self, args: &[&str]) -> Result<Child, StageError> {
        let mut command = self.command(args);
        command.stdout(Stdio::null());
        command.spawn().map_err(failed(args))
    }

    /// Runs a command to its end; its talk is shown.
    pub async fn run(&self, args: &[&str]) -> Result<ExitStatus, StageError> {
        self.start(args)?.wait().await.map_err(failed(args))
    }

    /// Runs a command that has to end well.
    pub async fn must(&self, args: &[&str]) -> Result<(), StageError> {
        let status = self.run(args).await?;
        if status.success() {
            Ok(())
        } else {
            Err(StageError::Ended {
                command: args.join(" "),
                status,
            })
        }
    }

    /// Makes passes until everything is built.
    pub async fn settle(&self) -> Result<(), StageError> {
        self.must(&["reconcile", "--wait", "--timeout", "60s"])
            .await
    }

    /// Runs a command and returns the document that it prints.
    pub async fn ask(&self, args: &[&str]) -> Result<serde_json::Value, StageError> {
        let mut command = self.command(args);
        command.args(["-o", "json"]).stderr(Stdio::null());
        let output = command.output().await.map_err(failed(args))?;
        Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .arg("--project")
            .arg(&self.folder)
            .env_remove("DATABRICKS_HOST")
            .env_remove("DATABRICKS_CLIENT_ID")
            .env_remove("DATABRICKS_CLIENT_SECRET")
            .env_remove("DATABRICKS_CONFIG_PROFILE")
            .env_remove("DATABRICKS_AUTH_TYPE")
            .env_remove("HEADWATER_ENV")
            .env("DATABRICKS_CONFIG_FILE", self.folder.join(".databrickscfg"))
            .env("DATABRICKS_TOKEN", TOKEN)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if self.is_quiet {
            command.arg("--quiet");
        }
        command
    }
}

fn failed(args: &[&str]) -> impl FnOnce(std::io::Error) -> StageError {
    let command = args.join(" ");
    |source| StageError::Command { command, source }
}
