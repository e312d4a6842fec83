//! The time of day beside the time that everything else goes by: signatures and sequence numbers outlive a process.

use std::time::{Duration, Instant};

/// What the wall clock said at one moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WallClock {
    pub at: Instant,
    /// Since 1970.
    pub unix: Duration,
}

/// What a program knows of time when it starts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Clocks {
    pub wall: WallClock,
    /// How long the machine has been up.
    pub since_boot: Duration,
}

impl WallClock {
    /// What it says at `now`, unless it has been set since.
    pub fn unix(self, now: Instant) -> Duration {
        match now.checked_duration_since(self.at) {
            Some(later) => self.unix + later,
            None => self.unix.saturating_sub(self.at - now),
        }
    }
}
