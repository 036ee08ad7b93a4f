//! Checks: what an owner asks of the data of an asset, version by version.
//!
//! A check says what is expected and how much it matters. What a version of a table holds, and whether
//! that is as expected, is told here for everything that a log tells: rows, nulls, columns. The rest is
//! asked of a warehouse, or told by dbt.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::delta::contents::Contents;
use crate::delta::schema::{DataType, Schema};
use crate::duration::format_duration;

/// What is asked of an asset's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name, which no other check of the asset has.
    pub name: Arc<str>,
    /// What a failure means.
    pub severity: Severity,
    /// One or more sentences for people.
    pub description: Option<String>,
    /// What is expected.
    pub rule: Rule,
    /// The SQL warehouse that is asked where the log does not tell; absent where none may be.
    pub warehouse: Option<Arc<str>>,
}

/// What a failed check means.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// What reads the asset is not built from such data.
    #[default]
    Error,
    /// It is shown, and holds nothing back.
    Warn,
}

impl Severity {
    /// Returns the word used in files, in JSON and in the state file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
        }
    }
}

/// What a check expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// No row has null in one of these columns.
    NotNull {
        /// The columns, with dots between nested names.
        columns: Vec<String>,
    },
    /// No two rows have the same values in these columns; rows with a null in one of them do not count.
    Unique {
        /// The columns.
        columns: Vec<String>,
    },
    /// The rows are about as many as in the last version that passed.
    RowCountDrift {
        /// How far they may be apart.
        max: Percent,
        /// A version with fewer rows than these is nothing to compare with.
        min_rows: u64,
    },
    /// The rows are neither too few nor too many.
    RowCount {
        /// At least so many.
        min: Option<u64>,
        /// At most so many.
        max: Option<u64>,
    },
    /// The data changed not too long ago.
    Freshness {
        /// How long ago at most.
        max_age: TimeDelta,
    },
    /// The table has these columns.
    Columns {
        /// The types by name, as SQL spells them.
        columns: BTreeMap<String, String>,
        /// Whether it may have others.
        allow_others: bool,
    },
    /// A query returns no rows.
    Sql {
        /// The query; `{{ this }}` in it is the version that is judged.
        query: String,
    },
    /// A test of dbt passes, which dbt runs.
    Dbt {
        /// Its `unique_id`.
        unique_id: Arc<str>,
        /// The columns without nulls that it asks for, where that is all it does.
        not_null: Option<String>,
    },
}

/// A share, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(pub u32);

impl Percent {
    /// Reads a number with a percent sign and at most two digits after the point: `30%`, `2.5%`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.trim().strip_suffix('%')?.trim_end();
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || part.is_empty() || part.len() > 2 || !is_number(part) {
            return None;
        }
        let whole: u32 = whole.parse().ok().filter(|_| is_number(whole))?;
        let part: u32 = format!("{part:0<2}").parse().ok()?;
        whole.checked_mul(100)?.checked_add(part).map(Self)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}%"),
            (whole, part) if part % 10 == 0 => write!(f, "{whole}.{}%", part / 10),
            (whole, part) => write!(f, "{whole}.{part:02}%"),
        }
    }
}

/// What stands in a query for the version that is judged.
pub const THIS: &str = "{{ this }}";

/// What a look at a version came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it is as expected.
    pub is_met: bool,
    /// What was found, in a few words.
    pub measured: String,
}

/// What the log says of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It says so.
    Found(Finding),
    /// It does not tell; with why.
    Untold(String),
    /// It was not read for that yet.
    NotYet,
}

impl Check {
    /// Returns whether nothing but a query can answer it.
    pub fn needs_sql(&self) -> bool {
        matches!(self.rule, Rule::Unique { .. } | Rule::Sql { .. })
    }

    /// Returns whether dbt runs it.
    pub fn is_of_dbt(&self) -> bool {
        matches!(self.rule, Rule::Dbt { .. })
    }
}

