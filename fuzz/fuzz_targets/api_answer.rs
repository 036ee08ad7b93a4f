//! Hands what the fuzzer makes up to [`hostile::api_answer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::api_answer(bytes));
