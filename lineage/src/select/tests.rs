//! Selections over a small lakehouse, errors as people see them, and laws over generated graphs.

use std::sync::Arc;

use assets::{Asset, AssetKind, DbtNode, Relation};
use proptest::prelude::*;

use super::*;
use crate::sample::{acyclic_assets, asset, keys, numbered, place, table};

fn node(unique_id: &str, path: &str, source_name: Option<&str>) -> DbtNode {
    let parts: Vec<&str> = unique_id.split('.').collect();
    let folders = path.split('/').skip(1).filter(|part| !part.contains('.'));
    let fqn = [parts[1]]
        .into_iter()
        .chain(folders)
        .chain(parts[2..].iter().copied());
    DbtNode {
        unique_id: unique_id.into(),
        package: parts[1].into(),
        fqn: fqn.map(Arc::from).collect(),
        path: path.into(),
        name: match source_name {
            Some(_) => parts[3].into(),
            None => parts[2].into(),
        },
        source_name: source_name.map(Arc::from),
        compiled_code: None,
        contract_enforced: false,
        contract: std::collections::BTreeMap::new(),
        tests: Vec::new(),
        also_known_as: Vec::new(),
    }
}

/// `bronze.orders`, `bronze.rates` → `silver.orders` → `finance.fct_revenue` → `finance.board`;
/// `silver.customers` also feeds `finance.fct_revenue`.
fn lakehouse() -> AssetGraph {
    let mut orders = asset("bronze.orders", AssetKind::Source, &[]);
    orders.dbt = Some(node(
        "source.shop.erp.orders",
        "models/sources.yml",
        Some("erp"),
    ));
    orders.owner = Some("ingestion".to_owned());
    let mut rates = asset("bronze.rates", AssetKind::Source, &[]);
    rates.declared_at = Some(place("assets/bronze/rates.asset.yml", 2));
    let mut silver = table("silver.orders", &["bronze.orders", "bronze.rates"]);
    silver.dbt = Some(node(
        "model.shop.stg_orders",
        "models/staging/stg_orders.sql",
        None,
    ));
    silver.tags.insert("cdc".to_owned());
    let mut customers = table("silver.customers", &[]);
    customers.dbt = Some(node(
        "model.crm.customers.v2",
        "models/customers.v2.sql",
        None,
    ));
    customers.tags.insert("pii".to_owned());
    let mut revenue = table(
        "finance.fct_revenue",
        &["silver.orders", "silver.customers"],
    );
    revenue.relation = Relation::parse("prod.marts.Fct_Revenue").ok();
    revenue.dbt = Some(node(
        "model.shop.revenue",
        "models/marts/finance/revenue.sql",
        None,
    ));
    revenue.tier = Some(1);
    revenue.owner = Some("Data Team".to_owned());
    revenue.group = Some("finance".to_owned());
    revenue.tags.extend(["cdc".to_owned(), "sox".to_owned()]);
    let board = asset(
        "finance.board",
        AssetKind::Exposure,
        &["finance.fct_revenue"],
    );
    AssetGraph::build(vec![orders, rates, silver, customers, revenue, board]).unwrap()
}

fn evaluate(graph: &AssetGraph, selection: &Selection) -> Selected {
    let health = |index: AssetIndex| match graph.asset(index).key.as_str() {
        "finance.fct_revenue" => "stale",
        _ => "fresh",
    };
    selection.evaluate(graph, &health)
}

/// Selects in the lakehouse and returns the keys' last segments.
fn names(select: &str) -> Vec<String> {
    let graph = lakehouse();
    let selected = evaluate(&graph, &Selection::parse(select).unwrap());
    keys(&graph, &selected.assets)
}

#[test]
fn names_find_assets_by_every_name_they_have() {
    for written in [
        "finance.fct_revenue",
        "fct_revenue",
        "revenue",
        "shop.marts.finance.revenue",
        "marts.finance",
        "marts",
        "prod.marts.fct_revenue",
        "PROD.marts.FCT_revenue",
        "fct_*",
        "key:finance.fct_revenue",
        "fqn:marts.finance.revenue",
        "fqn:shop.marts.*",
        "path:models/marts",
        "models/marts/**/*.sql",
        "revenue.sql",
        "file:revenue",
        "tag:sox",
        "tag:s?x",
        "tier:1",
        "owner:Data?Team",
        "group:finance",
        "health:stale",
        "finance,tag:sox",
    ] {
        assert_eq!(names(written), ["finance.fct_revenue"], "{written}");
    }
}

