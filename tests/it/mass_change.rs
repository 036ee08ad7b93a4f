//! A project that lost many of its assets is not worked with before a person says that it is meant.

use std::path::Path;

use crate::program::{folder, run, write};

const PROJECT: &str = "\
version: 1
name: shop
environments: { dev: {} }
default_environment: dev
";

/// Declares this many sources.
fn declare(folder: &Path, count: usize) {
    let source =
        |number| format!("  - {{ key: erp.t{number}, kind: source, path: lake/t{number} }}");
    let sources: Vec<String> = (0..count).map(source).collect();
    write(
        folder,
        "assets/erp.yml",
        &format!("assets:\n{}\n", sources.join("\n")),
    );
}

#[test]
fn a_project_that_lost_more_than_a_fifth_of_its_assets_is_refused_until_that_is_confirmed() {
    let shop = folder(&[("headwater.yml", PROJECT)]);
    declare(shop.path(), 10);
    assert_eq!(run(shop.path(), "reconcile").exit, 0);
    // A fifth may go.
    declare(shop.path(), 8);
    assert_eq!(run(shop.path(), "reconcile").exit, 0);
    declare(shop.path(), 4);
    let ran = run(shop.path(), "reconcile");
    assert_eq!(ran.exit, 1);
    insta::assert_snapshot!(ran.stderr, @r"
    error[C032]: 4 of 8 assets are gone from the project since the last pass (`erp.t4`, `erp.t5`, `erp.t6`, …): nothing was triggered
    hint: if that is meant: `headwater reconcile --allow-mass-change`, once
    ");
    // It goes on being refused, and nothing is forgotten: what comes back is no change at all.
    assert_eq!(run(shop.path(), "reconcile").exit, 1);
    declare(shop.path(), 8);
    assert_eq!(run(shop.path(), "reconcile").exit, 0);
    declare(shop.path(), 4);
    assert_eq!(run(shop.path(), "reconcile --allow-mass-change").exit, 0);
    assert_eq!(run(shop.path(), "reconcile").exit, 0);
}
