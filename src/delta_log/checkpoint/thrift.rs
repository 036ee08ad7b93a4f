//! Just enough of Thrift's compact protocol to look at a footer and at page headers before the
//! `parquet` crate believes them.

/// Why bytes are no Thrift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoThrift;

/// Bytes that are read from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

/// A field of a struct, before its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// Its number.
    pub(super) id: i16,
    /// How its value is written.
    pub(super) kind: u8,
}

pub(super) const TRUE: u8 = 1;
pub(super) const FALSE: u8 = 2;
pub(super) const I32: u8 = 5;
pub(super) const LIST: u8 = 9;
pub(super) const STRUCT: u8 = 12;

/// Structs within structs, more than any file needs.
const DEEPEST: u8 = 32;

impl<'a> Reader<'a> {
    /// Begins at the front of `bytes`.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns how many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Reads the beginning of the next field of a struct whose previous one was `last`; nothing at
    /// its end.
    pub(super) fn field(&mut self, last: i16) -> Result<Option<Field>, NoThrift> {
        let head = self.byte()?;
        let kind = head & 0x0f;
        if kind == 0 {
            return Ok(None);
        }
        let id = match head >> 4 {
            0 => i16::try_from(self.signed()?).map_err(|_| NoThrift)?,
            step => last.checked_add(i16::from(step)).ok_or(NoThrift)?,
        };
        Ok(Some(Field { id, kind }))
    }

    /// Reads the beginning of a list: how its elements are written, and how many they are.
    pub(super) fn list(&mut self) -> Result<(u8, u64), NoThrift> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.unsigned()?,
            count => u64::from(count),
        };
        Ok((head & 0x0f, count))
    }

    /// Reads a whole number of 32 bits.
    pub(super) fn i32(&mut self) -> Result<i32, NoThrift> {
        i32::try_from(self.signed()?).map_err(|_| NoThrift)
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self, kind: u8) -> Result<(), NoThrift> {
        self.skip_within(kind, DEEPEST)
    }

    fn skip_within(&mut self, kind: u8, depth: u8) -> Result<(), NoThrift> {
        let depth = depth.checked_sub(1).ok_or(NoThrift)?;
        match kind {
            TRUE | FALSE => Ok(()),
            3 => self.take(1).map(|_| ()),
            4..=6 => self.unsigned().map(|_| ()),
            7 => self.take(8).map(|_| ()),
            8 => {
                let length = self.unsigned()?;
                self.take(length).map(|_| ())
            }
            LIST | 10 => {
                let (element, count) = self.list()?;
                self.skip_many(element, count, depth)
            }
            11 => {
                let count = self.unsigned()?;
                if count == 0 {
                    return Ok(());
                }
                let kinds = self.byte()?;
                for _ in 0..self.plausible(count)? {
                    self.skip_element(kinds >> 4, depth)?;
                    self.skip_element(kinds & 0x0f, depth)?;
                }
                Ok(())
            }
            STRUCT => {
                let mut last = 0;
                while let Some(field) = self.field(last)? {
                    self.skip_within(field.kind, depth)?;
                    last = field.id;
                }
                Ok(())
            }
            13 => self.take(16).map(|_| ()),
            _ => Err(NoThrift),
        }
    }

    fn skip_many(&mut self, kind: u8, count: u64, depth: u8) -> Result<(), NoThrift> {
        for _ in 0..self.plausible(count)? {
            self.skip_element(kind, depth)?;
        }
        Ok(())
    }

    /// In collections, other than in structs, a truth value takes a byte.
    fn skip_element(&mut self, kind: u8, depth: u8) -> Result<(), NoThrift> {
        match kind {
            TRUE | FALSE => self.take(1).map(|_| ()),
            _ => self.skip_within(kind, depth),
        }
    }

    /// Every element takes a byte at least.
    fn plausible(&self, count: u64) -> Result<u64, NoThrift> {
        let is_plausible = usize::try_from(count).is_ok_and(|count| count <= self.rest.len());
        is_plausible.then_some(count).ok_or(NoThrift)
    }

    /// Reads a whole number without a sign, 7 bits a byte.
    pub(super) fn unsigned(&mut self) -> Result<u64, NoThrift> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(NoThrift)
    }

    /// Reads a whole number with a sign, the sign in its lowest bit.
    pub(super) fn signed(&mut self) -> Result<i64, NoThrift> {
        let number = self.unsigned()?;
        let half = i64::try_from(number >> 1).map_err(|_| NoThrift)?;
        Ok(if number & 1 == 0 { half } else { !half })
    }

    fn byte(&mut self) -> Result<u8, NoThrift> {
        let (&first, rest) = self.rest.split_first().ok_or(NoThrift)?;
        self.rest = rest;
        Ok(first)
    }

    /// Reads a known number of bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], NoThrift> {
        let (&taken, rest) = self.rest.split_first_chunk().ok_or(NoThrift)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Passes over bytes.
    pub(super) fn take(&mut self, count: u64) -> Result<&'a [u8], NoThrift> {
        let count = usize::try_from(count).map_err(|_| NoThrift)?;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(NoThrift)?;
        self.rest = rest;
        Ok(taken)
    }
}
