//! Checks of what a declaration says: all that is wrong is told, not the first alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono_tz::{TZ_VARIANTS, Tz};

use crate::diagnostic::did_you_mean;

use super::civil::Civil;
use super::definition::Partitions;
use super::format::{Field, Format};
use super::key::declared_value;
use super::part::Part;
use super::set::{MAX_PARTS, PartitionSet, Span};
use super::spec::{PartitionsSpec, WindowsSpec};
use super::spec_error::{SpecError, SpecProblem};
use super::timeline::{Clock, Schedule, Timeline, YEARS};
use super::values::{MAX_VALUES, ValueList, Values};
use super::windows::{Grid, TimeColumns, Windows};

impl Partitions {
    /// Checks what a declaration says.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong, in the order of the parts.
    pub fn check(spec: &PartitionsSpec) -> Result<Self, Vec<SpecError>> {
        let specs = if let PartitionsSpec::Product(parts) = spec {
            if !(2..=MAX_PARTS).contains(&parts.len()) {
                let problem = SpecProblem::PartCount(parts.len());
                return Err(vec![SpecError::new(None, "product", problem)]);
            }
            parts.as_slice()
        } else {
            std::slice::from_ref(spec)
        };
        let is_product = specs.len() > 1;
        let mut checks = Checks::default();
        let mut parts = Vec::with_capacity(specs.len());
        for (at, spec) in specs.iter().enumerate() {
            checks.part = is_product.then_some(at);
            parts.extend(checks.part(spec));
        }
        checks.distinct(&parts);
        if checks.errors.is_empty() {
            Ok(Self::of_parts(parts))
        } else {
            Err(checks.errors)
        }
    }
}

#[derive(Default)]
struct Checks {
    part: Option<usize>,
    errors: Vec<SpecError>,
}

impl Checks {
    fn error(&mut self, key: &'static str, problem: SpecProblem) {
        self.errors.push(SpecError::new(self.part, key, problem));
    }

    /// Checks one part; `None` where something is wrong in it.
    fn part(&mut self, spec: &PartitionsSpec) -> Option<Part> {
        let (grid, schedule, windows) = match spec {
            PartitionsSpec::Hourly(windows) => (Grid::Hourly, Schedule::hours(), windows),
            PartitionsSpec::Daily(windows) => (Grid::Daily, Schedule::days(), windows),
            PartitionsSpec::Weekly(windows) => (Grid::Weekly, Schedule::weeks(), windows),
            PartitionsSpec::Monthly(windows) => (Grid::Monthly, Schedule::months(), windows),
            PartitionsSpec::Cron { schedule, windows } => {
                let text = schedule.split_whitespace().collect::<Vec<_>>().join(" ");
                match Schedule::cron(&text) {
                    Ok(schedule) => (Grid::Cron(text.into()), schedule, windows),
                    Err(error) => {
                        self.error("schedule", SpecProblem::Cron(error));
                        // What else is wrong is found with any other schedule.
                        self.windows(Grid::Daily, &Schedule::days(), windows);
                        return None;
                    }
                }
            }
            PartitionsSpec::Keys { column, values } => {
                let column = self.column(column);
                let list = self.values(values);
                return Some(Part::Keys(Values {
                    column: column?,
                    list: Arc::new(list?),
                    there: None,
                    is_told: true,
                    is_followed: false,
                }));
            }
            PartitionsSpec::Dynamic { column } => {
                return Some(Part::Dynamic(Values {
                    column: self.column(column)?,
                    list: Arc::default(),
                    there: Some(PartitionSet::NOTHING),
                    is_told: false,
                    is_followed: false,
                }));
            }
            PartitionsSpec::Product(_) => {
                self.error("product", SpecProblem::Nested);
                return None;
            }
        };
        self.windows(grid, &schedule, windows).map(Part::Windows)
    }

    fn column(&mut self, column: &str) -> Option<String> {
        if column.trim().is_empty() {
            self.error("column", SpecProblem::EmptyColumn);
            return None;
        }
        Some(column.to_owned())
    }

    fn values(&mut self, values: &[String]) -> Option<ValueList> {
        let errors = self.errors.len();
        if values.is_empty() {
            self.error("values", SpecProblem::NoValues);
        }
        if values.len() > MAX_VALUES {
            self.error("values", SpecProblem::ManyValues(values.len()));
            return None;
        }
        let mut list = ValueList::default();
        for text in values {
            if text.is_empty() {
                self.error("values", SpecProblem::EmptyValue);
            } else if !list.add(declared_value(text)) {
                self.error("values", SpecProblem::ValueTwice(text.clone()));
            }
        }
        (self.errors.len() == errors).then_some(list)
    }

