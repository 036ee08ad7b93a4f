//! Checks as they are spelled: a list, each with one key that says what it checks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::check::Severity;
use crate::declaration::at::{At, ScalarText};
use crate::declaration::schema::allow_bare_words;

use super::text::DurationText;

/// One check, by what it checks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = allow_bare_words)]
pub(in crate::declaration) enum CheckEntry {
    /// No row has null in a column.
    NotNull(At<NotNullEntry>),
    /// No two rows have the same value in a column, or the same values in several.
    Unique(At<UniqueEntry>),
    /// The rows are about as many as in the last version that passed.
    RowCountDrift(At<RowCountDriftEntry>),
    /// The rows are neither too few nor too many.
    RowCount(At<RowCountEntry>),
    /// The data changed not too long ago.
    Freshness(At<FreshnessCheckEntry>),
    /// The table has the columns that are expected.
    Schema(At<SchemaEntry>),
    /// A query returns no rows.
    Sql(At<SqlEntry>),
}

/// What every check has, wherever it was written.
pub(in crate::declaration) struct AnyCheckEntry<'a> {
    pub(in crate::declaration) name: Option<&'a At<String>>,
    pub(in crate::declaration) severity: Option<Severity>,
    pub(in crate::declaration) description: Option<&'a String>,
}

/// A mapping of its own keys and of those that every check has: serde's `flatten` would cost the
/// messages their places.
macro_rules! checked {
    ($(#[$doc:meta])* $name:ident, $expecting:literal, { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, expecting = $expecting)]
        pub(in crate::declaration) struct $name {
            $($(#[$field_doc])* pub(in crate::declaration) $field: $type,)*
            /// Its name, which no other check of the asset has; made of what it checks where absent.
            name: Option<At<String>>,
            /// `error` holds what reads the asset, `warn` is only shown; `error` where absent.
            severity: Option<Severity>,
            /// One or more sentences for people.
            description: Option<String>,
        }

        impl $name {
            /// What every check has.
            pub(in crate::declaration) fn any(&self) -> AnyCheckEntry<'_> {
                AnyCheckEntry {
                    name: self.name.as_ref(),
                    severity: self.severity,
                    description: self.description.as_ref(),
                }
            }
        }
    };
}

checked!(
    /// Columns without nulls.
    NotNullEntry, "a mapping with `column` or `columns`", {
        /// The column, with dots between nested names.
        column: Option<At<String>>,
        /// Several of them.
        columns: Option<At<Vec<At<String>>>>,
    }
);

checked!(
    /// Columns that tell rows apart.
    UniqueEntry, "a mapping with `column` or `columns`", {
        /// The column, with dots between nested names.
        column: Option<At<String>>,
        /// Several of them, together.
        columns: Option<At<Vec<At<String>>>>,
        /// The SQL warehouse that is asked; that of the environment where absent.
        warehouse: Option<At<ScalarText>>,
    }
);

checked!(
    /// How far the number of rows may move.
    RowCountDriftEntry, "a mapping with `max`", {
        /// How far at most, as a share of the rows of the last version that passed: `30%`.
        #[schemars(required)]
        max: Option<At<ScalarText>>,
        /// A version with fewer rows than these is nothing to compare with.
        min_rows: Option<At<u64>>,
    }
);

checked!(
    /// How many rows there may be.
    RowCountEntry, "a mapping with `min` or `max`", {
        /// At least so many.
        min: Option<At<u64>>,
        /// At most so many.
        max: Option<At<u64>>,
    }
);

checked!(
    /// How old the data may be.
    FreshnessCheckEntry, "a mapping with `max_age`", {
        /// How long ago it may have changed last.
        #[schemars(required)]
        max_age: Option<At<DurationText>>,
    }
);

checked!(
    /// Which columns the table has.
    SchemaEntry, "a mapping with `columns` or `contract`", {
        /// The types by column, as SQL spells them: `bigint`, `decimal(18,2)`.
        columns: Option<At<BTreeMap<String, At<String>>>>,
        /// Who else says which columns those are.
        contract: Option<At<ContractWord>>,
        /// Whether the table may have other columns; true where absent.
        allow_others: Option<bool>,
    }
);

/// Who says which columns a table has.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::declaration) enum ContractWord {
    /// The columns of the dbt model, with the types that its manifest has.
    Dbt,
}

checked!(
    /// A query for rows that should not be there.
    SqlEntry, "a mapping with `name` and `query`", {
        /// The query; `{{ this }}` in it is the version of the table that is judged.
        #[schemars(required)]
        query: Option<At<String>>,
        /// The SQL warehouse that is asked; that of the environment where absent.
        warehouse: Option<At<ScalarText>>,
    }
);
