//! Planning by partitions, held against a reference that looks at every partition and every commit that ever
//! was: random partitions, mappings, commits and runs.

use std::collections::{BTreeMap, BTreeSet};

use assets::delta::PartitionValue;
use assets::partition::{
    DynamicPart, Extent, KnownValues, MappingSpec, Partition, PartitionSet, Partitions,
    PartitionsSpec, WindowsSpec,
};
use chrono::TimeDelta;
use proptest::prelude::*;

use super::world::*;
use crate::plan::{Action, Decision, Plan, Reason};
use crate::state::{Basis, Build, BuiltPartitions, Consumed};

/// How the partitions of an asset of the test are spelled.
#[derive(Debug, Clone, Copy)]
enum Grid {
    Daily,
    Weekly,
    /// Days in another zone, so that two of the upstream's are needed.
    Shifted,
}

#[derive(Debug, Clone, Copy)]
enum Link {
    Inferred,
    Trailing,
    All,
}

#[derive(Debug, Clone)]
enum Act {
    /// The source changes in these days.
    Commit(Vec<i32>),
    /// What was asked for succeeds; of which of the two tables.
    Build(bool),
    /// Time goes on.
    Days(i64),
}

fn partitions(grid: Grid) -> Partitions {
    let zone = match grid {
        Grid::Shifted => "Asia/Tokyo",
        Grid::Daily | Grid::Weekly => "UTC",
    };
    let windows = WindowsSpec {
        column: Some("day".to_owned()),
        start: "2026-02-16".to_owned(),
        timezone: Some(zone.to_owned()),
        ..WindowsSpec::default()
    };
    let spec = match grid {
        Grid::Weekly => PartitionsSpec::Weekly(windows),
        Grid::Daily | Grid::Shifted => PartitionsSpec::Daily(windows),
    };
    Partitions::check(&spec).unwrap()
}

fn mapping(link: Link) -> Option<MappingSpec> {
    match link {
        Link::Inferred => None,
        Link::Trailing => Some(MappingSpec::Overlap {
            start_offset: -2,
            end_offset: 0,
        }),
        Link::All => Some(MappingSpec::All),
    }
}

/// What is really so: of each partition the versions that its content shows, by whoever wrote it.
#[derive(Default)]
struct Reference {
    /// Every commit of a table: its version, and where it changed data.
    commits: BTreeMap<&'static str, Vec<(u64, BTreeSet<i32>)>>,
    /// What each partition of a table shows of its input.
    shows: BTreeMap<&'static str, BTreeMap<i32, u64>>,
}

const TABLES: [(&str, &str); 2] = [("mid", "src"), ("top", "mid")];

impl Reference {
    /// The partitions of a table that have to be built, looked at one by one.
    fn stale(&self, world: &World, (table, input): (&'static str, &'static str)) -> BTreeSet<i32> {
        let graph = world.graph();
        let index = |name: &str| graph.index_of(name).unwrap();
        let mapping = graph.mapping(index(table), index(input)).unwrap();
        let definition = graph.asset(index(table)).partitions.clone().unwrap();
        let existing = definition.existing(world.now);
        let commits = self.commits.get(input).map_or(&[][..], Vec::as_slice);
        let is_stale = |partition: &Partition| {
            let Some(shown) = self
                .shows
                .get(table)
                .and_then(|shows| shows.get(&ordinal(*partition)))
            else {
                return true;
            };
            let needs = mapping
                .needs(&definition.set_of(*partition), world.now)
                .partitions;
            commits.iter().any(|(version, touched)| {
                version > shown
                    && touched
                        .iter()
                        .any(|at| needs.contains(Partition::single(*at)))
            })
        };
        let lookback = graph.asset(index(table)).lookback;
        // A window that ended longer ago than the bound is left to a person.
        let is_looked_at = |partition: &Partition| {
            lookback.is_none_or(|lookback| {
                let window = definition.window(*partition).unwrap();
                world.now - window.end < lookback
            })
        };
        let due = existing.iter().filter(is_looked_at);
        due.filter(is_stale).map(ordinal).collect()
    }

