//! Event time: how far a column of instants goes.

use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;

use super::bounds::Edge;
use super::contents::WatchedColumn;
use super::scalar;
use super::schema::DataType;

/// Why nobody can say how far a table is complete in event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoEventTime {
    /// The column is not there.
    #[error("the table has no such column")]
    NoColumn,
    /// The column holds something else.
    #[error("the column is neither a date nor a timestamp")]
    NoTime,
    /// Statistics are missing.
    #[error("not every file has statistics of the column")]
    NoStatistics,
    /// There are no values.
    #[error("no row has a value")]
    NoValue,
}

impl WatchedColumn {
    /// Returns the instant of the greatest value, UTC. Rows that were deleted since may have had it. A day
    /// counts from its beginning, and times without a zone as UTC: a table is not told to be more complete
    /// than it is.
    ///
    /// # Errors
    ///
    /// Says why there is none.
    pub fn latest(&self) -> Result<DateTime<Utc>, NoEventTime> {
        if self.physical.is_empty() {
            return Err(NoEventTime::NoColumn);
        }
        let is_time = matches!(
            self.data_type,
            DataType::Date | DataType::Timestamp | DataType::TimestampNtz
        );
        if !is_time {
            return Err(NoEventTime::NoTime);
        }
        let bound = match &self.range.max {
            Edge::Empty => return Err(NoEventTime::NoValue),
            Edge::Unknown => return Err(NoEventTime::NoStatistics),
            Edge::Known(bound) => bound,
        };
        let at = if self.data_type == DataType::Date {
            scalar::day(&bound.value).map(|day| day.and_time(NaiveTime::MIN).and_utc())
        } else {
            scalar::instant(&bound.value, Tz::UTC)
        };
        at.ok_or(NoEventTime::NoTime)
    }
}

#[cfg(test)]
mod tests {
    use super::super::bounds::{Bound, ColumnRange};
    use super::*;

    fn column(data_type: DataType, max: Edge) -> WatchedColumn {
        WatchedColumn {
            name: "at".to_owned(),
            physical: vec!["at".to_owned()],
            data_type,
            range: ColumnRange {
                min: Edge::Unknown,
                max,
            },
            nulls: None,
        }
    }

    fn known(value: &str) -> Edge {
        Edge::Known(Bound {
            value: value.to_owned(),
            is_exact: true,
        })
    }

    #[test]
    fn days_and_instants_are_event_times() {
        let told = [
            (DataType::Date, "2026-03-01", "2026-03-01T00:00:00+00:00"),
            (
                DataType::Timestamp,
                "2026-03-01T06:00:00.25Z",
                "2026-03-01T06:00:00.250+00:00",
            ),
            (
                DataType::TimestampNtz,
                "2026-03-01 06:00:00",
                "2026-03-01T06:00:00+00:00",
            ),
        ];
        for (data_type, value, expected) in told {
            let latest = column(data_type, known(value)).latest();
            assert_eq!(latest.map(|at| at.to_rfc3339()), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn what_is_no_time_or_not_known_is_told_apart() {
        let numbers = column(DataType::Long, known("1772343000"));
        assert_eq!(numbers.latest(), Err(NoEventTime::NoTime));
        let empty = column(DataType::Timestamp, Edge::Empty);
        assert_eq!(empty.latest(), Err(NoEventTime::NoValue));
        let untold = column(DataType::Timestamp, Edge::Unknown);
        assert_eq!(untold.latest(), Err(NoEventTime::NoStatistics));
        let absent = WatchedColumn {
            physical: Vec::new(),
            ..untold
        };
        assert_eq!(absent.latest(), Err(NoEventTime::NoColumn));
    }
}
