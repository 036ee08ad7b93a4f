//! How partitions are declared, as values; [`Partitions::check`](super::Partitions::check) says what is
//! wrong with them.

use std::collections::BTreeMap;

/// How an asset divides into partitions, as a declaration spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionsSpec {
    /// `hourly`.
    Hourly(WindowsSpec),
    /// `daily`.
    Daily(WindowsSpec),
    /// `weekly`.
    Weekly(WindowsSpec),
    /// `monthly`.
    Monthly(WindowsSpec),
    /// `cron`.
    Cron {
        /// Its five fields.
        schedule: String,
        /// The rest.
        windows: WindowsSpec,
    },
    /// `keys`.
    Keys {
        /// The column.
        column: String,
        /// All its values; `__null__` for null.
        values: Vec<String>,
    },
    /// `dynamic`.
    Dynamic {
        /// The column.
        column: String,
    },
    /// `product` of two or three others.
    Product(Vec<Self>),
}

/// What all windows of time have in a declaration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WindowsSpec {
    /// The column that tells the window; or else `columns`.
    pub column: Option<String>,
    /// Several columns that tell it together, each with its format.
    pub columns: Option<BTreeMap<String, String>>,
    /// The beginning of the first window, by the clock of the zone: `2024-01-01`,
    /// `2024-01-01T06:00:00`. Where no window begins then, the next one is the first.
    pub start: String,
    /// The end of the last window, exclusive.
    pub end: Option<String>,
    /// The IANA name of the zone; UTC where absent.
    pub timezone: Option<String>,
    /// Whether the window that has not ended yet is a partition; it is not where absent.
    pub include_running: Option<bool>,
}
