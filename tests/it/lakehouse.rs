//! The sample lakehouse for tests: real tables, the workspace in this process, and the built
//! program against them.
//!
//! Building the whole sample takes seconds, so that it is done once per run of the tests; each test
//! that needs it gets a copy.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use headwater::clock::SystemClock;
use headwater::ports::Clock as _;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use workspace::faults::{Effect, RequestRule, RunEffect, RunRule};
use workspace::ledger::LedgerEntry;
use workspace::sample::{self, Arrival, Arrivals};
use workspace::statements::TableStatements;
use workspace::{Catalog, Credentials, FaultPlan, RunningWorkspace, Workspace, WorkspaceOptions};

use crate::program::{Ran, command};

/// The token that the tests' workspace accepts.
pub(crate) const TOKEN: &str = "loopback-token";

/// The route that starts runs.
pub(crate) const RUN_NOW: &str = "/api/2.*/jobs/run-now";

/// How long a run's task takes, in two halves around its work.
const TASK: Duration = Duration::from_millis(30);

/// The data that arrives is the same in every run of the tests.
const SEED: u64 = 11;

/// The sample in a folder of its own, and its workspace on loopback.
pub(crate) struct Lakehouse {
    folder: PathBuf,
    workspace: Option<RunningWorkspace>,
    arrivals: Arrivals,
    clock: SystemClock,
    runtime: Runtime,
    _temporary: Option<TempDir>,
}