    /// Those of them that nothing is in the way of: no partition that they need has to be built.
    fn ready(&self, world: &World, table: (&'static str, &'static str)) -> BTreeSet<i32> {
        let stale = self.stale(world, table);
        if table.1 == "src" {
            return stale;
        }
        let graph = world.graph();
        let index = |name: &str| graph.index_of(name).unwrap();
        let mapping = graph.mapping(index(table.0), index(table.1)).unwrap();
        let definition = graph.asset(index(table.0)).partitions.clone().unwrap();
        let below = self.stale(world, TABLES[0]);
        let is_ready = |at: &i32| {
            let one = definition.set_of(Partition::single(*at));
            let needs = mapping.needs(&one, world.now).partitions;
            below
                .iter()
                .all(|other| !needs.contains(Partition::single(*other)))
        };
        stale.into_iter().filter(is_ready).collect()
    }
}

fn ordinal(partition: Partition) -> i32 {
    partition.ordinals()[0]
}

fn ordinals(set: &PartitionSet) -> BTreeSet<i32> {
    set.iter().map(ordinal).collect()
}

fn extent(definition: &Partitions, at: impl IntoIterator<Item = i32>) -> Extent {
    let sets = at
        .into_iter()
        .map(|at| definition.set_of(Partition::single(at)));
    Extent {
        ordinals: definition.ordinals_id().into(),
        partitions: PartitionSet::union_of(sets),
    }
}

/// A commit of a table in some partitions; versions count from what was there.
fn commit(world: &mut World, reference: &mut Reference, table: &'static str, touched: Extent) {
    let known = reference.commits.entry(table).or_default();
    let version = known.last().map_or(1, |(version, _)| version + 1);
    known.push((version, ordinals(&touched.partitions)));
    world.commit(table, version);
    let commits = world.memory.commits.get_mut(&key(table)).unwrap();
    commits.last_mut().unwrap().partitions = Some(touched);
}

/// The run that was asked for one of the tables succeeds, as it is recorded.
fn build(world: &mut World, reference: &mut Reference, plan: &Plan, table: &'static str) {
    let asked = plan
        .requests
        .iter()
        .find(|request| request.asset.as_str() == table);
    let Some((extent, request)) = asked.and_then(|asked| Some((asked.partitions.clone()?, asked)))
    else {
        return;
    };
    let set = extent.partitions.clone();
    let of = world.memory.consumption.entry(key(table)).or_default();
    for (upstream, version) in &request.inputs {
        let consumed = of
            .entry(upstream.clone())
            .or_insert_with(|| Consumed::whole(None, Basis::Run));
        consumed.incorporate(&set, version.clone(), Basis::Run);
        let shows = reference.shows.entry(table).or_default();
        let version = version.as_ref().map_or(0, |version| version.version);
        shows.extend(ordinals(&set).into_iter().map(|at| (at, version)));
    }
    let known = world.memory.builds.entry(key(table)).or_default();
    let first = BuiltPartitions {
        ordinals: extent.ordinals.clone(),
        built: PartitionSet::NOTHING,
        other_code: Vec::new(),
    };
    let mut parts = known.partitions.clone().unwrap_or(first);
    parts.build(&set, (None, None));
    *known = Build {
        built_at: Some(world.now),
        partitions: Some(parts),
        ..Build::default()
    };
    commit(world, reference, table, extent);
}

fn decision<'p>(world: &World, plan: &'p Plan, table: &str) -> &'p Decision {
    let index = world.graph().index_of(table).unwrap();
    plan.decisions
        .iter()
        .find(|decision| decision.asset == index)
        .unwrap()
}

fn check(world: &World, reference: &Reference, plan: &Plan) -> Result<(), TestCaseError> {
    for table in TABLES {
        let told = decision(world, plan, table.0);
        let (stale, ready) = (reference.stale(world, table), reference.ready(world, table));
        let partitions = ordinals(told.partitions.as_ref().unwrap());
        if ready.is_empty() {
            prop_assert_ne!(told.action, Action::Run, "{}: {:?}", table.0, told);
            prop_assert_eq!(partitions, stale, "{}: {:?}", table.0, told);
        } else {
            prop_assert_eq!(told.action, Action::Run, "{}: {:?}", table.0, told);
            prop_assert_eq!(partitions, ready, "{}: {:?}", table.0, told);
        }
    }
    Ok(())
}

/// Makes a plan, and holds it against the reference; also after what it says in fewer words was recorded, and
/// what nobody needs was forgotten.
fn check_all(world: &mut World, reference: &Reference) -> Result<(), TestCaseError> {
    world.pass += 1;
    let planned = plan_anew(world);
    check(world, reference, &planned)?;
    // Said in fewer words, it is the same.
    for compaction in &planned.compactions {
        let of = world.memory.consumption.get_mut(&compaction.asset).unwrap();
        of.insert(compaction.upstream.clone(), compaction.after.clone());
    }
    let again = plan_anew(world);
    check(world, reference, &again)?;
    prop_assert_eq!(&again.compactions, &[]);
    prune(world);
    Ok(())
}

