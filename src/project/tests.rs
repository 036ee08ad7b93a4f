//! Tests of the loader on folders of their own.

use std::fs;

use tempfile::TempDir;

use super::*;

const PROJECT: &str = "version: 1\nname: shop\nenvironments: { dev: { catalog: main }, prod: }\n\
                       default_environment: dev\n";
const ORDERS: &str = "assets:\n  - key: bronze.orders\n    kind: source\n";

/// Makes a folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn load_here(folder: &Path, environment: Option<&str>) -> Result<Loaded, ProjectError> {
    load(folder, None, environment, &|_| None)
}

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    let mut codes: Vec<_> = loaded.diagnostics.iter().map(|found| found.code).collect();
    codes.sort_unstable();
    codes
}

/// Loads a project with one more line in its file, and returns the codes of what is wrong.
fn codes_with(line: &str, files: &[(&str, &str)]) -> Vec<&'static str> {
    let project = format!("{PROJECT}{line}\n");
    let mut all = vec![(PROJECT_FILE, project.as_str())];
    all.extend(files);
    codes(&load_here(folder(&all).path(), None).unwrap())
}

#[test]
fn the_nearest_project_above_is_found_and_its_files_are_watched() {
    let files = [
        (PROJECT_FILE, PROJECT),
        ("assets/deep/er/orders.yml", ORDERS),
    ];
    let folder = folder(&files);
    let loaded = load_here(&folder.path().join("assets/deep"), None).unwrap();
    assert_eq!(loaded.root, folder.path());
    assert_eq!(loaded.graph.unwrap().len(), 1);
    assert_eq!(loaded.state_path, folder.path().join(".headwater/dev.db"));
    let root = folder.path().canonicalize().unwrap();
    let watched = [
        root.join("assets"),
        root.join("assets/deep/er/orders.yml"),
        root.join(PROJECT_FILE),
    ];
    let seen: Vec<_> = loaded
        .watched
        .iter()
        .map(|path| path.canonicalize().unwrap())
        .collect();
    assert_eq!(seen, watched);
}

#[test]
fn a_folder_without_project_says_where_it_was_looked_for() {
    let folder = folder(&[]);
    let error = load_here(folder.path(), None).unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&*folder.path().to_string_lossy()),
        "{error}"
    );
    assert!(error.hint().contains("headwater init"));
    let named = load(folder.path(), Some(Path::new("sub")), None, &|_| None).unwrap_err();
    assert!(named.to_string().contains("sub"), "{named}");
}

#[test]
fn a_project_may_be_named_by_its_folder_or_its_file() {
    let folder = folder(&[("sub/headwater.yml", PROJECT)]);
    for named in ["sub", "sub/headwater.yml"] {
        let loaded = load(folder.path(), Some(Path::new(named)), None, &|_| None).unwrap();
        assert_eq!(loaded.root, folder.path().join("sub"), "{named}");
    }
}

#[test]
fn an_unknown_environment_brings_the_one_that_was_meant() {
    let folder = folder(&[(PROJECT_FILE, PROJECT)]);
    let error = load_here(folder.path(), Some("prdo")).unwrap_err();
    assert_eq!(error.hint(), "did you mean `prod`?");
    let prod = load_here(folder.path(), Some("prod")).unwrap();
    assert_eq!(prod.state_path, folder.path().join(".headwater/prod.db"));
}

#[test]
fn a_broken_project_file_still_shows_all_its_problems() {
    let folder = folder(&[(PROJECT_FILE, "version: 2\nnam: x\n")]);
    let Err(ProjectError::Broken { diagnostics, .. }) = load_here(folder.path(), None) else {
        unreachable!("nothing can be made of this file");
    };
    assert!(diagnostics.len() >= 2, "{diagnostics:?}");
}

#[test]
fn problems_of_all_files_are_found_at_once() {
    let found = codes_with(
        "assets: [\"assets/*.yml\", \"none/*.yml\", \"/etc/*.yml\"]\ndbt: [{ manifest: \"no.json\" }]",
        &[
            ("assets/a.yml", "assets:\n  - kye: x\n"),
            ("assets/b.yml", "assets: {"),
        ],
    );
    for code in ["A001", "A004", "L002", "L003", "L005"] {
        assert!(found.contains(&code), "{code} is not in {found:?}");
    }
}

