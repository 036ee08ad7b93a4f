//! How many values a page holds, by its definition levels.

use super::thrift::{NoThrift, Reader};

/// Counts the levels of a page that are `deepest`: as many values as the page has. Levels are runs
/// of one level, and groups of eight packed ones ("RLE/bit-packing hybrid" of the Parquet format).
pub(super) fn count(levels: &[u8], deepest: i16, entries: u64) -> Result<u64, NoThrift> {
    let deepest = u16::try_from(deepest).map_err(|_| NoThrift)?;
    let width = u16::BITS - deepest.leading_zeros();
    let mut reader = Reader::of(levels);
    let (mut left, mut count) = (entries, 0_u64);
    while left > 0 {
        let head = reader.unsigned()?;
        let length = head >> 1;
        if head == 0 {
            return Err(NoThrift);
        }
        if head & 1 == 0 {
            let bytes = reader.take(u64::from(width.div_ceil(8)))?;
            let little_endian = bytes.iter().rev();
            let level = little_endian.fold(0_u64, |level, &byte| (level << 8) | u64::from(byte));
            let here = length.min(left);
            if level == u64::from(deepest) {
                count += here;
            }
            left -= here;
        } else {
            let here = length.saturating_mul(8).min(left);
            // Some writers cut off the last group where its levels end.
            let needed = (here * u64::from(width)).div_ceil(8);
            let whole = length.saturating_mul(u64::from(width));
            let there = u64::try_from(reader.left()).unwrap_or(0);
            if needed > there {
                return Err(NoThrift);
            }
            count += packed(reader.take(whole.min(there))?, width, deepest, here);
            left -= here;
        }
    }
    Ok(count)
}

/// Counts the levels that are `deepest` among the first `entries` packed ones, the lowest bits first.
fn packed(bytes: &[u8], width: u32, deepest: u16, entries: u64) -> u64 {
    let mut bytes = bytes.iter();
    let (mut buffer, mut filled, mut count) = (0_u64, 0, 0);
    let mask = (1_u64 << width) - 1;
    for _ in 0..entries {
        while filled < width {
            buffer |= u64::from(bytes.next().copied().unwrap_or(0)) << filled;
            filled += 8;
        }
        count += u64::from(buffer & mask == u64::from(deepest));
        buffer >>= width;
        filled -= width;
    }
    count
}
