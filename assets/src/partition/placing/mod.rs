//! From the contents of a table to partitions: which ones a commit touched, or a file belongs to.
//!
//! The values of the physical partition columns tell it, where the definition's columns are among
//! them. Where a table is clustered instead, the least and greatest values of the time column do,
//! and else nothing does. What is told is never too little: a value that can be read in two ways is
//! both, one that cannot be read at all may be any partition, and a date in a table of hours is all
//! hours of that day.
//!
//! | the column has | it tells |
//! | --- | --- |
//! | a date | that day, by the calendar of the partitions' zone |
//! | a timestamp | an instant |
//! | a timestamp without zone | what the clock of the partitions' zone shows: both instants, where it shows it twice; where it never does, the windows in which that may have been meant |
//! | a text | one of the above, as `2026-11-20T13:00`, or a month, `2026-11` |
//! | parts of a time with formats | the stretch of clock time that they tell together |
//! | a value of a list | that value, however its type lets it be spelled |
//!
//! A value that belongs to no partition is told apart, so that it can be shown.

mod time;

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;

use crate::delta::spread::Spread;
use crate::delta::touched::{AllBecause, Touched};
use crate::delta::{ColumnRange, DataType, PartitionColumns, PartitionTuple, PartitionValue};

use super::definition::{Partitions, combine};
use super::format::Format;
use super::part::Part;
use super::set::{PartitionSet, Span};
use super::values::Values;
use super::windows::{TimeColumns, Windows};

/// How the contents of one table tell the partitions of one definition.
#[derive(Debug, Clone)]
pub struct Placing {
    partitions: Partitions,
    /// For each part, in order.
    sources: Vec<Source>,
}

/// What tells a part.
#[derive(Debug, Clone)]
enum Source {
    /// A date or time, by its place in the tuple.
    Time(usize, DataType),
    /// Parts of a time, each by its place and format.
    Fields(Vec<(usize, Format)>),
    /// A value, by its place, with the ordinals of those in the list.
    Value(usize, BTreeMap<PartitionValue, i32>),
    /// A value that the list has just as files spell it, by its place.
    Seen(usize),
    /// Nothing that every file has.
    Nothing,
}

/// What a value means for partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placed {
    /// The partitions; rather too many than too few.
    pub partitions: PartitionSet,
    /// What belongs to none of them, or could not be read.
    pub outside: BTreeSet<Outside>,
}

/// A value that belongs to no partition, or could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outside {
    /// The column, or the first of several that tell a time together.
    pub column: String,
    /// The value; of several columns, those values with a space between.
    pub value: PartitionValue,
    /// What is the matter with it.
    pub reason: OutsideReason,
}

/// Why a value belongs to no partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutsideReason {
    /// A time is null, so that it lies in no window.
    Null,
    /// It is no time, or spelled in another way than the format. It may be any partition.
    Unreadable,
    /// It lies before the first window.
    BeforeStart,
    /// It lies after the last window.
    AfterEnd,
    /// It is a day that the clock was put forward over.
    Skipped,
    /// It is not in the list of values of the declaration.
    NotListed,
    /// It is not among the values that are known: a partition that is new.
    NotKnown,
}

impl OutsideReason {
    /// Returns it in words, as the end of a sentence about a value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Null => "lies in no window of time",
            Self::Unreadable => "cannot be read as a time",
            Self::BeforeStart => "comes before the first partition",
            Self::AfterEnd => "comes after the last partition",
            Self::Skipped => "was never shown by the clock",
            Self::NotListed => "is not listed",
            Self::NotKnown => "is new",
        }
    }
}

/// What a part makes of a tuple.
enum Found {
    Set(PartitionSet),
    Outside(Outside),
}

