//! A bounded part of the simulation, as part of the tests: `make simulate` plays very many more.

mod faults;
mod planted;
mod schedules;