impl Rule {
    /// Returns the word for it in files and JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotNull { .. } => "not_null",
            Self::Unique { .. } => "unique",
            Self::RowCountDrift { .. } => "row_count_drift",
            Self::RowCount { .. } => "row_count",
            Self::Freshness { .. } => "freshness",
            Self::Columns { .. } => "schema",
            Self::Sql { .. } => "sql",
            Self::Dbt { .. } => "dbt",
        }
    }

    /// Returns the columns whose nulls have to be counted for it.
    pub fn counted_columns(&self) -> &[String] {
        match self {
            Self::NotNull { columns } => columns,
            Self::Dbt { not_null, .. } => not_null.as_slice(),
            Self::Unique { .. }
            | Self::RowCountDrift { .. }
            | Self::RowCount { .. }
            | Self::Freshness { .. }
            | Self::Columns { .. }
            | Self::Sql { .. } => &[],
        }
    }

    /// Says what is expected. A result is one of this rule as long as these words are the same.
    pub fn expected(&self) -> String {
        match self {
            Self::NotNull { columns } => format!("no null in {}", quoted(columns)),
            Self::Unique { columns } => format!("no two rows with the same {}", quoted(columns)),
            Self::RowCountDrift { max, min_rows: 0 } => {
                format!("at most {max} more or fewer rows than in the last version that passed")
            }
            Self::RowCountDrift { max, min_rows } => format!(
                "at most {max} more or fewer rows than in the last version that passed, from \
                 {min_rows} rows on"
            ),
            Self::RowCount { min, max } => match (min, max) {
                (Some(min), Some(max)) => format!("{min} to {max} rows"),
                (Some(min), None) => format!("at least {min} rows"),
                (None, Some(max)) => format!("at most {max} rows"),
                (None, None) => "any number of rows".to_owned(),
            },
            Self::Freshness { max_age } => {
                format!(
                    "data that changed within the last {}",
                    format_duration(*max_age)
                )
            }
            Self::Columns {
                columns,
                allow_others,
            } => {
                let columns = columns
                    .iter()
                    .map(|(name, kind)| format!("`{name}` {kind}"));
                let others = if *allow_others { "" } else { " and no others" };
                let columns: Vec<String> = columns.collect();
                format!("the columns {}{others}", columns.join(", "))
            }
            Self::Sql { query } => format!("no rows from `{}`", query.trim()),
            Self::Dbt { unique_id, .. } => format!("that `{unique_id}` passes"),
        }
    }

    /// Judges rows, nulls and their drift by what the files of a table come to. `before` are the rows of
    /// the last version that passed. Nothing for rules that are about something else.
    pub fn judge_contents(&self, contents: &Contents, before: Option<u64>) -> Option<Told> {
        match self {
            Self::NotNull { .. } | Self::Dbt { .. } if !self.counted_columns().is_empty() => {
                Some(judge_nulls(contents, self.counted_columns()))
            }
            Self::RowCount { .. } | Self::RowCountDrift { .. } => Some(match contents.rows {
                Some(rows) => Told::Found(self.judge_rows(rows, before)),
                None => Told::Untold("a file of the table does not tell its rows".to_owned()),
            }),
            Self::NotNull { .. }
            | Self::Dbt { .. }
            | Self::Unique { .. }
            | Self::Freshness { .. }
            | Self::Columns { .. }
            | Self::Sql { .. } => None,
        }
    }

    /// Judges a number of rows; whatever is not about that is met.
    pub fn judge_rows(&self, rows: u64, before: Option<u64>) -> Finding {
        let plain = |is_met| Finding {
            is_met,
            measured: format!("{rows} rows"),
        };
        match self {
            Self::RowCount { min, max } => {
                plain(min.is_none_or(|min| rows >= min) && max.is_none_or(|max| rows <= max))
            }
            Self::RowCountDrift { max, min_rows } => match before {
                Some(before) if before > 0 && before >= *min_rows => Finding {
                    is_met: is_within(rows, before, *max),
                    measured: format!("{rows} rows after {before}"),
                },
                Some(_) | None => plain(true),
            },
            Self::NotNull { .. }
            | Self::Unique { .. }
            | Self::Freshness { .. }
            | Self::Columns { .. }
            | Self::Sql { .. }
            | Self::Dbt { .. } => plain(true),
        }
    }

    /// Judges the columns of a table; nothing for rules that are about something else.
    pub fn judge_columns(&self, schema: &Schema) -> Option<Finding> {
        let Self::Columns {
            columns,
            allow_others,
        } = self
        else {
            return None;
        };
        let mut problems = Vec::new();
        for (name, wanted) in columns {
            match schema.column(name) {
                None => problems.push(format!("`{name}` is missing")),
                Some(found) if !is_type(wanted, &found.data_type) => {
                    problems.push(format!("`{name}` is {}", found.data_type));
                }
                Some(_) => {}
            }
        }
        if !allow_others {
            let is_wanted =
                |field: &str| columns.keys().any(|name| name.eq_ignore_ascii_case(field));
            let others = schema.fields.iter().filter(|field| !is_wanted(&field.name));
            problems.extend(others.map(|field| format!("`{}` is not expected", field.name)));
        }
        Some(Finding {
            is_met: problems.is_empty(),
            measured: match problems.as_slice() {
                [] => format!("{} columns", schema.fields.len()),
                problems => problems.join(", "),
            },
        })
    }
}

