//! How assets hang together.