    fn windows(&mut self, grid: Grid, schedule: &Schedule, spec: &WindowsSpec) -> Option<Windows> {
        let columns = self.columns(spec);
        let zone = match &spec.timezone {
            Some(name) => self.zone(name),
            None => Some(Tz::UTC),
        };
        // Without a zone the times are read for their form alone.
        let timeline = Timeline::of(schedule, zone.unwrap_or(Tz::UTC));
        let start = self.instant("start", &spec.start, timeline.clock());
        let end = match &spec.end {
            Some(text) => Some(self.instant("end", text, timeline.clock())?),
            None => None,
        };
        let (zone, columns, start) = (zone?, columns?, start?);
        if end.is_some_and(|end| end <= start) {
            self.error("end", SpecProblem::EndBeforeStart);
            return None;
        }
        let clock = timeline.clock();
        let last = timeline.first_from(clock.first_instant_at(YEARS.end));
        let first = timeline.first_from(start);
        // The last window is the last one that has ended by then.
        let end_ordinal = end.map_or(last, |end| timeline.at(end));
        let Some(span) = Span::new(first, end_ordinal) else {
            self.error("end", SpecProblem::NoWindow(grid.as_str()));
            return None;
        };
        Some(Windows {
            grid,
            zone,
            columns,
            timeline,
            span,
            has_end: end.is_some(),
            include_running: spec.include_running.unwrap_or(false),
        })
    }

    fn zone(&mut self, name: &str) -> Option<Tz> {
        if let Ok(zone) = name.parse() {
            return Some(zone);
        }
        let near = did_you_mean(name, TZ_VARIANTS.iter().map(|zone| zone.name()));
        let problem = SpecProblem::Zone {
            written: name.to_owned(),
            near: near.map(str::to_owned),
        };
        self.error("timezone", problem);
        None
    }

    fn instant(&mut self, key: &'static str, text: &str, clock: &Clock) -> Option<i64> {
        let Some(civil) = Civil::parse(text.trim()) else {
            self.error(key, SpecProblem::Time(text.to_owned()));
            return None;
        };
        if !YEARS.contains(&civil.local) {
            self.error(key, SpecProblem::Years(text.to_owned()));
            return None;
        }
        Some(match civil.offset {
            Some(offset) => civil.local - offset,
            None => clock.first_instant_at(civil.local),
        })
    }

    fn columns(&mut self, spec: &WindowsSpec) -> Option<TimeColumns> {
        match (&spec.column, &spec.columns) {
            (Some(column), None) => self.column(column).map(TimeColumns::One),
            (None, Some(columns)) => self.several(columns).map(TimeColumns::Several),
            (None, None) => {
                self.error("column", SpecProblem::NoColumn);
                None
            }
            (Some(_), Some(_)) => {
                self.error("columns", SpecProblem::BothColumns);
                None
            }
        }
    }

    fn several(&mut self, columns: &BTreeMap<String, String>) -> Option<Vec<(String, Format)>> {
        let errors = self.errors.len();
        let mut formats = Vec::with_capacity(columns.len());
        let mut fields = BTreeSet::new();
        for (column, text) in columns {
            let column = self.column(column);
            match Format::parse(text) {
                Ok(format) => {
                    for field in format.fields() {
                        if !fields.insert(field) {
                            self.error("columns", SpecProblem::FieldTwice(field));
                        }
                    }
                    formats.extend(column.map(|column| (column, format)));
                }
                Err(error) => {
                    let written = text.clone();
                    self.error("columns", SpecProblem::Format { written, error });
                }
            }
        }
        if self.errors.len() > errors {
            return None;
        }
        // Without a coarser field, a finer one tells nothing.
        let finest = fields.last().copied().unwrap_or(Field::Year);
        for field in Field::ALL.into_iter().filter(|field| *field <= finest) {
            if !fields.contains(&field) {
                self.error("columns", SpecProblem::FieldMissing { field, finest });
            }
        }
        (self.errors.len() == errors).then_some(formats)
    }

    /// No two parts of a product are told by the same column.
    fn distinct(&mut self, parts: &[Part]) {
        let mut seen = BTreeSet::new();
        for (at, part) in parts.iter().enumerate() {
            for column in part.columns() {
                if !seen.insert(column.to_lowercase()) {
                    self.part = Some(at);
                    self.error("column", SpecProblem::ColumnTwice(column.to_owned()));
                }
            }
        }
    }
}
