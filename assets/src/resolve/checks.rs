//! The checks of an asset: what was declared, and the tests of dbt.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::slot::Slot;
use crate::asset::Asset;
use crate::check::{Check, Rule};
use crate::declaration::{DeclaredCheck, Defaults};
use crate::diagnostic::Diagnostic;

/// Gives an asset its checks.
pub(super) fn checks(
    asset: &mut Asset,
    slot: &Slot,
    defaults: &Defaults,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let gates = slot.declarations().find_map(|declared| declared.gates);
    asset.gates = gates.or(defaults.gates).unwrap_or(true);
    let mut declarations = slot.declarations();
    let declared = declarations.find_map(|declared| declared.checks.as_deref());
    let declared = declared.unwrap_or_default();
    if !asset.kind.has_table() {
        if let Some(first) = declared.first() {
            let message = format!(
                "`{}` is a {}: it has no versions that checks could judge",
                asset.key, asset.kind
            );
            let problem = Diagnostic::warning("R018", Some(first.place.clone()), message);
            diagnostics.push(problem.help("declare them for the tables that it reads"));
        }
        return;
    }
    for declared in declared {
        asset
            .checks
            .extend(check(asset, slot, declared, diagnostics));
    }
    let taken: BTreeSet<Arc<str>> = asset.checks.iter().map(|c| Arc::clone(&c.name)).collect();
    let tests = slot.node.iter().flat_map(|node| &node.dbt.tests);
    let tests = tests.filter(|test| !taken.contains(&test.name));
    asset.checks.extend(tests.map(|test| Check {
        name: Arc::clone(&test.name),
        severity: test.severity,
        description: None,
        rule: Rule::Dbt {
            unique_id: Arc::clone(&test.unique_id),
            not_null: test.not_null.clone(),
        },
        warehouse: None,
    }));
    asset.checks.dedup_by(|a, b| a.name == b.name);
}

/// A declared check, with the columns of the contract where it wants those.
fn check(
    asset: &Asset,
    slot: &Slot,
    declared: &DeclaredCheck,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Check> {
    let mut check = declared.check.clone();
    let Rule::Columns { columns, .. } = &mut check.rule else {
        return Some(check);
    };
    if !declared.uses_contract {
        return Some(check);
    }
    let contract = slot.node.as_ref().map(|node| &node.dbt.contract);
    if let Some(contract) = contract.filter(|contract| !contract.is_empty()) {
        columns.clone_from(contract);
        return Some(check);
    }
    let message = format!("`{}` has no contract that dbt enforces", asset.key);
    let problem = Diagnostic::error("R019", Some(declared.place.clone()), message);
    let help = "write the `columns`, or `contract: { enforced: true }` in the model";
    diagnostics.push(problem.help(help));
    None
}

/// Lets checks that declare no SQL warehouse of their own use that of the environment, and says which ones
/// can not be judged.
pub fn lend_warehouse(
    assets: &mut [Asset],
    warehouse: Option<&str>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let warehouse: Option<Arc<str>> = warehouse.map(Arc::from);
    for asset in assets {
        let has_name = asset.relation.is_some();
        for check in asset.checks.iter_mut().filter(|check| !check.is_of_dbt()) {
            check.warehouse = check.warehouse.take().or_else(|| warehouse.clone());
            check.warehouse = check.warehouse.take().filter(|_| has_name);
            if !check.needs_sql() || check.warehouse.is_some() {
                continue;
            }
            let message = format!(
                "the check `{}` of `{}` cannot be judged, and holds nothing back",
                check.name, asset.key
            );
            let problem = Diagnostic::warning("R020", asset.declared_at.clone(), message);
            diagnostics.push(problem.help(if has_name {
                "name a SQL warehouse: `databricks: { warehouse: … }` in the environment"
            } else {
                "declare the `relation` by which a SQL warehouse knows the table"
            }));
        }
    }
}
