//! One criterion of a selection: which assets it names, before and after its `+` and `@`.

use std::collections::BTreeSet;

use assets::{Asset, AssetKind, DbtNode, Relation, did_you_mean};

use super::pattern::{PathPattern, Pattern};
use crate::graph::{AssetGraph, AssetIndex, AssetSet};

/// Which assets a criterion names, and how far it reaches from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Criterion {
    /// As written.
    pub(super) text: String,
    /// `@`: with everything downstream, and everything upstream of all that.
    pub(super) is_closure: bool,
    /// How many edges upstream; `u32::MAX` is no bound.
    pub(super) upstream_steps: u32,
    /// How many edges downstream; `u32::MAX` is no bound.
    pub(super) downstream_steps: u32,
    pub(super) test: Test,
}

/// What an asset is tested for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// No method: the exact key, or else anything else the asset is called.
    Name {
        pattern: Pattern,
        /// The value as the name of a table in a catalog, without regard to case.
        relation: Option<Relation>,
    },
    Exposure(Pattern),
    File(Pattern),
    Fqn(Pattern),
    Group(Pattern),
    Health(Pattern),
    Key(Pattern),
    Kind(Pattern),
    Owner(Pattern),
    Package(Pattern),
    Path(PathPattern),
    ResourceType(Pattern),
    Source(Pattern),
    Tag(Pattern),
    Tier(Pattern),
}

/// Says how an asset is, in one word.
pub(super) type HealthOf<'a> = &'a dyn Fn(AssetIndex) -> &'a str;

impl Criterion {
    /// Returns the assets that pass the test itself.
    pub(super) fn named(&self, graph: &AssetGraph, health: HealthOf<'_>) -> Vec<AssetIndex> {
        if let Test::Name { pattern, .. } | Test::Key(pattern) = &self.test
            && let Pattern::Plain(key) = pattern
            && let Some(exact) = graph.index_of(key)
        {
            return vec![exact];
        }
        let passes = |index: &AssetIndex| self.test.passes(graph.asset(*index), *index, health);
        graph.indices().filter(passes).collect()
    }

    /// Adds what the operators ask for to the named assets.
    pub(super) fn expand(&self, graph: &AssetGraph, named: &[AssetIndex]) -> AssetSet {
        let mut set = AssetSet::new(graph.len());
        for index in named {
            set.insert(*index);
        }
        if self.is_closure {
            set.unite(&graph.descendants_within(named, u32::MAX));
            let all: Vec<AssetIndex> = set.iter().collect();
            set.unite(&graph.ancestors_within(&all, u32::MAX));
        }
        set.unite(&graph.ancestors_within(named, self.upstream_steps));
        set.unite(&graph.descendants_within(named, self.downstream_steps));
        set
    }

    /// Returns the nearest value that would have named something.
    pub(super) fn suggestion(&self, graph: &AssetGraph, health: HealthOf<'_>) -> Option<String> {
        let written = self.test.plain_text()?;
        let mut words = BTreeSet::new();
        for index in graph.indices() {
            self.test.words(graph.asset(index), &mut words);
            if matches!(self.test, Test::Health(_)) {
                words.insert(health(index).to_owned());
            }
        }
        did_you_mean(written, words.iter().map(String::as_str)).map(str::to_owned)
    }
}

impl Test {
    fn passes(&self, asset: &Asset, index: AssetIndex, health: HealthOf<'_>) -> bool {
        let dbt = asset.dbt.as_ref();
        let any =
            |pattern: &Pattern, text: Option<&str>| text.is_some_and(|text| pattern.matches(text));
        match self {
            Self::Name { pattern, relation } => has_name(asset, pattern, relation.as_ref()),
            Self::Exposure(pattern) => {
                asset.kind == AssetKind::Exposure && is_called(asset, pattern)
            }
            Self::File(pattern) => files(asset).any(|file| is_file(file, pattern)),
            Self::Fqn(pattern) => dbt.is_some_and(|node| has_fqn(node, pattern)),
            Self::Group(pattern) => any(pattern, asset.group.as_deref()),
            Self::Health(pattern) => pattern.matches(health(index)),
            Self::Key(pattern) => pattern.matches(asset.key.as_str()),
            Self::Kind(pattern) => pattern.matches(asset.kind.as_str()),
            Self::Owner(pattern) => any(pattern, asset.owner.as_deref()),
            Self::Package(pattern) => any(pattern, dbt.map(|node| &*node.package)),
            Self::Path(pattern) => files(asset).any(|file| pattern.matches(file)),
            Self::ResourceType(pattern) => pattern.matches(resource_type(asset)),
            Self::Source(pattern) => is_source(asset, pattern),
            Self::Tag(pattern) => asset.tags.iter().any(|tag| pattern.matches(tag)),
            Self::Tier(pattern) => asset
                .tier
                .is_some_and(|tier| pattern.matches(&tier.to_string())),
        }
    }

