//! Bad input of every kind: each has its message and exit code, nothing that was recorded is lost,
//! and what is not concerned goes on.

use std::fs;

use rustix::process::Signal;
use workspace::FaultPlan;
use workspace::faults::{Effect, Moment, RequestRule};

use crate::lakehouse::{Lakehouse, RUN_NOW, until};
use crate::program::Ran;

fn answer(status: u16) -> Effect {
    Effect::Answer {
        status,
        retry_after_secs: None,
        content_type: None,
        body: None,
        at: Moment::Before,
    }
}

/// Exit code and talk, without what differs from run to run.
fn told(lake: &Lakehouse, ran: &Ran) -> String {
    let told = lake.told(&ran.stderr);
    // The service's names of single requests, and what is logged with the time of day.
    let mut lines: Vec<String> = Vec::new();
    for line in told.lines().filter(|line| !line.contains(" WARN ")) {
        let line = without(line, " [ReqId: ", "]");
        lines.push(without(&line, " (request ", ")"));
    }
    format!("exit {}\n{}", ran.exit, lines.join("\n"))
}

/// A line without the part between two marks, and without these.
fn without(line: &str, from: &str, to: &str) -> String {
    let cut = line.split_once(from).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(to)?;
        Some(format!("{before}{after}"))
    });
    cut.unwrap_or_else(|| line.to_owned())
}

/// Runs a command that must change nothing that is recorded, and start nothing.
fn refused(lake: &Lakehouse, args: &str, variables: &[(&str, &str)]) -> Ran {
    let (recorded, runs) = (lake.recorded(), lake.runs());
    let ran = lake.run_with(args, variables);
    assert_eq!(lake.recorded(), recorded, "{ran:?}");
    assert_eq!(lake.runs(), runs, "{ran:?}");
    ran
}

/// Breaks a file of the project while there is work to do, and mends it again.
fn with_broken(file: &str, broken: Option<&str>) -> String {
    let lake = Lakehouse::built();
    let path = lake.path().join(file);
    let whole = fs::read_to_string(&path).unwrap();
    lake.arrive(2);
    match broken {
        Some(text) => fs::write(&path, text).unwrap(),
        None => fs::remove_file(&path).unwrap(),
    }
    let ran = refused(&lake, "reconcile", &[]);
    for args in ["plan", "status", "observe", "ls"] {
        let other = refused(&lake, args, &[]);
        assert_eq!((other.exit, &other.stderr), (2, &ran.stderr), "{args}");
    }
    fs::write(&path, &whole).unwrap();
    lake.settle();
    lake.assert_sound();
    told(&lake, &ran)
}

fn half_a_manifest() -> String {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/lakehouse/dbt/target/manifest.json"
    );
    let whole = fs::read_to_string(path).unwrap();
    whole[..whole.len() / 2].to_owned()
}

