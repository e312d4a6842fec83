//! A whole IP packet of any bytes, as the VRRP socket gets it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    holdfast::wire::fuzz::read_packet(bytes);
});
