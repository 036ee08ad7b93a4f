//! Selections as people and their scripts type them.

use std::sync::LazyLock;

use assets::{Asset, AssetKey, AssetKind, Consume, DbtNode, Evidence, Relation, Upstream};
use lineage::{AssetGraph, AssetIndex, Selected, Selection};

/// The longest message about a selection, in bytes: an excerpt, and the names of all methods.
const LONGEST: usize = 1_000;

/// Reads bytes as a selection, and compares what it names with what its parts name.
pub fn selection(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let parsed = Selection::parse(&text);
    assert_eq!(Selection::parse(&text), parsed, "read twice");
    match parsed {
        Ok(parsed) => assert_means_its_parts(&text, &parsed),
        Err(error) => {
            assert!(
                (1..=text.chars().count() + 1).contains(&error.position),
                "{error:?}"
            );
            assert!(error.to_string().len() <= LONGEST, "{error}");
            let parts = text.split_whitespace();
            let is_wrong = |part: &str| Selection::parse(part).is_err();
            assert!(
                text.trim().is_empty() || parts.into_iter().any(is_wrong),
                "{text:?}"
            );
        }
    }
}

fn assert_means_its_parts(text: &str, parsed: &Selection) {
    let whole = named(parsed);
    assert_eq!(named(parsed), whole, "asked twice");
    assert!(whole.assets.is_sorted_by(|a, b| a < b));
    let parts: Vec<&str> = text.split_whitespace().collect();
    let criteria = parts.iter().map(|part| part.split(',').count()).sum();
    assert!(whole.unmatched.len() <= criteria);
    assert!(
        whole
            .unmatched
            .iter()
            .all(|unmatched| unmatched.criterion.chars().count() <= 81)
    );
    // Long lists would only cost time: the law holds for each part alike.
    let few = parts.len() <= 8 && criteria <= 16 && text.len() <= 400;
    if few {
        let united = graph()
            .indices()
            .filter(|index| parts.iter().any(|part| is_named(part, *index)));
        assert_eq!(whole.assets, united.collect::<Vec<_>>(), "{text:?}");
    }
    let all = [text.to_owned()];
    let none = Selection::parse_with_exclude(&all, &all).map(|selection| named(&selection).assets);
    assert_eq!(none, Ok(Vec::new()), "{text:?} without itself");
    let rest =
        Selection::parse_with_exclude(&[], &all).map(|selection| named(&selection).assets.len());
    assert_eq!(
        rest,
        Ok(graph().len() - whole.assets.len()),
        "everything but {text:?}"
    );
}

/// Whether every criterion of an intersection names the asset by itself.
fn is_named(part: &str, index: AssetIndex) -> bool {
    part.split(',').all(|criterion| {
        Selection::parse(criterion).is_ok_and(|criterion| named(&criterion).assets.contains(&index))
    })
}

fn named(selection: &Selection) -> Selected {
    let health = |index: AssetIndex| {
        if index.position().is_multiple_of(2) {
            "fresh"
        } else {
            "stale"
        }
    };
    selection.evaluate(graph(), &health)
}

fn graph() -> &'static AssetGraph {
    static GRAPH: LazyLock<AssetGraph> = LazyLock::new(|| {
        AssetGraph::build(lakehouse()).unwrap_or_else(|problems| unreachable!("{problems:?}"))
    });
    &GRAPH
}

/// A few assets with every property that a selection can ask for.
fn lakehouse() -> Vec<Asset> {
    let mut all: Vec<Asset> = [
        ("bronze.orders", AssetKind::Source, &[][..]),
        ("bronze.rates", AssetKind::Source, &[]),
        (
            "silver.orders",
            AssetKind::Table,
            &["bronze.orders", "bronze.rates"],
        ),
        ("silver.Orders", AssetKind::View, &["silver.orders"]),
        ("silver.kunden_ü", AssetKind::Table, &[]),
        (
            "finance.fct_revenue",
            AssetKind::Table,
            &["silver.Orders", "silver.kunden_ü"],
        ),
        (
            "finance.board",
            AssetKind::Exposure,
            &["finance.fct_revenue"],
        ),
    ]
    .into_iter()
    .filter_map(|(key, kind, upstreams)| {
        let mut asset = Asset::new(AssetKey::new(key).ok()?, kind);
        asset.upstreams = upstreams.iter().filter_map(|key| upstream(key)).collect();
        asset.relation = Relation::parse(&format!("prod.{key}")).ok();
        Some(asset)
    })
    .collect();
    if let Some(source) = all.first_mut() {
        source.dbt = Some(node(
            &["shop", "erp", "orders"],
            "models/sources.yml",
            Some("erp"),
        ));
        source.owner = Some("Data Team".to_owned());
    }
    if let Some(revenue) = all.get_mut(5) {
        revenue.dbt = Some(node(
            &["shop", "marts", "revenue"],
            "models/marts/revenue.sql",
            None,
        ));
        revenue.tags = ["cdc", "sox", "a+b", "x:y"].map(str::to_owned).into();
        revenue.group = Some("finance".to_owned());
        revenue.tier = Some(1);
    }
    all
}

fn upstream(key: &str) -> Option<Upstream> {
    Some(Upstream {
        asset: AssetKey::new(key).ok()?,
        consume: Consume::Table,
        mapping: None,
        evidence: vec![Evidence::Declared],
        declared_at: None,
    })
}

fn node(fqn: &[&str], path: &str, source_name: Option<&str>) -> DbtNode {
    let name = fqn.last().copied().unwrap_or("");
    let kind = if source_name.is_some() {
        "source"
    } else {
        "model"
    };
    DbtNode {
        unique_id: format!("{kind}.{}", fqn.join(".")).into(),
        package: "shop".into(),
        fqn: fqn.iter().map(|part| (*part).into()).collect(),
        path: path.into(),
        name: name.into(),
        source_name: source_name.map(Into::into),
        compiled_code: None,
        contract_enforced: false,
        contract: std::collections::BTreeMap::new(),
        tests: Vec::new(),
        also_known_as: Vec::new(),
    }
}
