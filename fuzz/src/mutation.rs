//! Mutations of inputs, the same for the same seed on every machine.

/// Where chance comes from: `SplitMix64`, which needs no more than a number.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Starts with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below a bound; 0 where the bound is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    /// Returns one of several; nothing where there is none.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }
}

/// The longest piece that is taken out or said twice, in bytes.
const LONGEST_PIECE: usize = 200;

/// Changes an input in one to five places. `other` is what pieces are taken from.
pub fn mutate(input: &[u8], other: &[u8], words: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=chance.below(5) {
        let at = chance.below(bytes.len() + 1);
        let end = (at + 1 + chance.below(LONGEST_PIECE)).min(bytes.len());
        let value = u8::try_from(chance.below(256)).unwrap_or(0);
        match chance.below(12) {
            0 => flip(&mut bytes, at, value),
            1 => bytes.truncate(at),
            2 => drop(bytes.splice(at..end, [])),
            3 => {
                let piece = piece(&bytes, at, end);
                let to = chance.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            4 => {
                let from = chance.below(other.len() + 1);
                let piece = piece(other, from, (from + end - at).min(other.len()));
                bytes.splice(at..at, piece);
            }
            5 => {
                let from = chance.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend(other.iter().skip(from));
            }
            6 => drop(bytes.splice(at..at, [value])),
            7 => number(&mut bytes, at, chance),
            _ => {
                let word = chance.pick(words).cloned().unwrap_or_default();
                // Half of the time instead of what stood there.
                let until = if chance.below(2) == 0 {
                    at
                } else {
                    (at + word.len()).min(bytes.len())
                };
                bytes.splice(at..until, word);
            }
        }
    }
    bytes
}

fn piece(bytes: &[u8], from: usize, to: usize) -> Vec<u8> {
    bytes.get(from..to).unwrap_or_default().to_vec()
}

fn flip(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= value.max(1);
    }
}

/// Puts a number that does not fit somewhere in the place of the next one.
fn number(bytes: &mut Vec<u8>, at: usize, chance: &mut Chance) {
    const NUMBERS: [&str; 12] = [
        "0",
        "-1",
        "1e999",
        "-",
        "1.",
        "0x7f",
        "2147483648",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "99999999999999999999999999999999",
        "NaN",
    ];
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let Some(start) = bytes.iter().skip(at).position(is_digit) else {
        return;
    };
    let start = at + start;
    let length = bytes
        .iter()
        .skip(start)
        .take_while(|byte| is_digit(byte))
        .count();
    let number = chance.pick(&NUMBERS).copied().unwrap_or("0");
    bytes.splice(start..start + length, number.bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let words = [b"word".to_vec()];
        let make = |seed| {
            let mut chance = Chance::new(seed);
            let inputs = (0..200).map(|_| mutate(b"a 12 text", b"another", &words, &mut chance));
            inputs.collect::<Vec<_>>()
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
        assert!(
            make(1)
                .iter()
                .any(|input| input.windows(4).any(|four| four == b"word"))
        );
    }

    #[test]
    fn nothing_can_be_mutated_too() {
        let mut chance = Chance::new(0);
        let inputs = (0..1_000).map(|_| mutate(b"", b"", &[], &mut chance));
        assert!(inputs.into_iter().any(|input| !input.is_empty()));
    }
}
