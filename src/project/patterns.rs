//! The patterns under `assets:` → what to walk and what to match.
//!
//! A pattern is relative to the project and never leaves it. `*` and `?` stay within one folder,
//! `**` crosses folders, `{a,b}` and `[…]` are as in shells.

use std::path::PathBuf;

use globset::{GlobBuilder, GlobMatcher};

/// Folders that hold what tools made, unless a pattern names them.
const SKIPPED: [&str; 4] = ["target", ".git", "node_modules", ".headwater"];

/// A pattern that can be used.
pub(super) struct Pattern {
    /// The folder, relative to the project, below which all matches lie.
    pub(super) base: PathBuf,
    /// How many levels below the base a match can lie, the file itself included.
    pub(super) depth: usize,
    matcher: GlobMatcher,
    skipped: Vec<&'static str>,
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatternError {
    #[error("it is absolute")]
    Absolute,
    #[error("it leaves the project with `..`")]
    Leaves,
    #[error("{0}")]
    Syntax(String),
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        // A drive letter is absolute on Windows, and no sensible folder elsewhere.
        if text.starts_with(['/', '\\']) || text.get(1..2) == Some(":") {
            return Err(PatternError::Absolute);
        }
        let is_part = |part: &&str| !matches!(*part, "" | ".");
        let parts: Vec<&str> = text.split('/').filter(is_part).collect();
        if parts.contains(&"..") {
            return Err(PatternError::Leaves);
        }
        let glob = GlobBuilder::new(&parts.join("/"))
            .literal_separator(true)
            .build()
            .map_err(|error| PatternError::Syntax(error.kind().to_string()))?;
        let folders = parts.split_last().map_or(&[][..], |(_, folders)| folders);
        let fixed = folders.iter().take_while(|part| !is_wild(part)).count();
        // Alternatives in braces may have slashes in them.
        let is_deep = parts.contains(&"**") || text.contains('{');
        let named = |name: &&str| !parts.contains(name);
        Ok(Self {
            base: folders.iter().take(fixed).collect(),
            depth: if is_deep {
                usize::MAX
            } else {
                parts.len() - fixed
            },
            matcher: glob.compile_matcher(),
            skipped: SKIPPED.into_iter().filter(named).collect(),
        })
    }

    /// Returns whether a file is meant, by its path relative to the project with `/` between.
    pub(super) fn matches(&self, path: &str) -> bool {
        self.matcher.is_match(path)
    }

    /// Returns whether a folder of this name is passed over.
    pub(super) fn skips(&self, folder: &str) -> bool {
        self.skipped.contains(&folder)
    }
}

fn is_wild(part: &str) -> bool {
    part.contains(['*', '?', '[', '{', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_walked_no_wider_than_it_can_match() {
        for (text, base, depth) in [
            ("assets/**/*.yml", "assets", usize::MAX),
            ("./assets/*.yml", "assets", 1),
            ("a/*/c/d.yml", "a", 3),
            ("one.yml", "", 1),
            ("a/{b/c,d}/x.yml", "a", usize::MAX),
        ] {
            let pattern = Pattern::parse(text).unwrap();
            let expected = (PathBuf::from(base), depth);
            assert_eq!((pattern.base, pattern.depth), expected, "{text}");
        }
    }

    #[test]
    fn a_star_stays_in_its_folder_and_two_stars_cross() {
        let shallow = Pattern::parse("assets/*.yml").unwrap();
        assert!(shallow.matches("assets/a.yml") && !shallow.matches("assets/b/a.yml"));
        let deep = Pattern::parse("assets/**/*.yml").unwrap();
        assert!(deep.matches("assets/a.yml") && deep.matches("assets/b/c/a.yml"));
    }

    #[test]
    fn patterns_that_leave_the_project_are_refused() {
        for (text, why) in [
            ("/etc/*.yml", PatternError::Absolute),
            ("C:/x.yml", PatternError::Absolute),
            ("assets/../../x.yml", PatternError::Leaves),
        ] {
            assert_eq!(Pattern::parse(text).err(), Some(why), "{text}");
        }
        let broken = Pattern::parse("a/[.yml").err();
        assert!(matches!(broken, Some(PatternError::Syntax(_))));
    }

    #[test]
    fn what_tools_made_is_passed_over_unless_it_is_named() {
        let general = Pattern::parse("**/*.yml").unwrap();
        assert!(general.skips("target") && general.skips(".git") && !general.skips("models"));
        assert!(!Pattern::parse("target/*.yml").unwrap().skips("target"));
    }
}
