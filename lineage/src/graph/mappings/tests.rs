//! Tests of mappings along physical edges, through views with partitions and without.

use assets::delta::PartitionValue;
use assets::partition::{
    KnownValues, OwnValues, PartitionSet, PartitionsSpec, Told, Window, WindowsSpec,
};
use assets::{AssetKey, AssetKind, Consume, Evidence, Upstream};
use proptest::prelude::*;

use super::*;
use crate::AssetGraph;

/// A day at whose end the tests take place.
fn today() -> Window {
    let days = partitions(&PartitionsSpec::Daily(windows()));
    days.window(days.parse_key("2026-06-01").unwrap()).unwrap()
}

fn windows() -> WindowsSpec {
    WindowsSpec {
        start: "2026-01-01".to_owned(),
        column: Some("day".to_owned()),
        ..WindowsSpec::default()
    }
}

fn partitions(spec: &PartitionsSpec) -> Partitions {
    Partitions::check(spec).unwrap()
}

fn daily() -> Partitions {
    partitions(&PartitionsSpec::Daily(windows()))
}

fn weekly() -> Partitions {
    partitions(&PartitionsSpec::Weekly(windows()))
}

fn trailing(days: i64) -> MappingSpec {
    MappingSpec::Overlap {
        start_offset: -days,
        end_offset: 0,
    }
}

