//! SHA-256 over texts and JSON values, such that equal meaning gives equal bytes.
//!
//! Every part is written with its length, so that no two different inputs run together. Keys of
//! JSON objects are sorted. What says nothing (null, an empty list or object inside an object) is
//! left out: newer versions of dbt write more of it.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The 32 bytes of a SHA-256.
pub(super) type Hash = [u8; 32];

/// A hash under construction.
pub(super) struct Fingerprint(Sha256);

impl Fingerprint {
    /// Begins a hash for one purpose; hashes of different purposes never meet.
    pub(super) fn new(purpose: &str) -> Self {
        let mut fingerprint = Self(Sha256::new());
        fingerprint.text(purpose);
        fingerprint
    }

    /// Adds a text.
    pub(super) fn text(&mut self, text: &str) {
        self.size(text.len());
        self.0.update(text.as_bytes());
    }

    /// Adds another hash.
    pub(super) fn hash(&mut self, hash: &Hash) {
        self.0.update(hash);
    }

    /// Adds how many parts follow, or how long the next one is.
    pub(super) fn size(&mut self, size: usize) {
        self.0
            .update(u64::try_from(size).unwrap_or(u64::MAX).to_le_bytes());
    }

    /// Adds source code without the blanks at its lines' ends and the empty lines at its end.
    pub(super) fn code(&mut self, code: &str) {
        let mut blank = 0_usize;
        let mut count = 0_usize;
        for line in code.lines().map(str::trim_end) {
            if line.is_empty() {
                blank += 1;
                continue;
            }
            for _ in 0..std::mem::take(&mut blank) {
                self.text("");
            }
            self.text(line);
            count += 1;
        }
        // Ends the code: a line that follows from elsewhere is not part of it.
        self.size(usize::MAX);
        self.size(count);
    }

    /// Adds a JSON value. The parser bounds its depth to 128.
    pub(super) fn json(&mut self, value: &Value) {
        match value {
            Value::Null => self.text("null"),
            Value::Bool(value) => self.text(if *value { "true" } else { "false" }),
            Value::Number(number) => {
                self.text("number");
                self.text(&number.to_string());
            }
            Value::String(text) => {
                self.text("text");
                self.text(text);
            }
            Value::Array(items) => {
                self.text("list");
                self.size(items.len());
                for item in items {
                    self.json(item);
                }
            }
            Value::Object(entries) => {
                self.text("object");
                let mut entries: Vec<_> = entries
                    .iter()
                    .filter(|(_, value)| !says_nothing(value))
                    .collect();
                entries.sort_unstable_by_key(|(key, _)| *key);
                self.size(entries.len());
                for (key, value) in entries {
                    self.text(key);
                    self.json(value);
                }
            }
        }
    }

    /// Ends the hash.
    pub(super) fn finish(self) -> Hash {
        self.0.finalize().into()
    }
}

/// Returns whether a value is null or empty all the way down.
pub(super) fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.values().all(says_nothing),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Hashes source code alone.
pub(super) fn of_code(code: &str) -> Hash {
    let mut fingerprint = Fingerprint::new("code");
    fingerprint.code(code);
    fingerprint.finish()
}

/// Writes a hash as 64 lower-case hexadecimal digits.
pub(super) fn hex(hash: &Hash) -> String {
    use std::fmt::Write;
    hash.iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string cannot fail.
            let _written = write!(text, "{byte:02x}");
            text
        })
}