impl Placing {
    /// Finds what tells the partitions among the physical partition columns of a table. Names are
    /// compared without regard to case, as Delta does.
    pub fn new(partitions: &Partitions, columns: &PartitionColumns) -> Self {
        let find = |name: &str| {
            let mut columns = columns.columns().iter().enumerate();
            columns.find(|(_, column)| column.name.eq_ignore_ascii_case(name))
        };
        let source = |part: &Part| match part {
            Part::Windows(windows) => match windows.columns() {
                TimeColumns::One(name) => find(name).map_or(Source::Nothing, |(at, column)| {
                    Source::Time(at, column.data_type.clone())
                }),
                TimeColumns::Several(formats) => {
                    let found = formats.iter().filter_map(|(name, format)| {
                        find(name).map(|(at, _)| (at, format.clone()))
                    });
                    Source::Fields(found.collect())
                }
            },
            Part::Keys(values) => find(values.column()).map_or(Source::Nothing, |(at, column)| {
                Source::Value(at, by_spelling(values, &column.data_type))
            }),
            // Its values were taken from files as they are.
            Part::Dynamic(values) => {
                find(values.column()).map_or(Source::Nothing, |(at, _)| Source::Seen(at))
            }
        };
        Self {
            sources: partitions.parts().iter().map(source).collect(),
            partitions: partitions.clone(),
        }
    }

    /// Returns whether the physical partition columns tell every part, so that statistics add
    /// nothing.
    pub fn is_told_by_files(&self) -> bool {
        let mut sources = self.sources.iter();
        sources.all(|source| match source {
            Source::Time(..) | Source::Value(..) | Source::Seen(_) => true,
            Source::Fields(fields) => !fields.is_empty(),
            Source::Nothing => false,
        })
    }

    /// Returns the partitions that commits touched.
    pub fn touched(&self, touched: &Touched) -> Placed {
        match touched {
            Touched::All(_) => Placed {
                partitions: PartitionSet::EVERYTHING,
                outside: BTreeSet::new(),
            },
            Touched::These(tuples) => {
                let mut outside = BTreeSet::new();
                let sets = tuples.iter().map(|tuple| {
                    let placed = self.place(tuple);
                    outside.extend(placed.outside);
                    placed.partitions
                });
                Placed {
                    partitions: PartitionSet::union_of(sets),
                    outside,
                }
            }
        }
    }

    /// As [`touched`](Self::touched), where the files of the commits also say over which values of columns they
    /// spread: where no physical column tells the windows of a part, that does.
    pub fn touched_within(&self, touched: &Touched, spreads: &[Spread]) -> Placed {
        let mut placed = self.touched(touched);
        match touched {
            Touched::These(_) | Touched::All(AllBecause::Unplaced) => {}
            // Not only what its files hold has changed.
            Touched::All(AllBecause::Repartitioned | AllBecause::Replaced | AllBecause::Lost) => {
                return placed;
            }
        }
        for (part, source) in self.partitions.parts().iter().zip(&self.sources) {
            let is_told = match source {
                Source::Time(..) | Source::Value(..) | Source::Seen(_) => true,
                Source::Fields(fields) => !fields.is_empty(),
                Source::Nothing => false,
            };
            let columns = part.columns();
            let [column] = columns.as_slice() else {
                continue;
            };
            let spread = spreads
                .iter()
                .find(|s| s.column.eq_ignore_ascii_case(column));
            let found = spread.filter(|_| !is_told);
            let Some((spread, ranges)) = found.and_then(|s| Some((s, s.ranges.as_ref()?))) else {
                continue;
            };
            let sets = ranges.iter().map(|range| {
                let found = self.place_range(column, range, &spread.data_type);
                placed.outside.extend(found.outside);
                found.partitions
            });
            let within = PartitionSet::union_of(sets);
            placed.partitions = placed.partitions.intersection(&within);
        }
        placed
    }

    /// Returns the partitions that the rows of a file are in, by the values of its physical partition
    /// columns.
    pub fn place(&self, tuple: &PartitionTuple) -> Placed {
        let mut outside = BTreeSet::new();
        let parts = self.partitions.parts().iter().zip(&self.sources);
        let sets: Vec<PartitionSet> = parts
            .map(|(part, source)| match find(part, source, tuple) {
                Found::Set(set) => set,
                Found::Outside(found) => {
                    let set = if found.reason == OutsideReason::Unreadable {
                        PartitionSet::EVERYTHING
                    } else {
                        PartitionSet::NOTHING
                    };
                    outside.insert(found);
                    set
                }
            })
            .collect();
        Placed {
            partitions: combine(sets.into_iter()),
            outside,
        }
    }

