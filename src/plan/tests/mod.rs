//! The planner against small worlds, one promise each.

mod consistency;
mod staleness;
mod waiting;
mod world;