/// Makes the tables be there, and empty.
fn begin(world: &mut World) {
    world.memory.commits.clear();
    for table in ["mid", "top"] {
        world.observe(table, crate::state::ObservedState::Ok);
        let definition = world
            .assets
            .iter()
            .find(|asset| asset.key.as_str() == table);
        let parts = BuiltPartitions::none_of(definition.unwrap().partitions.as_ref().unwrap());
        let build = Build {
            partitions: Some(parts),
            ..Build::default()
        };
        world.memory.builds.insert(key(table), build);
    }
}

/// Values that tables have: each table has its own list of them, which only grows.
#[derive(Default)]
struct Tenants {
    lists: BTreeMap<&'static str, Vec<i32>>,
}

impl Tenants {
    /// A commit of the source changes the rows of some values, which may be new.
    fn commit(&mut self, world: World, reference: &mut Reference, values: &[i32]) -> World {
        let touched: BTreeSet<i32> = values.iter().copied().collect();
        let list = self.lists.entry("src").or_default();
        let mut new: Vec<i32> = touched
            .iter()
            .copied()
            .filter(|v| !list.contains(v))
            .collect();
        list.extend(&new);
        // Those that follow see them in other orders.
        new.reverse();
        self.lists.entry("mid").or_default().extend(&new);
        new.sort_by_key(|value| value % 3);
        self.lists.entry("top").or_default().extend(&new);
        let mut world = self.declare(world);
        let source = world
            .assets
            .iter()
            .find(|asset| asset.key.as_str() == "src");
        let source = source.unwrap().partitions.clone().unwrap();
        let place = |value: &i32| self.lists["src"].iter().position(|known| known == value);
        let places = touched
            .iter()
            .map(|v| i32::try_from(place(v).unwrap()).unwrap());
        commit(&mut world, reference, "src", extent(&source, places));
        world
    }

    fn declare(&self, mut world: World) -> World {
        for table in ["src", "mid", "top"] {
            let list = self.lists.get(table).into_iter().flatten();
            let list = list.map(|value| {
                let text = PartitionValue::from(Some(format!("t{value}").into()));
                (text, true)
            });
            let part = DynamicPart {
                is_followed: true,
                ..DynamicPart::of_table(KnownValues::new(list))
            };
            let spec = PartitionsSpec::Dynamic {
                column: "tenant".to_owned(),
            };
            let definition = Partitions::check(&spec)
                .unwrap()
                .with_known("tenant", &part);
            world = world.with(table, |asset| asset.partitions = Some(definition));
        }
        world
    }
}

#[test]
fn what_is_older_than_lookback_is_named_and_left() {
    let days = partitions(Grid::Daily);
    let mut world = World::new()
        .source("src")
        .table("mid", &["src"])
        .with("src", |asset| asset.partitions = Some(days.clone()))
        .with("mid", |asset| asset.partitions = Some(days.clone()))
        .with("mid", |asset| asset.lookback = Some(TimeDelta::days(2)));
    world.memory.commits.clear();
    world.observe("mid", crate::state::ObservedState::Ok);
    let none = BuiltPartitions::none_of(&days);
    let build = Build {
        partitions: Some(none),
        ..Build::default()
    };
    world.memory.builds.insert(key("mid"), build);
    let plan = world.plan();
    let told = decision(&world, &plan, "mid");
    assert_eq!(told.action, Action::Run);
    let due = told.partitions.as_ref().and_then(PartitionSet::count);
    assert_eq!(due, Some(2), "yesterday, and the day before");
    let beyond = Reason::BeyondLookback {
        count: 11,
        first: "2026-02-16".to_owned(),
        last: "2026-02-26".to_owned(),
        lookback_s: 2 * 24 * 3600,
    };
    assert!(told.reasons.contains(&beyond), "{:?}", told.reasons);
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => prop::collection::vec(0..16_i32, 1..4).prop_map(Act::Commit),
        6 => any::<bool>().prop_map(Act::Build),
        1 => (1_i64..9).prop_map(Act::Days),
    ]
}

#[derive(Debug, Clone)]
enum TenantAct {
    /// The source changes in these values.
    Commit(Vec<i32>),
    /// What was asked for succeeds; of which of the two tables.
    Build(bool),
}

