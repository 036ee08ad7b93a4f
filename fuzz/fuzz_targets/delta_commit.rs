//! Hands what the fuzzer makes up to [`hostile::delta_commit`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::delta_commit(bytes));
