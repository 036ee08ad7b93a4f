//! The encoded values of a page, looked at before they are decoded.
//!
//! The `parquet` crate reserves as much as the numbers before delta-encoded values claim, and cuts
//! texts out of a page without looking whether they lie in it.

use parquet::basic::{Encoding, Type};

use super::thrift::{NoThrift, Reader};

/// Looks at the `count` values of a page of `entries` entries.
pub(super) fn check(
    data: &[u8],
    (kind, encoding): (Type, Encoding),
    count: u64,
    entries: u64,
) -> Result<(), NoThrift> {
    let mut reader = Reader::of(data);
    let there = match (encoding, kind) {
        (Encoding::PLAIN, Type::BYTE_ARRAY) => return plain_texts(&mut reader, count),
        (Encoding::DELTA_BINARY_PACKED, _) => numbers(&mut reader, entries, 64, &mut |_| {})?,
        (Encoding::DELTA_LENGTH_BYTE_ARRAY, _) => texts(&mut reader, entries)?,
        (Encoding::DELTA_BYTE_ARRAY, _) => {
            let prefixes = numbers(&mut reader, entries, 32, &mut |_| {})?;
            let suffixes = texts(&mut reader, entries)?;
            prefixes.min(suffixes)
        }
        _ => return Ok(()),
    };
    if there < count { Err(NoThrift) } else { Ok(()) }
}

/// Passes over texts with their lengths before them.
fn plain_texts(reader: &mut Reader<'_>, count: u64) -> Result<(), NoThrift> {
    for _ in 0..count {
        let length = reader.array().map(u32::from_le_bytes)?;
        reader.take(u64::from(length))?;
    }
    Ok(())
}

/// Passes over the lengths of texts, and looks whether the texts are there.
fn texts(reader: &mut Reader<'_>, most: u64) -> Result<u64, NoThrift> {
    let mut total = Some(0_u64);
    let count = numbers(reader, most, 32, &mut |length| {
        let length = u64::try_from(length).ok();
        total = total
            .zip(length)
            .and_then(|(total, length)| total.checked_add(length));
    })?;
    reader.take(total.ok_or(NoThrift)?)?;
    Ok(count)
}

/// Passes over numbers of at most `widest` bits, of which there are at most `most`, and shows them
/// as numbers of 32 bits. Returns how many there are.
fn numbers(
    reader: &mut Reader<'_>,
    most: u64,
    widest: u8,
    visit: &mut dyn FnMut(i32),
) -> Result<u64, NoThrift> {
    let in_block = reader.unsigned()?;
    let parts = reader.unsigned()?;
    let count = reader.unsigned()?;
    let mut number = low(reader.signed()?);
    let in_part = in_block.checked_div(parts).ok_or(NoThrift)?;
    // Writers make blocks of 128 or 256 numbers in 4 or 8 parts.
    if count > most || in_block > 1 << 16 || parts > 512 || in_part == 0 || in_part % 8 != 0 {
        return Err(NoThrift);
    }
    if count > 0 {
        visit(number);
    }
    let mut left = count.saturating_sub(1);
    while left > 0 {
        let least = low(reader.signed()?);
        for &width in reader.take(parts)? {
            if left == 0 {
                break;
            }
            if width > widest {
                return Err(NoThrift);
            }
            let packed = reader.take(u64::from(width) * (in_part / 8))?;
            let here = left.min(in_part);
            if width <= 32 {
                let mut bits = Bits::of(packed);
                for _ in 0..here {
                    number = number.wrapping_add(least).wrapping_add(bits.next(width));
                    visit(number);
                }
            }
            left -= here;
        }
    }
    Ok(count)
}

/// Returns the lowest 32 bits: the crate's sums of lengths wrap around there.
fn low(number: i64) -> i32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// Numbers of a few bits each, the lowest first.
struct Bits<'a> {
    bytes: std::slice::Iter<'a, u8>,
    buffer: u64,
    filled: u8,
}

impl<'a> Bits<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes: bytes.iter(),
            buffer: 0,
            filled: 0,
        }
    }

    /// Returns the next number of up to 32 bits.
    fn next(&mut self, width: u8) -> i32 {
        while self.filled < width {
            let byte = self.bytes.next().copied().unwrap_or(0);
            self.buffer |= u64::from(byte) << self.filled;
            self.filled += 8;
        }
        let mask = (1_u64 << width) - 1;
        let [a, b, c, d, ..] = (self.buffer & mask).to_le_bytes();
        self.buffer >>= width;
        self.filled -= width;
        i32::from_le_bytes([a, b, c, d])
    }
}
