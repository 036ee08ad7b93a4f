//! What versions of its roots the content of a table incorporates: a version vector.
//!
//! It is told of one data version of a table, whose content never changes: what is exactly known of it
//! stays true.

use std::collections::BTreeMap;

use assets::AssetKey;
use assets::version::TableVersion;
use serde::{Deserialize, Serialize};

/// For every root that a content depends on, the version of it that is incorporated. A root that is not
/// named is none that the content depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Provenance {
    roots: BTreeMap<AssetKey, RootVersion>,
}

/// What a content incorporates of one root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RootVersion {
    /// This version and no other; `None` where the root had no data.
    Exact(Option<TableVersion>),
    /// This version, as far as one can assume.
    Assumed(Option<TableVersion>),
    /// Several versions: through different inputs, or in different partitions.
    Mixed {
        /// The oldest one.
        least: Option<TableVersion>,
        /// The newest one.
        greatest: Option<TableVersion>,
    },
    /// Nobody can tell.
    Unknown {
        /// The asset at which the way to the root is lost.
        at: AssetKey,
        /// Why.
        why: Lost,
    },
}

/// Why it cannot be told what a content incorporates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// A run that was not told which version to read may have read a newer one than was recorded.
    MayBeNewer,
    /// It was not recorded what that version of the asset incorporates.
    NotRecorded,
}

impl RootVersion {
    /// Returns the version, where there is just one and it is no assumption.
    pub fn exact(&self) -> Option<Option<&TableVersion>> {
        match self {
            Self::Exact(version) => Some(version.as_ref()),
            Self::Assumed(_) | Self::Mixed { .. } | Self::Unknown { .. } => None,
        }
    }

    /// Returns the word used in JSON.
    pub fn certainty(&self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::Assumed(_) => "assumed",
            Self::Mixed { .. } => "mixed",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The same, on no better ground than an assumption.
    fn assumed(self) -> Self {
        match self {
            Self::Exact(version) => Self::Assumed(version),
            Self::Assumed(_) | Self::Mixed { .. } | Self::Unknown { .. } => self,
        }
    }

    /// What two parts of one content incorporate together.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (lost @ Self::Unknown { .. }, _) | (_, lost @ Self::Unknown { .. }) => lost,
            (Self::Exact(one), Self::Exact(two)) if one == two => Self::Exact(one),
            (Self::Exact(one) | Self::Assumed(one), Self::Exact(two) | Self::Assumed(two))
                if one == two =>
            {
                Self::Assumed(one)
            }
            (one, two) => {
                let (least, greatest) = one.range();
                let (low, high) = two.range();
                Self::Mixed {
                    least: older(least, low),
                    greatest: newer(greatest, high),
                }
            }
        }
    }

    fn range(self) -> (Option<TableVersion>, Option<TableVersion>) {
        match self {
            Self::Exact(version) | Self::Assumed(version) => (version.clone(), version),
            Self::Mixed { least, greatest } => (least, greatest),
            Self::Unknown { .. } => (None, None),
        }
    }
}

/// The lesser number; of different incarnations neither is older, and the order is that of their ids.
fn older(one: Option<TableVersion>, two: Option<TableVersion>) -> Option<TableVersion> {
    one.min(two)
}

fn newer(one: Option<TableVersion>, two: Option<TableVersion>) -> Option<TableVersion> {
    one.max(two)
}

impl Provenance {
    /// Returns what a version of a root itself incorporates.
    pub fn of_root(root: &AssetKey, version: Option<TableVersion>) -> Self {
        Self::all(std::iter::once(root), &RootVersion::Exact(version))
    }

    /// Returns that the same is known of some roots.
    pub fn all<'a>(roots: impl IntoIterator<Item = &'a AssetKey>, version: &RootVersion) -> Self {
        let roots = roots.into_iter();
        Self {
            roots: roots.map(|root| (root.clone(), version.clone())).collect(),
        }
    }

    /// Returns what is known of a root; `None` for one that the content does not depend on.
    pub fn get(&self, root: &AssetKey) -> Option<&RootVersion> {
        self.roots.get(root)
    }

    /// Returns all roots, in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&AssetKey, &RootVersion)> {
        self.roots.iter()
    }

    /// Adds what another part of the same content incorporates.
    pub fn add(&mut self, other: Self) {
        for (root, version) in other.roots {
            let both = match self.roots.remove(&root) {
                Some(known) => known.with(version),
                None => version,
            };
            self.roots.insert(root, both);
        }
    }

    /// The same, on no better ground than an assumption.
    #[must_use]
    pub fn assumed(self) -> Self {
        let roots = self.roots.into_iter();
        Self {
            roots: roots.map(|(root, of)| (root, of.assumed())).collect(),
        }
    }

    /// Returns whether one version of every root is known for sure.
    pub fn is_exact(&self) -> bool {
        self.roots.values().all(|version| version.exact().is_some())
    }

    /// Returns of how many roots one version is known for sure.
    pub fn exactly_known(&self) -> usize {
        let roots = self.roots.values();
        roots.filter(|version| version.exact().is_some()).count()
    }
}

#[cfg(test)]
mod tests {
    use assets::version::TableId;

    use super::*;

    fn key(text: &str) -> AssetKey {
        AssetKey::new(text).unwrap()
    }

    fn at(version: impl Into<Option<u64>>) -> Option<TableVersion> {
        let table_id = TableId::new("t");
        let version = version.into()?;
        Some(TableVersion { table_id, version })
    }

    fn of(version: &RootVersion) -> Provenance {
        Provenance::all([&key("raw.a")], version)
    }

    fn together([one, two]: [RootVersion; 2]) -> RootVersion {
        let mut both = of(&one);
        both.add(of(&two));
        both.get(&key("raw.a")).unwrap().clone()
    }

    #[test]
    fn two_versions_of_one_root_are_told_as_the_oldest_and_the_newest() {
        use RootVersion::{Assumed, Exact, Mixed};
        let mixed = |least, greatest| Mixed { least, greatest };
        assert_eq!(together([Exact(at(3)), Exact(at(3))]), Exact(at(3)));
        assert_eq!(together([Exact(at(3)), Assumed(at(3))]), Assumed(at(3)));
        let torn = together([Exact(at(5)), Exact(at(3))]);
        assert_eq!(torn, mixed(at(3), at(5)));
        assert_eq!(together([torn, Assumed(at(9))]), mixed(at(3), at(9)));
        assert_eq!(
            together([Exact(at(None)), Exact(at(0))]),
            mixed(None, at(0))
        );
    }

    #[test]
    fn what_is_lost_on_one_way_is_lost_and_says_where() {
        let why = Lost::MayBeNewer;
        let lost = RootVersion::Unknown { at: key("b"), why };
        assert_eq!(together([RootVersion::Exact(at(1)), lost.clone()]), lost);
        let mut both = Provenance::of_root(&key("raw.b"), at(1));
        both.add(of(&lost));
        assert_eq!((both.is_exact(), both.exactly_known()), (false, 1));
    }

    #[test]
    fn it_is_kept_in_few_words_and_read_back() {
        let known = Provenance::of_root(&key("raw.b"), at(7));
        let text = serde_json::to_string(&known).unwrap();
        assert_eq!(text, r#"{"raw.b":{"exact":{"table_id":"t","version":7}}}"#);
        assert_eq!(serde_json::from_str::<Provenance>(&text).unwrap(), known);
    }
}
