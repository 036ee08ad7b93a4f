//! Commands that only read a project: exit codes, forms of results, colours.

use std::path::Path;

use crate::program::{folder, run, run_with, run_without_reader, write};

const PROJECT: &str = "\
version: 1
name: shop
environments: { dev: { catalog: dev }, prod: { catalog: prod } }
default_environment: dev
tasks:
  nightly: { databricks_job: { name: nightly } }
";

const ASSETS: &str = "\
assets:
  - key: bronze.orders
    kind: source
    relation: \"{{ catalog }}.bronze.orders\"
    freshness: { max_age: 1d, warn: 20h }
    owner: ingestion
  - key: silver.orders
    relation: \"{{ catalog }}.silver.orders\"
    depends_on: [{ asset: bronze.orders }]
    task: nightly
    automation: { on_change: { settle: 30s } }
    tags: [finance, tier1]
";

fn shop() -> tempfile::TempDir {
    folder(&[("headwater.yml", PROJECT), ("assets/orders.yml", ASSETS)])
}

#[test]
fn a_sound_project_is_counted() {
    let ran = run(shop().path(), "validate");
    assert_eq!(
        (ran.exit, &*ran.stdout, &*ran.stderr),
        (0, "2 assets, 1 task, 1 edge: ok\n", "")
    );
}

