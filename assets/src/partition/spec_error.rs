//! What can be wrong in a declaration of partitions.

use super::format::{Field, FormatError};
use super::timeline::CronError;
use super::values::MAX_VALUES;

/// One thing that is wrong, with where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct SpecError {
    /// Which part of a product it is in, from 0; `None` outside of products.
    pub part: Option<usize>,
    /// The key under which it stands in that part. It may be missing there.
    pub key: &'static str,
    /// What it is.
    pub problem: SpecProblem,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecProblem {
    /// Neither `column` nor `columns` is there.
    #[error("nothing says which column tells the partition of a row")]
    NoColumn,
    /// Both are there.
    #[error("`column` and `columns` both say what tells the partition of a row")]
    BothColumns,
    /// The name of a column is empty.
    #[error("the name of the column is empty")]
    EmptyColumn,
    /// Two parts of a product have the same column.
    #[error("two parts are told by the column `{0}`")]
    ColumnTwice(String),
    /// A date or time cannot be read.
    #[error("`{0}` is not a date or time")]
    Time(String),
    /// A date lies outside the years that are computed for.
    #[error("`{0}` is not between the years 1900 and 2100")]
    Years(String),
    /// The end does not come after the beginning.
    #[error("`end` does not come after `start`")]
    EndBeforeStart,
    /// There is no whole window between beginning and end.
    #[error("no {0} window lies between `start` and `end`")]
    NoWindow(&'static str),
    /// No time zone has that name.
    #[error("`{written}` is not a time zone")]
    Zone {
        /// The text.
        written: String,
        /// The name of a zone that is close to it.
        near: Option<String>,
    },
    /// The schedule cannot be used.
    #[error("the schedule cannot be used: {0}")]
    Cron(CronError),
    /// A format cannot be read.
    #[error("`{written}` is not a format: {error}")]
    Format {
        /// The text.
        written: String,
        /// Why.
        error: FormatError,
    },
    /// Two columns tell the same of a time.
    #[error("`{}` stands twice in the formats of `columns`", .0.as_str())]
    FieldTwice(Field),
    /// A finer field is told without a coarser one.
    #[error("`columns` tells `{}` without `{}`", .finest.as_str(), .field.as_str())]
    FieldMissing {
        /// The field that is missing.
        field: Field,
        /// The one that cannot be read without it.
        finest: Field,
    },
    /// There are no values.
    #[error("there are no values, so that there is no partition")]
    NoValues,
    /// There are more values than sets of them stay small with.
    #[error("there are {0} values, and at most {MAX_VALUES} are kept")]
    ManyValues(usize),
    /// A value is listed twice.
    #[error("the value `{0}` is listed twice")]
    ValueTwice(String),
    /// A value is the empty text, which tables do not have.
    #[error("a value is empty")]
    EmptyValue,
    /// A product has too few or too many parts.
    #[error("a product has two or three parts, and this one has {0}")]
    PartCount(usize),
    /// A product is part of a product.
    #[error("a part of a product is a product itself")]
    Nested,
}

impl SpecError {
    pub(super) fn new(part: Option<usize>, key: &'static str, problem: SpecProblem) -> Self {
        Self { part, key, problem }
    }

    /// Returns what to do about it.
    pub fn help(&self) -> String {
        let help = match &self.problem {
            SpecProblem::NoColumn => "add `column:`, or `columns:` with a format for each",
            SpecProblem::BothColumns => "keep one of them",
            SpecProblem::EmptyColumn => "write the name of a column of the table",
            SpecProblem::ColumnTwice(_) => "give each part a column of its own",
            SpecProblem::Time(_) => "write `2024-01-01`, or `2024-01-01T06:00:00`",
            SpecProblem::Years(_) => {
                "write a date between them; partitions that go on for ever have no `end`"
            }
            SpecProblem::EndBeforeStart => "`end` is exclusive: the day after the last one",
            SpecProblem::NoWindow(_) => "move `end` to where a window ends, or leave it out",
            SpecProblem::Zone { near, .. } => {
                return near.as_ref().map_or_else(
                    || "write an IANA name, such as `Europe/Berlin`".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
            }
            SpecProblem::Cron(CronError::Never) => "name a day that comes, such as `0 0 28 2 *`",
            SpecProblem::Cron(
                CronError::Form(_) | CronError::FieldCount(_) | CronError::TooLong,
            ) => "write five fields: minute, hour, day, month, weekday, as in `0 6 * * 1-5`",
            SpecProblem::Format { .. } => {
                "write `%Y`, `%m`, `%d`, `%H`, `%M` and what is between them"
            }
            SpecProblem::FieldTwice(_) => "leave one of them out",
            SpecProblem::FieldMissing { .. } => "add the column that tells it",
            SpecProblem::NoValues => "list them, or use `dynamic` for whatever the table has",
            SpecProblem::ManyValues(_) => "use fewer and coarser partitions",
            SpecProblem::ValueTwice(_) => "keep one of them",
            SpecProblem::EmptyValue => "write `__null__` where null is meant",
            SpecProblem::PartCount(_) => "a single part stands alone, without `product`",
            SpecProblem::Nested => "list its parts instead of it",
        };
        help.to_owned()
    }
}
