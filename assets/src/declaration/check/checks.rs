//! Checks: what each of them expects, and that no two of an asset have one name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::check::{Check, Percent, Rule, SQL_TYPES, sql_type};
use crate::declaration::at::At;
use crate::declaration::declared::DeclaredCheck;
use crate::declaration::file::{AnyCheckEntry, CheckEntry, RowCountEntry, SchemaEntry, SqlEntry};
use crate::declaration::problem::Problem;
use crate::declaration::tree::NodeId;
use crate::diagnostic::did_you_mean;

use super::{Checks, Names, template};

/// `column` and `columns`.
type OneOrSeveral<'e> = (Option<&'e At<String>>, Option<&'e At<Vec<At<String>>>>);

impl Checks<'_, '_> {
    /// Checks the list of an asset; one that cannot be used leaves the others.
    pub(super) fn checks(
        &mut self,
        entries: Option<&At<Vec<At<CheckEntry>>>>,
        scope: Names<'_>,
    ) -> Option<Vec<DeclaredCheck>> {
        let mut checks: Vec<DeclaredCheck> = Vec::new();
        let mut names = BTreeSet::new();
        for At { node, value } in &entries?.value {
            let Some(check) = self.one_check(*node, value, scope) else {
                continue;
            };
            if names.insert(Arc::clone(&check.check.name)) {
                checks.push(check);
                continue;
            }
            let message = format!("two checks of the asset are called `{}`", check.check.name);
            let help = "give one of them another `name:`";
            self.error(Problem::Value, *node, message, help);
        }
        Some(checks)
    }

    fn one_check(
        &mut self,
        node: NodeId,
        entry: &CheckEntry,
        scope: Names<'_>,
    ) -> Option<DeclaredCheck> {
        let mut uses_contract = false;
        let mut warehouse = None;
        let (any, default_name, rule) = match entry {
            CheckEntry::NotNull(At { node, value }) => {
                let columns =
                    self.check_columns(*node, (value.column.as_ref(), value.columns.as_ref()))?;
                let name = format!("not_null_{}", joined(&columns));
                (value.any(), Some(name), Rule::NotNull { columns })
            }
            CheckEntry::Unique(At { node, value }) => {
                let columns =
                    self.check_columns(*node, (value.column.as_ref(), value.columns.as_ref()))?;
                warehouse = value.warehouse.as_ref();
                let name = format!("unique_{}", joined(&columns));
                (value.any(), Some(name), Rule::Unique { columns })
            }
            CheckEntry::RowCountDrift(At { node, value }) => {
                let max = self.required(value.max.as_ref(), *node, "max")?;
                let max = self.percent(&max.value.0, max.node)?;
                let min_rows = value.min_rows.as_ref().map_or(0, |rows| rows.value);
                let name = Some("row_count_drift".to_owned());
                (value.any(), name, Rule::RowCountDrift { max, min_rows })
            }
            CheckEntry::RowCount(At { node, value }) => {
                let rule = self.row_count(value, *node)?;
                (value.any(), Some("row_count".to_owned()), rule)
            }
            CheckEntry::Freshness(At { node, value }) => {
                self.required(value.max_age.as_ref(), *node, "max_age")?;
                let max_age = self.positive(value.max_age.as_ref())?;
                (
                    value.any(),
                    Some("freshness".to_owned()),
                    Rule::Freshness { max_age },
                )
            }
            CheckEntry::Schema(At { node, value }) => {
                uses_contract = value.contract.is_some();
                let rule = self.schema(value, *node)?;
                (value.any(), Some("schema".to_owned()), rule)
            }
            CheckEntry::Sql(At { node, value }) => {
                warehouse = value.warehouse.as_ref();
                (value.any(), None, self.sql(value, *node, scope)?)
            }
        };
        let name = self.check_name(node, &any, default_name)?;
        Some(DeclaredCheck {
            check: Check {
                name,
                severity: any.severity.unwrap_or_default(),
                description: any.description.cloned(),
                rule,
                warehouse: warehouse.map(|id| Arc::from(id.value.0.as_str())),
            },
            uses_contract,
            place: self.report.place(&self.tree.spot(node)),
        })
    }