impl Lakehouse {
    /// The sources have their first rows, and nothing is built.
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().to_owned();
        Self::at(&folder, Some(temporary))
    }

    /// Everything is built and fresh.
    pub(crate) fn built() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let template = template();
        copy(template, temporary.path());
        let state = temporary.path().join(".headwater/dev.db");
        // Where tables lie is remembered as the catalog told it, which was in the other folder.
        rusqlite::Connection::open(state)
            .unwrap()
            .execute(
                "UPDATE location SET storage_location = replace(storage_location, ?1, ?2)",
                [template, temporary.path()].map(|folder| folder.display().to_string()),
            )
            .unwrap();
        let folder = temporary.path().to_owned();
        Self::at(&folder, Some(temporary))
    }

    fn at(folder: &Path, temporary: Option<TempDir>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        sample::lay_out(folder).unwrap();
        let clock = SystemClock;
        let arrivals = Arrivals::new(folder, SEED);
        arrivals.first_load(clock.now()).unwrap();
        let catalog = Arc::new(Catalog::default());
        sample::register_tables(folder, &catalog).unwrap();
        let mut jobs = sample::jobs(folder, &catalog);
        for task in jobs.iter_mut().flat_map(|job| &mut job.tasks) {
            task.duration = TASK;
        }
        let options = WorkspaceOptions {
            jobs,
            statements: Arc::new(TableStatements::new(Arc::clone(&catalog))),
            catalog,
            credentials: Credentials::default().with_token(TOKEN, "tests@lakehouse.example"),
            ledger: Some(folder.join("workspace.jsonl")),
            seed: SEED,
            ..WorkspaceOptions::default()
        };
        let workspace = runtime.block_on(Workspace::start(options)).unwrap();
        Self {
            folder: folder.to_owned(),
            workspace: Some(workspace),
            arrivals,
            clock,
            runtime,
            _temporary: temporary,
        }
    }

    fn workspace(&self) -> &RunningWorkspace {
        self.workspace.as_ref().unwrap()
    }

    /// The project's folder.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Where the workspace listens.
    pub(crate) fn address(&self) -> SocketAddr {
        let url = self.workspace().url();
        url.trim_start_matches("http://").parse().unwrap()
    }

    /// Asks the workspace something by hand; returns the body of its answer.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{body}",
            self.address()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        body.to_owned()
    }

    /// How many requests the first rule of the plan was about.
    pub(crate) fn requests_met(&self) -> u64 {
        let plan: Value = serde_json::from_str(&self.ask("GET", "/emulator/faults", "")).unwrap();
        plan["counts"]["requests"][0]["matched"]
            .as_u64()
            .unwrap_or_else(|| panic!("{plan}"))
    }

    /// The folder of a table.
    pub(crate) fn table(&self, asset: &str) -> PathBuf {
        sample::table_path(&self.folder, asset)
    }

    /// The time, for commits.
    pub(crate) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.clock.now()
    }

    /// Other systems, and people.
    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// Lets about `n` changes and `n` log lines arrive.
    pub(crate) fn arrive(&self, n: usize) -> Vec<Arrival> {
        self.arrivals.step(n, self.clock.now()).unwrap()
    }

    /// Lets data arrive until some of it is in this source; returns the version it came with.
    pub(crate) fn arrive_in(&self, source: &str) -> u64 {
        for _ in 0..200 {
            let arrived = self.arrive(1);
            if let Some(arrival) = arrived.iter().find(|arrival| arrival.asset == source) {
                return arrival.version;
            }
        }
        panic!("nothing arrives in {source}");
    }

    /// The file of the last commit of a table.
    pub(crate) fn last_commit(&self, asset: &str) -> PathBuf {
        let log = fs::read_dir(self.table(asset).join("_delta_log")).unwrap();
        let files = log.map(|entry| entry.unwrap().path());
        let commits = files.filter(|path| path.extension().is_some_and(|ext| ext == "json"));
        commits.max().unwrap()
    }

    /// What the state file holds of what was seen, incorporated, wanted and run.
    pub(crate) fn recorded(&self) -> Vec<String> {
        let state = rusqlite::Connection::open(self.state_file()).unwrap();
        let tables = [
            "observation",
            "data_commit",
            "consumption",
            "build",
            "intent",
            "run",
            "audit",
        ];
        let mut rows = Vec::new();
        for table in tables {
            let mut query = state.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = query.column_count();
            let mut found = query.query([]).unwrap();
            while let Some(row) = found.next().unwrap() {
                let cells: Vec<rusqlite::types::Value> =
                    (0..columns).map(|at| row.get(at).unwrap()).collect();
                rows.push(format!("{table} {cells:?}"));
            }
        }
        rows
    }

    /// How many passes there were.
    pub(crate) fn passes(&self) -> i64 {
        let state = rusqlite::Connection::open(self.state_file()).unwrap();
        let sql = "SELECT coalesce(max(number), 0) FROM pass";
        state.query_row(sql, (), |row| row.get(0)).unwrap()
    }

    /// Where the state lies.
    pub(crate) fn state_file(&self) -> PathBuf {
        self.folder.join(".headwater/dev.db")
    }

    /// The runs of a job.
    pub(crate) fn runs_of(&self, job: &str) -> Vec<LedgerEntry> {
        let runs = self.ledger().into_iter();
        runs.filter(|run| run.job_name == job).collect()
    }

    /// What a command says to people, with what differs from run to run replaced.
    pub(crate) fn told(&self, text: &str) -> String {
        text.replace(&self.folder.display().to_string(), "PROJECT")
            .replace(self.workspace().url(), "WORKSPACE")
    }

    /// Every run that was ever made.
    pub(crate) fn ledger(&self) -> Vec<LedgerEntry> {
        self.workspace().ledger().entries()
    }

    /// How many runs were ever made.
    pub(crate) fn runs(&self) -> usize {
        self.ledger().len()
    }

    /// The number of a job.
    pub(crate) fn job_id(&self, name: &str) -> i64 {
        let jobs = sample::jobs(&self.folder, &Arc::default());
        jobs.into_iter()
            .find(|job| job.name == name)
            .unwrap()
            .job_id
    }

    /// What goes wrong from now on.
    pub(crate) fn faults(&self, plan: FaultPlan) {
        self.workspace().set_faults(plan).unwrap();
    }

    /// This happens to every request to start a run from now on.
    pub(crate) fn run_now_faults(&self, effect: Effect) {
        self.request_faults(RequestRule::on("POST", RUN_NOW, effect));
    }

    /// This happens to requests from now on.
    pub(crate) fn request_faults(&self, rule: RequestRule) {
        self.faults(FaultPlan {
            requests: vec![rule],
            ..FaultPlan::default()
        });
    }

    /// This happens to the next run of a job.
    pub(crate) fn run_fault(&self, job: &str, effect: RunEffect) {
        self.faults(FaultPlan {
            runs: vec![RunRule {
                job_id: Some(self.job_id(job)),
                skip: 0,
                times: 1,
                effect,
            }],
            ..FaultPlan::default()
        });
    }

    /// Nothing goes wrong from now on.
    pub(crate) fn no_faults(&self) {
        self.faults(FaultPlan::default());
    }

    /// The program in the project, with the workspace's address and token.
    pub(crate) fn command(&self, args: &str) -> Command {
        let mut command = command(&self.folder, args);
        self.equip(&mut command);
        command
    }

    /// Gives a command the workspace's address and token.
    pub(crate) fn equip(&self, command: &mut Command) {
        command
            .env("DATABRICKS_HOST", self.workspace().url())
            .env("DATABRICKS_TOKEN", TOKEN)
            .stdin(Stdio::null());
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &str) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    /// Runs a command with some variables set to something else.
    pub(crate) fn run_with(&self, args: &str, variables: &[(&str, &str)]) -> Ran {
        let mut command = self.command(args);
        command.envs(variables.iter().copied());
        Ran::of(command.output().unwrap())
    }

    /// Runs a command that must exit with 0, and returns the document that it prints.
    pub(crate) fn json(&self, args: &str) -> Value {
        let ran = self.run(&format!("{args} -o json"));
        assert_eq!(ran.exit, 0, "{args}: {ran:?}");
        ran.json()
    }

    /// Reconciles until nothing is running or stale.
    pub(crate) fn settle(&self) -> Value {
        self.json("reconcile --wait --timeout 60s")
    }

    /// Lets the minutes pass for which runs are looked for that the state may not know.
    pub(crate) fn let_search_run_out(&self) {
        assert!(self.skip_search(), "nothing is looked for");
    }

    /// The same; tells whether anything was looked for.
    pub(crate) fn skip_search(&self) -> bool {
        let state = rusqlite::Connection::open(self.state_file()).unwrap();
        let past = "UPDATE meta SET value = json_set(value, '$.until', '2026-01-01T00:00:00Z')
                    WHERE key = 'search'";
        state.execute(past, ()).unwrap() == 1
    }

    /// Starts a command; it is killed when the test is over.
    pub(crate) fn start(&self, args: &str) -> Process {
        let mut command = self.command(args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Process(command.spawn().unwrap())
    }

    /// The runs that share an intent and attempt with another one, or belong to none.
    pub(crate) fn duplicates(&self) -> Vec<String> {
        let duplicates = self.workspace().ledger().duplicates();
        let strangers = self.ledger().into_iter().filter_map(|run| {
            let intent = run.parameters.get("headwater_intent");
            let is_ours = intent.is_some_and(|intent| !intent.is_empty()) && run.token.is_some();
            (!is_ours).then(|| format!("{} of `{}`", run.run_id, run.job_name))
        });
        duplicates.into_keys().chain(strangers).collect()
    }

    /// The assets that are in another health than this one, with it.
    pub(crate) fn not(&self, health: &str) -> Vec<(String, String)> {
        let status = self.json("status");
        let assets = status["assets"].as_array().unwrap();
        let word = |asset: &Value, field: &str| asset[field].as_str().unwrap().to_owned();
        assets
            .iter()
            .map(|asset| (word(asset, "asset"), word(asset, "health")))
            .filter(|(_, found)| found != health)
            .collect()
    }

    /// Fails unless nothing was started twice, everything is fresh, and every mart holds what its
    /// sources say.
    pub(crate) fn assert_sound(&self) {
        assert_eq!(self.duplicates(), Vec::<String>::new());
        assert_eq!(self.not("fresh"), []);
        self.assert_marts_equal();
    }

    /// Fails unless every mart holds what its sources say.
    pub(crate) fn assert_marts_equal(&self) {
        let checks = sample::verify(&self.folder).unwrap();
        assert_eq!(checks.len(), 5);
        for check in checks {
            assert!(check.equal && check.rows > 0, "{check:?}");
        }
    }

    /// What an asset incorporates of an input, and what that input holds: `explain`'s words.
    pub(crate) fn incorporated(&self, asset: &str, input: &str) -> (Value, Value) {
        let explained = self.json(&format!("explain {asset}"));
        let chain = explained["chain"].as_array().unwrap();
        let link = chain
            .iter()
            .find(|link| link["asset"] == asset && link["upstream"] == input)
            .unwrap_or_else(|| panic!("{asset} does not read {input}: {chain:?}"));
        (
            link["consumed_version"].clone(),
            link["current_version"].clone(),
        )
    }
}