    /// Returns the value, where it has no wild cards and can be misspelled.
    fn plain_text(&self) -> Option<&str> {
        let pattern = match self {
            Self::Path(_) => return None,
            Self::Name { pattern, .. }
            | Self::Exposure(pattern)
            | Self::File(pattern)
            | Self::Fqn(pattern)
            | Self::Group(pattern)
            | Self::Health(pattern)
            | Self::Key(pattern)
            | Self::Kind(pattern)
            | Self::Owner(pattern)
            | Self::Package(pattern)
            | Self::ResourceType(pattern)
            | Self::Source(pattern)
            | Self::Tag(pattern)
            | Self::Tier(pattern) => pattern,
        };
        match pattern {
            // Longer than any key: comparing it with everything would only take long.
            Pattern::Plain(text) if text.len() <= 300 => Some(text),
            Pattern::Plain(_) | Pattern::Glob(_) => None,
        }
    }

    /// Adds the values with which this test would name the asset.
    fn words(&self, asset: &Asset, words: &mut BTreeSet<String>) {
        let dbt = asset.dbt.as_ref();
        let mut add = |word: Option<&str>| words.extend(word.map(str::to_owned));
        match self {
            Self::Name { .. } => {
                add(Some(asset.key.as_str()));
                add(Some(asset.key.name()));
                add(dbt.map(|node| &*node.name));
            }
            Self::Exposure(_) if asset.kind != AssetKind::Exposure => {}
            Self::Exposure(_) | Self::Key(_) => {
                add(Some(asset.key.as_str()));
                add(Some(asset.key.name()));
            }
            Self::File(_) => files(asset).for_each(|file| add(file.rsplit(['/', '\\']).next())),
            Self::Fqn(_) => add(dbt.map(|node| &*node.name)),
            Self::Group(_) => add(asset.group.as_deref()),
            // The caller has the word.
            Self::Health(_) => {}
            Self::Kind(_) => AssetKind::ALL
                .iter()
                .for_each(|kind| add(Some(kind.as_str()))),
            Self::Owner(_) => add(asset.owner.as_deref()),
            Self::Package(_) => add(dbt.map(|node| &*node.package)),
            Self::Path(_) => {}
            Self::ResourceType(_) => add(Some(resource_type(asset))),
            Self::Source(_) => source_words(asset, &mut add),
            Self::Tag(_) => asset.tags.iter().for_each(|tag| add(Some(tag))),
            Self::Tier(_) => add(asset.tier.map(|tier| tier.to_string()).as_deref()),
        }
    }
}

fn has_name(asset: &Asset, pattern: &Pattern, relation: Option<&Relation>) -> bool {
    let key = asset.key.as_str();
    let dbt = asset.dbt.as_ref();
    pattern.matches_folder(key)
        || pattern.matches_ending(key)
        || dbt.is_some_and(|node| pattern.matches(&node.name) || has_fqn(node, pattern))
        || asset.relation.as_ref().is_some_and(|own| match pattern {
            Pattern::Plain(_) => relation == Some(own),
            Pattern::Glob(_) => pattern.matches(&own.to_string()),
        })
}

