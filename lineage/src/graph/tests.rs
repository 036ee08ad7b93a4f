//! The graph against a slow, obvious reference, its diagnostics, and its size limits.

use std::collections::BTreeSet;

use assets::{AssetKind, Consume};
use proptest::prelude::*;

use super::*;
use crate::sample::{acyclic_assets, asset, keys, numbered, place, table, upstream};

/// Writes a diagnostic as people would see it, without colours and excerpt.
fn text(problem: &Diagnostic) -> String {
    let mut lines = vec![format!("{} {}", problem.code, problem.message)];
    if let Some(at) = &problem.place {
        lines.push(format!("at {}:{}:{}", at.file, at.line, at.column));
    }
    lines.extend(problem.notes.iter().map(|note| format!("= {note}")));
    lines.extend(problem.help.iter().map(|help| format!("help: {help}")));
    lines.join("\n")
}

fn refused(assets: Vec<Asset>) -> Vec<Diagnostic> {
    AssetGraph::build(assets).expect_err("the graph should be refused")
}

#[test]
fn edges_run_both_ways_in_key_order() {
    let graph = AssetGraph::build(vec![
        table("mart", &["orders", "customers"]),
        table("orders", &[]),
        table("customers", &[]),
    ])
    .unwrap();
    let mart = graph.index_of("mart").unwrap();
    let orders = graph.index_of("orders").unwrap();
    assert_eq!(keys(&graph, graph.upstreams(mart)), ["customers", "orders"]);
    assert_eq!(keys(&graph, graph.downstreams(orders)), ["mart"]);
    assert_eq!(
        keys(&graph, graph.topological_order()),
        ["customers", "orders", "mart"]
    );
    assert_eq!(graph.evidence(orders, mart), [Evidence::Declared]);
    assert_eq!(graph.evidence(mart, orders), []);
    assert_eq!((graph.depth(orders), graph.depth(mart)), (0, 1));
    assert_eq!(graph.index_of("Mart"), None);
}

#[test]
fn an_empty_graph_is_a_graph() {
    let graph = AssetGraph::build(Vec::new()).unwrap();
    assert!(graph.is_empty());
    assert_eq!(graph.indices().count(), 0);
    assert!(graph.topological_order().is_empty());
}

#[test]
fn roots_are_reached_through_tables_and_views_and_shared_by_inputs() {
    let view = |key, upstreams: &[&str]| asset(key, AssetKind::View, upstreams);
    let graph = AssetGraph::build(vec![
        table("raw.a", &[]),
        table("raw.b", &[]),
        table("stg.a", &["raw.a"]),
        view("v", &["stg.a", "raw.b"]),
        table("mart", &["v", "raw.a"]),
        table("other", &["raw.b", "stg.a"]),
    ])
    .unwrap();
    let at = |key| graph.index_of(key).unwrap();
    assert_eq!(keys(&graph, &graph.roots(at("mart"))), ["raw.a", "raw.b"]);
    assert_eq!(keys(&graph, &graph.roots(at("raw.a"))), ["raw.a"]);
    assert_eq!(keys(&graph, &graph.shared_roots(at("mart"))), ["raw.a"]);
    assert_eq!(graph.shared_roots(at("other")), []);
}

#[test]
fn inputs_pass_through_views_but_not_through_exposures() {
    let graph = AssetGraph::build(vec![
        table("t1", &[]),
        table("t2", &[]),
        asset("v1", AssetKind::View, &["t1"]),
        asset("v2", AssetKind::Ephemeral, &["v1", "t2"]),
        table("mart", &["v2", "t1"]),
        asset("page", AssetKind::Exposure, &["mart", "v2"]),
        table("after", &["page"]),
    ])
    .unwrap();
    let inputs = |key: &str| keys(&graph, graph.inputs(graph.index_of(key).unwrap()));
    assert_eq!(inputs("mart"), ["t1", "t2"]);
    assert_eq!(inputs("v2"), ["t1", "t2"]);
    assert_eq!(inputs("page"), ["mart", "t1", "t2"]);
    assert_eq!(inputs("after"), Vec::<String>::new());
    let readers = graph.readers(graph.index_of("t1").unwrap());
    assert_eq!(keys(&graph, readers), ["mart", "page", "v1", "v2"]);
    let warnings: Vec<_> = graph
        .warnings()
        .iter()
        .map(|warning| warning.code)
        .collect();
    assert_eq!(warnings, ["G005"]);
}

