//! Puts the parts together: a loaded project, its state file, and the adapters behind the ports.
//!
//! Only this file names both the adapters and the loop.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use assets::Asset;
use assets::dbt::TestResults;
use assets::declaration::Connection;
use assets::delta::contents::Watch;
use assets::delta::history::{History, LogCall};
use assets::delta::{KnownHead, Reading, Unreadable};
use assets::task::Tasks;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use lineage::{AssetGraph, AssetIndex, Frozen};

use crate::adapters::{LogTables, WorkspaceCatalog, WorkspaceJobs, WorkspaceStatements};
use crate::buckets::{self, Buckets, Lender, OwnVariables};
use crate::clock::{SystemClock, SystemRandom};
use crate::config::Variables;
use crate::databricks::{
    ConfigFile, CredentialsError, DeclaredConnection, LocalTime, ResolvedConnection, Settings,
    Workspace, config_file_path, resolve,
};
use crate::delta_log::{Ask, Location, LogStore, Look, Traced as TracedStore, history, read};
use crate::error::{CommandError, Exit};
use crate::execute::Windows;
use crate::holder::Holder;
use crate::ports::{Catalog, Clock, Jobs, Random, State, StateError, Statements, TableLocation};
use crate::project::Loaded;
use crate::reconcile::{LEASE_LIFETIME, Scope, World};
use crate::secret::Secret;
use crate::state::{Lease, Memory};
use crate::store::codes::{BUSY, code_of};
use crate::store::{OpenMode, Place, Rebuilt, Restore, Restored, Store, back_up, rebuild, restore};

/// The state file while it is open; commands use it as [`State`].
pub type StateFile = Store;

pub use crate::store::{Rebuilt as RebuiltState, Restored as RestoredState, RunFilter};

/// A project that can be worked with.
pub struct App {
    /// The project's folder.
    pub root: PathBuf,
    /// The project's name.
    pub project: String,
    /// The environment in use.
    pub environment: String,
    /// What `{{ catalog }}` stands for in it.
    pub catalog_name: Option<String>,
    /// The assets.
    pub graph: AssetGraph,
    /// Their tasks.
    pub tasks: Tasks,
    /// What may run at once.
    pub limits: assets::declaration::Limits,
    /// When which assets are not built.
    pub freezes: Vec<Frozen>,
    /// What dbt told of its tests.
    pub tests: TestResults,
    /// Where the state file lies.
    pub state_path: PathBuf,
    /// The workspace, where one is declared and can be spoken to.
    pub workspace: Option<Link>,
    /// Why there is no workspace although one is declared.
    pub workspace_problem: Option<CommandError>,
    clock: Arc<dyn Clock>,
    random: SystemRandom,
    tables: LogTables,
}

/// A workspace, and what the loop needs of it.
pub struct Link {
    /// The client.
    pub client: Workspace,
    /// Where each value of the connection came from, without values.
    pub sources: Vec<(String, String)>,
    jobs: WorkspaceJobs,
    statements: WorkspaceStatements,
    catalog: Option<WorkspaceCatalog>,
}

impl Link {
    /// Returns its jobs.
    pub fn jobs(&self) -> &dyn Jobs {
        &self.jobs
    }

    /// Returns its SQL warehouses.
    pub fn statements(&self) -> &dyn Statements {
        &self.statements
    }

    /// Returns its catalog, if it may be asked.
    pub fn catalog(&self) -> Option<&dyn Catalog> {
        self.catalog
            .as_ref()
            .map(|catalog| -> &dyn Catalog { catalog })
    }

    /// Returns what lends credentials for tables, if its catalog may be asked.
    fn lender(&self) -> Option<Arc<dyn Lender>> {
        let catalog = self.catalog.as_ref()?;
        Some(Arc::new(catalog.lender()))
    }
}

/// A look at one table, with every request that it took.
pub struct Traced {
    /// Where the log lies.
    pub place: String,
    /// The requests, in order.
    pub calls: Vec<LogCall>,
    /// What was found.
    pub reading: Reading,
}

