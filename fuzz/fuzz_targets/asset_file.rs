//! Hands what the fuzzer makes up to [`hostile::asset_file`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::asset_file(bytes));
