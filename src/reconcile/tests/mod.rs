//! Promises of the loop, each tried in a world in memory with the real store.

mod adoption;
mod fake;
mod following;
mod herd;
mod outside;
mod protocol;
mod random;
mod recovery;
mod search;
mod tables;
mod traps;
mod updates;
mod world;
