//! Draws that depend on the seed and on what they are for: another policy does not shift them.

/// What a draw is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Phase,
    Jitter,
    Late,
    LatePartition,
    Duration,
    Failure,
    Backoff,
}

impl Purpose {
    fn salt(self) -> u64 {
        match self {
            Self::Phase => 1,
            Self::Jitter => 2,
            Self::Late => 3,
            Self::LatePartition => 4,
            Self::Duration => 5,
            Self::Failure => 6,
            Self::Backoff => 7,
        }
    }
}

/// Draws evenly from 0 up to 1, exclusive: the `number`th time for this purpose and this asset.
pub(super) fn draw(seed: u64, purpose: Purpose, of: u64, number: u64) -> f64 {
    let mut bits = seed;
    for part in [purpose.salt(), of, number] {
        bits = mixed(bits ^ part);
    }
    let upper = u32::try_from(bits >> 32).unwrap_or(u32::MAX);
    f64::from(upper) / (f64::from(u32::MAX) + 1.0)
}

/// Returns a number for a name, the same in every run of the program.
pub(super) fn named(name: &str) -> u64 {
    name.bytes()
        .fold(0, |bits, byte| mixed(bits ^ u64::from(byte)))
}

/// One step of `SplitMix64`: <https://prng.di.unimi.it/splitmix64.c>.
fn mixed(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_differ_by_what_they_are_for() {
        let of = named("bronze.orders");
        let mean = (0..10_000)
            .map(|number| draw(7, Purpose::Duration, of, number))
            .sum::<f64>()
            / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        let one = draw(7, Purpose::Duration, of, 0);
        for other in [
            draw(8, Purpose::Duration, of, 0),
            draw(7, Purpose::Failure, of, 0),
            draw(7, Purpose::Duration, named("bronze.order"), 0),
            draw(7, Purpose::Duration, of, 1),
        ] {
            assert!((one - other).abs() > f64::EPSILON);
        }
    }
}
