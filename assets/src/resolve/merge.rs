//! What an asset is when defaults, dbt, its block and its file were heard.

use std::collections::BTreeMap;

use super::checks::checks;
use super::slot::Slot;
use crate::asset::{Asset, AssetKind, Binding};
use crate::declaration::{DeclaredAsset, DeclaredBinding, DeclaredTask, Defaults};
use crate::diagnostic::{Diagnostic, Place, did_you_mean};
use crate::key::AssetKey;
use crate::policy::{Automation, OnChange, Pacing};
use crate::task::{Task, TaskName, Tasks};

/// Merges slot by slot; collects the tasks that stand inside declarations.
pub(super) struct Merger<'a> {
    defaults: &'a Defaults,
    /// The tasks of the project by name, the only ones that can be named.
    named: Tasks,
    inline: Tasks,
}

impl<'a> Merger<'a> {
    /// Begins with the tasks of the project.
    pub(super) fn new(defaults: &'a Defaults, named: Tasks) -> Self {
        Self {
            defaults,
            named,
            inline: Tasks::new(),
        }
    }

    /// Returns all tasks; those without a timeout have the default one.
    pub(super) fn into_tasks(self) -> Tasks {
        let mut tasks = self.named;
        tasks.extend(self.inline);
        for task in tasks.values_mut() {
            task.timeout = task.timeout.or(self.defaults.timeout);
        }
        tasks
    }

    /// Makes the asset of a slot, without its upstreams; none for a slot without a key.
    pub(super) fn asset(&mut self, slot: Slot, diagnostics: &mut Vec<Diagnostic>) -> Option<Asset> {
        let key = slot.key.clone()?;
        let kind = pick(&slot, |declared| declared.kind)
            .or_else(|| slot.node.as_ref().map(|node| node.kind))
            .unwrap_or(AssetKind::Table);
        let mut asset = Asset::new(key, kind);
        asset.relation = slot.relation().cloned();
        asset.declared_at = slot.place().cloned();
        asset.task = self.binding(&slot, &asset, diagnostics);
        policies(&mut asset, &slot, self.defaults);
        labels(&mut asset, &slot, self.defaults);
        checks(&mut asset, &slot, self.defaults, diagnostics);
        asset.dbt = slot.node.map(|node| node.dbt);
        Some(asset)
    }

