//! File names of a `_delta_log` directory.
//!
//! Only names: what stands in a file, and whether it is a file at all, is the caller's to find out.
//! Source of the names: Delta protocol, "File Types".

use std::fmt::Write as _;

/// What a file of a `_delta_log` is, judged by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFile {
    /// `V.json`: the commit of that version.
    Commit(u64),
    /// `V.crc`: the version checksum of that version.
    Checksum(u64),
    /// A checkpoint of that version, or one part of it.
    Checkpoint {
        /// The version whose state it holds.
        version: u64,
        /// How much of it the file is.
        part: CheckpointPart,
    },
}

/// How much of a checkpoint one file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointPart {
    /// All of it, sidecars aside.
    Whole,
    /// One of several parts.
    Part {
        /// Which, from 1.
        number: u64,
        /// How many parts make it complete.
        of: u64,
    },
}

/// Returns what a file is, or nothing where the name is none that a reader of the log needs.
pub fn classify(name: &str) -> Option<LogFile> {
    let (digits, rest) = name.split_once('.')?;
    // Versions are signed 64-bit numbers in the protocol: a larger one is a foreign file.
    let version = number(digits, 20).filter(|&version| i64::try_from(version).is_ok())?;
    match rest {
        "json" => Some(LogFile::Commit(version)),
        "crc" => Some(LogFile::Checksum(version)),
        _ => {
            let part = checkpoint_part(rest)?;
            Some(LogFile::Checkpoint { version, part })
        }
    }
}

/// Returns the name of the commit file of a version.
pub fn commit_file(version: u64) -> String {
    numbered(version, ".json")
}

/// Returns the name of the checksum file of a version.
pub fn checksum_file(version: u64) -> String {
    numbered(version, ".crc")
}

/// Made in one piece: every look at a quiet table names two files.
fn numbered(version: u64, ending: &str) -> String {
    let mut name = String::with_capacity(20 + ending.len());
    // Writing to a text cannot fail.
    _ = write!(name, "{version:020}{ending}");
    name
}

/// Reads what follows `V.`: `checkpoint.parquet`, `checkpoint.P.T.parquet` or
/// `checkpoint.UUID.{json,parquet}`.
fn checkpoint_part(rest: &str) -> Option<CheckpointPart> {
    let rest = rest.strip_prefix("checkpoint.")?;
    let pieces: Vec<&str> = rest.split('.').collect();
    match pieces.as_slice() {
        ["parquet"] => Some(CheckpointPart::Whole),
        [uuid, "parquet" | "json"] if uuid.len() == 36 => Some(CheckpointPart::Whole),
        [part, total, "parquet"] => {
            let (number, of) = (number(part, 10)?, number(total, 10)?);
            (1..=of)
                .contains(&number)
                .then_some(CheckpointPart::Part { number, of })
        }
        _ => None,
    }
}

fn number(digits: &str, length: usize) -> Option<u64> {
    let is_plain = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_protocol_are_told_apart_and_foreign_ones_ignored() {
        let check = |name: &str, expected: Option<LogFile>| {
            assert_eq!(classify(name), expected, "{name}");
        };
        let checkpoint = |version, part| Some(LogFile::Checkpoint { version, part });
        check("00000000000000000007.json", Some(LogFile::Commit(7)));
        check("00000000000000000007.crc", Some(LogFile::Checksum(7)));
        check(
            "00000000000000000010.checkpoint.parquet",
            checkpoint(10, CheckpointPart::Whole),
        );
        check(
            "00000000000000000010.checkpoint.0000000002.0000000003.parquet",
            checkpoint(10, CheckpointPart::Part { number: 2, of: 3 }),
        );
        check(
            "00000000000000000010.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json",
            checkpoint(10, CheckpointPart::Whole),
        );
        check(
            "00000000000000000010.checkpoint.0000000004.0000000003.parquet",
            None,
        );
        check(
            "00000000000000000000.00000000000000000009.compacted.json",
            None,
        );
        check(".00000000000000000007.json.crc", None);
        check("00000000000000000007.json.tmp", None);
        check("7.json", None);
        check("99999999999999999999.json", None);
        check("18446744073709551615.json", None);
        check("_last_checkpoint", None);
        check("+0000000000000000007.json", None);
    }

    #[test]
    fn a_name_made_is_a_name_understood() {
        assert_eq!(classify(&commit_file(812)), Some(LogFile::Commit(812)));
        assert_eq!(classify(&checksum_file(812)), Some(LogFile::Checksum(812)));
    }
}
