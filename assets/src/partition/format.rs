//! How several columns tell one time together: `{ year: "%Y", month: "%m", day: "%d" }`.
//!
//! A format is text with `%Y`, `%m`, `%d`, `%H`, `%M` in it, and `%%` for a percent sign. Numbers
//! may lack leading zeros, because columns of integers have none, unless another number follows
//! directly: `%Y%m%d` takes eight digits.

use super::civil::Civil;

/// What a column tells of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The year, of four digits.
    Year,
    /// The month, from 1.
    Month,
    /// The day of the month, from 1.
    Day,
    /// The hour, from 0 to 23.
    Hour,
    /// The minute, from 0 to 59.
    Minute,
}

impl Field {
    /// From the coarsest to the finest.
    pub(super) const ALL: [Self; 5] =
        [Self::Year, Self::Month, Self::Day, Self::Hour, Self::Minute];

    /// Returns how it is spelled in a format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Year => "%Y",
            Self::Month => "%m",
            Self::Day => "%d",
            Self::Hour => "%H",
            Self::Minute => "%M",
        }
    }

    fn width(self) -> usize {
        match self {
            Self::Year => 4,
            Self::Month | Self::Day | Self::Hour | Self::Minute => 2,
        }
    }
}

/// How one column tells a part of a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format(Vec<Piece>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Letter(char),
    Field { field: Field, is_exact: bool },
}

/// Why a text is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A percent sign stands before something else than a letter that is known.
    #[error("`{0}` is not one of `%Y`, `%m`, `%d`, `%H`, `%M`")]
    Unknown(String),
    /// It has no field, so that the column would tell nothing.
    #[error("there is no field in it, such as `%Y`")]
    NoField,
}

impl Format {
    /// Reads a format.
    pub(super) fn parse(text: &str) -> Result<Self, FormatError> {
        let mut pieces = Vec::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                pieces.push(Piece::Letter(letter));
                continue;
            }
            let letter = letters.next();
            let field = match letter {
                Some('%') => {
                    pieces.push(Piece::Letter('%'));
                    continue;
                }
                Some('Y') => Field::Year,
                Some('m') => Field::Month,
                Some('d') => Field::Day,
                Some('H') => Field::Hour,
                Some('M') => Field::Minute,
                other => {
                    let written = other.map_or("%".to_owned(), |letter| format!("%{letter}"));
                    return Err(FormatError::Unknown(written));
                }
            };
            let follows = matches!(pieces.last(), Some(Piece::Field { .. }));
            if let Some(Piece::Field { is_exact, .. }) = pieces.last_mut() {
                *is_exact = true;
            }
            pieces.push(Piece::Field {
                field,
                is_exact: follows || field == Field::Year,
            });
        }
        let format = Self(pieces);
        if format.fields().next().is_none() {
            return Err(FormatError::NoField);
        }
        Ok(format)
    }

    /// Returns the fields in it, in its order.
    pub fn fields(&self) -> impl Iterator<Item = Field> + '_ {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Field { field, .. } => Some(*field),
            Piece::Letter(_) => None,
        })
    }

    /// Returns whether texts of this format that have their leading zeros come in the order of time, and this
    /// is one of those: from years down, each field as wide as it can be.
    pub(super) fn is_in_order(&self, value: &str) -> bool {
        let mut rest = Field::ALL.iter();
        let is_down = self.fields().all(|field| rest.next() == Some(&field));
        let widths = self.0.iter().map(|piece| match piece {
            Piece::Letter(letter) => letter.len_utf8(),
            Piece::Field { field, .. } => field.width(),
        });
        is_down && value.len() == widths.sum::<usize>()
    }

    /// Reads a value: its fields with their numbers; `None` where it is spelled in another way.
    pub(super) fn read(&self, value: &str) -> Option<Vec<(Field, u32)>> {
        let mut rest = value;
        let mut found = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Letter(letter) => rest = rest.strip_prefix(*letter)?,
                Piece::Field { field, is_exact } => {
                    let digits = rest.bytes().take_while(u8::is_ascii_digit);
                    let count = digits.take(field.width()).count();
                    if count == 0 || (*is_exact && count < field.width()) {
                        return None;
                    }
                    let (number, others) = rest.split_at_checked(count)?;
                    rest = others;
                    found.push((*field, number.parse().ok()?));
                }
            }
        }
        rest.is_empty().then_some(found)
    }
}

/// Puts the fields of several columns together; `None` where they are no time.
pub(super) fn put_together(fields: &[(Field, u32)]) -> Option<Civil> {
    let number = |field: Field| {
        let found = fields.iter().find(|(other, _)| *other == field);
        found.map(|(_, number)| *number)
    };
    let rest = [Field::Month, Field::Day, Field::Hour, Field::Minute];
    let rest: Vec<u32> = rest.into_iter().map_while(number).collect();
    Civil::of(number(Field::Year)?, &rest)
}
