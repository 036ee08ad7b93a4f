//! The pages of one column chunk, looked at before they are decoded.
//!
//! The `parquet` crate trusts the numbers in page headers in a few places: it would reserve what a
//! dictionary claims to hold, and cut levels out of a page without looking whether they fit. What is not
//! plausible is refused here first: too little memory cannot be held, as a panic can.

use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::{ColumnDescPtr, ColumnDescriptor};

use super::encoded;
use super::fetched::Fetched;
use super::levels;
use super::thrift::{FALSE, I32, NoThrift, Reader, STRUCT, TRUE};
use super::{Problem, broken};

/// The largest page: writers close a page at a megabyte or so.
const LARGEST_PAGE: u64 = 256 * 1024 * 1024;
/// The largest dictionary, in entries: writers give up at a megabyte.
const LARGEST_DICTIONARY: u64 = 4 * 1024 * 1024;

const DATA_PAGE: i32 = 0;
const DICTIONARY_PAGE: i32 = 2;
const DATA_PAGE_V2: i32 = 3;

const PLAIN: i32 = 0;
const PLAIN_DICTIONARY: i32 = 2;
const RLE: i32 = 3;
const DELTA_BINARY_PACKED: i32 = 5;
const DELTA_BYTE_ARRAY: i32 = 7;
const RLE_DICTIONARY: i32 = 8;

/// Looks at the header of every page of a column chunk with `rows` rows.
pub(super) fn check(chunk: &[u8], column: &ColumnDescriptor, rows: u64) -> Result<(), Problem> {
    let mut reader = Reader::of(chunk);
    let mut has_dictionary = false;
    let mut is_first = true;
    let mut values = 0_u64;
    while reader.left() > 0 {
        let head = Head::read(&mut reader)?;
        let packed = length(head.packed)?;
        let unpacked = length(head.unpacked)?;
        reader.take(packed)?;
        if unpacked > LARGEST_PAGE {
            return Err(Problem::Broken(format!("a page of {unpacked} bytes")));
        }
        match (head.kind, &head.dictionary, &head.v1, &head.v2) {
            (DICTIONARY_PAGE, Some(dictionary), None, None) if is_first => {
                check_dictionary(dictionary, column, unpacked)?;
                has_dictionary = true;
            }
            (DATA_PAGE, None, Some(page), None) => {
                let &[_, count, encoding, definition, repetition, ..] = page;
                check_encoding(encoding, has_dictionary)?;
                let is_odd = (column.max_def_level() > 0 && definition != RLE)
                    || (column.max_rep_level() > 0 && repetition != RLE);
                if is_odd {
                    return Err(broken("levels of an encoding that nobody writes"));
                }
                values = values.saturating_add(length(count)?);
            }
            (DATA_PAGE_V2, None, None, Some(page)) => {
                let &[_, count, nulls, _, encoding, definition, repetition, ..] = page;
                check_encoding(encoding, has_dictionary)?;
                let levels = length(definition)?.saturating_add(length(repetition)?);
                if levels > packed.min(unpacked) || nulls > count {
                    return Err(broken("a page is smaller than its levels"));
                }
                values = values.saturating_add(length(count)?);
            }
            _ => return Err(broken("a page of a kind that has no place there")),
        }
        is_first = false;
    }
    let is_plausible = match column.max_rep_level() {
        0 => values == rows,
        _ => values >= rows && values <= rows.saturating_mul(64).saturating_add(1 << 20),
    };
    if !is_plausible {
        return Err(Problem::Broken(format!("{values} values for {rows} rows")));
    }
    Ok(())
}

fn check_dictionary(
    &[_, count, ..]: &Numbers,
    column: &ColumnDescriptor,
    unpacked: u64,
) -> Result<(), Problem> {
    let width = match column.physical_type() {
        Type::BOOLEAN => 1,
        Type::INT32 | Type::FLOAT | Type::BYTE_ARRAY => 4,
        Type::INT64 | Type::DOUBLE => 8,
        Type::INT96 => 12,
        Type::FIXED_LEN_BYTE_ARRAY => u64::try_from(column.type_length()).unwrap_or(1).max(1),
    };
    let count = length(count)?;
    if count > LARGEST_DICTIONARY || count.saturating_mul(width) > unpacked {
        return Err(Problem::Broken(format!(
            "a dictionary of {count} entries in {unpacked} bytes"
        )));
    }
    Ok(())
}

