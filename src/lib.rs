//! The controller and command line of Headwater.

pub mod delta_log;
