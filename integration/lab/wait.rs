//! Waiting for a condition, never for a while.

use std::thread;
use std::time::{Duration, Instant};

use super::{LabError, Result};

const STEP: Duration = Duration::from_millis(5);

/// Asks until there is an answer, for at most `bound`; an answer says what it is.
pub fn wait_for<T>(
    condition: &str,
    bound: Duration,
    mut probe: impl FnMut() -> Option<T>,
) -> Result<T> {
    let end = Instant::now() + bound;
    loop {
        if let Some(answer) = probe() {
            return Ok(answer);
        }
        if Instant::now() >= end {
            return Err(LabError::Timeout {
                condition: condition.to_owned(),
                bound,
                detail: String::new(),
            });
        }
        thread::sleep(STEP);
    }
}

/// Waits until `condition` holds.
pub fn wait_until(what: &str, bound: Duration, mut condition: impl FnMut() -> bool) -> Result<()> {
    wait_for(what, bound, || condition().then_some(()))
}

/// Lets time pass where time passing is the test: watching that nothing happens.
pub fn watch_for(span: Duration) {
    thread::sleep(span);
}