#[test]
fn fault_43_every_problem_is_reported_at_once() {
    let mut twice = table("finance.orders", &["finance.custmers"]);
    twice.declared_at = Some(place("b.yml", 7));
    let mut first = table("finance.orders", &[]);
    first.declared_at = Some(place("a.yml", 3));
    let problems = refused(vec![
        first,
        twice,
        table("finance.customers", &["other.revenue", "zzz"]),
        table("mart.revenue", &["mart.revenue"]),
    ]);
    let all: Vec<String> = problems.iter().map(text).collect();
    insta::assert_snapshot!(all.join("\n\n"), @r"
    G002 `finance.orders` is declared twice
    at b.yml:7:9
    = first declared at a.yml:3:9
    help: keep one declaration, or give one of them another key

    G003 `finance.customers` reads `other.revenue`, which nobody declares
    help: did you mean `mart.revenue`? A table that nobody here builds is declared with `kind: source`

    G003 `finance.customers` reads `zzz`, which nobody declares
    help: declare it: `- key: zzz` with `kind: source` for a table that nobody here builds

    G003 `finance.orders` reads `finance.custmers`, which nobody declares
    at b.yml:7:9
    help: did you mean `finance.customers`? A table that nobody here builds is declared with `kind: source`

    G001 `mart.revenue` is its own upstream
    = `mart.revenue` reads `mart.revenue`: declared
    help: take the edge away: reading its own earlier state makes no dependency
    ");
}

#[test]
fn fault_43_a_cycle_is_a_shortest_path_with_the_evidence_of_each_edge() {
    let mut b = table("b", &["a"]);
    b.upstreams[0].evidence = vec![Evidence::Declared, Evidence::Sql];
    b.upstreams[0].declared_at = Some(place("b.yml", 4));
    let mut c = table("c", &["b", "below"]);
    c.upstreams[0].evidence = vec![Evidence::Dbt];
    let problems = refused(vec![
        table("a", &["c", "root"]),
        b,
        c,
        table("root", &[]),
        table("below", &["b", "a"]),
        table("mart", &["c"]),
    ]);
    let all: Vec<String> = problems.iter().map(text).collect();
    insta::assert_snapshot!(all.join("\n\n"), @r"
    G001 assets feed each other in a circle: `a` → `b` → `c` → `a`
    at b.yml:4:9
    = `b` reads `a`: declared, sql (b.yml:4:9)
    = `c` reads `b`: dbt
    = `a` reads `c`: declared
    help: take one of these edges away, or split the asset that both needs and feeds the rest
    ");
}

#[test]
fn fault_43_at_most_ten_cycles_are_told_and_long_ones_are_cut() {
    let mut assets: Vec<Asset> = Vec::new();
    for at in 0..12 {
        let (a, b) = (format!("p{at:02}.a"), format!("p{at:02}.b"));
        assets.push(table(&a, &[&b]));
        assets.push(table(&b, &[&a]));
    }
    let problems = refused(assets);
    assert_eq!(problems.len(), 10);
    assert!(
        problems[9]
            .notes
            .iter()
            .any(|note| note.contains("further cycles"))
    );

    let ring: Vec<Asset> = (0..100_000)
        .map(|at| table(&numbered(at), &[&numbered((at + 1) % 100_000)]))
        .collect();
    let problems = refused(ring);
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].message.contains("99980 more → `s.a000000`"),
        "{}",
        problems[0].message
    );
    assert_eq!(problems[0].notes.len(), 20);
}

