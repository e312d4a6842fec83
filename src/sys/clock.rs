//! The monotonic clock as a number that two processes can exchange, and local time for log lines.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// Time since boot on CLOCK_MONOTONIC, the clock behind `Instant`.
pub fn monotonic() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}

/// A point in time of this process as a time of the shared clock.
pub fn to_monotonic(instant: Instant) -> Duration {
    let (now, shared) = (Instant::now(), monotonic());
    match instant.checked_duration_since(now) {
        Some(ahead) => shared + ahead,
        None => shared.saturating_sub(now.duration_since(instant)),
    }
}

/// A time of the shared clock as a point in time of this process. One that is long past becomes now.
pub fn from_monotonic(time: Duration) -> Instant {
    let (now, shared) = (Instant::now(), monotonic());
    match time.checked_sub(shared) {
        Some(ahead) => now + ahead,
        None => now.checked_sub(shared - time).unwrap_or(now),
    }
}

/// Local time by a strftime format, for example `%b %e %T`. Empty if it does not fit 64 bytes.
pub fn local_time(format: &std::ffi::CStr) -> String {
    // SAFETY: with a null pointer `time` only returns its value.
    let now = unsafe { libc::time(std::ptr::null_mut()) };
    format_time(now, format)
}

/// As [`local_time`], of a time in seconds since the epoch.
pub fn local_time_at(unix: u64, format: &std::ffi::CStr) -> String {
    format_time(unix.try_into().unwrap_or(libc::time_t::MAX), format)
}

fn format_time(time: libc::time_t, format: &std::ffi::CStr) -> String {
    let mut text = [0_u8; 64];
    // SAFETY: `localtime_r` writes to the value it is given; `strftime` writes at
    // most `text.len()` bytes and returns how many, and its format ends with NUL.
    let written = unsafe {
        let mut broken_down = std::mem::zeroed();
        if libc::localtime_r(&raw const time, &raw mut broken_down).is_null() {
            return String::new();
        }
        let text_pointer = text.as_mut_ptr().cast();
        libc::strftime(
            text_pointer,
            text.len(),
            format.as_ptr(),
            &raw const broken_down,
        )
    };
    String::from_utf8_lossy(&text[..written.min(text.len())]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_in_time_survives_the_way_to_another_process() {
        let later = Instant::now() + Duration::from_secs(3);
        let back = from_monotonic(to_monotonic(later));
        let difference = back.max(later) - back.min(later);
        assert!(difference < Duration::from_millis(50), "{difference:?}");
    }

    #[test]
    fn local_time_has_the_shape_of_its_format() {
        assert_eq!(local_time(c"%T").len(), 8);
    }
}
