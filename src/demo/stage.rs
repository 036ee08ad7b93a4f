//! The stage: the project's folder, the workspace, and the commands that run against them.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use tokio::process::{Child, Command};
use workspace::{
    Catalog, Credentials, FaultPlan, RunningWorkspace, StartError, Workspace, WorkspaceOptions,
    sample,
};

use super::Settings;
use crate::clock::SystemClock;
use crate::ports::Clock;

/// The token that the demonstration's workspace accepts. It opens nothing else.
pub const TOKEN: &str = "headwater-demo";

/// The line of the sample's project file that says where the workspace is.
const HOST_VARIABLE: &str = "${DATABRICKS_HOST}";

/// Why the demonstration cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The sample could not be laid out, or data could not arrive.
    #[error("the sample lakehouse failed")]
    Sample(#[source] sample::SampleError),
    /// The workspace did not start.
    #[error("the workspace did not start")]
    Workspace(#[source] StartError),
    /// A fault plan was refused.
    #[error("the workspace refused its faults: {0}")]
    Faults(String),
    /// A file could not be read or written.
    #[error("`{}` could not be {action}", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A command could not be run.
    #[error("`headwater {command}` could not be run")]
    Command {
        /// The command.
        command: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A command ended as it should not.
    #[error("`headwater {command}` ended with {status}")]
    Ended {
        /// The command.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
}

/// Everything the acts work with.
pub struct Stage {
    /// The project's folder.
    pub folder: PathBuf,
    /// The workspace.
    pub workspace: RunningWorkspace,
    /// What lets data arrive.
    pub arrivals: sample::Arrivals,
    clock: SystemClock,
    /// When the stage was set, by the clock that never goes back.
    began: std::time::Duration,
    program: PathBuf,
    is_quiet: bool,
}

impl Stage {
    /// Lays out the sample, loads its sources for the first time and starts the workspace.
    pub async fn set(settings: &Settings) -> Result<Self, StageError> {
        let folder = settings.folder.clone();
        sample::lay_out(&folder).map_err(StageError::Sample)?;
        let clock = SystemClock;
        let arrivals = sample::Arrivals::new(&folder, settings.seed);
        arrivals
            .first_load(clock.now())
            .map_err(StageError::Sample)?;
        let catalog = Arc::new(Catalog::default());
        sample::register_tables(&folder, &catalog).map_err(StageError::Sample)?;
        let state = folder.join(".headwater");
        std::fs::create_dir_all(&state).map_err(file("made", &state))?;
        let options = WorkspaceOptions {
            listen: settings.listen,
            jobs: sample::jobs(&folder, &catalog),
            catalog,
            credentials: Credentials::default().with_token(TOKEN, "demo@lakehouse.example"),
            ledger: Some(state.join("workspace.jsonl")),
            seed: settings.seed,
            ..WorkspaceOptions::default()
        };
        let workspace = Workspace::start(options)
            .await
            .map_err(StageError::Workspace)?;
        name_workspace(&folder, workspace.url())?;
        Ok(Self {
            folder,
            workspace,
            arrivals,
            clock,
            began: clock.monotonic(),
            program: settings.program.clone(),
            is_quiet: settings.is_quiet,
        })
    }

    /// Returns the time, for commits.
    pub fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.clock.now()
    }

    /// Waits.
    pub async fn sleep(&self, duration: std::time::Duration) {
        self.clock.sleep(duration).await;
    }

    /// Time since the stage was set.
    pub fn elapsed(&self) -> std::time::Duration {
        self.clock.monotonic().saturating_sub(self.began)
    }

    /// Tells the workspace what shall go wrong from now on.
    pub fn faults(&self, plan: FaultPlan) -> Result<(), StageError> {
        self.workspace
            .set_faults(plan)
            .map_err(|error| StageError::Faults(error.to_string()))
    }

    /// Starts a command of this program in the project; its talk is shown.
    pub fn start(&self, args: &[&str]) -> Result<Child, StageError> {
        let mut command = self.command(args);
        command.stdout(Stdio::null());
        command.spawn().map_err(|source| StageError::Command {
            command: args.join(" "),
            source,
        })
    }

    /// Runs a command of this program in the project to its end; its talk is shown.
    pub async fn run(&self, args: &[&str]) -> Result<ExitStatus, StageError> {
        let failed = |source| StageError::Command {
            command: args.join(" "),
            source,
        };
        self.start(args)?.wait().await.map_err(failed)
    }

    /// Runs a command that has to end well.
    pub async fn must(&self, args: &[&str]) -> Result<(), StageError> {
        let status = self.run(args).await?;
        if status.success() {
            return Ok(());
        }
        Err(StageError::Ended {
            command: args.join(" "),
            status,
        })
    }

    /// Runs a command and returns the document that it prints.
    pub async fn ask(&self, args: &[&str]) -> Result<serde_json::Value, StageError> {
        let failed = |source| StageError::Command {
            command: args.join(" "),
            source,
        };
        let mut command = self.command(args);
        command.args(["-o", "json"]).stderr(Stdio::null());
        let output = command.output().await.map_err(failed)?;
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

/// Writes the workspace's address into the project file, so that the folder works by itself.
fn name_workspace(folder: &Path, url: &str) -> Result<(), StageError> {
    let path = folder.join("headwater.yml");
    let text = std::fs::read_to_string(&path).map_err(file("read", &path))?;
    let named: Vec<String> = text
        .lines()
        .map(|line| {
            if line.contains(HOST_VARIABLE) {
                line.replace(HOST_VARIABLE, url)
            } else if let Some((before, after)) = line.split_once("host: \"http://127.0.0.1:") {
                // A folder of an earlier demonstration, whose workspace listened elsewhere.
                let after = after.split_once('"').map_or("", |(_, after)| after);
                format!("{before}host: \"{url}\"{after}")
            } else {
                line.to_owned()
            }
        })
        .collect();
    std::fs::write(&path, named.join("\n") + "\n").map_err(file("written", &path))
}

fn file<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> StageError + 'a {
    move |source| StageError::File {
        action,
        path: path.to_owned(),
        source,
    }
}