#[test]
fn fault_40_a_manifest_cut_in_half_is_refused_as_a_whole() {
    let told = with_broken("dbt/target/manifest.json", Some(&half_a_manifest()));
    insta::assert_snapshot!(told, @r#"
    exit 2
    error[D002]: the dbt manifest ends too early: it was cut, or is still being written
    --> dbt/target/manifest.json:2593:9
     = note: EOF while parsing a string at line 2593 column 9
     = help: run `dbt compile` again: it writes `target/manifest.json` anew

    error[C002]: the project has 1 error
    hint: mend them; `headwater validate` shows them again, and touches nothing
    "#);
}

#[test]
fn a_manifest_that_is_missing_is_named_where_it_is_asked_for() {
    let told = with_broken("dbt/target/manifest.json", None);
    insta::assert_snapshot!(told, @r#"
    exit 2
    error[L005]: the dbt manifest `dbt/target/manifest.json` is not there
      --> headwater.yml:10:5
       |
    10 |   - manifest: dbt/target/manifest.json
       |     ^^^^^^^^
       |
       = help: run `dbt compile` in the dbt project, which writes `target/manifest.json`, or correct the path

    error[C002]: the project has 1 error
    hint: mend them; `headwater validate` shows them again, and touches nothing
    "#);
}

#[test]
fn an_asset_file_that_is_broken_is_shown_at_its_place() {
    let told = with_broken("assets/silver.yml", Some("assets:\n  - key: [\n"));
    insta::assert_snapshot!(told, @r#"
    exit 2
    error[A001]: this is not YAML: unclosed bracket '['
     --> assets/silver.yml:2:10
      |
    2 |   - key: [
      |          ^

    error[C002]: the project has 1 error
    hint: mend them; `headwater validate` shows them again, and touches nothing
    "#);
}

#[test]
fn an_asset_file_that_is_missing_is_missed_by_who_reads_it() {
    let told = with_broken("assets/landing.yml", None);
    let errors: Vec<&str> = told
        .lines()
        .filter(|line| line.starts_with("error"))
        .collect();
    assert_eq!(errors.len(), 8, "seven sources have readers: {told}");
    insta::assert_snapshot!(told.lines().take(8).collect::<Vec<_>>().join("\n"), @r#"
    exit 2
    error[R002]: `bronze.salesforce_opportunity` lists upstream `landing.salesforce_opportunities`, which nobody declares
      --> assets/bronze.yml:10:18
       |
    10 |       - { asset: landing.salesforce_opportunities, consume: changes }
       |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: for a table that nobody here builds, declare it with `kind: source`
    "#);
}

/// Breaks a file under a watcher: it goes on with the project as it was, and takes up the mended one.
fn watched_while_broken(file: &str, broken: &str) {
    let lake = Lakehouse::built();
    // The jobs of dbt read the manifest as well: their failures are tried again at once.
    let project = lake.path().join("headwater.yml");
    let text = fs::read_to_string(&project).unwrap();
    let retry = "defaults:\n  retry: { attempts: 20, backoff: 1s, max_backoff: 1s }\n";
    fs::write(&project, text.replace("defaults:\n", retry)).unwrap();
    let file = lake.path().join(file);
    let whole = fs::read_to_string(&file).unwrap();
    let before = lake.runs();
    let mut watcher = lake.start("reconcile --watch --interval 1s");
    lake.arrive(1);
    until("it watches", 30, || lake.runs() > before);
    fs::write(&file, broken).unwrap();
    let version = lake.arrive_in("landing.salesforce_accounts");
    until("what arrived is built", 30, || {
        lake.runs_of("silver account").len() > 1
    });
    assert_eq!(lake.run("status").exit, 2, "nobody else can read it");
    fs::write(&file, &whole).unwrap();
    until("everything is fresh again", 30, || {
        lake.incorporated("bronze.salesforce_account", "landing.salesforce_accounts")
            == (version.into(), version.into())
            && lake.not("fresh").is_empty()
    });
    watcher.signal(Signal::TERM);
    assert_eq!(watcher.exit_within(10), Some(143));
    lake.assert_sound();
}

#[test]
fn fault_44_a_watcher_goes_on_with_the_project_as_it_was_while_an_asset_file_is_broken() {
    watched_while_broken("assets/silver.yml", "assets: [");
}

#[test]
fn fault_40_a_watcher_goes_on_with_the_project_as_it_was_while_a_manifest_is_broken() {
    watched_while_broken("dbt/target/manifest.json", &half_a_manifest());
}

#[test]
fn an_environment_that_is_not_declared_is_a_usage_error() {
    let lake = Lakehouse::built();
    let ran = refused(&lake, "reconcile --env prod", &[]);
    insta::assert_snapshot!(told(&lake, &ran), @r#"
    exit 2
    error[C003]: environment `prod` is not declared; there is `dev`
    hint: name one of them, or add it under `environments:` in `headwater.yml`
    "#);
}

#[test]
fn a_variable_that_is_missing_is_shown_where_it_is_used() {
    let lake = Lakehouse::built();
    let recorded = lake.recorded();
    let mut command = lake.command("reconcile");
    let ran = Ran::of(command.env_remove("DATABRICKS_HOST").output().unwrap());
    assert_eq!(lake.recorded(), recorded);
    insta::assert_snapshot!(told(&lake, &ran), @r#"
    exit 2
    error[P008]: the variable `DATABRICKS_HOST` is not set in the environment
     --> headwater.yml:8:25
      |
    8 |     databricks: { host: "${DATABRICKS_HOST}" }   # the workspace; its token comes from DATABRICKS_TOKEN
      |                         ^^^^^^^^^^^^^^^^^^^^
      |
      = help: set `DATABRICKS_HOST`, or write `$${` where the text `${` is meant

    error[C002]: the project has 1 error
    hint: mend them; `headwater validate` shows them again, and touches nothing
    "#);
}

#[test]
fn without_credentials_nothing_is_started_and_reading_goes_on() {
    let lake = Lakehouse::built();
    lake.arrive(2);
    let nowhere = [("DATABRICKS_TOKEN", "")];
    let ran = refused(&lake, "reconcile", &nowhere);
    insta::assert_snapshot!(told(&lake, &ran), @r#"
    exit 4
    error[W022]: no credentials for the workspace are configured
    hint: set `DATABRICKS_CLIENT_ID` and `DATABRICKS_CLIENT_SECRET` (service principal) or `DATABRICKS_TOKEN`, or name a profile of `.databrickscfg`
    "#);
    assert_eq!(lake.run_with("status", &nowhere).exit, 0);
}

/// Reconciles new data against a workspace that refuses, then mends it.
fn with_refusals(rules: Vec<RequestRule>, variables: &[(&str, &str)]) -> String {
    let lake = Lakehouse::built();
    lake.arrive(4);
    let (runs, recorded) = (lake.runs(), lake.recorded());
    lake.faults(FaultPlan {
        requests: rules,
        ..FaultPlan::default()
    });
    let ran = lake.run_with("reconcile -o json", variables);
    let waited = lake.run_with("reconcile --wait --timeout 2s -o json", variables);
    assert_eq!(waited.exit, ran.exit, "{waited:?}");
    for ran in [&ran, &waited] {
        assert_eq!(ran.json()["kind"], "Pass", "one document: {ran:?}");
    }
    assert_eq!(lake.runs(), runs, "{ran:?}");
    let kept = lake.recorded();
    let consumption = |row: &&String| row.starts_with("consumption");
    for row in recorded.iter().filter(consumption) {
        assert!(kept.contains(row), "{row}");
    }
    lake.no_faults();
    lake.settle();
    lake.assert_sound();
    told(&lake, &ran)
}

#[test]
fn fault_21_a_workspace_that_does_not_know_the_token_is_exit_4() {
    let told = with_refusals(Vec::new(), &[("DATABRICKS_TOKEN", "canary-secret")]);
    assert!(!told.contains("canary"), "{told}");
    insta::assert_snapshot!(told, @r"
    exit 4
    error[W004]: GET WORKSPACE/api/2.2/jobs/list: not authenticated: 403 403: Invalid access token.; check the token or the service principal's secret with `headwater doctor`; it may have expired or belong to another workspace
    hint: `headwater doctor` shows which credentials are used and what they may do
    ");
}

#[test]
fn fault_19_a_workspace_that_fails_is_exit_5_and_nothing_is_lost() {
    let told = with_refusals(vec![RequestRule::on("POST", RUN_NOW, answer(500))], &[]);
    insta::assert_snapshot!(told, @r"
    exit 5
    warning: POST WORKSPACE/api/2.2/jobs/run-now: 500 INTERNAL_ERROR: An internal error occurred.
    hint: nothing is lost: the next pass asks again
    ");
}

#[test]
fn fault_17_a_workspace_that_asks_for_patience_is_exit_5_and_nothing_is_lost() {
    let told = with_refusals(vec![RequestRule::on("POST", RUN_NOW, answer(429))], &[]);
    insta::assert_snapshot!(told, @r"
    exit 5
    warning: POST WORKSPACE/api/2.2/jobs/run-now: 429 RESOURCE_EXHAUSTED: Current request has to be retried later.
    hint: nothing is lost: the next pass asks again
    ");
}

#[test]
fn fault_14_a_workspace_that_cannot_be_reached_is_exit_5_and_nothing_is_lost() {
    let told = with_refusals(Vec::new(), &[("DATABRICKS_HOST", "http://127.0.0.1:1")]);
    insta::assert_snapshot!(told, @r"
    exit 5
    warning: GET http://127.0.0.1:1/api/2.2/jobs/list: no answer, no connection could be made: Connection refused (os error 111)
    hint: nothing is lost: the next pass asks again
    ");
}

#[test]
fn fault_22_a_job_that_may_not_be_run_fails_alone() {
    let lake = Lakehouse::built();
    lake.arrive_in("landing.salesforce_accounts");
    lake.arrive_in("landing.netsuite_customers");
    let job = lake.job_id("bronze salesforce account");
    lake.request_faults(RequestRule {
        contains: Some(format!("\"job_id\":{job}")),
        ..RequestRule::on("POST", RUN_NOW, answer(403))
    });
    let ran = lake.run("reconcile --wait --timeout 30s");
    assert_eq!(ran.exit, 1, "{ran:?}");
    let refused = ran.stdout.lines().find(|line| line.starts_with("refused"));
    insta::assert_snapshot!(without(&lake.told(refused.unwrap()), " (request ", ")"), @"refused    bronze.salesforce_account: POST WORKSPACE/api/2.2/jobs/run-now: not allowed: 403 PERMISSION_DENIED: User does not have permission for this operation.; grant the right to the principal that `headwater doctor` names: CAN MANAGE RUN on jobs, USE CATALOG, USE SCHEMA and SELECT on tables");
    let behind = lake.not("fresh");
    assert_eq!(
        behind[0],
        ("bronze.salesforce_account".to_owned(), "failing".to_owned())
    );
    assert!(
        // On a slow machine, runs may take too long for what is promised.
        behind[1..]
            .iter()
            .all(|(_, health)| health == "stale" || health == "at_risk"),
        "{behind:?}"
    );
    let is_behind = |asset: &str| behind.iter().any(|(found, _)| found == asset);
    assert!(is_behind("silver.account") && is_behind("product.account_health"));
    assert!(!is_behind("silver.customer") && !is_behind("finance.revenue_by_month"));
    assert_eq!(lake.runs_of("bronze salesforce account").len(), 1);
    // It is tried again when its inputs change.
    lake.no_faults();
    lake.arrive_in("landing.salesforce_accounts");
    lake.settle();
    lake.assert_sound();
}

#[test]
fn fault_55_a_state_file_of_a_newer_version_is_left_alone() {
    let lake = Lakehouse::built();
    lake.arrive(2);
    let state = rusqlite::Connection::open(lake.state_file()).unwrap();
    state.pragma_update(None, "user_version", 99).unwrap();
    drop(state);
    let ran = refused(&lake, "reconcile", &[]);
    insta::assert_snapshot!(told(&lake, &ran), @r#"
    exit 2
    error[S005]: the state file PROJECT/.headwater/dev.db has schema version 99; this headwater knows up to 11
    hint: use that version or a newer one; an older one would lose what it does not know
    "#);
    for args in ["plan", "status", "explain finance.receivable", "observe"] {
        let other = refused(&lake, args, &[]);
        assert_eq!((other.exit, &other.stderr), (2, &ran.stderr), "{args}");
    }
    let state = rusqlite::Connection::open(lake.state_file()).unwrap();
    state.pragma_update(None, "user_version", 11).unwrap();
    drop(state);
    lake.settle();
    lake.assert_sound();
}

#[test]
fn fault_53_a_state_file_of_garbage_is_left_alone() {
    let lake = Lakehouse::built();
    let whole = fs::read(lake.state_file()).unwrap();
    let mut cut = whole.clone();
    cut.truncate(whole.len() / 2 + 100);
    for garbage in [b"not a database at all".to_vec(), cut] {
        fs::write(lake.state_file(), &garbage).unwrap();
        for args in ["reconcile", "plan", "status", "observe"] {
            let ran = lake.run(args);
            assert_eq!(ran.exit, 1, "{args}: {ran:?}");
            assert!(ran.stderr.contains("error[S007]"), "{args}: {ran:?}");
            assert!(ran.stderr.contains("\nhint: restore a backup"), "{ran:?}");
        }
        assert_eq!(fs::read(lake.state_file()).unwrap(), garbage);
    }
    fs::write(lake.state_file(), &whole).unwrap();
    lake.settle();
    lake.assert_sound();
}

#[test]
fn an_asset_that_is_not_declared_is_named_with_the_one_that_was_meant() {
    let lake = Lakehouse::built();
    for args in ["explain finance.receivables", "plan finance.receivables"] {
        let ran = refused(&lake, args, &[]);
        assert_eq!(ran.exit, 2, "{ran:?}");
        assert!(
            ran.stderr.contains("error[C006]")
                && ran.stderr.contains("did you mean `finance.receivable`?"),
            "{ran:?}"
        );
    }
}
