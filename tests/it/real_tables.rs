//! Tables that another program wrote, and tables of every shape that Spark leaves: what `observe`
//! and `history` say of them is held against the rules and against what `deltalake` says.
//!
//! `make tables` writes them (`fixtures/tables`); a few are kept in the repository, so that much is
//! shown without Python, too. Each family of the catalogue has a test of its own, which tells all
//! that differs at once.

mod catalogue;
mod compare;
mod other_reader;
mod stories;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::lakehouse::unproven;
use crate::program::run;
use catalogue::{Catalogue, list, name_of, text};
use compare::{commits, differences, same_partitions};

/// The families of tables. `families_are_all_tested` holds this against the catalogue.
const FAMILIES: [&str; 11] = [
    "append",
    "checkpoints",
    "clocks",
    "damage",
    "maintenance",
    "operations",
    "partitions",
    "refused",
    "rewrites",
    "vectors",
    "volume",
];

/// Looks at the tables of a family and fails with all that is said wrongly.
fn assert_observed(family: &str) {
    if let Some(catalogue) = Catalogue::generated() {
        assert_none(family, &wrongly_observed(&catalogue, family));
    }
}

/// Asks for the history of each table of a family and fails with all that is said wrongly.
fn assert_told(family: &str) {
    if let Some(catalogue) = Catalogue::generated() {
        assert_none(family, &wrongly_told(&catalogue, family));
    }
}

fn assert_none(family: &str, wrong: &[String]) {
    let (count, wrong) = (wrong.len(), wrong.join("\n"));
    assert!(count == 0, "{family}, {count} differences:\n{wrong}");
}

fn wrongly_observed(catalogue: &Catalogue, family: &str) -> Vec<String> {
    let tables = catalogue.family(family);
    if tables.is_empty() {
        return Vec::new();
    }
    let project = catalogue.project(&tables);
    let ran = run(project.path(), "observe -o json");
    assert!(matches!(ran.exit, 0 | 5), "{ran:?}");
    let seen = ran.json();
    let of = |table: &Value| {
        let asset = catalogue::asset(table);
        let mut seen = list(&seen, "tables").iter();
        let found = seen.find(|seen| seen["asset"] == asset.as_str());
        found.unwrap_or_else(|| panic!("{asset} is not told"))
    };
    tables
        .iter()
        .flat_map(|table| {
            let expected = catalogue.known(&table["observe"]);
            differences(name_of(table), &expected, of(table))
        })
        .collect()
}

fn wrongly_told(catalogue: &Catalogue, family: &str) -> Vec<String> {
    let mut tables = catalogue.family(family);
    tables.retain(|table| table["history"].is_object());
    let project = catalogue.project(&tables);
    let mut wrong = Vec::new();
    for table in tables {
        let name = name_of(table);
        let asset = catalogue::asset(table);
        for (index, range) in list(&table["history"], "ranges").iter().enumerate() {
            let (from, to) = (&range["from"], &range["to"]);
            let args = format!("history {asset} --from {from} --to {to} -o json");
            let ran = run(project.path(), &args);
            if ran.exit != 0 {
                wrong.push(format!("{name} v{from}-{to}: {}", ran.stderr.trim()));
                continue;
            }
            let told = ran.json();
            let changed = &told["partitions_changed"];
            if !same_partitions(&range["partitions_changed"], changed) {
                let expected = &range["partitions_changed"];
                wrong.push(format!(
                    "{name} v{from}-{to}: {changed} changed, not {expected}"
                ));
            }
            // The first range is the whole history.
            if index == 0 {
                let expected = list(&table["history"], "commits").iter();
                let expected: Vec<Value> = expected.map(|it| catalogue.known(it)).collect();
                wrong.extend(commits(name, &expected, list(&told, "commits")));
            }
        }
    }
    wrong
}

#[test]
fn the_catalogue_of_tables_is_there() {
    if Catalogue::generated().is_none() {
        unproven(
            "real_tables: the catalogue of Delta tables is not written; see what `make tables` says",
        );
    }
}

#[test]
fn families_are_all_tested() {
    let Some(catalogue) = Catalogue::generated() else {
        return;
    };
    let told: BTreeSet<&str> = catalogue.tables().map(|it| text(it, "family")).collect();
    let tested = FAMILIES.into_iter().collect();
    assert_eq!(told, tested);
}

#[test]
fn every_rule_is_shown_by_a_table_or_a_story() {
    let Some(catalogue) = Catalogue::generated() else {
        return;
    };
    let shown: BTreeSet<&str> = catalogue
        .tables()
        .chain(catalogue.stories())
        .flat_map(|it| list(it, "rule"))
        .map(|rule| rule.as_str().unwrap())
        .collect();
    let rules = catalogue.rules();
    let without: Vec<_> = rules.difference(&shown).collect();
    let unknown: Vec<_> = shown.difference(&rules).collect();
    assert!(without.is_empty(), "shown by no table: {without:?}");
    assert!(unknown.is_empty(), "not in rules.json: {unknown:?}");
}

#[test]
fn tables_that_are_kept_here_are_observed() {
    let kept = Catalogue::kept();
    let wrong: Vec<String> = FAMILIES
        .iter()
        .flat_map(|family| wrongly_observed(&kept, family))
        .collect();
    assert_none("kept", &wrong);
}

#[test]
fn tables_that_are_kept_here_have_a_history() {
    let kept = Catalogue::kept();
    let wrong: Vec<String> = FAMILIES
        .iter()
        .flat_map(|family| wrongly_told(&kept, family))
        .collect();
    assert_none("kept", &wrong);
}

/// One test for what is observed of a family, and one for its history.
macro_rules! family {
    ($observed:ident, $told:ident, $family:literal) => {
        #[test]
        fn $observed() {
            assert_observed($family);
        }

        #[test]
        fn $told() {
            assert_told($family);
        }
    };
}

family!(
    tables_that_grow_are_observed,
    tables_that_grow_have_a_history,
    "append"
);
family!(
    partitioned_tables_are_observed,
    partitioned_tables_have_a_history,
    "partitions"
);
family!(
    rewritten_tables_are_observed,
    rewritten_tables_have_a_history,
    "rewrites"
);
family!(
    maintained_tables_are_observed,
    maintained_tables_have_a_history,
    "maintenance"
);
family!(
    operations_of_spark_are_observed,
    operations_of_spark_have_a_history,
    "operations"
);
family!(
    deletion_vectors_are_observed,
    deletion_vectors_have_a_history,
    "vectors"
);
family!(
    times_of_commits_are_observed,
    times_of_commits_have_a_history,
    "clocks"
);
family!(
    checkpoints_are_observed,
    checkpoints_have_a_history,
    "checkpoints"
);
family!(
    refused_tables_are_observed,
    tables_that_are_not_refused_have_a_history,
    "refused"
);
family!(
    damaged_logs_are_observed,
    damaged_logs_have_a_history,
    "damage"
);
family!(
    large_tables_are_observed,
    large_tables_have_a_history,
    "volume"
);