fn any_tenant_act() -> impl Strategy<Value = TenantAct> {
    prop_oneof![
        4 => prop::collection::vec(0..70_i32, 1..4).prop_map(TenantAct::Commit),
        6 => any::<bool>().prop_map(TenantAct::Build),
    ]
}

fn any_link() -> impl Strategy<Value = Link> {
    prop_oneof![3 => Just(Link::Inferred), 2 => Just(Link::Trailing), 1 => Just(Link::All)]
}

fn any_lookback() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![2 => Just(None), 1 => (1_i64..20).prop_map(Some)]
}

fn any_grid() -> impl Strategy<Value = Grid> {
    prop_oneof![3 => Just(Grid::Daily), 1 => Just(Grid::Weekly), 1 => Just(Grid::Shifted)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn planning_by_partitions_agrees_with_looking_at_each_of_them(
        grids in (any_grid(), any_grid()),
        links in (any_link(), any_link()),
        lookbacks in (any_lookback(), any_lookback()),
        acts in prop::collection::vec(any_act(), 1..24),
    ) {
        let days = partitions(Grid::Daily);
        let first = days.existing(start()).iter().next().map(ordinal).unwrap();
        let mut world = World::new()
            .source("src")
            .table("mid", &["src"])
            .table("top", &["mid"])
            .with("src", |asset| asset.partitions = Some(days.clone()))
            .with("mid", |asset| asset.partitions = Some(partitions(grids.0)))
            .with("top", |asset| asset.partitions = Some(partitions(grids.1)))
            .with("mid", |asset| asset.lookback = lookbacks.0.map(TimeDelta::days))
            .with("top", |asset| asset.lookback = lookbacks.1.map(TimeDelta::days))
            .with("mid", |asset| asset.upstreams[0].mapping = mapping(links.0))
            .with("top", |asset| asset.upstreams[0].mapping = mapping(links.1));
        let mut reference = Reference::default();
        begin(&mut world);
        for act in acts {
            let planned = plan_anew(&mut world);
            match act {
                Act::Commit(at) => {
                    let at = at.into_iter().map(|at| first + at);
                    commit(&mut world, &mut reference, "src", extent(&days, at));
                }
                Act::Build(is_top) => {
                    let table = if is_top { "top" } else { "mid" };
                    build(&mut world, &mut reference, &planned, table);
                }
                Act::Days(days) => world.now += TimeDelta::days(days),
            }
            check_all(&mut world, &reference)?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn planning_by_values_that_come_agrees_with_looking_at_each_of_them(
        links in (any::<bool>(), any::<bool>()),
        acts in prop::collection::vec(any_tenant_act(), 1..24),
    ) {
        let link = |is_all: bool| is_all.then_some(MappingSpec::All);
        let mut tenants = Tenants::default();
        let mut world = World::new().source("src").table("mid", &["src"]).table("top", &["mid"]);
        world = tenants.declare(world)
            .with("mid", |asset| asset.upstreams[0].mapping = link(links.0))
            .with("top", |asset| asset.upstreams[0].mapping = link(links.1));
        let mut reference = Reference::default();
        begin(&mut world);
        for act in acts {
            match act {
                TenantAct::Commit(values) => {
                    world = tenants.commit(world, &mut reference, &values);
                }
                TenantAct::Build(is_top) => {
                    let planned = plan_anew(&mut world);
                    let table = if is_top { "top" } else { "mid" };
                    build(&mut world, &mut reference, &planned, table);
                }
            }
            check_all(&mut world, &reference)?;
        }
    }
}

/// Plans with a cut of this moment: all that was seen is waited for.
fn plan_anew(world: &mut World) -> Plan {
    for build in world.memory.builds.values_mut() {
        build.cut = None;
    }
    world.plan()
}

/// Forgets commits that nobody needs, as the store does.
fn prune(world: &mut World) {
    for (table, input) in TABLES {
        let least = world
            .memory
            .consumption
            .get(&key(table))
            .and_then(|of| of.get(&key(input))?.least());
        let Some(least) = least.map(|version| version.version) else {
            continue;
        };
        if let Some(commits) = world.memory.commits.get_mut(&key(input)) {
            let newest: BTreeSet<u64> = commits
                .iter()
                .rev()
                .take(2)
                .map(|c| c.version.version)
                .collect();
            commits.retain(|commit| {
                commit.version.version >= least || newest.contains(&commit.version.version)
            });
        }
    }
}
