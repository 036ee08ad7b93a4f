//! One asset: its key, where it lives in the environment, and what it reads.

use std::collections::BTreeSet;

use crate::asset::{Consume, Watermark};
use crate::declaration::at::{At, Short};
use crate::declaration::declared::{DeclaredAsset, DeclaredUpstream};
use crate::declaration::file::{AssetEntry, KeyText, TemplateText, UpstreamEntry, WatermarkEntry};
use crate::declaration::problem::Problem;
use crate::declaration::tree::NodeId;
use crate::key::AssetKey;
use crate::relation::Relation;
use crate::version::CodeVersion;

use super::{Checks, partition, template};

/// The environment that relations and paths are rendered for.
#[derive(Debug, Clone, Copy)]
pub(in crate::declaration) struct Names<'a> {
    pub(in crate::declaration) environment: &'a str,
    pub(in crate::declaration) catalog: Option<&'a str>,
}

/// Checks one asset; `key_required` says whether its key may be left to dbt.
pub(in crate::declaration) fn check_asset(
    checks: &mut Checks<'_, '_>,
    node: NodeId,
    entry: &AssetEntry,
    names: Names<'_>,
    key_required: bool,
) -> DeclaredAsset {
    let key = entry.key.as_ref();
    if key_required && key.is_none() && !checks.tree.has_pruned_child(node) {
        let message = "the asset has no key".to_owned();
        let help = "add `key:` with a dotted name, such as `finance.fct_revenue`";
        checks.error(Problem::MissingKey, node, message, help);
    }
    DeclaredAsset {
        key: key.and_then(|key| checks.key(&key.value, key.node)),
        place: checks.report.place(&checks.tree.spot(node)),
        kind: entry.kind,
        relation: checks.relation(entry.relation.as_ref(), names),
        path: checks.path(entry.path.as_ref(), "path", names),
        depends_on: checks.upstreams(entry.depends_on.as_deref().unwrap_or_default()),
        task: checks.binding(entry.task.as_ref()),
        freshness: checks.freshness(entry.freshness.as_ref()),
        automation: checks.automation(entry.automation.as_ref()),
        consistency: checks.consistency(entry.consistency.as_ref()),
        retry: checks.retry(entry.retry.as_ref()),
        code_changes: entry.code_changes,
        code_version: checks.code_version(entry),
        adopt: entry.adopt,
        outside_writes: checks.outside_writes(entry.outside_writes.as_ref()),
        full_refresh: entry.full_refresh,
        watermark: checks.watermark(entry.watermark.as_ref(), names),
        partitions: checks.partitions(entry.partitions.as_ref()),
        lookback: checks.duration(entry.lookback.as_ref()),
        checks: checks.checks(entry.checks.as_ref(), names),
        gates: entry.gates,
        owner: entry.owner.clone(),
        group: entry.group.clone(),
        tier: checks.tier(entry.tier.as_ref()),
        tags: entry.tags.iter().flatten().cloned().collect(),
        description: entry.description.clone(),
    }
}

impl Checks<'_, '_> {
    pub(super) fn key(&mut self, text: &KeyText, node: NodeId) -> Option<AssetKey> {
        let error = match AssetKey::new(&text.0) {
            Ok(key) => return Some(key),
            Err(error) => error,
        };
        let message = if self.tree.is_substituted(node) {
            format!("`{}` does not give an asset key", self.written(node))
        } else {
            format!("`{}` is not an asset key: {error}", self.written(node))
        };
        let help = "write names with dots between them, such as `finance.fct_revenue`";
        self.error(Problem::AssetKey, node, message, help);
        None
    }

    fn rendered(&mut self, entry: &At<TemplateText>, names: Names<'_>) -> Option<String> {
        let text = &entry.value.0;
        match template::render(text, names.environment, names.catalog) {
            Ok(rendered) => Some(rendered),
            Err(_) if names.catalog.is_none() && template::needs_catalog(text) => {
                let environment = names.environment;
                let message = format!(
                    "{} needs `{{{{ catalog }}}}`, which environment `{environment}` does not have",
                    self.label(entry.node)
                );
                let help =
                    format!("add `catalog:` to `environments: {environment}:` in `headwater.yml`");
                self.error(Problem::Template, entry.node, message, &help);
                None
            }
            Err(reason) => {
                self.broken_template(entry.node, &reason);
                None
            }
        }
    }