#[test]
fn folders_sources_and_kinds_name_several() {
    let sources = ["bronze.orders", "bronze.rates"];
    for written in [
        "bronze",
        "bronze.*",
        "kind:source",
        "resource_type:source",
        "orders rates",
    ] {
        let expected: &[&str] = match written {
            "orders rates" => &["bronze.orders", "bronze.rates", "silver.orders"],
            _ => &sources,
        };
        assert_eq!(names(written), expected, "{written}");
    }
    assert_eq!(names("source:erp"), ["bronze.orders"]);
    assert_eq!(names("source:erp.orders source:bronze.rates"), sources);
    assert_eq!(names("source:shop.erp.*"), ["bronze.orders"]);
    assert_eq!(names("exposure:board"), ["finance.board"]);
    assert_eq!(names("package:crm"), ["silver.customers"]);
    assert_eq!(names("customers.v2"), ["silver.customers"]);
    assert_eq!(names("fqn:customers.v2"), ["silver.customers"]);
    assert_eq!(
        names("path:assets/bronze rates.asset.yml"),
        ["bronze.rates"]
    );
    assert_eq!(names("finance"), ["finance.board", "finance.fct_revenue"]);
}

#[test]
fn operators_walk_the_edges() {
    assert_eq!(
        names("1+fct_revenue"),
        ["finance.fct_revenue", "silver.customers", "silver.orders"]
    );
    assert_eq!(names("+fct_revenue").len(), 5);
    assert_eq!(
        names("silver.orders+1"),
        ["finance.fct_revenue", "silver.orders"]
    );
    assert_eq!(names("0+silver.orders+0"), ["silver.orders"]);
    assert_eq!(names("+silver.orders+").len(), 5);
    assert_eq!(
        names("99999999999999999999+fct_revenue"),
        names("+fct_revenue")
    );
    // Downstream of the source, and all that feeds it: also the customers.
    assert_eq!(names("@bronze.rates").len(), 6);
    assert_eq!(names("+fct_revenue,tag:pii"), ["silver.customers"]);
    assert_eq!(names("tag:cdc,tag:pii"), Vec::<String>::new());
}

#[test]
fn exclusion_takes_away_what_it_names() {
    let graph = lakehouse();
    let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    let keys_of = |select: &[&str], exclude: &[&str]| {
        let selection = Selection::parse_with_exclude(&texts(select), &texts(exclude)).unwrap();
        keys(&graph, &evaluate(&graph, &selection).assets)
    };
    assert_eq!(
        keys_of(&[], &["bronze silver"]),
        ["finance.board", "finance.fct_revenue"]
    );
    assert_eq!(
        keys_of(&["+silver.orders", "finance"], &["bronze", "board"]),
        ["finance.fct_revenue", "silver.orders",]
    );
    assert_eq!(keys_of(&[], &[]).len(), 6);
}

#[test]
fn what_names_nothing_is_told_with_a_suggestion() {
    let graph = lakehouse();
    let selection = Selection::parse("fct_revnue+ tag:cdd,bronze health:stael zzzzzz").unwrap();
    assert!(selection.needs_health());
    let selected = evaluate(&graph, &selection);
    assert!(selected.assets.is_empty());
    let told: Vec<_> = selected
        .unmatched
        .iter()
        .map(|one| (one.criterion.as_str(), one.suggestion.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("fct_revnue+", Some("fct_revenue")),
            ("tag:cdd", Some("cdc")),
            ("health:stael", Some("stale")),
            ("zzzzzz", None),
        ]
    );
}