    /// Returns the partitions that rows may be in whose values of a time column lie in a range, by
    /// the statistics of files. The other parts of a product are told by nothing here: the
    /// intersection with what [`place`](Self::place) says is an answer too.
    pub fn place_range(&self, column: &str, range: &ColumnRange, data_type: &DataType) -> Placed {
        let mut outside = BTreeSet::new();
        let sets: Vec<PartitionSet> = self
            .partitions
            .parts()
            .iter()
            .map(|part| match part {
                Part::Windows(windows) => match told_by(windows, column, data_type) {
                    Some(told) => time::range(windows, told, range, &mut outside),
                    None => PartitionSet::EVERYTHING,
                },
                Part::Keys(_) | Part::Dynamic(_) => PartitionSet::EVERYTHING,
            })
            .collect();
        Placed {
            partitions: combine(sets.into_iter()),
            outside,
        }
    }

    /// Returns the values that a table has in a `dynamic` part and that are not known yet, with its
    /// column, in the order in which they come.
    pub fn new_values(placed: &Placed) -> BTreeMap<&str, Vec<PartitionValue>> {
        let mut new: BTreeMap<&str, Vec<PartitionValue>> = BTreeMap::new();
        let outside = placed.outside.iter();
        for outside in outside.filter(|outside| outside.reason == OutsideReason::NotKnown) {
            let values = new.entry(&outside.column).or_default();
            values.push(outside.value.clone());
        }
        new
    }
}

/// Returns how a column tells windows by itself, if it does: by its type, or by a format.
fn told_by<'a>(
    windows: &'a Windows,
    column: &'a str,
    data_type: &'a DataType,
) -> Option<time::Told<'a>> {
    let (name, format) = match windows.columns() {
        TimeColumns::One(name) => (name, None),
        TimeColumns::Several(columns) => match columns.as_slice() {
            [(name, format)] => (name, Some(format)),
            _ => return None,
        },
    };
    name.eq_ignore_ascii_case(column).then_some(time::Told {
        column,
        data_type,
        format,
    })
}

/// Returns the ordinals of values as their column spells them: a declaration may say `007` of an
/// integer, and files say `7`.
fn by_spelling(values: &Values, data_type: &DataType) -> BTreeMap<PartitionValue, i32> {
    let mut places = BTreeMap::new();
    for (place, value) in (0..).zip(values.values()) {
        let spelled = PartitionValue::new(value.as_str(), data_type, Tz::UTC);
        places.entry(spelled).or_insert(place);
    }
    places
}

fn find(part: &Part, source: &Source, tuple: &PartitionTuple) -> Found {
    let value = |at: usize| tuple.values().get(at);
    let found = match (part, source) {
        (_, Source::Nothing) => None,
        (Part::Windows(windows), Source::Time(at, data_type)) => value(*at).map(|value| {
            let column = part.columns().first().copied().unwrap_or_default();
            time::one(windows, column, value, data_type)
        }),
        (Part::Windows(windows), Source::Fields(fields)) => {
            let values = fields
                .iter()
                .filter_map(|(at, format)| Some((value(*at)?, format)));
            let values: Vec<_> = values.collect();
            let column = part.columns().first().copied().unwrap_or_default();
            (!values.is_empty()).then(|| time::several(windows, column, &values))
        }
        (Part::Keys(values), Source::Value(at, places)) => value(*at).map(|value| {
            let place = places.get(value).copied();
            listed(part, values, (value, place), OutsideReason::NotListed)
        }),
        (Part::Dynamic(values), Source::Seen(at)) => value(*at).map(|value| {
            let place = values.ordinal(value);
            listed(part, values, (value, place), OutsideReason::NotKnown)
        }),
        (Part::Windows(_), Source::Value(..) | Source::Seen(_))
        | (Part::Keys(_), Source::Time(..) | Source::Fields(_) | Source::Seen(_))
        | (Part::Dynamic(_), Source::Time(..) | Source::Fields(_) | Source::Value(..)) => None,
    };
    found.unwrap_or(Found::Set(PartitionSet::EVERYTHING))
}

fn listed(
    part: &Part,
    values: &Values,
    (value, place): (&PartitionValue, Option<i32>),
    reason: OutsideReason,
) -> Found {
    match place {
        Some(place) => Found::Set(part.set_of(Span {
            start: place,
            end: place.saturating_add(1),
        })),
        None => Found::Outside(Outside {
            column: values.column().to_owned(),
            value: value.clone(),
            reason,
        }),
    }
}