impl Drop for Lakehouse {
    fn drop(&mut self) {
        if let Some(workspace) = self.workspace.take() {
            self.runtime.block_on(workspace.shutdown());
        }
    }
}

/// A command under way.
pub(crate) struct Process(Child);

impl Process {
    /// Takes over a process that was started.
    pub(crate) fn of(child: Child) -> Self {
        Self(child)
    }

    /// Waits until it stands still, as SIGSTOP makes it.
    pub(crate) fn is_standing(&self) {
        let stat = format!("/proc/{}/stat", self.0.id());
        until("the process stands still", 20, || {
            let stat = fs::read_to_string(&stat).unwrap();
            let (_, after_name) = stat.rsplit_once(')').unwrap();
            after_name.trim_start().starts_with('T')
        });
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// Lowers one of its limits.
    pub(crate) fn limit(&self, resource: Resource, to: u64) {
        let limit = Rlimit {
            current: Some(to),
            maximum: Some(to),
        };
        prlimit(Some(Pid::from_child(&self.0)), resource, limit).unwrap();
    }

    /// Kills it and takes it away.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }

    /// Waits for its end; returns its exit code.
    pub(crate) fn exit_within(&mut self, seconds: u64) -> Option<i32> {
        until("the command ended", seconds, || self.ended().is_some());
        self.ended().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Looks until something is true; fails when it is not within so many seconds.
pub(crate) fn until(what: &str, seconds: u64, mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(
            began.elapsed() < Duration::from_secs(seconds),
            "not within {seconds} s: {what}"
        );
        sleep(Duration::from_millis(10));
    }
}

/// Notes what cannot be proven on this machine, for `make test` to tell at its end; fails where the
/// variable `PROVE_ALL` is set.
pub(crate) fn unproven(what: &str) {
    assert!(
        !std::env::vars().any(|(name, _)| name == "PROVE_ALL"),
        "{what}"
    );
    let notes = Path::new(env!("CARGO_TARGET_TMPDIR")).join("unproven.txt");
    let notes = fs::File::options().create(true).append(true).open(notes);
    writeln!(notes.unwrap(), "not proven on this machine: {what}").unwrap();
}

/// The folder of a lakehouse that is built, made once.
///
/// A runner with a process for each test gets here once in each: the first one builds, the others
/// of the same run wait for it and take what it made.
fn template() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let lock = fs::File::create(place.join("lakehouse.lock")).unwrap();
        lock.lock().unwrap();
        let folder = place.join("lakehouse");
        let (stamp, run) = (place.join("lakehouse.run"), run_of_tests());
        if fs::read_to_string(&stamp).is_ok_and(|built_by| built_by == run) {
            return folder;
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
        let lake = Lakehouse::at(&folder, None);
        lake.settle();
        lake.assert_sound();
        drop(lake);
        fs::write(&stamp, run).unwrap();
        folder
    })
}

/// Names this run of the tests: as cargo-nextest does, else by this process.
fn run_of_tests() -> String {
    let named = std::env::vars().find(|(name, _)| name == "NEXTEST_RUN_ID");
    named.map_or_else(|| std::process::id().to_string(), |(_, run)| run)
}

/// Copies a folder with everything below it, and the times of its files: those of a log are its
/// commit times.
fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(&target).unwrap();
        } else {
            fs::copy(entry.path(), &target).unwrap();
            let written_at = entry.metadata().unwrap().modified().unwrap();
            let copied = fs::File::options().write(true).open(&target).unwrap();
            copied.set_modified(written_at).unwrap();
        }
    }
}
