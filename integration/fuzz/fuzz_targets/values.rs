//! Any bytes behind each keyword.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    holdfast::config::fuzz::read_values(bytes);
});
