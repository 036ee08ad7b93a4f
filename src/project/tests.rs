//! Tests of the loader on folders of their own.