#[test]
fn errors_point_at_the_place_and_say_what_helps() {
    let errors: Vec<String> = [
        "", "a  b,", "ü +", "@x+", "x ownr:a", "xyz:a", "tag:", "ü,k[a",
    ]
    .iter()
    .map(|text| Selection::parse(text).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(errors.join("\n"), @r"
    cannot read the selection `` at character 1: it is empty; leave it out to select every asset
    cannot read the selection `a  b,` at character 6: a comma needs a criterion on both sides, without blanks
    cannot read the selection `ü +` at character 4: the name or value is missing
    cannot read the selection `@x+` at character 3: `@` already includes everything downstream; leave out the `+` at the end
    cannot read the selection `x ownr:a` at character 3: there is no method `ownr:`; did you mean `owner:`?
    cannot read the selection `xyz:a` at character 1: there is no method `xyz:`; there are exposure, file, fqn, group, health, key, kind, owner, package, path, resource_type, source, tag, tier
    cannot read the selection `tag:` at character 5: the name or value is missing
    cannot read the selection `ü,k[a` at character 4: the `[` is not closed
    ");
}

#[test]
fn long_input_is_read_in_linear_time() {
    let graph = lakehouse();
    let select = |text: &str| evaluate(&graph, &Selection::parse(text).unwrap());
    assert!(select(&"x".repeat(1_000_000)).assets.is_empty());
    assert!(select(&"*?".repeat(500_000)).assets.is_empty());
    assert!(
        select(&format!("{}bronze", "bronze,".repeat(10_000)))
            .unmatched
            .is_empty()
    );
    assert_eq!(
        select(&format!("models/{}*.sql", "**/".repeat(10_000)))
            .assets
            .len(),
        3
    );
    assert!(Selection::parse(&"[".repeat(1_000_000)).is_err());
    assert!(Selection::parse(&",".repeat(1_000_000)).is_err());
}

#[test]
fn a_long_list_of_exact_keys_is_looked_up() {
    let assets: Vec<Asset> = (0..20_000).map(|at| table(&numbered(at), &[])).collect();
    let graph = AssetGraph::build(assets).unwrap();
    let all: Vec<String> = (0..2_000).map(numbered).collect();
    let selected = Selection::parse(&all.join(" "))
        .unwrap()
        .evaluate(&graph, &|_| "fresh");
    assert_eq!(selected.assets.len(), 2_000);
}

#[test]
fn fault_43_selecting_in_a_chain_and_a_fan_of_100_000_needs_no_stack() {
    const MANY: usize = 100_000;
    let chain = (0..MANY).map(|at| match at {
        0 => table(&numbered(0), &[]),
        _ => table(&numbered(at), &[&numbered(at - 1)]),
    });
    let all: Vec<String> = (0..MANY).map(numbered).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let chain = chain.chain([table("wide", &all)]);
    let graph = AssetGraph::build(chain.collect()).unwrap();
    let count = |select: &str| {
        let selection = Selection::parse(select).unwrap();
        selection.evaluate(&graph, &|_| "fresh").assets.len()
    };
    let last = numbered(MANY - 1);
    assert_eq!(count(&format!("+{last}")), MANY);
    assert_eq!(count(&format!("10+{last}")), 11);
    assert_eq!(count(&format!("{}+", numbered(0))), MANY + 1);
    assert_eq!(count(&format!("@{}", numbered(MANY / 2))), MANY + 1);
    assert_eq!(count("1+wide"), MANY + 1);
    assert_eq!(count("s.a0000?? +wide,s.*"), MANY);
}

fn picked(graph: &AssetGraph, select: &str, exclude: &[String]) -> Vec<AssetIndex> {
    let selection = Selection::parse_with_exclude(&[select.to_owned()], exclude).unwrap();
    selection.evaluate(graph, &|_| "fresh").assets
}

/// A criterion that names one asset or a kind, with any operators.
fn any_criterion() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        (0..20_usize).prop_map(numbered),
        Just("kind:view".to_owned()),
        Just("kind:*a*".to_owned()),
    ];
    let operators = prop::sample::select(vec![
        ("", ""),
        ("+", ""),
        ("", "+"),
        ("1+", "+2"),
        ("@", ""),
    ]);
    (operators, value).prop_map(|((before, after), value)| format!("{before}{value}{after}"))
}

proptest! {
    #[test]
    fn blanks_unite_commas_intersect_and_exclude_subtracts(
        assets in acyclic_assets(20), a in any_criterion(), b in any_criterion()
    ) {
        let graph = AssetGraph::build(assets).unwrap();
        let (only_a, only_b) = (picked(&graph, &a, &[]), picked(&graph, &b, &[]));
        let filter = |keep: &dyn Fn(&AssetIndex) -> bool| -> Vec<AssetIndex> {
            graph.indices().filter(|index| keep(index)).collect()
        };
        let in_a = |index: &AssetIndex| only_a.contains(index);
        let in_b = |index: &AssetIndex| only_b.contains(index);
        prop_assert_eq!(
            picked(&graph, &format!("{a} {b}"), &[]), filter(&|i| in_a(i) || in_b(i)));
        prop_assert_eq!(
            picked(&graph, &format!("{a},{b}"), &[]), filter(&|i| in_a(i) && in_b(i)));
        prop_assert_eq!(
            picked(&graph, &a, &[b]), filter(&|i| in_a(i) && !in_b(i)));
    }

    #[test]
    fn operators_are_unions_of_ancestors_and_descendants(
        assets in acyclic_assets(20), seed in 0..20_usize
    ) {
        let graph = AssetGraph::build(assets).unwrap();
        let Some(seed) = graph.indices().nth(seed) else { return Ok(()) };
        let key = graph.asset(seed).key.to_string();
        let sorted = |mut all: Vec<AssetIndex>| { all.sort_unstable(); all.dedup(); all };
        let up = sorted([graph.ancestors(seed), vec![seed]].concat());
        let down = sorted([graph.descendants(seed), vec![seed]].concat());
        prop_assert_eq!(picked(&graph, &format!("+{key}"), &[]), up);
        prop_assert_eq!(picked(&graph, &format!("{key}+"), &[]), &down[..]);
        let near = sorted([graph.upstreams(seed), &[seed]].concat());
        prop_assert_eq!(picked(&graph, &format!("1+{key}"), &[]), near);
        let around = sorted([&down[..], &graph.ancestors_of(&down)].concat());
        prop_assert_eq!(picked(&graph, &format!("@{key}"), &[]), around);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[a-z@+:,.*?\\[\\]/ 0-9ü!-]{0,40}") {
        let graph = lakehouse();
        match Selection::parse(&text) {
            Ok(selection) => { evaluate(&graph, &selection); }
            Err(error) => {
                prop_assert!(error.position >= 1);
                prop_assert!(error.position <= text.chars().count() + 1);
            }
        }
    }

    #[test]
    fn no_unicode_makes_it_panic(text in any::<String>()) {
        if let Ok(selection) = Selection::parse(&text) {
            evaluate(&lakehouse(), &selection);
        }
    }
}
