//! The controller and command line of Headwater.
