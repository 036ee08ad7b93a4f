//! Sets as bytes, for columns of a database.
//!
//! The first byte is the version of the format. Then comes a set: a byte for its shape and
//!
//! | shape | byte | what follows |
//! | --- | --- | --- |
//! | nothing, everything | 0, 1 | |
//! | windows | 2 | the number of ranges; for each its distance from the one before and its length |
//! | values | 3 | the number of words of 64 bits, and the words, lowest first |
//! | product | 4 | the number of ranges; for each distance, length and the set of the other parts |
//!
//! Numbers are LEB128; the first distance counts from the least ordinal there can be.
//! What is read is checked: only bytes that [`PartitionSet::to_bytes`] can have written are a set.

use super::bits::Bits;
use super::runs::Runs;
use super::spans::{Span, Spans};
use super::{MAX_PARTS, PartitionSet, Shape};

const VERSION: u8 = 1;

/// Why bytes are no set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BytesError {
    /// They were written by a later version of this program, or are something else.
    #[error("the format is not known here: version {0}")]
    Version(u8),
    /// They end before the set does.
    #[error("the bytes end too early")]
    Short,
    /// There is something behind the set.
    #[error("there are more bytes than the set has")]
    Long,
    /// They are not what any set is written as.
    #[error("the bytes are not those of any set")]
    Form,
}

impl PartitionSet {
    /// Writes the set.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        write_set(self, &mut out);
        out
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// Whether the ordinals are those of a definition is for [`Partitions::holds`] to say: a set may
    /// have been written when a definition was another one.
    ///
    /// [`Partitions::holds`]: super::super::Partitions::holds
    ///
    /// # Errors
    ///
    /// Says why the bytes are no set: nothing is repaired, and nothing is reserved for more than
    /// there is.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BytesError> {
        let (version, rest) = bytes.split_first().ok_or(BytesError::Short)?;
        if *version != VERSION {
            return Err(BytesError::Version(*version));
        }
        let mut reader = Reader(rest);
        let set = reader.set(MAX_PARTS)?;
        if reader.0.is_empty() {
            Ok(set)
        } else {
            Err(BytesError::Long)
        }
    }
}

fn write_set(set: &PartitionSet, out: &mut Vec<u8>) {
    match &set.0 {
        Shape::Nothing => out.push(0),
        Shape::Everything => out.push(1),
        Shape::Windows(spans) => {
            out.push(2);
            write_len(spans.iter().len(), out);
            let mut end = i32::MIN;
            for span in spans.iter() {
                write_span(span, &mut end, out);
            }
        }
        Shape::Values(bits) => {
            out.push(3);
            write_len(bits.words().len(), out);
            for word in bits.words() {
                out.extend(word.to_le_bytes());
            }
        }
        Shape::Product(runs) => {
            out.push(4);
            write_len(runs.iter().len(), out);
            let mut end = i32::MIN;
            for (span, set) in runs.iter() {
                write_span(span, &mut end, out);
                write_set(set, out);
            }
        }
    }
}

fn write_len(len: usize, out: &mut Vec<u8>) {
    // More than u32 has are more bytes than a machine has memory.
    write_number(u32::try_from(len).unwrap_or(u32::MAX), out);
}

/// Writes a range that lies behind another one's end.
fn write_span(span: Span, end: &mut i32, out: &mut Vec<u8>) {
    write_number(span.start.abs_diff(*end), out);
    write_number(span.end.abs_diff(span.start), out);
    *end = span.end;
}

fn write_number(mut number: u32, out: &mut Vec<u8>) {
    while number > 0x7f {
        out.push((number & 0x7f).to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, BytesError> {
        let (byte, rest) = self.0.split_first().ok_or(BytesError::Short)?;
        self.0 = rest;
        Ok(*byte)
    }

    fn number(&mut self) -> Result<u32, BytesError> {
        let mut number = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            let bits = u32::from(byte & 0x7f);
            let shifted = bits << shift;
            if shifted >> shift != bits {
                return Err(BytesError::Form);
            }
            number |= shifted;
            if byte & 0x80 == 0 {
                // A zero at the end is a longer spelling of the same number.
                let is_shortest = byte != 0 || shift == 0;
                return is_shortest.then_some(number).ok_or(BytesError::Form);
            }
        }
        Err(BytesError::Form)
    }

    /// Reads how many entries follow, of at least so many bytes each.
    fn len(&mut self, each: usize) -> Result<usize, BytesError> {
        let len = usize::try_from(self.number()?).map_err(|_| BytesError::Form)?;
        let least = len.checked_mul(each).ok_or(BytesError::Short)?;
        match len {
            // An empty set is spelled as nothing.
            0 => Err(BytesError::Form),
            _ if least > self.0.len() => Err(BytesError::Short),
            _ => Ok(len),
        }
    }

    fn span(&mut self, end: i32) -> Result<Span, BytesError> {
        let (distance, length) = (self.number()?, self.number()?);
        let start = end.checked_add_unsigned(distance);
        let span = start.and_then(|start| Span::new(start, start.checked_add_unsigned(length)?));
        span.ok_or(BytesError::Form)
    }

    /// Reads a set of at most so many parts.
    fn set(&mut self, parts: usize) -> Result<PartitionSet, BytesError> {
        match self.byte()? {
            0 => Ok(PartitionSet::NOTHING),
            1 => Ok(PartitionSet::EVERYTHING),
            2 => self.windows(),
            3 => self.values(),
            4 if parts > 1 => self.product(parts),
            _ => Err(BytesError::Form),
        }
    }

    fn windows(&mut self) -> Result<PartitionSet, BytesError> {
        let len = self.len(2)?;
        let mut spans: Vec<Span> = Vec::with_capacity(len);
        for at in 0..len {
            let end = spans.last().map_or(i32::MIN, |span| span.end);
            let span = self.span(end)?;
            if at > 0 && span.start == end {
                return Err(BytesError::Form);
            }
            spans.push(span);
        }
        Ok(PartitionSet::windows(Spans::from_ordered(spans)))
    }

    fn values(&mut self) -> Result<PartitionSet, BytesError> {
        let len = self.len(8)?;
        let (words, rest) = self.0.split_at_checked(len * 8).ok_or(BytesError::Short)?;
        self.0 = rest;
        let (words, _) = words.as_chunks::<8>();
        let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        // The places of values are 31 bits wide.
        if words.last() == Some(&0) || words.len() > MOST_WORDS {
            return Err(BytesError::Form);
        }
        Ok(PartitionSet::values(Bits::from_words(words)))
    }

    fn product(&mut self, parts: usize) -> Result<PartitionSet, BytesError> {
        let len = self.len(3)?;
        let mut runs = Runs::default();
        let mut end = i32::MIN;
        for _ in 0..len {
            let span = self.span(end)?;
            end = span.end;
            runs.push(span, self.set(parts - 1)?);
        }
        // Fewer, where one was empty or the same as its neighbour.
        if runs.iter().len() == len {
            Ok(PartitionSet::product(runs))
        } else {
            Err(BytesError::Form)
        }
    }
}

/// Words of 64 bits that have a place for each value there can be.
const MOST_WORDS: usize = 1 << 25;