/// Runs what blocks on a thread of its own.
async fn blocking<T: Send + 'static>(
    place: &str,
    act: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unreadable> {
    let done = tokio::task::spawn_blocking(act).await;
    done.map_err(|error| Unreadable::Unreachable {
        path: place.to_owned(),
        detail: error.to_string(),
    })
}

/// A clock that stands still, for `--at`.
struct StoppedClock {
    at: DateTime<Utc>,
    system: SystemClock,
}

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> DateTime<Utc> {
        self.at
    }

    fn monotonic(&self) -> std::time::Duration {
        self.system.monotonic()
    }

    async fn sleep(&self, duration: std::time::Duration) {
        self.system.sleep(duration).await;
    }
}

impl App {
    /// Puts a project without errors together. Nothing is opened and nobody is called yet.
    ///
    /// `at` stops the clock at an instant.
    pub fn new(
        loaded: Loaded,
        variables: &Variables,
        at: Option<DateTime<Utc>>,
    ) -> Result<Self, CommandError> {
        let Some(graph) = loaded.graph else {
            return Err(CommandError::bug("a project with errors was not refused"));
        };
        let system = SystemClock;
        let clock: Arc<dyn Clock> = match at {
            Some(at) => Arc::new(StoppedClock { at, system }),
            None => Arc::new(system),
        };
        let random = SystemRandom;
        let first = u32::try_from(random.bits() & 0xffff).unwrap_or_default();
        let linked = loaded
            .environment
            .databricks
            .as_ref()
            .map(|declared| connect(declared, variables, Settings::default()));
        let (workspace, workspace_problem) = match linked {
            None => (None, None),
            Some(Ok(link)) => (Some(link), None),
            Some(Err(problem)) => (None, Some(problem)),
        };
        let lender = workspace.as_ref().and_then(Link::lender);
        let buckets = Arc::new(Buckets::new(store_settings(variables)?, lender));
        Ok(Self {
            tables: LogTables::new(loaded.root.clone(), buckets, first),
            root: loaded.root,
            project: loaded.project.name,
            environment: loaded.environment_name,
            catalog_name: loaded.environment.catalog,
            graph,
            tasks: loaded.tasks,
            limits: loaded.project.limits,
            freezes: loaded.freezes,
            tests: loaded.tests,
            state_path: loaded.state_path,
            workspace,
            workspace_problem,
            clock,
            random,
        })
    }

    /// Takes in what is remembered of the values of partitions that only tables tell.
    pub fn learn(&mut self, memory: &Memory) {
        let known = |asset: &Asset, column: &str| memory.own_values(&asset.key, column);
        self.graph = self.graph.with_values(known);
    }

    /// Returns the clock in use.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// Returns the world as ports, over a state.
    pub fn world<'a>(&'a self, state: &'a dyn State) -> World<'a> {
        World {
            tables: &self.tables,
            catalog: self.workspace.as_ref().and_then(Link::catalog),
            jobs: self.workspace.as_ref().map(Link::jobs),
            statements: self.workspace.as_ref().map(Link::statements),
            state,
            clock: self.clock.as_ref(),
            random: &self.random,
        }
    }

    /// Returns what is reconciled, restricted to a selection where there is one.
    pub fn scope<'a>(&'a self, selected: Option<&'a BTreeSet<AssetIndex>>) -> Scope<'a> {
        Scope {
            project: &self.project,
            environment: &self.environment,
            catalog: self.catalog_name.as_deref(),
            graph: &self.graph,
            tasks: &self.tasks,
            limits: &self.limits,
            freezes: &self.freezes,
            tests: &self.tests,
            selected,
            windows: Windows::default(),
        }
    }

    /// Opens the state file for writing; makes it where it is missing.
    pub fn open_state(&self) -> Result<StateFile, StateError> {
        Store::open(&self.state_path, OpenMode::ReadWrite)
    }