fn check_encoding(encoding: i32, has_dictionary: bool) -> Result<(), Problem> {
    match encoding {
        PLAIN | RLE | DELTA_BINARY_PACKED..=DELTA_BYTE_ARRAY => Ok(()),
        PLAIN_DICTIONARY | RLE_DICTIONARY if has_dictionary => Ok(()),
        PLAIN_DICTIONARY | RLE_DICTIONARY => Err(broken("a dictionary is missing")),
        _ => Err(Problem::Broken(format!(
            "the encoding {encoding}, which is not known here"
        ))),
    }
}

fn length(number: i32) -> Result<u64, Problem> {
    u64::try_from(number).map_err(|_| Problem::from(NoThrift))
}

/// The whole numbers of a struct by their field numbers; -1 where it has none.
type Numbers = [i32; 9];

/// The header of a page.
struct Head {
    kind: i32,
    unpacked: i32,
    packed: i32,
    v1: Option<Numbers>,
    dictionary: Option<Numbers>,
    v2: Option<Numbers>,
}

impl Head {
    fn read(reader: &mut Reader<'_>) -> Result<Self, NoThrift> {
        let mut numbers = [-1; 9];
        let [mut v1, mut dictionary, mut v2] = [None; 3];
        let mut last = 0;
        while let Some(field) = reader.field(last)? {
            match (field.id, field.kind) {
                (5, STRUCT) => v1 = Some(self::numbers(reader)?),
                (7, STRUCT) => dictionary = Some(self::numbers(reader)?),
                (8, STRUCT) => v2 = Some(self::numbers(reader)?),
                (id, I32) => set(&mut numbers, id, reader.i32()?),
                (_, kind) => reader.skip(kind)?,
            }
            last = field.id;
        }
        let [_, kind, unpacked, packed, ..] = numbers;
        Ok(Self {
            kind,
            unpacked,
            packed,
            v1,
            dictionary,
            v2,
        })
    }
}

fn numbers(reader: &mut Reader<'_>) -> Result<Numbers, NoThrift> {
    let mut numbers = [-1; 9];
    let mut last = 0;
    while let Some(field) = reader.field(last)? {
        match field.kind {
            I32 => set(&mut numbers, field.id, reader.i32()?),
            TRUE | FALSE => {}
            kind => reader.skip(kind)?,
        }
        last = field.id;
    }
    Ok(numbers)
}

fn set(numbers: &mut Numbers, id: i16, number: i32) {
    let place = usize::try_from(id).ok().and_then(|id| numbers.get_mut(id));
    if let Some(place) = place {
        *place = number;
    }
}

/// The pages of a chunk that passed [`check`], looked at once more when they are unpacked.
pub(super) struct CheckedPages {
    pub(super) source: SerializedPageReader<Fetched>,
    pub(super) column: ColumnDescPtr,
}

impl CheckedPages {
    /// Looks whether a page holds the values that its levels speak of.
    fn check(&self, page: &Page) -> Option<()> {
        let deepest = self.column.max_def_level();
        let kind = self.column.physical_type();
        let (levels, data, encoding, entries) = match page {
            Page::DataPage {
                buf,
                encoding,
                num_values,
                ..
            } => {
                let mut rest = buf.as_ref();
                if self.column.max_rep_level() > 0 {
                    (_, rest) = cut(rest)?;
                }
                let mut definitions = &[][..];
                if deepest > 0 {
                    (definitions, rest) = cut(rest)?;
                }
                (definitions, rest, *encoding, *num_values)
            }
            Page::DataPageV2 {
                buf,
                encoding,
                num_values,
                rep_levels_byte_len,
                def_levels_byte_len,
                ..
            } => {
                let repetitions = usize::try_from(*rep_levels_byte_len).ok()?;
                let definitions = usize::try_from(*def_levels_byte_len).ok()?;
                let (_, rest) = buf.split_at_checked(repetitions)?;
                let (definitions, rest) = rest.split_at_checked(definitions)?;
                (definitions, rest, *encoding, *num_values)
            }
            Page::DictionaryPage {
                buf, num_values, ..
            } => (&[][..], buf.as_ref(), Encoding::PLAIN, *num_values),
        };
        let entries = u64::from(entries);
        let may_be_null = deepest > 0 && !matches!(page, Page::DictionaryPage { .. });
        let count = if may_be_null {
            levels::count(levels, deepest, entries).ok()?
        } else {
            entries
        };
        encoded::check(data, (kind, encoding), count, entries).ok()
    }
}

fn damaged() -> ParquetError {
    ParquetError::General("a page is damaged".to_owned())
}

/// Cuts off levels whose length stands before them.
fn cut(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, data) = data.split_first_chunk::<4>()?;
    data.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        let page = self.source.get_next_page()?;
        if let Some(page) = &page {
            self.check(page).ok_or_else(damaged)?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        self.source.peek_next_page()
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.source.skip_next_page()
    }
}

impl Iterator for CheckedPages {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}
