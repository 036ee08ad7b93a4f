//! Tests of what is known of `dynamic` partitions.

use std::collections::BTreeMap;

use assets::partition::{MappingSpec, PartitionsSpec};
use assets::task::TaskName;
use assets::{AssetKey, AssetKind, Binding, Consume, Evidence, Upstream};

use assets::partition::KnownValues;

use super::*;

fn dynamic(key: &str, column: &str, upstreams: &[&str], is_built: bool) -> Asset {
    let mut asset = whole(key, upstreams, is_built);
    let column = column.to_owned();
    let spec = PartitionsSpec::Dynamic { column };
    asset.partitions = Some(Partitions::check(&spec).unwrap());
    asset
}

fn whole(key: &str, upstreams: &[&str], is_built: bool) -> Asset {
    let mut asset = Asset::new(AssetKey::new(key).unwrap(), AssetKind::Table);
    asset.upstreams = upstreams
        .iter()
        .map(|upstream| Upstream {
            asset: AssetKey::new(upstream).unwrap(),
            consume: Consume::Table,
            mapping: None,
            evidence: vec![Evidence::Declared],
            declared_at: None,
        })
        .collect();
    asset.task = is_built.then(|| Binding {
        task: TaskName::new("build"),
        parameters: BTreeMap::new(),
    });
    asset
}

fn value(text: &str) -> PartitionValue {
    PartitionValue::from(Some(text.into()))
}

fn told(values: &[(&str, bool)]) -> OwnValues {
    let values = values.iter().map(|(text, there)| (value(text), *there));
    OwnValues {
        values: KnownValues::new(values),
        told: Told::ByFiles,
    }
}