    fn binding(
        &mut self,
        slot: &Slot,
        asset: &Asset,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Binding> {
        let declared = slot
            .declarations()
            .find_map(|declared| declared.task.as_ref());
        if let Some(declared) = declared {
            return self.declared_binding(declared, asset, diagnostics);
        }
        let node = slot.node.as_ref()?;
        let task = slot.project_task.clone()?;
        // Databricks refreshes it: a second refresh of ours would only cost money.
        let is_ours = asset.kind.can_be_built() && !node.refreshes_itself;
        (is_ours && self.named.contains_key(&task)).then(|| Binding {
            task,
            parameters: BTreeMap::new(),
        })
    }

    fn declared_binding(
        &mut self,
        declared: &DeclaredBinding,
        asset: &Asset,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Binding> {
        if !asset.kind.can_be_built() {
            diagnostics.push(cannot_be_built(asset, declared));
            return None;
        }
        let task = match &declared.task {
            DeclaredTask::Named(name) if self.named.contains_key(name) => name.clone(),
            DeclaredTask::Named(name) => {
                let message = format!(
                    "`{}` names the task `{name}`, which is not there",
                    asset.key
                );
                let place = Some(declared.place.clone());
                diagnostics.push(unknown_task("R004", place, message, name, &self.named));
                return None;
            }
            DeclaredTask::Inline(task) => {
                self.add_inline(&asset.key, declared, task, diagnostics)?
            }
        };
        Some(Binding {
            task,
            parameters: declared.parameters.clone(),
        })
    }

    fn add_inline(
        &mut self,
        key: &AssetKey,
        declared: &DeclaredBinding,
        task: &Task,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<TaskName> {
        let name = TaskName::new(key.as_str());
        if self.named.contains_key(&name) {
            let message =
                format!("`{key}` has a task of its own, but `tasks:` has one of that name");
            diagnostics.push(
                Diagnostic::error("R011", Some(declared.place.clone()), message)
                    .note("a task inside a declaration is named after its asset")
                    .help(format!("rename the task, or write `task: {key}` to use it")),
            );
            return None;
        }
        self.inline.insert(name.clone(), task.clone());
        Some(name)
    }
}

/// Makes the diagnostic for a task that does not exist.
pub(super) fn unknown_task(
    code: &'static str,
    place: Option<Place>,
    message: String,
    name: &TaskName,
    tasks: &Tasks,
) -> Diagnostic {
    let names = || tasks.keys().map(TaskName::as_str);
    let help = match did_you_mean(name.as_str(), names()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if tasks.is_empty() => "add it under `tasks:` in `headwater.yml`".to_owned(),
        None => {
            let known: Vec<_> = names().take(10).map(|name| format!("`{name}`")).collect();
            format!(
                "add it under `tasks:` in `headwater.yml`; there are {}",
                known.join(", ")
            )
        }
    };
    Diagnostic::error(code, place, message).help(help)
}

fn cannot_be_built(asset: &Asset, declared: &DeclaredBinding) -> Diagnostic {
    let message = format!(
        "`{}` has a task, but nobody builds a {}",
        asset.key, asset.kind
    );
    Diagnostic::error("R005", Some(declared.place.clone()), message)
        .help("remove `task:`, or set `kind:` to what the task writes, such as `table`")
}

/// Takes the first answer of the file and the block.
fn pick<T>(slot: &Slot, field: impl Fn(&DeclaredAsset) -> Option<T>) -> Option<T> {
    slot.declarations().find_map(field)
}

fn policies(asset: &mut Asset, slot: &Slot, defaults: &Defaults) {
    let node = slot.node.as_ref();
    let default_freshness = || defaults.freshness.clone().filter(|_| asset.is_built_here());
    asset.freshness = pick(slot, |declared| declared.freshness.clone())
        .or_else(|| node?.freshness.clone())
        .or_else(default_freshness)
        .unwrap_or_default();
    asset.automation = pick(slot, |declared| declared.automation.clone())
        .or_else(|| Some(taken_over(node?.on_change.as_ref()?, defaults)))
        .or_else(|| defaults.automation.clone())
        .unwrap_or_default();
    asset.consistency = pick(slot, |declared| declared.consistency)
        .or(defaults.consistency)
        .unwrap_or_default();
    asset.retry = pick(slot, |declared| declared.retry)
        .or(defaults.retry)
        .unwrap_or_default();
    asset.code_changes = pick(slot, |declared| declared.code_changes).unwrap_or(asset.code_changes);
    asset.code_version =
        pick(slot, |declared| declared.code_version.clone()).or_else(|| node?.code_version.clone());
    asset.adopt = pick(slot, |declared| declared.adopt).unwrap_or_default();
    asset.outside_writes = pick(slot, |declared| declared.outside_writes).unwrap_or_default();
    asset.full_refresh = pick(slot, |declared| declared.full_refresh).unwrap_or_default();
    asset.watermark = pick(slot, |declared| declared.watermark.clone());
    asset.partitions = pick(slot, |declared| declared.partitions.clone());
    asset.lookback = pick(slot, |declared| declared.lookback);
}

/// What dbt says of a model's automation; the rest, such as `settle`, is the project's default.
fn taken_over(from_dbt: &OnChange, defaults: &Defaults) -> Automation {
    let base = match &defaults.automation {
        Some(Automation::OnChange(base)) => base.pacing.clone(),
        Some(
            Automation::OnSchedule { .. }
            | Automation::BeforeDeadline { .. }
            | Automation::When { .. }
            | Automation::Manual,
        )
        | None => Pacing::default(),
    };
    Automation::OnChange(OnChange {
        updates_on: from_dbt.updates_on,
        pacing: Pacing {
            every: from_dbt.pacing.every.or(base.every),
            tolerance: from_dbt.pacing.tolerance.or(base.tolerance),
            ..base
        },
    })
}

fn labels(asset: &mut Asset, slot: &Slot, defaults: &Defaults) {
    let node = slot.node.as_ref();
    asset.path = pick(slot, |declared| declared.path.clone());
    asset.owner = pick(slot, |declared| declared.owner.clone())
        .or_else(|| node?.owner.clone())
        .or_else(|| defaults.owner.clone());
    asset.group = pick(slot, |declared| declared.group.clone()).or_else(|| node?.group.clone());
    asset.tier = pick(slot, |declared| declared.tier);
    asset.description =
        pick(slot, |declared| declared.description.clone()).or_else(|| node?.description.clone());
    asset.tags = node.map(|node| node.tags.clone()).unwrap_or_default();
    for declared in slot.declarations() {
        asset.tags.extend(declared.tags.iter().cloned());
    }
}
