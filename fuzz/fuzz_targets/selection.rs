//! Hands what the fuzzer makes up to [`hostile::selection`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::selection(bytes));
