//! The controller and command line of Headwater.
//!
//! One pass goes one way: **observe** what tables and runs say, **plan** as a pure function of what
//! was seen and remembered, **execute** the plan exactly once, **record** everything.

pub mod adapters;
pub mod app;
pub mod buckets;
pub mod checks;
pub mod cli;
pub mod clock;
pub mod config;
pub mod databricks;
pub mod delta_log;
pub mod demo;
pub mod doctor;
pub mod error;
pub mod execute;
pub mod holder;
pub mod observe;
pub mod panics;
pub mod plan;
pub mod ports;
pub mod project;
pub mod reconcile;
pub mod report;
pub mod secret;
pub mod signals;
pub mod simulate;
pub mod state;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod watch;
