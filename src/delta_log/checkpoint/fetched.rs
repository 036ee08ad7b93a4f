//! A Parquet file of which only parts were fetched: its footer, and the columns of one row group.

use std::ops::Range;

use assets::delta::Unreadable;
use bytes::{Buf, Bytes};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{
    ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::reader::{ChunkReader, Length};

use super::footer::{check_rows, check_schema};
use super::{Problem, broken};
use crate::delta_log::store::{LARGEST_FILE, LogStore};

/// What is fetched first: mostly the whole footer.
const TAIL: u64 = 64 * 1024;

/// The length of the footer and the mark at the end of every file.
const END: u64 = 8;

/// A file whose footer was read.
pub(super) struct Footer {
    pub(super) metadata: ParquetMetaData,
    size: u64,
}

impl Footer {
    /// Reads the footer of a file, in one request or two.
    pub(super) fn of(store: &dyn LogStore, name: &str) -> Result<Self, Problem> {
        let stat = store.stat(name)?.ok_or_else(|| broken("it is not there"))?;
        let size = stat.size;
        if size < END + 4 {
            return Err(broken("it is too short to be one"));
        }
        let tail_start = size.saturating_sub(TAIL);
        let tail = fetch(store, name, tail_start..size)?;
        let (mark, length) = end_of(&tail)?;
        if &mark != b"PAR1" {
            return Err(broken("it does not end as a Parquet file does"));
        }
        let footer_end = size - END;
        let footer_start = footer_end
            .checked_sub(length)
            .ok_or_else(|| broken("its footer is longer than itself"))?;
        let footer = if footer_start >= tail_start {
            let from = usize::try_from(footer_start - tail_start).unwrap_or(usize::MAX);
            let to = usize::try_from(footer_end - tail_start).unwrap_or(usize::MAX);
            tail.get(from..to)
                .map(|_| tail.slice(from..to))
                .ok_or_else(|| broken("its footer is cut off"))?
        } else {
            fetch(store, name, footer_start..footer_end)?
        };
        check_schema(&footer)?;
        let metadata = ParquetMetaDataReader::decode_metadata(&footer)?;
        check_rows(&metadata, size)?;
        Ok(Self { metadata, size })
    }

    /// Fetches some columns of a row group, all at once.
    pub(super) fn columns(
        &self,
        store: &dyn LogStore,
        name: &str,
        group: &RowGroupMetaData,
        wanted: &[usize],
    ) -> Result<Fetched, Problem> {
        let mut ranges = Vec::with_capacity(wanted.len());
        for &index in wanted {
            let column = group.columns().get(index);
            let column = column.ok_or_else(|| broken("a column is missing"))?;
            let starts = [
                column.dictionary_page_offset(),
                Some(column.data_page_offset()),
            ];
            if column.compressed_size() < 0 || starts.into_iter().flatten().any(|at| at < 0) {
                return Err(broken("a column begins before the file"));
            }
            let (start, length) = column.byte_range();
            let end = start.checked_add(length).filter(|end| *end <= self.size);
            let end = end.ok_or_else(|| broken("a column ends behind the file"))?;
            ranges.push(start..end);
        }
        let parts = parts_of(store, name, &ranges)?;
        Ok(Fetched {
            size: self.size,
            parts: ranges.into_iter().zip(parts).collect(),
        })
    }
}

/// Fetches parts, all of which have to be there.
fn parts_of(
    store: &dyn LogStore,
    name: &str,
    ranges: &[Range<u64>],
) -> Result<Vec<Bytes>, Problem> {
    let length = |range: &Range<u64>| range.end.saturating_sub(range.start);
    let bytes = ranges.iter().map(length).fold(0, u64::saturating_add);
    if bytes > LARGEST_FILE {
        return Err(Problem::Store(Unreadable::TooLarge {
            name: name.to_owned(),
            bytes,
            limit: LARGEST_FILE,
        }));
    }
    let parts = store.read_ranges(name, ranges)?;
    let is_whole = |(part, range): (&Bytes, &Range<u64>)| {
        u64::try_from(part.len()).is_ok_and(|got| got == length(range))
    };
    if parts.len() != ranges.len() || !parts.iter().zip(ranges).all(is_whole) {
        return Err(broken("it was cut while it was read"));
    }
    Ok(parts)
}

fn fetch(store: &dyn LogStore, name: &str, range: Range<u64>) -> Result<Bytes, Problem> {
    let mut parts = parts_of(store, name, &[range])?;
    parts.pop().ok_or_else(|| broken("nothing came back"))
}

/// Returns the mark at the end and the length of the footer before it.
fn end_of(tail: &Bytes) -> Result<([u8; 4], u64), Problem> {
    let mut end = tail
        .len()
        .checked_sub(8)
        .map(|at| tail.slice(at..))
        .ok_or_else(|| broken("it is cut off"))?;
    let length = u64::from(end.get_u32_le());
    let mut mark = [0; 4];
    end.copy_to_slice(&mut mark);
    Ok((mark, length))
}

/// Parts of a file, served as if all of it was there.
pub(super) struct Fetched {
    size: u64,
    parts: Vec<(Range<u64>, Bytes)>,
}

impl Fetched {
    fn from(&self, start: u64) -> ParquetResult<Bytes> {
        let part = self.parts.iter().find(|(range, _)| range.contains(&start));
        let (range, bytes) =
            part.ok_or_else(|| ParquetError::EOF(format!("byte {start} was not fetched")))?;
        let at = usize::try_from(start - range.start).unwrap_or(usize::MAX);
        if at > bytes.len() {
            return Err(ParquetError::EOF(format!("byte {start} was not fetched")));
        }
        Ok(bytes.slice(at..))
    }
}

impl Fetched {
    /// Returns the bytes of a column that was fetched.
    pub(super) fn chunk(&self, column: &ColumnChunkMetaData) -> Result<&[u8], Problem> {
        let (start, _) = column.byte_range();
        let part = self.parts.iter().find(|(range, _)| range.start == start);
        let (_, bytes) = part.ok_or_else(|| broken("a column was not fetched"))?;
        Ok(bytes)
    }
}

impl Length for Fetched {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Fetched {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let bytes = self.from(start)?;
        if bytes.len() < length {
            return Err(ParquetError::EOF(format!("{length} bytes from {start} on")));
        }
        Ok(bytes.slice(..length))
    }
}
