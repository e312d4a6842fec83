//! A whole configuration of any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = holdfast::config::fuzz::read_config(bytes);
});
