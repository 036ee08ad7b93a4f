//! Tables in a bucket, read over HTTP from a store that speaks S3 and checks signatures.
//!
//! The store is moto, from the environment of Python that `make test` sets up. Without it these
//! tests note what they could not prove.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use assets::AssetKey;
use assets::delta::{KnownHead, Reading};
use headwater::adapters::LogTables;
use headwater::buckets::{Buckets, OwnVariables, Settings};
use headwater::ports::{Counting, TableLocation, TableRequest, Tables};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{ObjectStoreExt, PutPayload};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use workspace::{Catalog, CatalogEntry, Credentials, Workspace, WorkspaceOptions};

use crate::lakehouse::unproven;
use crate::program::{Ran, folder, run_with};

/// The Python of the environment with moto, relative to the repository.
const PYTHON: &str = "target/venv-delta/bin/python";

const FIRST: &str = r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}
{"metaData":{"id":"ID","schemaString":"{\"type\":\"struct\",\"fields\":[]}","partitionColumns":[],"format":{"provider":"parquet"},"configuration":{}}}
{"add":{"path":"a","dataChange":true}}"#;
const ADD: &str = r#"{"add":{"path":"b","dataChange":true}}"#;

/// A store on loopback with the bucket `lake`.
struct Store {
    serving: Child,
    log: TempDir,
    url: String,
    key: String,
    secret: String,
    lent: Value,
    client: AmazonS3,
    runtime: Runtime,
}

impl Store {
    /// Starts it; nothing where moto is missing.
    fn start(test: &str) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join(PYTHON);
        let mut probe = Command::new(&python);
        probe
            .args(["-c", "import moto.server, boto3"])
            .stderr(Stdio::null());
        if !probe.status().is_ok_and(|status| status.success()) {
            unproven(&format!("{test}: {PYTHON} has no moto"));
            return None;
        }
        let log = tempfile::tempdir().unwrap();
        let mut serving = Command::new(&python)
            .arg(root.join("fixtures/stores/serve.py"))
            .arg(log.path().join("requests"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut told = BufReader::new(serving.stdout.take().unwrap());
        told.read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        let (url, key, secret) = (text("url"), text("key"), text("secret"));
        headwater::tls::install();
        let client = AmazonS3Builder::new()
            .with_endpoint(&url)
            .with_allow_http(true)
            .with_bucket_name("lake")
            .with_region("us-east-1")
            .with_access_key_id(&key)
            .with_secret_access_key(&secret)
            .build()
            .unwrap();
        Some(Self {
            serving,
            log,
            url,
            key,
            secret,
            lent: told["lent"].clone(),
            client,
            runtime: Runtime::new().unwrap(),
        })
    }

    /// The variables of somebody who may read.
    fn variables(&self) -> Vec<(&str, &str)> {
        vec![
            ("AWS_ENDPOINT_URL", &self.url),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", &self.key),
            ("AWS_SECRET_ACCESS_KEY", &self.secret),
        ]
    }

    fn commit(&self, table: &str, version: u64, text: &str) {
        let key = format!("{table}/_delta_log/{version:020}.json");
        let payload = PutPayload::from(text.replace("ID", table));
        self.runtime
            .block_on(self.client.put(&key.into(), payload))
            .unwrap();
    }

    /// The requests since the last question, each as `GET /lake/… 404`.
    fn requests(&self) -> Vec<String> {
        let file = self.log.path().join("requests");
        let text = fs::read_to_string(&file).unwrap();
        // Whoever writes appends, so that nothing is lost that comes later.
        fs::File::options()
            .write(true)
            .open(file)
            .unwrap()
            .set_len(0)
            .unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.serving.kill());
        drop(self.serving.wait());
    }
}

/// A project with these tables of the bucket.
fn project(tables: &[&str]) -> TempDir {
    let assets = tables.iter().map(|table| {
        let name = table.replace('/', "_");
        format!("  - key: {name}\n    kind: source\n    path: s3://{table}\n")
    });
    let assets = format!("assets:\n{}", assets.collect::<String>());
    folder(&[
        (
            "headwater.yml",
            "version: 1\nname: lake\nenvironments: { dev: {} }\ndefault_environment: dev\n",
        ),
        ("assets/tables.yml", &assets),
    ])
}

