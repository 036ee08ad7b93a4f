//! What a footer says, looked at before the `parquet` crate believes it.

use parquet::file::metadata::ParquetMetaData;

use super::thrift::{I32, LIST, NoThrift, Reader, STRUCT};
use super::{Problem, broken};

/// Groups within groups, more than any table has. The crate walks them by recursion.
const DEEPEST_SCHEMA: usize = 64;

/// Refuses a schema that nests too deeply, before anything walks it by recursion.
pub(super) fn check_schema(footer: &[u8]) -> Result<(), Problem> {
    let mut reader = Reader::of(footer);
    let mut last = 0;
    while let Some(field) = reader.field(last)? {
        if field.id == 2 && field.kind == LIST {
            let (kind, count) = reader.list()?;
            if kind != STRUCT {
                return Err(NoThrift.into());
            }
            check_elements(&mut reader, count)?;
        } else {
            reader.skip(field.kind)?;
        }
        last = field.id;
    }
    Ok(())
}

fn check_elements(reader: &mut Reader<'_>, count: u64) -> Result<(), Problem> {
    // How many children of each open group are still to come.
    let mut open = Vec::<u32>::new();
    for _ in 0..count {
        while open.last() == Some(&0) {
            open.pop();
        }
        if let Some(left) = open.last_mut() {
            *left -= 1;
        }
        let children = children(reader)?;
        if children > 0 {
            open.push(children);
        }
        if open.len() > DEEPEST_SCHEMA {
            return Err(broken("its schema nests too deeply"));
        }
    }
    while open.last() == Some(&0) {
        open.pop();
    }
    if !open.is_empty() {
        return Err(broken("its schema is cut off"));
    }
    Ok(())
}

/// Reads a `SchemaElement` and returns its number of children.
fn children(reader: &mut Reader<'_>) -> Result<u32, Problem> {
    let mut children = 0;
    let mut last = 0;
    while let Some(field) = reader.field(last)? {
        if field.id == 5 && field.kind == I32 {
            children = u32::try_from(reader.i32()?).map_err(|_| NoThrift)?;
        } else {
            reader.skip(field.kind)?;
        }
        last = field.id;
    }
    Ok(children)
}

/// Every row of a checkpoint holds an action, which takes more than a byte however well it is
/// compressed.
pub(super) fn check_rows(metadata: &ParquetMetaData, size: u64) -> Result<(), Problem> {
    let mut rows = 0_u64;
    for group in metadata.row_groups() {
        let here = u64::try_from(group.num_rows());
        let here = here.map_err(|_| broken("a row group has a negative number of rows"))?;
        rows = rows.saturating_add(here);
    }
    if rows > size {
        return Err(Problem::Broken(format!(
            "{rows} rows in a file of {size} bytes"
        )));
    }
    Ok(())
}
