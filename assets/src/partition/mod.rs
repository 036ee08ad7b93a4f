//! Partitions: how an asset divides into windows of time and values.

mod set;
mod timeline;
