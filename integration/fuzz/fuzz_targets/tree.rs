//! Lines, words and blocks of any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    holdfast::config::fuzz::read_tree(bytes);
});
