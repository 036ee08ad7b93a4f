//! A bounded part of the simulation, as part of the tests: `make simulate` plays very many more.

#![expect(clippy::panic, reason = "a failed step is a failed test")]

mod faults;
mod planted;
mod schedules;