#[test]
fn a_project_with_errors_has_no_graph() {
    let broken = "assets:\n  - key: a\n    depends_on: [{ asset: nobody }]\n";
    let folder = folder(&[(PROJECT_FILE, PROJECT), ("assets/a.yml", broken)]);
    let loaded = load_here(folder.path(), None).unwrap();
    assert!(loaded.graph.is_none());
    assert_eq!(
        codes(&loaded),
        ["R002"],
        "the graph does not repeat what was not resolved"
    );
}

#[test]
fn a_cycle_is_found() {
    let cycle = "assets:\n  - { key: a, depends_on: [{ asset: b }] }\n  \
                 - { key: b, depends_on: [{ asset: a }] }\n";
    assert_eq!(codes_with("", &[("assets/a.yml", cycle)]), ["G001"]);
}

#[test]
fn what_tools_made_is_not_read() {
    let files = [
        ("a/target/x.yml", "["),
        ("node_modules/x.yml", "["),
        ("a/orders.yml", ORDERS),
    ];
    assert_eq!(codes_with("assets: [\"**/*.yml\"]", &files), [""; 0]);
}

#[test]
fn a_file_of_two_patterns_is_read_once() {
    let line = "assets: [\"assets/*.yml\", \"assets/**/*.yml\"]";
    assert_eq!(codes_with(line, &[("assets/orders.yml", ORDERS)]), [""; 0]);
}

#[test]
fn a_file_that_is_no_text_is_reported() {
    let folder = folder(&[(PROJECT_FILE, PROJECT), ("assets/a.yml", "")]);
    fs::write(folder.path().join("assets/a.yml"), [0xff, 0xfe, 0x00]).unwrap();
    assert_eq!(codes(&load_here(folder.path(), None).unwrap()), ["L001"]);
}

#[test]
#[cfg(unix)]
fn links_are_followed_inside_of_the_project_and_refused_outside() {
    use std::os::unix::fs::symlink;
    let other = folder(&[("x.yml", ORDERS)]);
    let project = folder(&[
        (PROJECT_FILE, PROJECT),
        ("real/orders.yml", ORDERS),
        ("assets/.keep", ""),
    ]);
    let assets = project.path().join("assets");
    symlink(project.path().join("real"), assets.join("inside")).unwrap();
    symlink("nowhere", assets.join("dangling")).unwrap();
    let loaded = load_here(project.path(), None).unwrap();
    assert_eq!(
        loaded.graph.map(|graph| graph.len()),
        Some(1),
        "{:?}",
        loaded.diagnostics
    );
    symlink(other.path(), assets.join("folder")).unwrap();
    symlink(other.path().join("x.yml"), assets.join("file.yml")).unwrap();
    symlink(&assets, assets.join("loop")).unwrap();
    symlink("nowhere", assets.join("dangling.yml")).unwrap();
    let loaded = load_here(project.path(), None).unwrap();
    assert_eq!(
        codes(&loaded),
        ["L004", "L004", "L008", "L008"],
        "{:?}",
        loaded.diagnostics
    );
}

#[test]
fn manifests_are_read_per_environment_and_once() {
    let manifest = include_str!("../../fixtures/dbt/manifests/features_dbt112.json");
    let line = "dbt: [{ manifest: \"{{ env }}/manifest.json\" }, { manifest: dev/manifest.json }]";
    let found = codes_with(
        line,
        &[("dev/manifest.json", manifest), ("assets/o.yml", ORDERS)],
    );
    assert_eq!(found, ["L009"]);
    let cut = &manifest[..manifest.len() / 2];
    let line = "dbt: [{ manifest: dev/manifest.json }]";
    let found = codes_with(
        line,
        &[("dev/manifest.json", cut), ("assets/o.yml", ORDERS)],
    );
    assert_eq!(found, ["D002"]);
}

