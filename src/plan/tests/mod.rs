//! The planner against small worlds, one promise each.

mod consistency;
mod healthy;
mod partitions;
mod staleness;
mod waiting;
mod world;
