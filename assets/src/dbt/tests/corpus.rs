//! The manifests that seven versions of dbt wrote for one project say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::Value;

use super::node;
use crate::asset::AssetKind;
use crate::dbt::{Manifest, NodeType, read_manifest};
use crate::policy::{Bound, UpdatesOn};

macro_rules! corpus {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("../../../../fixtures/dbt/manifests/", $name, ".json")))),*]
    };
}

const CORPUS: [(&str, &str); 7] = corpus!(
    "features_dbt15",
    "features_dbt17",
    "features_dbt18",
    "features_dbt19",
    "features_dbt110",
    "features_databricks_111",
    "features_dbt112"
);

fn all() -> Vec<(&'static str, Manifest, Value)> {
    CORPUS
        .iter()
        .map(|(name, text)| {
            let manifest = read_manifest(&Arc::from(*name), text.as_bytes()).unwrap();
            (*name, manifest, serde_json::from_str(text).unwrap())
        })
        .collect()
}

#[test]
fn every_version_has_the_same_assets_with_the_same_keys_kinds_and_tests() {
    let expected = [
        ("crm.accounts", AssetKind::Source, 1),
        ("crm.contacts", AssetKind::Source, 0),
        ("crm.opportunities", AssetKind::Source, 0),
        ("erp.invoices", AssetKind::Source, 0),
        ("exposure.board_deck", AssetKind::Exposure, 0),
        ("feat.down", AssetKind::View, 0),
        ("feat.eph", AssetKind::Ephemeral, 0),
        ("feat.fct_v1", AssetKind::Table, 2),
        ("feat.fct_v2", AssetKind::View, 2),
        ("feat.mb", AssetKind::Incremental, 0),
        ("feat.py", AssetKind::Table, 0),
        ("feat.s", AssetKind::Seed, 0),
        ("feat.snap", AssetKind::Snapshot, 0),
        ("feat.stg", AssetKind::View, 0),
    ];
    for (name, manifest, _) in all() {
        let mut found: Vec<_> = manifest
            .nodes
            .iter()
            .map(|node| (&*node.key, node.kind, node.dbt.tests.len()))
            .collect();
        found.sort_by_key(|(key, ..)| *key);
        assert_eq!(found, expected, "{name}");
        assert_eq!(manifest.warnings, [], "{name}");
    }
}

#[test]
fn edges_are_those_of_depends_on() {
    for (name, manifest, raw) in all() {
        let mut expected = BTreeSet::new();
        for section in ["nodes", "sources", "exposures"] {
            for (id, node) in raw[section].as_object().unwrap() {
                let reads = node["depends_on"]["nodes"].as_array().into_iter().flatten();
                for read in reads.filter(|_| NodeType::of_unique_id(id).is_some()) {
                    expected.insert((id.clone(), read.as_str().unwrap().to_owned()));
                }
            }
        }
        let mut found = BTreeSet::new();
        for node in &manifest.nodes {
            for read in &node.depends_on {
                found.insert((node.dbt.unique_id.to_string(), read.to_string()));
            }
        }
        assert!(expected.len() >= 9, "{name}");
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn an_upgrade_of_dbt_changes_no_code_version() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, manifest, _) in all() {
        for node in manifest.nodes {
            // dbt 1.5 forgets the constraints of a versioned model, and builds it without them.
            if name == "features_dbt15" && node.dbt.contract_enforced {
                continue;
            }
            let version = node
                .code_version
                .map_or("none".to_owned(), |v| v.as_str().to_owned());
            versions
                .entry(node.dbt.unique_id.to_string())
                .or_default()
                .insert(version);
        }
    }
    for (id, versions) in versions {
        assert_eq!(versions.len(), 1, "{id}: {versions:?}");
        let is_built = NodeType::of_unique_id(&id).unwrap().is_built();
        assert_eq!(versions.contains("none"), !is_built, "{id}");
    }
}

#[test]
fn relations_come_from_names_and_not_from_the_quoted_text() {
    let manifests = all();
    let (_, databricks, _) = &manifests[5];
    let relation = |id| {
        node(databricks, id)
            .relation
            .as_ref()
            .map(ToString::to_string)
    };
    assert_eq!(
        relation("model.feat.fct.v1").as_deref(),
        Some("main.analytics.fct_v1")
    );
    assert_eq!(
        relation("source.feat.crm.accounts").as_deref(),
        Some("raw.salesforce.acct")
    );
    assert_eq!(
        relation("snapshot.feat.snap").as_deref(),
        Some("main.s.snap")
    );
    assert_eq!(relation("model.feat.eph"), None);
    assert_eq!(relation("exposure.feat.board_deck"), None);
}

#[test]
fn policies_are_taken_over_from_every_version() {
    for (name, manifest, _) in all() {
        let bound = node(&manifest, "source.feat.crm.accounts")
            .freshness
            .clone()
            .unwrap();
        let expected = Bound {
            limit: TimeDelta::days(1),
            warn: Some(TimeDelta::hours(12)),
        };
        assert_eq!(bound.max_age, Some(expected), "{name}");
        let silent = node(&manifest, "source.feat.crm.opportunities");
        assert_eq!(silent.freshness, None, "{name}");
        let microbatch = node(&manifest, "model.feat.mb").on_change.clone().unwrap();
        assert_eq!(microbatch.pacing.every, Some(TimeDelta::hours(4)), "{name}");
        assert_eq!(microbatch.updates_on, UpdatesOn::All, "{name}");
        assert_eq!(node(&manifest, "model.feat.stg").on_change, None, "{name}");
    }
}

#[test]
fn labels_are_taken_over_from_every_version() {
    for (name, manifest, _) in all() {
        let fct = node(&manifest, "model.feat.fct.v2");
        assert_eq!(fct.group.as_deref(), Some("finance"), "{name}");
        assert_eq!(
            fct.owner.as_deref(),
            Some("core"),
            "{name}: meta is closer than the group"
        );
        assert!(fct.dbt.contract_enforced, "{name}");
        assert!(fct.tags.contains("nightly"), "{name}");
        assert_eq!(*fct.dbt.name, *"fct", "{name}");
        let deck = node(&manifest, "exposure.feat.board_deck");
        assert_eq!(deck.owner.as_deref(), Some("Ann"), "{name}");
        let source = node(&manifest, "source.feat.crm.accounts");
        assert_eq!(source.dbt.source_name.as_deref(), Some("crm"), "{name}");
        assert_eq!(source.tags.iter().collect::<Vec<_>>(), ["src"], "{name}");
    }
}
