//! The stage: the folders of the projects, the workspace, and what is seen of both.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::process::Child;
use workspace::faults::{Effect, Moment, RequestRule};
use workspace::ledger::LedgerEntry;
use workspace::showcase::{self, Piece};
use workspace::{
    Catalog, Credentials, FaultPlan, RunningWorkspace, StartError, Workspace, WorkspaceOptions,
    sample,
};

use super::Settings;
use super::commands::Commands;
use crate::clock::SystemClock;
use crate::ports::Clock;

/// The token that the demonstration's workspace accepts. It opens nothing else.
pub const TOKEN: &str = "headwater-demo";

/// The route that starts runs.
pub(super) const RUN_NOW: &str = "/api/2.*/jobs/run-now";

/// How long answers are held back where somebody shall be killed meanwhile.
const HELD_MS: u64 = 600;

/// The signal that nobody can catch.
const SIGKILL: i32 = 9;

/// Where the small projects lie in the folder.
const PIECES: &str = "acts";

/// How long to wait for something, and how often to look.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(5);

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
    began: Duration,
    program: PathBuf,
    is_quiet: bool,
    kills: AtomicUsize,
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
        let pieces = folder.join(PIECES);
        let mut jobs = sample::jobs(&folder, &catalog);
        jobs.extend(showcase::jobs(&pieces));
        let options = WorkspaceOptions {
            listen: settings.listen,
            jobs,
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
        for piece in Piece::ALL {
            let folder = piece.lay_out(&pieces).map_err(StageError::Sample)?;
            name_workspace(&folder, workspace.url())?;
        }
        Ok(Self {
            folder,
            workspace,
            arrivals,
            clock,
            began: clock.monotonic(),
            program: settings.program.clone(),
            is_quiet: settings.is_quiet,
            kills: AtomicUsize::new(0),
        })
    }

    /// Returns the time, for commits.
    pub fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.clock.now()
    }

    /// Waits.
    pub async fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration).await;
    }

    /// Time since the stage was set.
    pub fn elapsed(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.began)
    }

    /// Tells the workspace what shall go wrong from now on.
    pub fn faults(&self, plan: FaultPlan) -> Result<(), StageError> {
        self.workspace
            .set_faults(plan)
            .map_err(|error| StageError::Faults(error.to_string()))
    }

    /// The commands of this program in the project.
    pub fn commands(&self) -> Commands {
        Commands::new(&self.program, &self.folder, self.is_quiet)
    }

    /// The commands of this program in the project of a piece.
    pub fn commands_of(&self, piece: Piece) -> Commands {
        Commands::new(&self.program, &self.folder_of(piece), self.is_quiet)
    }

    /// The folder of a piece's project.
    pub fn folder_of(&self, piece: Piece) -> PathBuf {
        piece.folder(&self.folder.join(PIECES))
    }

    /// How many runs there are in the workspace's ledger.
    pub fn runs(&self) -> usize {
        self.workspace.ledger().entries().len()
    }

    /// The runs beyond the first so many.
    pub fn runs_after(&self, first: usize) -> Vec<LedgerEntry> {
        let entries = self.workspace.ledger().entries();
        entries.into_iter().skip(first).collect()
    }

    /// Kills a reconciler (SIGKILL), and waits until it is gone. It counts as killed if it did not end by
    /// itself before.
    pub async fn kill(&self, mut process: Child) -> Result<(), StageError> {
        // One that is gone already is told by its status.
        let _killed = process.start_kill();
        let status = process.wait().await.map_err(ended)?;
        if status.signal() == Some(SIGKILL) {
            self.kills.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// How often a reconciler was killed.
    pub fn kills(&self) -> usize {
        self.kills.load(Ordering::Relaxed)
    }

    /// Asks a reconciler to end, as a service manager would, and waits until it has: it gives its lease back.
    pub async fn end(&self, mut process: Child) -> Result<(), StageError> {
        let id = process.id().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id.and_then(rustix::process::Pid::from_raw) {
            // One that ended by itself in the meantime needs no asking.
            let _asked = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        process.wait().await.map_err(ended).map(|_status| ())
    }

    /// Waits until something is so; gives up after a while, and leaves it to the figures to tell.
    pub async fn until(&self, is_so: impl Fn() -> bool) {
        let deadline = self.elapsed() + PATIENCE;
        while !is_so() && self.elapsed() < deadline {
            self.sleep(LOOK).await;
        }
    }

    /// Holds back the answers to requests that start runs, from now on: long enough to be killed in.
    pub fn hold_answers(&self) -> Result<(), StageError> {
        let held = Effect::Delay {
            ms: HELD_MS,
            at: Moment::After,
        };
        self.faults(FaultPlan {
            requests: vec![RequestRule::on("POST", RUN_NOW, held)],
            ..FaultPlan::default()
        })
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

/// A reconciler of which nobody knows how it ended.
fn ended(source: std::io::Error) -> StageError {
    StageError::Command {
        command: "reconcile".to_owned(),
        source,
    }
}
