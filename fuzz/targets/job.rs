#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portwarden::fuzzing::job(bytes));
