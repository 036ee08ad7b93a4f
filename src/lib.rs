//! The controller and command line of Headwater.
pub mod databricks;
pub mod secret;