#[test]
fn a_path_that_cannot_be_rendered_is_reported() {
    let files = [("assets/o.yml", ORDERS)];
    assert_eq!(
        codes_with("state: \"{{ enviroment }}.db\"", &files),
        ["L007"]
    );
    assert_eq!(
        codes_with("dbt: [{ manifest: \"{{ nope }}.json\" }]", &files),
        ["L007"]
    );
}

#[test]
fn problems_of_patterns_and_paths_point_at_their_text() {
    let project =
        format!("{PROJECT}assets: [\"assets/*.yml\", \"none/*.yml\"]\nstate: \"{{{{ x }}}}\"\n");
    let folder = folder(&[(PROJECT_FILE, &project), ("assets/o.yml", ORDERS)]);
    let loaded = load_here(folder.path(), None).unwrap();
    let places: Vec<_> = loaded
        .diagnostics
        .iter()
        .map(|found| {
            let place = found.place.as_ref().unwrap();
            (found.code, place.line, &project[place.span.clone()])
        })
        .collect();
    assert_eq!(places, [("L007", 6, "{{ x }}"), ("L003", 5, "none/*.yml")]);
}

#[test]
fn calendars_are_known_in_asset_files() {
    let scheduled = "assets:\n  - key: a.b\n    automation: { on_schedule: { cron: '0 6 * * *', calendar: de } }\n";
    let files = [("assets/a.yml", scheduled)];
    assert_eq!(codes_with("calendars: { de: {} }", &files), [""; 0]);
    assert_eq!(codes_with("calendars: { fr: {} }", &files), ["A019"]);
}

/// A mart of two tables of one source, whose task gets these parameters.
fn snapshot_of(parameters: &str, more: &str) -> Vec<&'static str> {
    let project = format!(
        "tasks:\n  build: {{ databricks_job: {{ name: build, parameters: {{ {parameters} }} }} }}"
    );
    let assets = format!(
        "assets:\n  - {{ key: raw.s, kind: source }}\n  - {{ key: other, kind: source }}\n  \
         - {{ key: a, depends_on: [raw.s], task: build }}\n  \
         - {{ key: b, depends_on: [raw.s], task: build }}\n  \
         - {{ key: mart, depends_on: [a, b, other], task: build, consistency: snapshot{more} }}\n"
    );
    codes_with(&project, &[("assets/a.yml", &assets)])
}

#[test]
fn a_task_of_a_snapshot_has_to_be_told_what_to_read_together() {
    let a = "a: \"{{ inputs['a'].version }}\"";
    let b = "b: \"{{ inputs['b'].version }}\"";
    let none: [&str; 0] = [];
    // The other source shares nothing. Tables that read no `a` render no such parameter, which is theirs.
    assert_eq!(snapshot_of(&format!("{a}, {b}"), ""), none);
    assert_eq!(snapshot_of(a, ""), ["L013"]);
    assert_eq!(snapshot_of("x: y", ""), ["L013"]);
    let monthly = ", partitions: { monthly: { start: 2026-01, column: m } }";
    assert_eq!(snapshot_of(&format!("{a}, {b}"), monthly), ["A014"]);
}

#[test]
fn a_freeze_has_to_name_assets() {
    let freeze = |select: &str| {
        let line = format!(
            "freeze: [{{ from: 2026-12-24, to: 2026-12-27, reason: closing, select: '{select}' }}]"
        );
        codes_with(&line, &[("assets/o.yml", ORDERS)])
    };
    assert_eq!(freeze("kind:*"), [""; 0]);
    for select in ["nothing.here", "health:fresh", "a,"] {
        assert_eq!(freeze(select), ["L010"], "{select}");
    }
    let all = "freeze: [{ from: 2026-12-24, to: 2026-12-27, reason: closing }]";
    let project = format!("{PROJECT}{all}\n");
    let folder = folder(&[(PROJECT_FILE, &project), ("assets/o.yml", ORDERS)]);
    let loaded = load_here(folder.path(), None).unwrap();
    let graph = loaded.graph.unwrap();
    assert_eq!(loaded.freezes[0].assets.len(), graph.len());
}