/// As dbt reads `fqn:`: the node's own name, or a prefix of the whole with or without the package;
/// a version may follow the name.
fn has_fqn(node: &DbtNode, pattern: &Pattern) -> bool {
    let fqn = node.fqn.as_slice();
    let without_package = fqn.get(1..).unwrap_or_default();
    if let Pattern::Plain(plain) = pattern {
        let tail = |count: usize| {
            fqn.get(fqn.len().saturating_sub(count)..)
                .unwrap_or_default()
        };
        return is_prefix(plain, fqn)
            || is_prefix(plain, without_package)
            || is_prefix(plain, tail(1))
            || *plain == *node.name
            || is_versioned(fqn) && is_prefix(plain, tail(2));
    }
    fqn.last().is_some_and(|name| pattern.matches(name))
        || pattern.matches(&fqn.join("."))
        || pattern.matches(&without_package.join("."))
}

fn is_versioned(fqn: &[std::sync::Arc<str>]) -> bool {
    let number = fqn.last().and_then(|last| last.strip_prefix('v'));
    number.is_some_and(|number| !number.is_empty())
}

/// Returns whether the text is the beginning of the dotted segments, up to the end of one.
fn is_prefix(text: &str, segments: &[std::sync::Arc<str>]) -> bool {
    let mut rest = text;
    for segment in segments {
        match rest.strip_prefix(&**segment) {
            Some("") => return true,
            Some(after) => match after.strip_prefix('.') {
                Some(after_dot) => rest = after_dot,
                None => return false,
            },
            None => return false,
        }
    }
    false
}

fn is_called(asset: &Asset, pattern: &Pattern) -> bool {
    let name = asset.dbt.as_ref().map(|node| &*node.name);
    pattern.matches_ending(asset.key.as_str()) || name.is_some_and(|name| pattern.matches(name))
}

/// The files that speak of an asset: dbt's, and that of its declaration.
fn files(asset: &Asset) -> impl Iterator<Item = &str> {
    let dbt = asset.dbt.as_ref().map(|node| &*node.path);
    let declared = asset.declared_at.as_ref().map(|place| &*place.file);
    dbt.into_iter().chain(declared)
}

/// Compares a file's name, with or without its ending.
fn is_file(path: &str, pattern: &Pattern) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let stem = name.rsplit_once('.').map(|(stem, _)| stem);
    pattern.matches(name) || stem.is_some_and(|stem| pattern.matches(stem))
}

/// A dbt source by `source`, `source.table` or `package.source.table`; any other by its key or a
/// folder of it.
fn is_source(asset: &Asset, pattern: &Pattern) -> bool {
    let Some((node, source)) = dbt_source(asset) else {
        return asset.kind == AssetKind::Source && pattern.matches_folder(asset.key.as_str());
    };
    let table = format!("{source}.{}", node.name);
    pattern.matches(source)
        || pattern.matches(&table)
        || pattern.matches(&format!("{}.{table}", node.package))
}

fn dbt_source(asset: &Asset) -> Option<(&DbtNode, &str)> {
    let node = asset.dbt.as_ref()?;
    Some((node, node.source_name.as_deref()?))
}

fn source_words(asset: &Asset, add: &mut impl FnMut(Option<&str>)) {
    if let Some((node, source)) = dbt_source(asset) {
        add(Some(source));
        add(Some(&format!("{source}.{}", node.name)));
    } else if asset.kind == AssetKind::Source {
        add(Some(asset.key.as_str()));
        add(asset
            .key
            .as_str()
            .rsplit_once('.')
            .map(|(folder, _)| folder));
    }
}

/// dbt's word for what a node is; for other assets the nearest one.
fn resource_type(asset: &Asset) -> &str {
    if let Some((word, _)) = asset
        .dbt
        .as_ref()
        .and_then(|node| node.unique_id.split_once('.'))
    {
        return word;
    }
    match asset.kind {
        AssetKind::Source => "source",
        AssetKind::Seed => "seed",
        AssetKind::Snapshot => "snapshot",
        AssetKind::Exposure => "exposure",
        AssetKind::Table
        | AssetKind::Incremental
        | AssetKind::StreamingTable
        | AssetKind::MaterializedView
        | AssetKind::View
        | AssetKind::Ephemeral => "model",
    }
}