fn judge_nulls(contents: &Contents, columns: &[String]) -> Told {
    let mut found: Vec<(&str, u64)> = Vec::new();
    for name in columns {
        let mut watched = contents.columns.iter();
        let watched = watched.find(|column| column.name == *name && column.nulls.is_some());
        let Some(watched) = watched else {
            return Told::NotYet;
        };
        if watched.physical.is_empty() {
            return Told::Found(Finding {
                is_met: false,
                measured: format!("no column `{name}`"),
            });
        }
        let counted = watched.nulls.unwrap_or_default();
        match counted.exact() {
            Some(nulls) => found.push((name, nulls)),
            // Those that are known are enough to fail.
            None if counted.rows > 0 => {
                return Told::Found(Finding {
                    is_met: false,
                    measured: format!("`{name}` is null in {} rows or more", counted.rows),
                });
            }
            None => {
                return Told::Untold(format!(
                    "not every file of the table tells how often `{name}` is null"
                ));
            }
        }
    }
    let nulls: u64 = found.iter().map(|(_, nulls)| nulls).sum();
    let with_nulls = found.iter().filter(|(_, nulls)| *nulls > 0);
    let told: Vec<String> = with_nulls
        .map(|(name, nulls)| format!("`{name}` is null in {nulls} rows"))
        .collect();
    Told::Found(Finding {
        is_met: nulls == 0,
        measured: if told.is_empty() {
            "no nulls".to_owned()
        } else {
            told.join(", ")
        },
    })
}

/// Whether two numbers of rows differ by no more than a share of the first.
fn is_within(rows: u64, before: u64, max: Percent) -> bool {
    let apart = u128::from(rows.abs_diff(before));
    apart * 10_000 <= u128::from(before) * u128::from(max.0)
}

/// The types that a column may be declared with, as SQL spells them.
pub const SQL_TYPES: [&str; 15] = [
    "bigint",
    "binary",
    "boolean",
    "date",
    "decimal",
    "double",
    "float",
    "int",
    "smallint",
    "string",
    "timestamp",
    "timestamp_ntz",
    "tinyint",
    "variant",
    "void",
];

/// Returns the word that SQL has for a type, where it has several.
pub fn sql_type(word: &str) -> &str {
    match word {
        "long" => "bigint",
        "integer" => "int",
        "short" => "smallint",
        "byte" => "tinyint",
        "real" => "float",
        "numeric" | "dec" => "decimal",
        "bool" => "boolean",
        other => other,
    }
}

/// Whether a column is of a type that is spelled in SQL or as a log does.
fn is_type(wanted: &str, found: &DataType) -> bool {
    spelled(wanted) == spelled(&found.to_string())
}

/// Spells a type in one way: no blanks, small letters, the words of SQL.
fn spelled(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut word = String::new();
    let lower = text.to_lowercase();
    for letter in lower.chars().filter(|letter| !letter.is_whitespace()) {
        if letter.is_alphanumeric() || letter == '_' {
            word.push(letter);
        } else {
            plain.push_str(sql_type(&word));
            word.clear();
            plain.push(letter);
        }
    }
    plain.push_str(sql_type(&word));
    plain
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
