//! Hands what the fuzzer makes up to [`hostile::graph`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::graph(bytes));