type Known<'a> = &'a [(&'a str, OwnValues)];

fn resolved(assets: Vec<Asset>, known: Known<'_>) -> (AssetGraph, Vec<(String, String)>) {
    let graph = AssetGraph::build(assets).unwrap();
    let (graph, news) = graph.following(|asset, _| {
        let found = known.iter().find(|(key, _)| *key == asset.key.as_str());
        found.map(|(_, own)| own.clone()).unwrap_or_default()
    });
    let news = news.into_iter().flat_map(|news| {
        let key = graph.asset(news.asset).key.to_string();
        let texts = news.values.into_iter();
        texts.map(move |value| (key.clone(), value.as_str().unwrap().to_owned()))
    });
    let news = news.collect();
    (graph, news)
}

/// The keys that exist; `whole` where it is not planned by partitions.
fn existing(graph: &AssetGraph, key: &str) -> Vec<String> {
    let asset = graph.asset(graph.index_of(key).unwrap());
    let Some(partitions) = asset.planned_partitions() else {
        return vec!["whole".to_owned()];
    };
    let values = partitions.dynamic_parts().next().unwrap();
    let texts = values.existing_values().map(|value| value.as_str());
    texts.map(|text| text.unwrap().to_owned()).collect()
}

fn chain() -> Vec<Asset> {
    vec![
        dynamic("src", "tenant", &[], false),
        dynamic("mid", "tenant", &["src"], true),
        dynamic("top", "tenant", &["mid"], true),
    ]
}

#[test]
fn values_are_followed_through_any_number_of_steps() {
    let known = [("src", told(&[("a", true), ("b", true)]))];
    let (graph, news) = resolved(chain(), &known);
    for key in ["src", "mid", "top"] {
        assert_eq!(existing(&graph, key), ["a", "b"], "{key}");
    }
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let expected = [("mid", "a"), ("mid", "b"), ("top", "a"), ("top", "b")];
    assert_eq!(news, expected.map(|(key, text)| pair(key, text)));
}

#[test]
fn lists_keep_their_own_order_and_only_grow() {
    let known = [
        ("src", told(&[("a", true), ("b", true), ("c", true)])),
        ("mid", told(&[("c", true), ("a", true)])),
    ];
    let (graph, news) = resolved(chain(), &known);
    assert_eq!(existing(&graph, "mid"), ["c", "a", "b"]);
    assert_eq!(existing(&graph, "top"), ["c", "a", "b"]);
    assert_eq!(news.len(), 1 + 3, "{news:?}");
    let place = |key: &str, text: &str| {
        let asset = graph.asset(graph.index_of(key).unwrap());
        let partitions = asset.partitions.as_ref().unwrap();
        partitions
            .dynamic_parts()
            .next()
            .unwrap()
            .ordinal(&value(text))
    };
    assert_eq!((place("mid", "c"), place("src", "c")), (Some(0), Some(2)));
}

#[test]
fn a_value_that_is_gone_everywhere_exists_no_more() {
    let gone = told(&[("a", false), ("b", true)]);
    let still = told(&[("a", true), ("b", true)]);
    let (graph, _) = resolved(chain(), &[("src", gone.clone()), ("mid", still)]);
    assert_eq!(existing(&graph, "src"), ["b"]);
    assert_eq!(existing(&graph, "mid"), ["a", "b"], "its table has it yet");
    assert_eq!(existing(&graph, "top"), ["a", "b"]);
    let (graph, news) = resolved(chain(), &[("src", gone.clone()), ("mid", gone.clone())]);
    assert_eq!(existing(&graph, "mid"), ["b"]);
    assert_eq!(existing(&graph, "top"), ["b"]);
    assert_eq!(news, [("top".to_owned(), "b".to_owned())]);
    // Whose files do not tell may have rows of it.
    let untold = OwnValues {
        told: Told::ByNothing,
        ..gone.clone()
    };
    let (graph, _) = resolved(chain(), &[("src", gone), ("mid", untold)]);
    assert_eq!(existing(&graph, "mid"), ["a", "b"]);
}

#[test]
fn what_no_input_tells_is_built_as_a_whole() {
    let known = [
        ("src", told(&[("a", true)])),
        ("alone", told(&[("a", true)])),
    ];
    let assets = vec![
        whole("src", &[], false),
        dynamic("alone", "tenant", &["src"], true),
        dynamic("reads", "tenant", &["alone"], true),
    ];
    let (graph, _) = resolved(assets, &known);
    assert_eq!(existing(&graph, "alone"), ["whole"]);
    assert_eq!(existing(&graph, "reads"), ["a"], "its table tells");
    let untold = OwnValues {
        told: Told::ByNothing,
        ..OwnValues::default()
    };
    let known = [("src", untold.clone()), ("mid", untold)];
    let (graph, _) = resolved(chain(), &known);
    for key in ["src", "mid", "top"] {
        assert_eq!(existing(&graph, key), ["whole"], "{key}");
    }
    // Nobody looked yet: nothing is known to be missing.
    let (graph, _) = resolved(chain(), &[]);
    assert_eq!(existing(&graph, "mid"), [""; 0]);
}

#[test]
fn a_table_of_keys_names_what_is_still_to_come() {
    let mut assets = vec![
        dynamic("src", "tenant", &[], false),
        dynamic("mid", "area", &["src"], true),
    ];
    let table = [("emea", ["a", "b"]), ("apac", ["c", "d"])];
    let table = table.map(|(own, needed)| (own.to_owned(), needed.map(str::to_owned).to_vec()));
    assets[1].upstreams[0].mapping = Some(MappingSpec::Keys(table.into()));
    let (graph, news) = resolved(assets, &[("src", told(&[("b", true), ("x", true)]))]);
    assert_eq!(existing(&graph, "mid"), ["emea"]);
    assert_eq!(news, [("mid".to_owned(), "emea".to_owned())]);
}

#[test]
fn what_is_remembered_may_lack_what_is_to_come() {
    let graph = AssetGraph::build(chain()).unwrap();
    let graph = graph.with_values(|asset, _| match asset.key.as_str() {
        "src" => told(&[("a", true), ("b", true)]),
        "mid" => told(&[("b", true)]),
        _ => OwnValues::default(),
    });
    assert_eq!(existing(&graph, "mid"), ["b"]);
    assert_eq!(existing(&graph, "top"), [""; 0]);
}
