//! Who may name whom, and a few habits of the source tree that no compiler checks.
//!
//! The arrows are those of `docs/ARCHITECTURE.md`. A module that is missing in the table fails the
//! test, so that a new one is put in its place on purpose.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module of `src` with the modules it may name.
const ARROWS: &[(&str, &[&str])] = &[
    // Values and seams.
    ("state", &[]),
    ("ports", &["state"]),
    ("clock", &["ports"]),
    ("secret", &[]),
    ("tls", &[]),
    ("panics", &[]),
    ("config", &[]),
    // The pure middle.
    ("plan", &["state"]),
    // The loop, which meets the world as ports only.
    ("observe", &["ports", "state", "plan"]),
    ("execute", &["ports", "state", "plan"]),
    ("checks", &["ports", "state"]),
    (
        "reconcile",
        &["ports", "state", "plan", "observe", "execute", "checks"],
    ),
    ("simulate", &["state", "plan", "execute"]),
    // Adapters, which know nothing of the loop.
    ("project", &[]),
    ("databricks", &["secret", "tls"]),
    ("delta_log", &["panics"]),
    ("store", &["ports", "state", "plan"]),
    ("buckets", &["delta_log", "secret", "tls"]),
    (
        "adapters",
        &["buckets", "databricks", "delta_log", "ports", "state"],
    ),
    // The rim.
    (
        "report",
        &[
            "plan",
            "ports",
            "reconcile",
            "execute",
            "secret",
            "simulate",
            "state",
        ],
    ),
    ("watch", &[]),
    ("holder", &[]),
    ("signals", &["error"]),
    ("demo", &["clock", "ports", "project"]),
    ("error", &["ports", "project", "store"]),
    ("telemetry", &["clock", "ports", "error"]),
    (
        "app",
        &[
            "adapters",
            "buckets",
            "clock",
            "config",
            "databricks",
            "delta_log",
            "error",
            "execute",
            "holder",
            "observe",
            "plan",
            "ports",
            "project",
            "reconcile",
            "secret",
            "state",
            "store",
            "telemetry",
            "watch",
        ],
    ),
    (
        "doctor",
        &[
            "app",
            "clock",
            "config",
            "databricks",
            "error",
            "execute",
            "holder",
            "observe",
            "ports",
            "project",
            "state",
            "store",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "clock",
            "config",
            "demo",
            "doctor",
            "error",
            "execute",
            "observe",
            "plan",
            "ports",
            "project",
            "reconcile",
            "report",
            "signals",
            "simulate",
            "state",
            "telemetry",
            "watch",
        ],
    ),
    ("lib", &[]),
    ("main", &[]),
];

/// What the two libraries must never name: they take texts and return values.
const IMPURE: [&str; 10] = [
    "std::fs",
    "TcpStream",
    "ToSocketAddrs",
    "std::env",
    "std::process",
    "tokio::",
    "reqwest::",
    "rusqlite::",
    "Utc::now",
    "headwater::",
];

