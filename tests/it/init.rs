//! `init`: what it writes is valid, and nothing that was there is lost.

use std::fs;
use std::path::Path;

use crate::program::{Ran, folder, run, write};

const MANIFEST: &str = include_str!("../../fixtures/dbt/manifests/features_databricks_111.json");
const DBT_PROJECT: &str = "name: features\nversion: \"1.0\"\n";

fn text(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap()
}

/// Begins a project and checks that it is valid without any warning.
fn init_and_validate(folder: &Path, args: &str) -> Ran {
    let begun = run(folder, args);
    assert_eq!((begun.exit, &*begun.stderr), (0, ""), "{begun:?}");
    let valid = run(folder, "validate");
    assert!(
        valid.exit == 0 && valid.stdout.ends_with(": ok\n"),
        "{valid:?}"
    );
    begun
}

#[test]
fn an_empty_folder_becomes_a_valid_project() {
    let folder = folder(&[]);
    let begun = init_and_validate(folder.path(), "init");
    assert!(
        begun.stdout.ends_with("Next:\n  headwater validate\n"),
        "{begun:?}"
    );
    for (file, schema) in [
        ("headwater.yml", ""),
        ("assets/example.asset.yml", "assets"),
    ] {
        let text = text(folder.path(), file);
        let modeline = text.lines().next().unwrap();
        let named = modeline
            .strip_prefix("# yaml-language-server: $schema=")
            .unwrap();
        assert!(
            folder.path().join(schema).join(named).is_file(),
            "{modeline}"
        );
    }
    assert!(
        !folder.path().join(".gitignore").exists(),
        "it is no git repository"
    );
}

#[test]
fn every_commented_setting_of_what_is_written_is_valid_too() {
    let files = [
        ("dbt/dbt_project.yml", DBT_PROJECT),
        ("dbt/target/manifest.json", MANIFEST),
    ];
    let folder = folder(&files);
    run(folder.path(), "init");
    for file in ["headwater.yml", "assets/example.asset.yml"] {
        let text = text(folder.path(), file).replace("assets: []", "assets:");
        // Twice: there is a comment inside of a comment.
        write(folder.path(), file, &uncommented(&uncommented(&text)));
    }
    let valid = run(folder.path(), "validate");
    let project = text(folder.path(), "headwater.yml");
    assert_eq!(valid.exit, 0, "{}\n{project}", valid.stdout);
    assert!(valid.stdout.contains("2 tasks"), "{valid:?}\n{project}");
}

