//! Hands what the fuzzer makes up to [`hostile::project_file`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::project_file(bytes));
