//! Numbers of any size, without loss.

use std::borrow::Cow;
use std::cmp::Ordering;

/// More digits than this are never written out, whatever an exponent asks for. A decimal of Delta has
/// 38 digits, and a scale that a schema can name ends at 255.
const MOST_DIGITS: usize = 300;

/// Writes an integer without sign or zeros that say nothing.
pub(super) fn integer(text: &str) -> Option<Cow<'_, str>> {
    let (is_negative, digits) = sign(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    Some(match (digits, is_negative) {
        ("", _) => Cow::Borrowed("0"),
        (digits, false) => Cow::Borrowed(digits),
        (digits, true) => Cow::Owned(format!("-{digits}")),
    })
}

/// Writes a decimal with just so many digits after the point; `None` where that would lose any.
pub(super) fn decimal(text: &str, scale: u8) -> Option<String> {
    let value = Decimal::parse(text)?;
    let digits = value.digits_at(i64::from(scale))?;
    let scale = usize::from(scale);
    // At least one digit before the point.
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at_checked(digits.len() - scale)?;
    let sign = if value.is_negative { "-" } else { "" };
    let point = if scale == 0 { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

/// Writes a number of 32 bits as briefly as it can be read back.
pub(super) fn float(text: &str) -> Option<String> {
    let value: f32 = text.parse().ok()?;
    let spelt = SpeltFloat {
        is_nan: value.is_nan(),
        is_zero: value == 0.0,
        is_infinite: value.is_infinite(),
        is_negative: value < 0.0,
        scientific: format!("{value:e}"),
        plain: value.to_string(),
    };
    Some(spelt.write())
}

/// Writes a number of 64 bits as briefly as it can be read back.
pub(super) fn double(text: &str) -> Option<String> {
    let value: f64 = text.parse().ok()?;
    let spelt = SpeltFloat {
        is_nan: value.is_nan(),
        is_zero: value == 0.0,
        is_infinite: value.is_infinite(),
        is_negative: value < 0.0,
        scientific: format!("{value:e}"),
        plain: value.to_string(),
    };
    Some(spelt.write())
}

/// A floating point number in Rust's spellings.
struct SpeltFloat {
    is_nan: bool,
    is_zero: bool,
    is_infinite: bool,
    is_negative: bool,
    scientific: String,
    plain: String,
}

impl SpeltFloat {
    /// Writes it as Java does, and so Spark: `1.0`, `1.5E10`, `NaN`, `-Infinity`. Both zeros are
    /// `0.0`, because Spark takes them for equal.
    fn write(&self) -> String {
        if self.is_nan {
            return "NaN".to_owned();
        }
        if self.is_zero {
            return "0.0".to_owned();
        }
        if self.is_infinite {
            let sign = if self.is_negative { "-" } else { "" };
            return format!("{sign}Infinity");
        }
        let (mantissa, exponent) = self.scientific.split_once('e').unwrap_or(("", "0"));
        // Java writes 10^-3 up to 10^7 without an exponent.
        if matches!(exponent.parse(), Ok(-3..=6)) {
            return with_point(&self.plain);
        }
        format!("{}E{exponent}", with_point(mantissa))
    }
}

fn with_point(digits: &str) -> String {
    let fraction = if digits.contains('.') { "" } else { ".0" };
    format!("{digits}{fraction}")
}

/// Compares integers and decimals of any size.
pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (Decimal::parse(a)?, Decimal::parse(b)?);
    if a.is_negative != b.is_negative {
        return Some(b.is_negative.cmp(&a.is_negative));
    }
    // The last digits have to stand at the same place.
    let exponent = a.exponent.min(b.exponent);
    let (left, right) = (a.digits_at(-exponent)?, b.digits_at(-exponent)?);
    let order = left.len().cmp(&right.len()).then_with(|| left.cmp(&right));
    Some(if a.is_negative {
        order.reverse()
    } else {
        order
    })
}

/// Compares floating point numbers as Spark does: zeros are equal, and NaN is above all others.
pub(super) fn compare_floats(a: &str, b: &str) -> Option<Ordering> {
    let (a, b): (f64, f64) = (a.parse().ok()?, b.parse().ok()?);
    Some(match a.partial_cmp(&b) {
        Some(order) => order,
        None => a.is_nan().cmp(&b.is_nan()),
    })
}

/// `digits` times ten to the power of `exponent`, without zeros at either end.
struct Decimal {
    /// Never true for zero.
    is_negative: bool,
    /// Empty for zero.
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Reads `12`, `-1.50`, `.5`, `0E-10` and `1.5e+3`.
    fn parse(text: &str) -> Option<Self> {
        let (is_negative, number) = sign(text);
        let (number, exponent) = match number.split_once(['e', 'E']) {
            None => (number, 0),
            Some((number, exponent)) => (number, i64::from(exponent.parse::<i32>().ok()?)),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let trimmed = digits.trim_end_matches('0');
        let cut = i64::try_from(digits.len() - trimmed.len()).ok()?;
        let trimmed = trimmed.trim_start_matches('0');
        let after_point = i64::try_from(fraction.len()).ok()?;
        Some(Self {
            is_negative: is_negative && !trimmed.is_empty(),
            digits: trimmed.to_owned(),
            exponent: if trimmed.is_empty() {
                0
            } else {
                exponent - after_point + cut
            },
        })
    }

    /// The digits of this number times ten to the power of `scale`; `None` where that is no integer,
    /// or too long a one.
    fn digits_at(&self, scale: i64) -> Option<String> {
        if self.digits.is_empty() {
            return Some(String::new());
        }
        let zeros = usize::try_from(self.exponent.checked_add(scale)?).ok()?;
        let length = self.digits.len().checked_add(zeros)?;
        (length <= MOST_DIGITS).then(|| format!("{}{}", self.digits, "0".repeat(zeros)))
    }
}

/// Takes the sign off a number; says whether it was a minus.
fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}
