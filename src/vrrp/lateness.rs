//! How punctual adverts are: a histogram of how late their timers were acted upon.

use std::time::Duration;

use serde::Serialize;

/// Upper bounds of all places but the last, in microseconds.
pub const BOUNDS: [u64; 10] = [
    100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000,
];

/// Counts adverts by how late they were. It grows as long as the process lives.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Lateness {
    /// Adverts that were at most so late as [`BOUNDS`] says; the last place has those that were later.
    pub counts: [u64; BOUNDS.len() + 1],
    /// Of the latest, in microseconds.
    pub max_micros: u64,
}

impl Lateness {
    pub(super) fn record(&mut self, late: Duration) {
        let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.max_micros = self.max_micros.max(micros);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advert_counts_in_the_first_place_that_is_late_enough() {
        let mut lateness = Lateness::default();
        for micros in [0, 100, 101, 3_000_000, 3_000_001] {
            lateness.record(Duration::from_micros(micros));
        }
        assert_eq!(lateness.counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(lateness.max_micros, 3_000_001);
    }
}