#[test]
fn validate_shows_every_problem_of_every_file_and_exits_with_2() {
    let shop = shop();
    write(
        shop.path(),
        "assets/a.yml",
        "assets:\n  - key: a\n    onwer: x\n",
    );
    write(
        shop.path(),
        "assets/b.yml",
        "assets:\n  - key: b\n    depends_on: [{ asset: bronze.order }]\n",
    );
    let ran = run(shop.path(), "validate");
    assert_eq!((ran.exit, &*ran.stderr), (2, ""));
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn validate_gives_programs_the_same_problems() {
    let shop = shop();
    write(
        shop.path(),
        "assets/a.yml",
        "assets:\n  - key: a\n    onwer: x\n",
    );
    let ran = run(shop.path(), "validate -o json");
    assert_eq!((ran.exit, &*ran.stderr), (2, ""));
    let document = ran.json();
    assert_eq!(document["kind"], "Diagnostics");
    assert_eq!(document["assets"], serde_json::Value::Null);
    let problem = &document["diagnostics"][0];
    assert_eq!(problem["code"], "A004");
    assert_eq!(problem["severity"], "error");
    assert_eq!(problem["file"], "assets/a.yml");
    assert_eq!(
        (&problem["line"], &problem["column"]),
        (&3.into(), &5.into())
    );
    let lines = run(shop.path(), "validate -o ndjson").stdout;
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(&first, problem);
}

#[test]
fn a_project_file_that_leaves_nothing_is_shown_with_its_problems_by_any_command() {
    let broken = folder(&[("headwater.yml", "version: 3\nname: x\n")]);
    let validate = run(broken.path(), "validate");
    assert_eq!(validate.exit, 2);
    assert!(
        validate.stdout.contains("headwater.yml:1:10"),
        "{validate:?}"
    );
    let ls = run(broken.path(), "ls");
    assert_eq!((ls.exit, &*ls.stdout), (2, ""));
    assert!(
        ls.stderr.contains("headwater.yml:1:10") && ls.stderr.contains("error[C002]"),
        "{ls:?}"
    );
}

#[test]
fn ls_shows_a_table_and_documents() {
    let shop = shop();
    insta::assert_snapshot!(run(shop.path(), "ls").stdout, @r"
    ASSET          KIND    TASK     FRESHNESS  OWNER      UPSTREAMS  TAGS
    bronze.orders  source  -        age 1d     ingestion  -          -
    silver.orders  table   nightly  -          -          1          finance,tier1
    ");
    insta::assert_snapshot!("ls_json", run(shop.path(), "ls -o json").stdout);
    insta::assert_snapshot!(
        "ls_yaml",
        run(shop.path(), "ls silver.orders -o yaml").stdout
    );
    let lines = run(shop.path(), "ls -o ndjson").stdout;
    let names: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["asset"].take())
        .collect();
    assert_eq!(names, ["bronze.orders", "silver.orders"]);
}

#[test]
fn ls_follows_selections_and_environments() {
    let shop = shop();
    let assets = |args: &str| -> Vec<String> {
        let list = run(shop.path(), &format!("{args} -o json")).json();
        let list = list["assets"].as_array().unwrap().clone();
        list.iter()
            .map(|asset| asset["relation"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        assets("ls +silver.orders"),
        ["dev.bronze.orders", "dev.silver.orders"]
    );
    assert_eq!(assets("ls --exclude kind:source"), ["dev.silver.orders"]);
    assert_eq!(
        assets("--env prod ls tag:finance,owner:none tag:tier1"),
        ["prod.silver.orders"]
    );
}

#[test]
fn a_name_that_nothing_has_brings_the_one_that_was_meant() {
    let ran = run(shop().path(), "ls silver.order");
    assert_eq!((ran.exit, &*ran.stdout), (2, ""));
    assert!(ran.stderr.contains("error[C006]"), "{ran:?}");
    assert!(
        ran.stderr.contains("did you mean `silver.orders`?"),
        "{ran:?}"
    );
    let broken = run(shop().path(), "ls tagg:x");
    assert!(
        broken.exit == 2 && broken.stderr.contains("error[C005]"),
        "{broken:?}"
    );
    let partly = run(shop().path(), "ls silver.order bronze.orders");
    assert_eq!(partly.exit, 0);
    assert!(
        partly
            .stderr
            .contains("warning: no asset is named by `silver.order`"),
        "{partly:?}"
    );
    assert_eq!(
        run(shop().path(), "-q ls silver.order bronze.orders").stderr,
        ""
    );
}

#[test]
fn the_environment_comes_from_the_option_before_the_variable() {
    let shop = shop();
    let chosen = |args: &str, variable: &str| {
        let ran = run_with(shop.path(), args, &[("HEADWATER_ENV", variable)]);
        ran.json()["assets"][0]["relation"].clone()
    };
    assert_eq!(chosen("ls -o json", "prod"), "prod.bronze.orders");
    assert_eq!(chosen("ls -o json --env dev", "prod"), "dev.bronze.orders");
    assert_eq!(chosen("ls -o json", ""), "dev.bronze.orders");
    let unknown = run(shop.path(), "ls --env prdo");
    assert_eq!(unknown.exit, 2);
    assert!(
        unknown.stderr.contains("did you mean `prod`?"),
        "{unknown:?}"
    );
}

#[test]
fn without_a_project_the_error_says_where_it_was_looked_for_and_what_to_do() {
    let empty = folder(&[]);
    for args in ["validate", "ls"] {
        let ran = run(empty.path(), args);
        assert_eq!((ran.exit, &*ran.stdout), (2, ""));
        assert!(
            ran.stderr.contains("error[C001]") && ran.stderr.contains("headwater init"),
            "{ran:?}"
        );
    }
    let ran = run(empty.path(), "ls -o json");
    let document = ran.json();
    assert_eq!(ran.exit, 2);
    assert_eq!(
        (&document["kind"], &document["code"]),
        (&"Error".into(), &"C001".into())
    );
    assert!(
        ran.stderr.contains("error[C001]"),
        "people are told as well: {ran:?}"
    );
}

#[test]
fn usage_errors_exit_with_2_and_help_with_0() {
    let here = Path::new(".");
    for (args, exit) in [
        ("", 2),
        ("nonsense", 2),
        ("ls --nonsense", 2),
        ("ls -o xml", 2),
        ("--help", 0),
        ("help validate", 0),
        ("--version", 0),
    ] {
        let ran = run(here, args);
        assert_eq!(ran.exit, exit, "{args}: {ran:?}");
        let (spoken, silent) = if exit == 0 {
            (ran.stdout, ran.stderr)
        } else {
            (ran.stderr, ran.stdout)
        };
        assert!(!spoken.is_empty() && silent.is_empty(), "{args}");
    }
}

#[test]
fn colours_are_shown_where_they_are_wanted_only() {
    let shop = shop();
    let has_colour = |args: &str, variables: &[(&str, &str)]| {
        run_with(shop.path(), args, variables)
            .stdout
            .contains('\u{1b}')
    };
    assert!(!has_colour("ls", &[]));
    assert!(has_colour("ls", &[("CLICOLOR_FORCE", "1")]));
    assert!(!has_colour(
        "ls",
        &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]
    ));
    assert!(has_colour("ls --color always", &[("NO_COLOR", "1")]));
    assert!(!has_colour("ls --color never", &[("CLICOLOR_FORCE", "1")]));
    let coloured = run(shop.path(), "ls --color always").stdout;
    let plain = anstream::adapter::strip_str(&coloured).to_string();
    assert_eq!(plain, run(shop.path(), "ls").stdout, "colours take no room");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let ran = run_without_reader(shop().path(), "schema asset");
    assert_eq!((ran.exit, &*ran.stderr), (0, ""));
}

#[test]
fn schemas_are_json_that_accepts_the_files_of_this_test() {
    let here = Path::new(".");
    for (args, yaml) in [("schema asset", ASSETS), ("schema project", PROJECT)] {
        let schema = run(here, args).json();
        let value: serde_json::Value = serde_saphyr::from_str(yaml).unwrap();
        let problem = jsonschema::draft7::new(&schema)
            .unwrap()
            .validate(&value)
            .err();
        assert!(problem.is_none(), "{args}: {problem:?}");
    }
    assert!(
        run(here, "schema asset -o yaml")
            .stdout
            .contains("$schema: ")
    );
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = run(Path::new("."), &format!("completions {shell}"));
        assert!(
            ran.exit == 0 && ran.stdout.contains("validate"),
            "{shell}: {ran:?}"
        );
    }
}

#[test]
fn a_log_filter_that_cannot_be_read_is_a_usage_error() {
    let ran = run_with(shop().path(), "validate", &[("HEADWATER_LOG", "a=b=c")]);
    assert_eq!(ran.exit, 2);
    assert!(ran.stderr.contains("error[C010]"), "{ran:?}");
}
