//! Promises of the loop, each tried in a world in memory with the real store.

mod adoption;
mod answers;
mod backfills;
mod checks;
mod fake;
mod first_contact;
mod following;
mod herd;
mod lacking;
mod outside;
mod partitions;
mod positions;
mod protocol;
mod random;
mod recovery;
mod scheduled;
mod search;
mod simulated;
mod snapshots;
mod streams;
mod tables;
mod traps;
mod updates;
mod world;