#[test]
fn observed_edges_never_close_a_cycle() {
    let mut a = table("a", &["b"]);
    a.upstreams[0].evidence = vec![Evidence::Observed];
    // It reads its own table in a MERGE.
    let mut own = upstream("a");
    own.evidence = vec![Evidence::Sql, Evidence::Observed];
    a.upstreams.push(own);
    let graph = AssetGraph::build(vec![a, table("b", &["a"])]).unwrap();
    let index = graph.index_of("a").unwrap();
    assert!(graph.upstreams(index).is_empty());
    assert!(graph.asset(index).upstreams.is_empty());
    let warnings: Vec<String> = graph.warnings().iter().map(text).collect();
    insta::assert_snapshot!(warnings.join("\n\n"), @r"
    G004 `a` was seen reading `b`, which would close a cycle; the edge is left out
    help: declare the edge if it is real: the cycle then shows with all its edges
    ");
}

#[test]
fn an_observed_edge_beside_a_firm_cycle_does_not_hide_it() {
    let mut a = table("a", &["b", "c"]);
    a.upstreams[1].evidence = vec![Evidence::Observed];
    let problems = refused(vec![a, table("b", &["a"]), table("c", &["a"])]);
    let messages: Vec<&str> = problems
        .iter()
        .map(|problem| problem.message.as_str())
        .collect();
    assert_eq!(
        messages,
        ["assets feed each other in a circle: `a` → `b` → `a`"]
    );
}

#[test]
fn an_upstream_that_is_named_twice_is_one_edge_with_both_evidences() {
    let mut mart = table("mart", &["b", "a", "b"]);
    mart.upstreams[2].evidence = vec![Evidence::Dbt, Evidence::Declared];
    mart.upstreams[2].consume = Consume::Changes;
    let graph = AssetGraph::build(vec![mart, table("a", &[]), table("b", &[])]).unwrap();
    let mart = graph.index_of("mart").unwrap();
    let edges: Vec<_> = graph.edges_into(mart).collect();
    assert_eq!(edges.len(), 2);
    assert_eq!(edges[1].0, graph.index_of("b").unwrap());
    assert_eq!(edges[1].1.evidence, [Evidence::Declared, Evidence::Dbt]);
    assert_eq!(edges[1].1.consume, Consume::Changes);
}

const MANY: usize = 100_000;

#[test]
fn fault_43_a_chain_of_100_000_views_over_one_table_needs_no_stack_and_no_copies() {
    let chain = (0..MANY).map(|at| match at {
        0 => table(&numbered(0), &[]),
        _ => asset(&numbered(at), AssetKind::View, &[&numbered(at - 1)]),
    });
    let graph = AssetGraph::build(chain.collect()).unwrap();
    let ends = (
        graph.index_of(&numbered(0)).unwrap(),
        graph.index_of(&numbered(MANY - 1)).unwrap(),
    );
    assert_eq!(graph.depth(ends.1), 99_999);
    assert_eq!(graph.inputs(ends.1), [ends.0]);
    assert_eq!(graph.readers(ends.0).len(), MANY - 1);
    assert_eq!(graph.ancestors(ends.1).len(), MANY - 1);
    assert_eq!(graph.descendants(ends.0).len(), MANY - 1);
}

#[test]
fn fault_43_a_fan_of_100_000_in_and_out_through_a_view_is_linear() {
    let mut wide: Vec<Asset> = (0..MANY).map(|at| table(&numbered(at), &[])).collect();
    let all: Vec<String> = (0..MANY).map(numbered).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    wide.push(asset("view", AssetKind::View, &all));
    wide.push(table("mart", &["view"]));
    let readers: Vec<String> = (0..MANY).map(|at| format!("z.a{at}")).collect();
    wide.extend(readers.iter().map(|key| table(key, &["mart"])));
    let graph = AssetGraph::build(wide).unwrap();
    let mart = graph.index_of("mart").unwrap();
    assert_eq!(graph.inputs(mart).len(), MANY);
    assert_eq!(graph.readers(mart).len(), MANY);
    assert_eq!(
        graph
            .descendants(graph.index_of(&numbered(7)).unwrap())
            .len(),
        MANY + 2
    );
}

/// A chain whose first asset reads the last one of a second chain, and the other way round.
fn two_chains_in_a_knot(count: usize) -> Vec<Asset> {
    let mut assets: Vec<Asset> = (0..count)
        .map(|at| table(&numbered(at), &[&numbered((at + count - 1) % count)]))
        .collect();
    let half = count / 2;
    assets[half].upstreams.push(upstream(&numbered(0)));
    assets[0].upstreams.push(upstream(&numbered(half)));
    assets
}

#[test]
fn fault_43_100_000_assets_with_the_same_mistake_are_refused_without_recursion() {
    let all = |make: &dyn Fn(usize) -> Asset| refused((0..MANY).map(make).collect());
    let codes = |problems: &[Diagnostic]| {
        let codes: BTreeSet<&str> = problems.iter().map(|problem| problem.code).collect();
        (Vec::from_iter(codes), problems.len())
    };
    let own = all(&|at| table(&numbered(at), &[&numbered(at)]));
    assert_eq!(codes(&own), (vec!["G001"], 10));
    let same = all(&|_| table("s.orders", &[]));
    assert_eq!(codes(&same), (vec!["G002"], MANY - 1));
    // Fifty of them get a suggestion, each by a search through all keys.
    let dangling = refused(
        (0..MANY / 10)
            .map(|at| table(&numbered(at), &["s.nobody"]))
            .collect(),
    );
    assert_eq!(codes(&dangling), (vec!["G003"], MANY / 10));
    let pairs = all(&|at| table(&numbered(at), &[&numbered(at ^ 1)]));
    assert_eq!(codes(&pairs), (vec!["G001"], 10));
    assert_eq!(codes(&refused(two_chains_in_a_knot(MANY))).0, ["G001"]);
}

#[test]
fn fault_43_keys_that_differ_in_case_alone_are_different_assets() {
    let graph = AssetGraph::build(vec![
        table("s.orders", &[]),
        table("s.Orders", &["s.orders"]),
        table("S.orders", &["s.Orders"]),
    ])
    .unwrap();
    assert_eq!(
        keys(&graph, graph.topological_order()),
        ["s.orders", "s.Orders", "S.orders"]
    );
    let problems = refused(vec![table("s.Orders", &[]), table("mart", &["s.orders"])]);
    insta::assert_snapshot!(text(&problems[0]), @r"
    G003 `mart` reads `s.orders`, which nobody declares
    help: did you mean `s.Orders`? A table that nobody here builds is declared with `kind: source`
    ");
}

/// What is reached over `step` in one or more steps, by repeating until nothing is added.
fn closure(
    seeds: &[AssetIndex],
    step: impl Fn(AssetIndex) -> BTreeSet<AssetIndex>,
) -> BTreeSet<AssetIndex> {
    let mut all: BTreeSet<AssetIndex> = seeds.iter().flat_map(|seed| step(*seed)).collect();
    loop {
        let more: BTreeSet<AssetIndex> = all.iter().flat_map(|index| step(*index)).collect();
        let before = all.len();
        all.extend(more);
        if all.len() == before {
            return all;
        }
    }
}

fn declared_upstreams(graph: &AssetGraph, index: AssetIndex) -> BTreeSet<AssetIndex> {
    let upstreams = &graph.asset(index).upstreams;
    upstreams
        .iter()
        .map(|edge| graph.index_of(edge.asset.as_str()).unwrap())
        .collect()
}

fn declared_downstreams(graph: &AssetGraph, index: AssetIndex) -> BTreeSet<AssetIndex> {
    let reads = |other: &AssetIndex| declared_upstreams(graph, *other).contains(&index);
    graph.indices().filter(reads).collect()
}

/// Tables behind an asset: for each upstream itself, or what is behind it if it is transparent.
fn tables_behind(graph: &AssetGraph, index: AssetIndex) -> BTreeSet<AssetIndex> {
    let mut tables = BTreeSet::new();
    for upstream in declared_upstreams(graph, index) {
        let kind = graph.asset(upstream).kind;
        if kind.is_transparent() {
            tables.extend(tables_behind(graph, upstream));
        } else if kind.has_table() {
            tables.insert(upstream);
        }
    }
    tables
}

proptest! {
    #[test]
    fn neighbours_and_closures_are_those_of_the_declarations(assets in acyclic_assets(24)) {
        let graph = AssetGraph::build(assets).unwrap();
        for index in graph.indices() {
            let up = |at| declared_upstreams(&graph, at);
            let down = |at| declared_downstreams(&graph, at);
            prop_assert_eq!(graph.upstreams(index).to_vec(), Vec::from_iter(up(index)));
            prop_assert_eq!(graph.downstreams(index).to_vec(), Vec::from_iter(down(index)));
            prop_assert_eq!(graph.ancestors(index), Vec::from_iter(closure(&[index], up)));
            prop_assert_eq!(graph.descendants(index), Vec::from_iter(closure(&[index], down)));
        }
    }

    #[test]
    fn inputs_and_readers_are_one_relation(assets in acyclic_assets(24)) {
        let graph = AssetGraph::build(assets).unwrap();
        for index in graph.indices() {
            let behind = Vec::from_iter(tables_behind(&graph, index));
            prop_assert_eq!(graph.inputs(index).to_vec(), behind);
            let reads = |other: &AssetIndex| graph.inputs(*other).contains(&index);
            let readers: Vec<AssetIndex> = graph.indices().filter(reads).collect();
            prop_assert_eq!(graph.readers(index).to_vec(), readers);
        }
    }

    #[test]
    fn the_order_has_everything_once_and_upstreams_first(assets in acyclic_assets(40)) {
        let graph = AssetGraph::build(assets).unwrap();
        let order = graph.topological_order();
        let mut all = order.to_vec();
        all.sort_unstable();
        prop_assert_eq!(all, graph.indices().collect::<Vec<_>>());
        let at = |index: &AssetIndex| order.iter().position(|other| other == index).unwrap();
        for index in graph.indices() {
            let upstreams = graph.upstreams(index);
            prop_assert!(upstreams.iter().all(|upstream| at(upstream) < at(&index)));
            let deepest = upstreams.iter().map(|upstream| graph.depth(*upstream) + 1).max();
            prop_assert_eq!(graph.depth(index), deepest.unwrap_or(0));
        }
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(
        (assets, shuffled) in acyclic_assets(24)
            .prop_flat_map(|assets| (Just(assets.clone()), Just(assets).prop_shuffle()))
    ) {
        let (a, b) = (AssetGraph::build(assets).unwrap(), AssetGraph::build(shuffled).unwrap());
        prop_assert_eq!(a.topological_order(), b.topological_order());
        for index in a.indices() {
            prop_assert_eq!(a.asset(index), b.asset(index));
            prop_assert_eq!(a.inputs(index), b.inputs(index));
        }
    }

    /// Any edges, also wrong ones: the graph is refused exactly when there is a cycle, and what is
    /// told is a closed path over declared edges.
    #[test]
    fn fault_43_a_graph_is_refused_exactly_for_its_cycles(
        edges in prop::collection::vec((0..10_usize, 0..10_usize, any::<bool>()), 0..20)
    ) {
        let mut assets: Vec<Asset> = (0..10).map(|at| table(&numbered(at), &[])).collect();
        let mut firm = vec![BTreeSet::new(); 10];
        for (from, to, is_observed) in edges {
            let mut edge = upstream(&numbered(from));
            if is_observed {
                edge.evidence = vec![Evidence::Observed];
            } else {
                firm[to].insert(from);
            }
            assets[to].upstreams.push(edge);
        }
        // Peels off what reads nothing that is left; a rest that cannot be peeled has a cycle.
        let mut left: BTreeSet<usize> = (0..10).collect();
        while let Some(free) = left.iter().copied().find(|at| firm[*at].is_disjoint(&left)) {
            left.remove(&free);
        }
        match AssetGraph::build(assets) {
            Ok(_) => prop_assert!(left.is_empty()),
            Err(problems) => {
                prop_assert!(!left.is_empty());
                for problem in problems {
                    prop_assert_eq!(problem.code, "G001");
                    let path: Vec<usize> = problem
                        .message
                        .split('`')
                        .filter_map(|word| word.strip_prefix("s.a")?.parse().ok())
                        .collect();
                    prop_assert!(!path.is_empty());
                    if path.len() == 1 {
                        prop_assert!(firm[path[0]].contains(&path[0]));
                        continue;
                    }
                    prop_assert_eq!(path.first(), path.last());
                    prop_assert!(path.windows(2).all(|edge| firm[edge[1]].contains(&edge[0])));
                }
            }
        }
    }
}