/// Code of a file with its path relative to the repository: no comments, no tests.
struct Code {
    path: String,
    text: String,
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every Rust file below a folder, sorted.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(repository().join(folder)).sort_by_file_name();
    let files = walk.into_iter().map(|entry| entry.unwrap().into_path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(repository()).unwrap();
    path.to_string_lossy().replace('\\', "/")
}

/// Returns the code of a folder without its tests.
fn code_of(folder: &str) -> Vec<Code> {
    let files = rust_files(folder).into_iter();
    let shipped = files.filter(|path| !is_test(&relative(path)));
    shipped
        .map(|path| Code {
            text: without_comments_and_tests(&fs::read_to_string(&path).unwrap()),
            path: relative(&path),
        })
        .collect()
}

pub(crate) fn shipped_texts(folder: &str) -> Vec<(String, String)> {
    let code = code_of(folder).into_iter();
    code.map(|code| (code.path, code.text)).collect()
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("tests.rs")
}

fn without_comments_and_tests(text: &str) -> String {
    let shipped = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let lines = shipped
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the modules of the root package that a text names by `crate::` or in a group.
fn named_modules(text: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let after = text.split("crate::").skip(1);
    let names = after.flat_map(|rest| match rest.strip_prefix('{') {
        Some(group) => {
            let group = group.split("};").next().unwrap_or_default();
            group.split(',').map(str::trim).collect()
        }
        None => vec![rest],
    });
    names
        .map(|name| name.chars().take_while(|c| is_word(*c)).collect())
        .filter(|name: &String| name.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect()
}

#[test]
fn modules_name_only_what_stands_below_them() {
    let mut wrong = Vec::new();
    for code in code_of("src") {
        let module = code.path.trim_start_matches("src/").trim_end_matches(".rs");
        let module = module.split('/').next().unwrap();
        let allowed = ARROWS.iter().find(|(name, _)| *name == module);
        let Some((_, allowed)) = allowed else {
            panic!("`{module}` has no place in the table of arrows");
        };
        for named in named_modules(&code.text) {
            if named != module && !allowed.contains(&&*named) {
                wrong.push(format!("{}: `{module}` names `{named}`", code.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn errors_take_from_the_store_nothing_but_its_codes() {
    let code = code_of("src").into_iter();
    let error = code.filter(|code| code.path == "src/error.rs");
    for code in error {
        let others = code.text.split("crate::store").skip(1);
        assert!(others.into_iter().all(|rest| rest.starts_with("::codes::")));
    }
}

#[test]
fn the_libraries_are_pure_and_do_not_look_up() {
    let mut wrong = Vec::new();
    for (folder, above) in [("assets/src", "lineage::"), ("lineage/src", "headwater::")] {
        for code in code_of(folder) {
            for name in IMPURE.into_iter().chain([above]) {
                if code.text.contains(name) {
                    wrong.push(format!("{} names `{name}`", code.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_file_prints_and_one_reads_variables() {
    let homes: [(&[&str], &[&str]); 2] = [
        (
            &["println!", "print!", "io::stderr", "io::stdout"],
            &["src/cli/output.rs", "src/telemetry.rs"],
        ),
        (&["env::var", "env::vars"], &["src/config.rs"]),
    ];
    let mut wrong = Vec::new();
    for code in code_of("src") {
        for (names, files) in homes {
            let used = names.iter().find(|name| code.text.contains(**name));
            if let Some(used) = used.filter(|_| !files.contains(&&*code.path)) {
                wrong.push(format!("{} has `{used}`", code.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Who may ask for the time or roll dice. The others than the first measure how long something of
/// theirs takes, or spread waits; what is decided by time or chance gets both from the ports.
const CLOCKS: [&str; 8] = [
    "src/buckets/budget.rs",
    "src/buckets/lent.rs",
    "src/buckets/wire.rs",
    "src/clock.rs",
    "src/databricks/pacing.rs",
    "src/delta_log/many.rs",
    "src/delta_log/trace.rs",
    "src/store/takeover.rs",
];

#[test]
fn fault_62_time_and_chance_come_from_the_ports() {
    let sources = [
        "Instant::now",
        "clock_gettime",
        "SystemTime::now",
        "Utc::now",
        "Local::now",
        "UNIX_EPOCH.elapsed",
        "rand::",
        "Ulid::new()",
        "Uuid::new_v",
        "RandomState::new",
    ];
    let folders = ["src", "assets/src", "lineage/src"].into_iter();
    let mut found = BTreeSet::new();
    for code in folders.flat_map(code_of) {
        if sources.iter().any(|source| code.text.contains(source)) {
            found.insert(code.path);
        }
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), CLOCKS);
    // The linter forbids the wall clock everywhere else, tests and fixtures included.
    let lints = fs::read_to_string(repository().join(".clippy.toml")).unwrap();
    for clock in ["chrono::Utc::now", "std::time::SystemTime::now"] {
        assert!(lints.contains(&format!("path = \"{clock}\"")), "{clock}");
    }
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let folders = [
        "src",
        "assets/src",
        "lineage/src",
        "fixtures/workspace/src",
        "fuzz",
        "tests/it",
    ];
    let files = folders.into_iter().flat_map(rust_files);
    let silent: Vec<String> = files
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//! "))
        .map(|path| relative(&path))
        .collect();
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn main_stays_small() {
    let main = fs::read_to_string(repository().join("src/main.rs")).unwrap();
    assert!(main.lines().count() < 40);
}

#[test]
fn names_in_groups_are_found() {
    let text = "use crate::{plan::Plan, store};\nfn f(_: crate::state::Cut) {}\nuse crate::Own;";
    let named: Vec<String> = named_modules(text).into_iter().collect();
    assert_eq!(named, ["plan", "state", "store"]);
}
