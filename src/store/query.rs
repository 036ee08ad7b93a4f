//! Reading and writing inside one transaction.
//!
//! Statements are prepared once per connection. A [`Write`] also keeps who acts and whether anything
//! changed that [`crate::ports::State::load`] returns, which is what the generation counts.

use std::cell::Cell;

use rusqlite::{Connection, Params, Transaction};

use super::cells::Cells;
use super::fault::Fault;

/// Calls a function with each row.
pub(super) fn each(
    connection: &Connection,
    place: &'static str,
    sql: &str,
    params: impl Params,
    mut visit: impl FnMut(&mut Cells<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        visit(&mut Cells::new(row, place))?;
    }
    Ok(())
}

/// Returns what a function makes of each row.
pub(super) fn list<T>(
    connection: &Connection,
    place: &'static str,
    sql: &str,
    params: impl Params,
    mut make: impl FnMut(&mut Cells<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut found = Vec::new();
    each(connection, place, sql, params, |cells| {
        found.push(make(cells)?);
        Ok(())
    })?;
    Ok(found)
}

/// Returns what a function makes of the first row, if there is one.
pub(super) fn first<T>(
    connection: &Connection,
    place: &'static str,
    sql: &str,
    params: impl Params,
    make: impl FnOnce(&mut Cells<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    match rows.next()? {
        Some(row) => make(&mut Cells::new(row, place)).map(Some),
        None => Ok(None),
    }
}

/// A writing transaction under way.
pub(super) struct Write<'a> {
    /// The transaction; rolled back unless it is committed.
    pub(super) tx: Transaction<'a>,
    /// Who acts, for the audit trail.
    pub(super) actor: &'a str,
    changed: Cell<bool>,
}

impl<'a> Write<'a> {
    /// Wraps a transaction that was begun.
    pub(super) fn new(tx: Transaction<'a>, actor: &'a str) -> Self {
        Self {
            tx,
            actor,
            changed: Cell::new(false),
        }
    }

    /// Runs a statement that the planner need not notice; returns the rows it touched.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> Result<usize, Fault> {
        Ok(self.tx.prepare_cached(sql)?.execute(params)?)
    }

    /// Runs a statement on what the planner reads; returns the rows it touched.
    pub(super) fn change(&self, sql: &str, params: impl Params) -> Result<usize, Fault> {
        let touched = self.execute(sql, params)?;
        if touched > 0 {
            self.changed.set(true);
        }
        Ok(touched)
    }

    /// Makes everything durable, with a new generation if the planner should look again.
    pub(super) fn commit(self) -> Result<(), Fault> {
        if self.changed.get() {
            self.execute(
                "UPDATE meta SET value = value + 1 WHERE key = 'generation'",
                (),
            )?;
        }
        Ok(self.tx.commit()?)
    }
}
