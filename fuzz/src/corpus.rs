//! The corpus of a target: its seeds and the words of its format, as they lie in this folder.

use std::fs;
use std::io;
use std::path::Path;

/// One input that is kept, because it is usual or because it once did harm.
#[derive(Debug, Clone)]
pub struct Seed {
    /// Its file name, which says what is special about it.
    pub name: String,
    /// The input.
    pub bytes: Vec<u8>,
}

/// What is kept for one target.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// The seeds, by name.
    pub seeds: Vec<Seed>,
    /// Words of the format, for mutations.
    pub words: Vec<Vec<u8>>,
}

impl Corpus {
    /// Reads the seeds and words of a target.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or a line of the dictionary is no word.
    pub fn of(target: &str) -> io::Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut seeds = Vec::new();
        for entry in fs::read_dir(here.join("corpus").join(target))? {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            seeds.push(Seed {
                name,
                bytes: fs::read(path)?,
            });
        }
        seeds.sort_by(|a, b| a.name.cmp(&b.name));
        let dictionary =
            fs::read_to_string(here.join("dictionaries").join(format!("{target}.dict")))?;
        let lines = dictionary
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let wrong =
            |line: &str| io::Error::new(io::ErrorKind::InvalidData, format!("no word: {line}"));
        let words = lines.map(|line| word(line).ok_or_else(|| wrong(line)));
        Ok(Self {
            seeds,
            words: words.collect::<io::Result<_>>()?,
        })
    }
}

/// Reads a word as libFuzzer has it: in double quotes, with `\\`, `\"` and `\xAB`.
fn word(line: &str) -> Option<Vec<u8>> {
    let inner = line.trim().strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::new();
    let mut rest = inner;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend(before.bytes());
        if let Some(hex) = after.strip_prefix('x') {
            bytes.push(u8::from_str_radix(hex.get(..2)?, 16).ok()?);
            rest = hex.get(2..)?;
        } else {
            let escaped = after.chars().next().filter(|c| matches!(c, '\\' | '"'))?;
            bytes.extend(escaped.to_string().bytes());
            rest = after.get(1..)?;
        }
    }
    bytes.extend(rest.bytes());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_the_fuzzer_reads_them() {
        assert_eq!(word(r#""a\x00\"\\b""#).unwrap(), b"a\0\"\\b");
        assert_eq!(word(r#""\xC3\xBC""#).unwrap(), "ü".as_bytes());
        assert!(word("a").is_none() && word(r#""\q""#).is_none() && word(r#""\x0""#).is_none());
    }
}
