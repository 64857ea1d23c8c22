#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portwarden::fuzzing::health(bytes));
