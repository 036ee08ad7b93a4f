//! Values of ours as columns and back.
//!
//! Instants are kept to the microsecond; what is finer is cut off. Counts are unsigned here and
//! signed in SQLite: one that does not fit is refused, never wrapped.

use assets::version::{PassNumber, TableId, TableVersion};
use assets::{AssetKey, Relation};
use chrono::{DateTime, Utc};
use rusqlite::Row;
use rusqlite::types::FromSql;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fault::Fault;
use crate::state::IntentState;

/// Returns an instant as it is stored.
pub(super) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// Returns an instant, if there is one, as it is stored.
pub(super) fn maybe_micros(at: Option<DateTime<Utc>>) -> Option<i64> {
    at.map(micros)
}

/// Returns a count as it is stored.
pub(super) fn signed(number: u64) -> Result<i64, Fault> {
    i64::try_from(number)
        .map_err(|_| Fault::unreadable("a number to be written", &format!("{number} is too large")))
}

/// Returns incarnation and version as they are stored.
pub(super) fn version_cells(
    version: Option<&TableVersion>,
) -> Result<(Option<&str>, Option<i64>), Fault> {
    let Some(version) = version else {
        return Ok((None, None));
    };
    Ok((
        Some(version.table_id.as_str()),
        Some(signed(version.version)?),
    ))
}

/// Returns a value as JSON text.
pub(super) fn to_json(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::unreadable("a value to be written", &error))
}

/// Takes the columns of one row from left to right.
pub(super) struct Cells<'a> {
    row: &'a Row<'a>,
    place: &'static str,
    next: usize,
}

impl<'a> Cells<'a> {
    /// Begins at the first column; `place` names the table in messages.
    pub(super) fn new(row: &'a Row<'a>, place: &'static str) -> Self {
        Self {
            row,
            place,
            next: 0,
        }
    }

    fn advance(&mut self) -> usize {
        let at = self.next;
        self.next += 1;
        at
    }

    /// Leaves a column out.
    pub(super) fn skip(&mut self) {
        self.next += 1;
    }

    fn fault(&self, problem: &(impl ToString + ?Sized)) -> Fault {
        Fault::unreadable(self.place, problem)
    }

    /// Takes a value of a type that SQLite knows.
    pub(super) fn take<T: FromSql>(&mut self) -> Result<T, Fault> {
        let at = self.advance();
        self.row.get(at).map_err(|error| self.fault(&error))
    }

    /// Takes a text without copying it.
    pub(super) fn text(&mut self) -> Result<&'a str, Fault> {
        self.maybe_text()?
            .ok_or_else(|| self.fault("a text is missing"))
    }

    /// Takes a text that may be absent, without copying it.
    pub(super) fn maybe_text(&mut self) -> Result<Option<&'a str>, Fault> {
        let at = self.advance();
        let value = self.row.get_ref(at)?;
        value.as_str_or_null().map_err(|error| self.fault(&error))
    }

    /// Takes an asset key.
    pub(super) fn key(&mut self) -> Result<AssetKey, Fault> {
        let text = self.text()?;
        AssetKey::new(text).map_err(|error| self.fault(&error))
    }

    /// Takes a relation.
    pub(super) fn relation(&mut self) -> Result<Relation, Fault> {
        let text = self.text()?;
        Relation::parse(text).map_err(|error| self.fault(&error))
    }

    /// Takes a count.
    pub(super) fn number(&mut self) -> Result<u64, Fault> {
        let number: i64 = self.take()?;
        u64::try_from(number).map_err(|error| self.fault(&error))
    }

    /// Takes a count that may be absent.
    pub(super) fn maybe_number(&mut self) -> Result<Option<u64>, Fault> {
        let number: Option<i64> = self.take()?;
        let number = number.map(u64::try_from).transpose();
        number.map_err(|error| self.fault(&error))
    }

    /// Takes a small count.
    pub(super) fn small(&mut self) -> Result<u32, Fault> {
        let number: i64 = self.take()?;
        u32::try_from(number).map_err(|error| self.fault(&error))
    }

    /// Takes the number of a pass.
    pub(super) fn pass(&mut self) -> Result<PassNumber, Fault> {
        Ok(PassNumber(self.number()?))
    }

    /// Takes an instant.
    pub(super) fn instant(&mut self) -> Result<DateTime<Utc>, Fault> {
        self.maybe_instant()?
            .ok_or_else(|| self.fault("an instant is missing"))
    }

    /// Takes an instant that may be absent.
    pub(super) fn maybe_instant(&mut self) -> Result<Option<DateTime<Utc>>, Fault> {
        let Some(at) = self.take::<Option<i64>>()? else {
            return Ok(None);
        };
        DateTime::from_timestamp_micros(at)
            .map(Some)
            .ok_or_else(|| self.fault(&format!("{at} is no instant")))
    }

    /// Takes the two columns of a data version that may be absent.
    pub(super) fn version(&mut self) -> Result<Option<TableVersion>, Fault> {
        let Some(table_id) = self.maybe_text()? else {
            self.skip();
            return Ok(None);
        };
        Ok(Some(TableVersion {
            table_id: TableId::new(table_id),
            version: self.number()?,
        }))
    }

    /// Takes a value kept as JSON.
    pub(super) fn json<T: DeserializeOwned>(&mut self) -> Result<T, Fault> {
        self.maybe_json()?
            .ok_or_else(|| self.fault("a JSON text is missing"))
    }

    /// Takes a value kept as JSON that may be absent.
    pub(super) fn maybe_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Fault> {
        let Some(text) = self.maybe_text()? else {
            return Ok(None);
        };
        serde_json::from_str(text)
            .map(Some)
            .map_err(|error| self.fault(&error))
    }

    /// Takes the state of an intent or attempt.
    pub(super) fn state(&mut self) -> Result<IntentState, Fault> {
        let text = self.text()?;
        IntentState::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| self.fault(&format!("`{text}` is no state of an intent")))
    }
}