    fn relation(&mut self, entry: Option<&At<TemplateText>>, names: Names<'_>) -> Option<Relation> {
        let entry = entry?;
        let rendered = self.rendered(entry, names)?;
        match Relation::parse(&rendered) {
            Ok(relation) => Some(relation),
            Err(error) => {
                let message = format!("`{}` is not a relation: {error}", self.written(entry.node));
                let help = "write `catalog.schema.table`, or `{{ catalog }}.schema.table`";
                self.error(Problem::Relation, entry.node, message, help);
                None
            }
        }
    }

    fn path(
        &mut self,
        entry: Option<&At<TemplateText>>,
        key: &str,
        names: Names<'_>,
    ) -> Option<String> {
        let entry = entry?;
        let rendered = self.rendered(entry, names)?;
        if rendered.trim().is_empty() {
            let help = "write a folder relative to the project, or a URL";
            let message = format!("`{key}` is empty");
            self.error(Problem::Relation, entry.node, message, help);
            return None;
        }
        Some(rendered)
    }

    fn upstreams(
        &mut self,
        entries: &[At<Short<KeyText, UpstreamEntry>>],
    ) -> Vec<DeclaredUpstream> {
        let mut upstreams = Vec::with_capacity(entries.len());
        let mut seen = BTreeSet::new();
        for At { node, value } in entries {
            let (asset, at, consume, mapping) = match value {
                Short::Short(text) => (self.key(text, *node), *node, Consume::default(), None),
                Short::Long(entry) => {
                    let asset = self.key(&entry.asset.value, entry.asset.node);
                    let mapping = entry.mapping.as_ref();
                    let mapping = mapping.map(|entry| partition::mapping(&entry.value));
                    let consume = entry.consume.unwrap_or_default();
                    (asset, entry.asset.node, consume, mapping)
                }
            };
            let Some(asset) = asset else { continue };
            if !seen.insert(asset.clone()) {
                let message = format!("`{asset}` is listed twice in `depends_on`");
                self.error(Problem::DuplicateAsset, at, message, "keep one of them");
                continue;
            }
            upstreams.push(DeclaredUpstream {
                asset,
                consume,
                mapping,
                place: self.report.place(&self.tree.spot(at)),
            });
        }
        upstreams
    }

    fn watermark(
        &mut self,
        entry: Option<&At<WatermarkEntry>>,
        names: Names<'_>,
    ) -> Option<Watermark> {
        let At { node, value } = entry?;
        self.not_acted_on(value.query.as_ref(), "query", "event time is not watched");
        let column = if value.query.is_some() || value.checkpoint.is_some() {
            value.column.as_ref()
        } else {
            self.required(value.column.as_ref(), *node, "column")
        };
        let column = column.and_then(|column| self.not_empty(column));
        let checkpoint = self.path(value.checkpoint.as_ref(), "checkpoint", names);
        (column.is_some() || checkpoint.is_some()).then_some(Watermark { column, checkpoint })
    }

    fn code_version(&mut self, entry: &AssetEntry) -> Option<CodeVersion> {
        let entry = entry.code_version.as_ref()?;
        if entry.value.0.trim().is_empty() {
            self.error(
                Problem::Value,
                entry.node,
                "`code_version` is empty".into(),
                "",
            );
            return None;
        }
        Some(CodeVersion::new(&entry.value.0))
    }

    fn tier(&mut self, entry: Option<&At<u8>>) -> Option<u8> {
        let entry = entry?;
        if entry.value > 0 {
            return Some(entry.value);
        }
        let message = "`tier` has to be at least 1".to_owned();
        self.error(Problem::Value, entry.node, message, "1 matters most");
        None
    }
}