    /// Returns where an asset's table lies: where it declares, or else where the catalog says.
    ///
    /// # Errors
    ///
    /// When nobody says it.
    pub async fn location_of(&self, index: AssetIndex) -> Result<TableLocation, CommandError> {
        let asset = self.graph.asset(index);
        if let Some(path) = &asset.path {
            return Ok(TableLocation {
                path: path.clone(),
                located: None,
            });
        }
        let unknown = |why: String| {
            let message = format!("nobody says where `{}` lies: {why}", asset.key);
            CommandError::new("C021", Exit::Usage, message)
                .hint("declare `path:` for it, or a workspace whose catalog knows its relation")
        };
        let catalog = self.workspace.as_ref().and_then(Link::catalog);
        let (Some(relation), Some(catalog)) = (&asset.relation, catalog) else {
            let why = "it declares no `path`, and there is no catalog to ask";
            return Err(unknown(why.to_owned()));
        };
        let located = catalog.locate(relation).await;
        let located = located.map_err(|error| unknown(error.to_string()))?;
        let storage = located.storage_location.map(|path| TableLocation {
            path,
            located: Some(relation.clone()),
        });
        storage.ok_or_else(|| unknown(format!("the catalog has no location for `{relation}`")))
    }

    /// Reads commits of a table's log, from and to versions that are both included; also returns where
    /// the log lies. Without a log there is no history.
    pub async fn history(
        &self,
        location: &TableLocation,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<(String, Option<History>), Unreadable> {
        let store = self.tables.store(location)?;
        let place = store.place().to_owned();
        let found = blocking(&place, move || history(store.as_ref(), from, to)).await??;
        Ok((place, found))
    }

    /// Reads a table as the next pass would, and writes down every request. Nothing is recorded.
    pub async fn read_traced(
        &self,
        location: &TableLocation,
        known: Option<Arc<KnownHead>>,
        columns: Vec<Watch>,
    ) -> Result<Traced, Unreadable> {
        let store = Arc::new(TracedStore::new(self.tables.store(location)?));
        let place = store.place().to_owned();
        let ask = Ask::counting(columns, Look::Close);
        let reader = Arc::clone(&store);
        let reading = blocking(&place, move || {
            read(reader.as_ref(), known.as_deref(), &ask)
        })
        .await?;
        Ok(Traced {
            calls: store.calls(),
            place,
            reading,
        })
    }

    /// Returns the folder of a table that lies on this machine's disks.
    pub fn local_folder(&self, location: &str) -> Option<PathBuf> {
        Location::parse(location, &self.root).ok()?.local()
    }

    /// Opens the state for commands that only read it; one that is missing is empty.
    pub fn read_state(&self) -> Result<StateFile, StateError> {
        match Store::open(&self.state_path, OpenMode::ReadOnly) {
            Err(StateError::Missing { .. }) => self.copy_state(),
            opened => opened,
        }
    }

    /// Returns a private copy of the state, on which everything can be tried without a trace.
    pub fn copy_state(&self) -> Result<StateFile, StateError> {
        Store::open_in_memory_copy(&self.state_path)
    }

    /// Returns the workspace, or why there is none.
    pub fn require_workspace(&self) -> Result<&Link, CommandError> {
        match (&self.workspace, &self.workspace_problem) {
            (Some(link), _) => Ok(link),
            (None, Some(problem)) => Err(problem.clone()),
            (None, None) => Err(CommandError::new(
                "C016",
                Exit::Usage,
                format!("environment `{}` declares no workspace", self.environment),
            )
            .hint("add `databricks: { profile: … }` or `host:` to it in headwater.yml")),
        }
    }

    /// Takes or renews the lease for this process; from a holder that is surely dead, at once.
    pub fn take_lease(&self, store: &Store) -> Result<Lease, StateError> {
        let own = Holder::this_process();
        let name = own.to_string();
        let now = self.clock.now();
        match store.acquire_lease(&name, now, LEASE_LIFETIME) {
            Err(StateError::LeaseHeld { holder, .. })
                if Holder::parse(&holder).is_some_and(|other| own.sees_dead(&other)) =>
            {
                tracing::warn!(holder, "the holder of the lease died; going on after it");
                store.bury_holder(&holder, &name, now)?;
                store.acquire_lease(&name, now, LEASE_LIFETIME)
            }
            taken => taken.map_err(|error| held_if_locked(store, &name, now, error)),
        }
    }
}

/// Copies a state file that may be in use to a name that is free; returns how many rows the audit
/// trail of the copy has.
pub fn back_up_state(state: &Path, target: &Path) -> Result<u64, StateError> {
    back_up(state, target)
}

/// Puts a backup in the place of a state file that nobody works with.
pub fn restore_state(
    backup: &Path,
    state: &Path,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<Restored, StateError> {
    let own = Holder::this_process();
    restore(&Restore {
        backup,
        place: Place {
            path: state,
            actor,
            now,
            is_dead: &|holder| Holder::parse(holder).is_some_and(|other| own.sees_dead(&other)),
        },
    })
}

/// Puts a new state in the place of a state file that nobody works with.
pub fn rebuild_state(state: &Path, actor: &str, now: DateTime<Utc>) -> Result<Rebuilt, StateError> {
    let own = Holder::this_process();
    rebuild(Place {
        path: state,
        actor,
        now,
        is_dead: &|holder| Holder::parse(holder).is_some_and(|other| own.sees_dead(&other)),
    })
}

/// A holder that stands still in the middle of a write keeps the file locked: the lease, which can
/// be read all the same, says more than that.
fn held_if_locked(store: &Store, own: &str, now: DateTime<Utc>, error: StateError) -> StateError {
    let lease = match store.lease_info() {
        Ok(Some(lease)) if code_of(&error) == BUSY && lease.expires_at > now => lease,
        Ok(_) | Err(_) => return error,
    };
    match lease.holder {
        Some(holder) if holder != own => StateError::LeaseHeld {
            holder,
            since: lease.since,
            expires_at: lease.expires_at,
        },
        Some(_) | None => error,
    }
}

/// Sets up the client of a declared workspace; nobody is called yet.
///
/// # Errors
///
/// Where host or credentials are missing or cannot be used.
pub fn connect(
    declared: &Connection,
    variables: &Variables,
    settings: Settings,
) -> Result<Link, CommandError> {
    let connection = connection(declared, variables)?;
    let sources = connection
        .sources
        .iter()
        .map(|(attribute, source)| ((*attribute).to_owned(), source.clone()))
        .collect();
    // The offset to the service's clock is against the true clock, whatever `--at` says.
    let local_time = move || LocalTime {
        wall: SystemClock.now(),
        monotonic: SystemClock.monotonic(),
    };
    let client = Workspace::new(connection, settings, Arc::new(local_time)).map_err(|error| {
        CommandError::from_chain(error.code(), Exit::Usage, &error).hint(error.hint())
    })?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let catalog = declared
        .catalog_lookup
        .unwrap_or(true)
        .then(|| WorkspaceCatalog::new(client.clone(), Arc::clone(&clock)));
    Ok(Link {
        jobs: WorkspaceJobs::new(client.clone(), Arc::clone(&clock)),
        statements: WorkspaceStatements::new(client.clone(), clock),
        catalog,
        client,
        sources,
    })
}

fn store_settings(variables: &Variables) -> Result<buckets::Settings, CommandError> {
    let own = OwnVariables {
        credentials: variables.store_credentials(),
        per_second: variables.store_requests_per_second(),
        at_once: variables.store_requests_at_once(),
    };
    buckets::Settings::of(variables.all(), own).map_err(|error| {
        CommandError::from_chain(error.code(), Exit::Usage, &error).hint(error.hint())
    })
}

fn connection(
    declared: &Connection,
    variables: &Variables,
) -> Result<ResolvedConnection, CommandError> {
    let environment = variables.all();
    let file = config_file_path(environment).map(|path| ConfigFile {
        text: std::fs::read_to_string(&path).ok().map(Secret::new),
        path: path.display().to_string(),
    });
    let declared = DeclaredConnection {
        profile: declared.profile.clone(),
        host: declared.host.clone(),
    };
    resolve(&declared, environment, file.as_ref()).map_err(|error| credentials(&error))
}

/// Credentials that are missing or refused are exit 4, whatever is missing about them.
fn credentials(error: &CredentialsError) -> CommandError {
    CommandError::from_chain(error.code(), Exit::Unauthorized, error).hint(error.hint())
}