fn table<'a>(document: &'a Value, asset: &str) -> &'a Value {
    let tables = document["tables"].as_array().unwrap();
    let found = tables.iter().find(|table| table["asset"] == asset);
    found.unwrap_or_else(|| panic!("{asset} is not in {document}"))
}

fn observe(folder: &TempDir, variables: &[(&str, &str)]) -> (Ran, Value) {
    let ran = run_with(folder.path(), "observe -o json", variables);
    let document = ran.json();
    (ran, document)
}

#[test]
fn tables_in_a_bucket_are_observed_like_others() {
    let Some(store) = Store::start("tables_in_a_bucket_are_observed_like_others") else {
        return;
    };
    store.commit("orders", 0, FIRST);
    store.commit("deep/customers", 0, FIRST);
    store.commit("deep/customers", 1, ADD);
    let project = project(&[
        "lake/orders",
        "lake/deep/customers",
        "lake/later",
        "nowhere/orders",
    ]);
    let variables = store.variables();
    let (ran, first) = observe(&project, &variables);
    assert_eq!(table(&first, "lake_orders")["data_version"], 0, "{ran:?}");
    assert_eq!(table(&first, "lake_deep_customers")["data_version"], 1);
    assert_eq!(
        table(&first, "lake_later")["code"],
        "never_there",
        "{first}"
    );
    let missing = table(&first, "nowhere_orders");
    assert_eq!(missing["code"], "unreachable", "{missing}");
    assert!(
        missing["reason"]
            .as_str()
            .unwrap()
            .contains("no such bucket")
    );
    store.commit("later", 0, FIRST);
    store.commit("orders", 1, ADD);
    let (_, second) = observe(&project, &variables);
    assert_eq!(table(&second, "lake_orders")["data_version"], 1, "{second}");
    assert_eq!(table(&second, "lake_deep_customers")["data_version"], 1);
    assert_eq!(table(&second, "lake_later")["data_version"], 0, "{second}");
}

#[test]
fn refused_credentials_are_told_from_tables_that_are_not_there() {
    let Some(store) = Store::start("refused_credentials_are_told_from_tables_that_are_not_there")
    else {
        return;
    };
    store.commit("orders", 0, FIRST);
    let project = project(&["lake/orders"]);
    let mut variables = store.variables();
    observe(&project, &variables);
    for (name, value) in [
        ("AWS_SECRET_ACCESS_KEY", "canary-secret"),
        ("AWS_ACCESS_KEY_ID", "AKIACANARY"),
    ] {
        let good = variables.clone();
        variables.retain(|(known, _)| *known != name);
        variables.push((name, value));
        let ran = run_with(project.path(), "observe -o json -vv", &variables);
        let document = ran.json();
        let found = table(&document, "lake_orders");
        assert_eq!(found["code"], "forbidden", "{found}");
        assert_eq!(found["version"], 0, "what was known stays: {found}");
        assert_eq!(ran.exit, 5, "{ran:?}");
        let shown = format!("{}{}", ran.stdout, ran.stderr);
        assert!(
            !shown.contains("canary-secret") && !shown.contains(&store.secret),
            "{shown}"
        );
        variables = good;
    }
    // Plain HTTP to anywhere else is refused before anything is sent.
    variables.retain(|(name, _)| *name != "AWS_ENDPOINT_URL");
    variables.push(("AWS_ENDPOINT_URL", "http://store.example:9000"));
    let (_, document) = observe(&project, &variables);
    let reason = table(&document, "lake_orders")["reason"].as_str().unwrap();
    assert!(reason.contains("loopback only"), "{reason}");
}

/// Reads tables by the adapter, and remembers their heads.
struct Reader {
    tables: LogTables,
    known: Vec<Option<Arc<KnownHead>>>,
    runtime: Runtime,
}

impl Reader {
    fn of(store: &Store, count: usize) -> Self {
        let variables = store.variables().into_iter();
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let own = OwnVariables {
            per_second: Some("5000"),
            ..OwnVariables::default()
        };
        let settings = Settings::of(&variables.collect(), own).unwrap();
        let buckets = Arc::new(Buckets::new(settings, None));
        Self {
            tables: LogTables::new("/".into(), buckets, 0),
            known: vec![None; count],
            runtime: Runtime::new().unwrap(),
        }
    }