    fn check_name(
        &mut self,
        node: NodeId,
        any: &AnyCheckEntry<'_>,
        default: Option<String>,
    ) -> Option<Arc<str>> {
        if let Some(name) = any.name {
            return self.not_empty(name).map(Arc::from);
        }
        if default.is_none() {
            self.required::<String>(None, node, "name");
        }
        default.map(Arc::from)
    }

    fn check_columns(
        &mut self,
        node: NodeId,
        (one, several): OneOrSeveral<'_>,
    ) -> Option<Vec<String>> {
        let given = match (one, several) {
            (Some(one), None) => vec![one],
            (None, Some(several)) if !several.value.is_empty() => several.value.iter().collect(),
            (Some(_), Some(_)) => {
                let message = "both `column` and `columns` are given".to_owned();
                self.error(Problem::Value, node, message, "keep one of them");
                return None;
            }
            (None, _) => {
                self.required::<String>(None, node, "column");
                return None;
            }
        };
        let mut columns = Vec::new();
        for name in given {
            columns.push(self.not_empty(name)?);
        }
        Some(columns)
    }

    fn percent(&mut self, text: &str, node: NodeId) -> Option<Percent> {
        let percent = Percent::parse(text).filter(|percent| percent.0 > 0);
        if percent.is_none() {
            let message = format!("`{}` is not a share of rows", self.written(node));
            self.error(
                Problem::Value,
                node,
                message,
                "write a percentage: `30%`, `2.5%`",
            );
        }
        percent
    }

    fn row_count(&mut self, entry: &RowCountEntry, node: NodeId) -> Option<Rule> {
        let (min, max) = (entry.min.as_ref(), entry.max.as_ref());
        if min.is_none() && max.is_none() {
            self.required::<u64>(None, node, "min");
            return None;
        }
        let (min, max) = (min.map(|min| min.value), max.map(|max| max.value));
        if min.zip(max).is_some_and(|(min, max)| min > max) {
            let message = "`min` is greater than `max`".to_owned();
            self.error(Problem::Value, node, message, "no number of rows is both");
            return None;
        }
        Some(Rule::RowCount { min, max })
    }

    fn schema(&mut self, entry: &SchemaEntry, node: NodeId) -> Option<Rule> {
        let allow_others = entry.allow_others.unwrap_or(true);
        let mut columns = BTreeMap::new();
        match (&entry.columns, &entry.contract) {
            (Some(declared), None) if !declared.value.is_empty() => {
                for (name, kind) in &declared.value {
                    columns.insert(name.clone(), self.sql_type_of(kind)?);
                }
            }
            // Known when the manifest is.
            (None, Some(_)) => {}
            (Some(_), Some(_)) => {
                let message = "both `columns` and `contract` are given".to_owned();
                self.error(Problem::Value, node, message, "keep one of them");
                return None;
            }
            (_, None) => {
                self.required::<String>(None, node, "columns");
                return None;
            }
        }
        Some(Rule::Columns {
            columns,
            allow_others,
        })
    }

    /// A type of one word has to be one that there is: a mistyped one would fail for ever.
    fn sql_type_of(&mut self, kind: &At<String>) -> Option<String> {
        let text = self.not_empty(kind)?;
        let word = text.trim().to_lowercase();
        let is_word = word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_word || SQL_TYPES.contains(&sql_type(&word)) {
            return Some(text);
        }
        let help = match did_you_mean(&word, SQL_TYPES.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "write a type of SQL: `bigint`, `string`, `decimal(18,2)`".to_owned(),
        };
        let message = format!("`{}` is no type of a column", self.written(kind.node));
        self.error(Problem::Value, kind.node, message, &help);
        None
    }

    fn sql(&mut self, entry: &SqlEntry, node: NodeId, scope: Names<'_>) -> Option<Rule> {
        let query = self.required(entry.query.as_ref(), node, "query")?;
        let text = self.not_empty(query)?;
        let text = text.trim().trim_end_matches(';').trim_end().to_owned();
        if !self.template_syntax(&text, query.node) {
            return None;
        }
        // What is judged is known when it is.
        match template::render_query(&text, scope.environment, scope.catalog) {
            Ok(query) => Some(Rule::Sql { query }),
            Err(reason) => {
                self.broken_template(query.node, &reason);
                None
            }
        }
    }
}

fn joined(columns: &[String]) -> String {
    columns.join("_").replace('.', "_")
}