type Reads<'a> = &'a [(&'a str, Option<MappingSpec>)];

fn asset(key: &str, kind: AssetKind, parts: Option<Partitions>, reads: Reads<'_>) -> Asset {
    let mut asset = Asset::new(AssetKey::new(key).unwrap(), kind);
    asset.partitions = parts;
    let edges = reads.iter().map(|(upstream, mapping)| Upstream {
        asset: AssetKey::new(upstream).unwrap(),
        consume: Consume::Table,
        mapping: mapping.clone(),
        evidence: vec![Evidence::Declared],
        declared_at: None,
    });
    asset.upstreams = edges.collect();
    asset
}

fn source(key: &str, parts: Option<Partitions>) -> Asset {
    asset(key, AssetKind::Source, parts, &[])
}

fn view(key: &str, parts: Option<Partitions>, reads: Reads<'_>) -> Asset {
    asset(key, AssetKind::View, parts, reads)
}

fn table(key: &str, parts: Option<Partitions>, reads: Reads<'_>) -> Asset {
    asset(key, AssetKind::Table, parts, reads)
}

/// What days of one asset feed of another one, as ranges of keys.
fn fed(assets: Vec<Asset>, (of, by): (&str, &str), keys: &[&str]) -> Vec<String> {
    let graph = AssetGraph::build(assets).unwrap();
    feeds(&graph, (of, by), keys)
}

fn feeds(graph: &AssetGraph, (of, by): (&str, &str), keys: &[&str]) -> Vec<String> {
    let (of, by) = (graph.index_of(of).unwrap(), graph.index_of(by).unwrap());
    let source = graph.asset(by).partitions.as_ref().unwrap();
    let sets = keys
        .iter()
        .map(|key| source.set_of(source.parse_key(key).unwrap()));
    let changed = PartitionSet::union_of(sets);
    let fed = graph.mapping(of, by).unwrap().feeds(&changed, today().end);
    if fed.is_everything() {
        return vec!["everything".to_owned()];
    }
    let own = graph.asset(of).partitions.as_ref().unwrap();
    let ranges = own.key_ranges(&fed).into_iter();
    ranges
        .map(|range| format!("{}..{}", range.from, range.to))
        .collect()
}

#[test]
fn a_view_without_partitions_passes_those_of_its_tables_on() {
    let assets = vec![
        source("raw.a", Some(daily())),
        source("raw.b", Some(daily())),
        view("v", None, &[("raw.a", None), ("raw.b", None)]),
        view("w", None, &[("v", None)]),
        table("mart", Some(daily()), &[("w", None)]),
    ];
    let days = ["2026-02-03", "2026-03-01"];
    let same = ["2026-02-03..2026-02-03", "2026-03-01..2026-03-01"];
    assert_eq!(fed(assets.clone(), ("mart", "raw.a"), &days), same);
    assert_eq!(fed(assets, ("mart", "raw.b"), &days), same);
}

#[test]
fn mappings_compose_at_a_view_with_partitions() {
    // Each day of the view shows two days before it, too; each of the mart one day more.
    let assets = vec![
        source("raw", Some(daily())),
        view("v", Some(daily()), &[("raw", Some(trailing(2)))]),
        view("w", None, &[("v", None)]),
        table("mart", Some(daily()), &[("w", Some(trailing(1)))]),
    ];
    let three_more = ["2026-02-03..2026-02-06"];
    assert_eq!(fed(assets, ("mart", "raw"), &["2026-02-03"]), three_more);
}

#[test]
fn a_view_of_weeks_makes_weeks_of_days() {
    let assets = vec![
        source("raw", Some(daily())),
        view("weeks", Some(weekly()), &[("raw", None)]),
        table("mart", Some(daily()), &[("weeks", None)]),
    ];
    // A Tuesday: whoever reads the week reads all of it.
    let week = ["2026-02-02..2026-02-08"];
    assert_eq!(fed(assets, ("mart", "raw"), &["2026-02-03"]), week);
}

#[test]
fn a_table_that_is_read_in_two_ways_is_needed_whole() {
    let assets = vec![
        source("raw", Some(daily())),
        view("v", Some(daily()), &[("raw", Some(trailing(2)))]),
        table("mart", Some(daily()), &[("raw", None), ("v", None)]),
    ];
    assert_eq!(
        fed(assets, ("mart", "raw"), &["2026-02-03"]),
        ["everything"]
    );
}

#[test]
fn what_a_view_mixes_up_is_needed_whole() {
    let assets = vec![
        source("raw", Some(daily())),
        view("v", Some(daily()), &[("raw", Some(MappingSpec::All))]),
        table("mart", Some(daily()), &[("v", None)]),
    ];
    let graph = AssetGraph::build(assets).unwrap();
    let index = |key: &str| graph.index_of(key).unwrap();
    let days = daily();
    let day = days.set_of(days.parse_key("2026-02-03").unwrap());
    let mapping = graph.mapping(index("mart"), index("raw")).unwrap();
    let existing = days.existing(today().end);
    assert!(existing.is_subset(&mapping.feeds(&day, today().end)));
}

#[test]
fn an_edge_of_a_view_that_is_not_clear_is_refused() {
    let keys = |column: &str| {
        let (column, values) = (column.to_owned(), vec![format!("one {column}")]);
        Some(partitions(&PartitionsSpec::Keys { column, values }))
    };
    let assets = vec![
        source("raw", keys("region")),
        view("v", keys("tier"), &[("raw", None)]),
        table("mart", keys("tier"), &[("v", None)]),
    ];
    let refused = AssetGraph::build(assets).unwrap_err();
    let told: Vec<String> = refused.iter().map(|p| p.message.clone()).collect();
    assert_eq!(
        told,
        ["`v` reads `raw`: how the partitions of both sides belong together is not clear"]
    );
}

#[test]
fn values_that_become_known_go_through_a_view_that_lists_some() {
    let dynamic = PartitionsSpec::Dynamic {
        column: "region".to_owned(),
    };
    let listed = PartitionsSpec::Keys {
        column: "region".to_owned(),
        values: vec!["eu".to_owned(), "us".to_owned()],
    };
    let listed = Some(partitions(&listed));
    let assets = vec![
        source("raw", Some(partitions(&dynamic))),
        // Its name comes after that of its reader.
        view("view", listed.clone(), &[("raw", None)]),
        table("mart", listed, &[("view", None)]),
    ];
    let graph = AssetGraph::build(assets).unwrap();
    let graph = graph.with_values(|_, _| {
        let value = |text: &str| PartitionValue::from(Some(text.into()));
        OwnValues {
            values: KnownValues::new([(value("us"), true), (value("eu"), true)]),
            told: Told::ByFiles,
        }
    });
    assert_eq!(feeds(&graph, ("mart", "raw"), &["us"]), ["us..us"]);
}

#[test]
fn a_hundred_views_with_partitions_in_a_row_need_all_and_never_nothing() {
    let mut assets = vec![source("a000", Some(daily()))];
    for at in 1..100 {
        let below = format!("a{:03}", at - 1);
        assets.push(view(&format!("a{at:03}"), Some(daily()), &[(&below, None)]));
    }
    assets.push(table("mart", Some(daily()), &[("a099", None)]));
    let graph = AssetGraph::build(assets).unwrap();
    let (mart, raw) = (
        graph.index_of("mart").unwrap(),
        graph.index_of("a000").unwrap(),
    );
    let mapping = graph.mapping(mart, raw).unwrap();
    let days = graph.asset(raw).partitions.as_ref().unwrap();
    let day = days.set_of(days.parse_key("2026-02-03").unwrap());
    assert!(day.is_subset(&mapping.feeds(&day, today().end)));
}

fn any_side() -> impl Strategy<Value = (bool, i64)> {
    (any::<bool>(), 0_i64..3)
}

proptest! {
    /// A change of one day at the bottom feeds just the partitions of which some view in between shows it.
    #[test]
    fn what_is_fed_is_what_the_steps_feed(
        sides in prop::collection::vec(any_side(), 1..5),
        plain in prop::collection::vec(any::<bool>(), 4),
        day in 0_usize..120,
    ) {
        let grid = |is_weekly: bool| if is_weekly { Some(weekly()) } else { Some(daily()) };
        let mut assets = vec![source("t0", Some(daily()))];
        let mut steps: Vec<Mapping> = Vec::new();
        let (mut below, mut below_parts) = ("t0".to_owned(), Some(daily()));
        for (at, (is_weekly, back)) in sides.iter().enumerate() {
            if plain[at % plain.len()] {
                let name = format!("plain{at}");
                assets.push(view(&name, None, &[(&below, None)]));
                below = name;
            }
            let (parts, spec) = (grid(*is_weekly), Some(trailing(*back)));
            let step = Mapping::new(spec.as_ref(), parts.as_ref(), below_parts.as_ref());
            steps.push(step.unwrap());
            let is_last = at + 1 == sides.len();
            let kind = if is_last { AssetKind::Table } else { AssetKind::View };
            let name = format!("t{}", at + 1);
            assets.push(asset(&name, kind, parts.clone(), &[(&below, spec)]));
            (below, below_parts) = (name, parts);
        }
        let graph = AssetGraph::build(assets).unwrap();
        let (top, bottom) = (graph.index_of(&below).unwrap(), graph.index_of("t0").unwrap());
        let mapping = graph.mapping(top, bottom).unwrap();
        let days = graph.asset(bottom).partitions.clone().unwrap();
        let one = days.set_of(days.existing(today().end).iter().nth(day).unwrap());
        let by_steps = steps.iter().fold(one.clone(), |set, step| step.feeds(&set, today().end));
        let fed = mapping.feeds(&one, today().end);
        prop_assert!(by_steps.is_subset(&fed));
        prop_assert_eq!(&fed, &by_steps);
        // And the other way round: what is fed needs it, and nothing else does.
        let own = graph.asset(top).partitions.clone().unwrap();
        for partition in &own.existing(today().end) {
            let needs = mapping.needs(&own.set_of(partition), today().end).partitions;
            prop_assert_eq!(one.meets(&needs), fed.contains(partition));
        }

    }
}