    fn pass(&mut self) -> Vec<Reading> {
        let requests = self
            .known
            .iter()
            .enumerate()
            .map(|(number, known)| TableRequest {
                columns: Vec::new(),
                counting: Counting::InTime,
                asset: AssetKey::new(&format!("lake.t{number}")).unwrap(),
                location: TableLocation {
                    path: format!("s3a://lake/t{number}"),
                    located: None,
                },
                known: known.clone(),
            });
        let readings = self.runtime.block_on(self.tables.read(requests.collect()));
        for (known, reading) in self.known.iter_mut().zip(&readings) {
            if let Reading::Read(update) = reading {
                *known = Some(Arc::new(update.head.clone()));
            }
        }
        readings
    }
}

#[test]
fn a_quiet_table_costs_one_request_but_for_its_turn() {
    let Some(store) = Store::start("a_quiet_table_costs_one_request_but_for_its_turn") else {
        return;
    };
    let count = 20;
    for number in 0..count {
        store.commit(&format!("t{number}"), 0, FIRST);
    }
    let mut reader = Reader::of(&store, count);
    assert!(
        reader
            .pass()
            .iter()
            .all(|reading| matches!(reading, Reading::Read(_)))
    );
    store.requests();
    // The first pass took the first of fifty turns.
    let mut requests = Vec::new();
    for _ in 1..=50 {
        assert!(
            reader
                .pass()
                .iter()
                .all(|reading| *reading == Reading::Unchanged)
        );
        requests.extend(store.requests());
    }
    let are = |begin: &str, end: &str| {
        let matching = requests
            .iter()
            .filter(|line| line.starts_with(begin) && line.contains(end));
        matching.count()
    };
    // 49 probes, 4 of them with a look at the known commit, and one listing, which looks at it as
    // well and once for what may come after it.
    assert_eq!(are("GET", "00000000000000000001.json 404"), 50 * count);
    assert_eq!(are("GET", "list-type=2"), count);
    assert_eq!(are("HEAD", "00000000000000000000.json 200"), 5 * count);
    assert_eq!(requests.len(), 56 * count);
}

#[test]
fn the_catalog_lends_credentials_where_variables_have_none() {
    let Some(store) = Store::start("the_catalog_lends_credentials_where_variables_have_none")
    else {
        return;
    };
    store.commit("orders", 0, FIRST);
    let lent = json!({"aws_temp_credentials": store.lent});
    let project = folder(&[
        (
            "headwater.yml",
            "version: 1\nname: lake\nenvironments: { dev: { databricks: { host: \"${HOST}\" } } }\ndefault_environment: dev\n",
        ),
        (
            "assets/tables.yml",
            "assets:\n  - key: orders\n    kind: source\n    relation: main.lake.orders\n",
        ),
    ]);
    for (lends, variables) in [
        (Some(lent.clone()), &[][..]),
        (None, &[]),
        (
            Some(lent),
            &[
                ("AWS_ACCESS_KEY_ID", "AKIACANARY"),
                ("AWS_SECRET_ACCESS_KEY", "x"),
            ],
        ),
    ] {
        let is_lent = lends.is_some() && variables.is_empty();
        let catalog = Arc::new(Catalog::default());
        catalog.register(CatalogEntry::external_delta(
            "main.lake.orders",
            "5c1f",
            "s3://lake/orders",
        ));
        let options = WorkspaceOptions {
            catalog,
            credentials: Credentials::default().with_token("dapi-test", "tests@lake.example"),
            table_credentials: lends,
            ..WorkspaceOptions::default()
        };
        let service = store.runtime.block_on(Workspace::start(options)).unwrap();
        let mut all = vec![
            ("HOST", service.url()),
            ("DATABRICKS_TOKEN", "dapi-test"),
            ("AWS_ENDPOINT_URL", &store.url),
        ];
        all.extend(variables);
        let ran = run_with(project.path(), "observe -o json -vv", &all);
        let document = ran.json();
        let found = table(&document, "orders");
        if is_lent {
            assert_eq!(found["data_version"], 0, "{ran:?}");
        } else {
            assert_eq!(found["code"], "forbidden", "{ran:?}");
        }
        let reason = found["reason"].as_str().unwrap_or_default();
        assert_eq!(
            reason.contains("EXTERNAL USE SCHEMA"),
            !is_lent && variables.is_empty(),
            "{reason}"
        );
        let shown = format!("{}{}", ran.stdout, ran.stderr);
        for secret in ["secret_access_key", "session_token"] {
            assert!(
                !shown.contains(store.lent[secret].as_str().unwrap()),
                "{shown}"
            );
        }
    }
}
