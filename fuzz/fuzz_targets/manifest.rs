//! Hands what the fuzzer makes up to [`hostile::manifest`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::manifest(bytes));
