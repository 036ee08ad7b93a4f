//! The planner against small worlds, one promise each.

mod automation;
mod backfill_laws;
mod backfills;
mod budgets;
mod consistency;
mod deadlines;
mod forecasts;
mod healthy;
mod partitions;
mod staleness;
mod stuck;
mod turning;
mod waiting;
mod world;
