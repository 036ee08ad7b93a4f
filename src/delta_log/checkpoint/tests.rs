//! Tests of checkpoints in every shape.
