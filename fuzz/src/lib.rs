//! What must hold for any input at all, of everything that reads what others wrote.
//!
//! Each target is a plain function over bytes that fails where a law is broken: no panic, the same
//! result for the same input, places inside the text, bounded output, and what the part itself
//! promises. `fuzz_targets/` hands them what libFuzzer makes up; `tests/` hands them the corpus,
//! mutations of it, and inputs too large to be kept.

mod answer;
mod columns;
mod corpus;
mod declaration;
mod delta;
mod graph;
mod large;
mod manifest;
mod mutation;
mod project;
mod selection;
mod text;

pub use answer::api_answer;
pub use corpus::{Corpus, Seed};
pub use declaration::{asset_file, project_file};
pub use delta::delta_commit;
pub use graph::graph;
pub use large::large_inputs;
pub use manifest::manifest;
pub use mutation::{Chance, mutate};
pub use selection::selection;

/// A target: what is called with any bytes.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its corpus, its dictionary and its fuzzer.
pub const TARGETS: [(&str, Target); 7] = [
    ("api_answer", api_answer),
    ("asset_file", asset_file),
    ("delta_commit", delta_commit),
    ("graph", graph),
    ("manifest", manifest),
    ("project_file", project_file),
    ("selection", selection),
];