fn uncommented(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let bare = line.trim_start().strip_prefix("# ");
        match bare {
            Some(bare) if is_setting(bare) => line.replacen("# ", "", 1),
            Some(_) | None => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Sentences begin with a capital letter or hold no colon; settings are the other lines.
fn is_setting(line: &str) -> bool {
    let start = line.trim_start().trim_start_matches(['-', '{', ' ', '#']);
    let word = start.split(':').next().unwrap_or_default();
    start.contains(':') && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

#[test]
fn a_dbt_project_is_found_and_its_manifest_read() {
    let files = [
        ("transform/dbt_project.yml", DBT_PROJECT),
        ("transform/target/manifest.json", MANIFEST),
        (
            "transform/dbt_packages/other/dbt_project.yml",
            "name: other\n",
        ),
        ("transform/.dbtignore", "*.md"),
        (".gitignore", "target/\n"),
        (".git/HEAD", ""),
    ];
    let folder = folder(&files);
    init_and_validate(folder.path(), "init");
    let project = text(folder.path(), "headwater.yml");
    assert!(project.contains("name: features\n"), "{project}");
    assert!(
        project.contains("\n  - manifest: \"transform/target/manifest.json\"\n"),
        "{project}"
    );
    assert_eq!(
        text(folder.path(), "transform/.dbtignore"),
        "*.md\n*.asset.yml\n"
    );
    assert_eq!(text(folder.path(), ".gitignore"), "target/\n.headwater/\n");
    let listed = run(folder.path(), "ls kind:incremental -o json").json();
    assert!(!listed["assets"].as_array().unwrap().is_empty());
}

#[test]
fn init_in_the_dbt_project_itself_needs_no_folder() {
    let folder = folder(&[
        ("dbt_project.yml", DBT_PROJECT),
        ("target/manifest.json", MANIFEST),
    ]);
    init_and_validate(folder.path(), "init");
    assert!(text(folder.path(), "headwater.yml").contains("- manifest: \"target/manifest.json\""));
    assert_eq!(text(folder.path(), ".dbtignore"), "*.asset.yml\n");
}

#[test]
fn without_a_manifest_the_next_step_is_to_compile() {
    let folder = folder(&[("a/dbt/dbt_project.yml", DBT_PROJECT)]);
    let begun = init_and_validate(folder.path(), "init");
    assert!(
        begun.stdout.contains("dbt compile --project-dir a/dbt\n"),
        "{begun:?}"
    );
    assert!(text(folder.path(), "headwater.yml").contains("\n# dbt:\n"));
}

#[test]
fn a_bundle_gives_the_environments() {
    let bundle = "targets:\n  dev:\n    default: true\n    workspace: { host: https://dev.example.com }\n  \
                  \"on\":\n    workspace: { profile: live }\n  odd:\n    workspace: { host: \"${var.host}\" }\n";
    let folder = folder(&[("databricks.yml", bundle)]);
    init_and_validate(folder.path(), "init");
    for environment in ["dev", "on", "odd"] {
        let ran = run(folder.path(), &format!("validate --env {environment}"));
        assert_eq!(ran.exit, 0, "{ran:?}");
    }
    let project = text(folder.path(), "headwater.yml");
    assert!(project.contains("default_environment: dev\n"), "{project}");
    assert!(
        project.contains("databricks: { host: \"https://dev.example.com\" }"),
        "{project}"
    );
    assert!(
        project.contains("databricks: { profile: \"live\" }"),
        "{project}"
    );
}

#[test]
fn nothing_is_ever_overwritten() {
    for (file, other) in [
        ("headwater.yml", "assets/example.asset.yml"),
        ("assets/example.asset.yml", "headwater.yml"),
    ] {
        let folder = folder(&[(file, "mine")]);
        let ran = run(folder.path(), "init");
        assert_eq!((ran.exit, &*ran.stdout), (2, ""));
        assert!(
            ran.stderr
                .contains(&format!("error[C007]: `{file}` is there")),
            "{ran:?}"
        );
        assert_eq!(text(folder.path(), file), "mine");
        assert!(
            !folder.path().join(other).exists(),
            "half a project is worse than none"
        );
    }
}

#[test]
fn a_second_init_elsewhere_leaves_lists_as_they_are() {
    let files = [
        ("dbt/dbt_project.yml", DBT_PROJECT),
        ("dbt/.dbtignore", "*.asset.yml\n"),
    ];
    let folder = folder(&files);
    init_and_validate(folder.path(), "init");
    assert_eq!(text(folder.path(), "dbt/.dbtignore"), "*.asset.yml\n");
}

#[test]
fn a_folder_that_is_no_dbt_project_is_refused() {
    let folder = folder(&[]);
    let ran = run(folder.path(), "init --dbt nowhere");
    assert_eq!(ran.exit, 2);
    assert!(ran.stderr.contains("error[C011]"), "{ran:?}");
    assert!(!folder.path().join("headwater.yml").exists());
}

#[test]
fn a_project_can_begin_in_another_folder() {
    let folder = folder(&[]);
    let ran = run(folder.path(), "init --project lake -o json");
    let document = ran.json();
    assert_eq!((ran.exit, &document["kind"]), (0, &"Init".into()));
    assert_eq!(document["next"][0], "headwater validate --project lake");
    assert_eq!(run(folder.path(), "validate --project lake").exit, 0);
}
