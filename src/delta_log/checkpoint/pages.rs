//! The pages of a column, as far as what they say of themselves can be true.
//!
//! The parser makes room for as many values as a page claims to have before it reads the first one. One
//! wrong bit in such a number must not cost all memory there is.

use std::sync::Arc;

use parquet::basic::Type;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;

use super::fetched::Fetched;

/// The pages of one column of a row group.
pub(super) struct Pages {
    source: SerializedPageReader<Fetched>,
    /// How many bits the shortest value has in a dictionary.
    least_bits: usize,
    /// How many values may still come, by the footer.
    left: u64,
}

impl Pages {
    pub(super) fn of(
        file: &Arc<Fetched>,
        column: &ColumnChunkMetaData,
        rows: usize,
    ) -> ParquetResult<Self> {
        let least_bits = match column.column_type() {
            Type::BOOLEAN => 1,
            Type::INT32 | Type::FLOAT => 32,
            Type::INT64 | Type::DOUBLE => 64,
            Type::INT96 => 96,
            // Its length stands before each.
            Type::BYTE_ARRAY => 32,
            Type::FIXED_LEN_BYTE_ARRAY => {
                let bytes = usize::try_from(column.column_descr().type_length()).unwrap_or(0);
                bytes.saturating_mul(8).max(1)
            }
        };
        Ok(Self {
            source: SerializedPageReader::new(Arc::clone(file), column, rows, None)?,
            least_bits,
            left: u64::try_from(column.num_values()).unwrap_or(0),
        })
    }

    fn check(&mut self, page: &Page) -> ParquetResult<()> {
        let values = u64::from(page.num_values());
        let room = if page.is_dictionary_page() {
            let bits = page.buffer().len().saturating_mul(8);
            u64::try_from(bits / self.least_bits).unwrap_or(u64::MAX)
        } else {
            self.left
        };
        if values > room {
            let problem = format!("a page claims {values} values, and has room for {room}");
            return Err(ParquetError::General(problem));
        }
        if page.is_data_page() {
            self.left -= values;
        }
        Ok(())
    }
}

impl Iterator for Pages {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        let page = self.source.get_next_page()?;
        if let Some(page) = &page {
            self.check(page)?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        self.source.peek_next_page()
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.source.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> ParquetResult<bool> {
        self.source.at_record_boundary()
    }
}
