//! The one integration-test binary: the built program as people and scripts see it, and rules that
//! concern the source tree as a whole.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step is a failed test"
)]

mod architecture;
mod backfills;
mod bad_input;
mod buckets;
mod certificates;
mod checks;
mod cli;
mod contract;
mod crash_points;
mod demo;
mod doctor;
mod error_codes;
mod first_contact;
mod help;
mod init;
mod lakehouse;
mod limits;
mod mass_change;
mod mounts;
mod observation;
mod observer;
mod partitions;
mod points;
mod positions;
mod power_loss;
mod program;
mod real_tables;
mod recovery;
mod reliability;
mod runs;
mod scenarios;
mod service_faults;
mod simulate;
mod state;
mod state_faults;
mod streams;
