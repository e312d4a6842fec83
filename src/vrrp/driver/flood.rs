//! Noticing a flood of bad packets, and its end.

use std::time::{Duration, Instant};

use super::filter::Strictness;

/// So many refused packets within [`WINDOW`] are a flood.
const FLOOD: u64 = 1000;
const WINDOW: Duration = Duration::from_secs(1);
/// After this time they are looked at again.
const STRICT_FOR: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct FloodGuard {
    since: Instant,
    /// Refused before `since`.
    before: u64,
    strict_until: Option<Instant>,
}

impl FloodGuard {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            before: 0,
            strict_until: None,
        }
    }

    /// Takes how many packets were refused so far; returns how to filter from now on where that changes.
    pub(super) fn look(&mut self, refused: u64, now: Instant) -> Option<Strictness> {
        match self.strict_until {
            Some(until) if now < until => None,
            Some(_) => {
                self.strict_until = None;
                self.begin(refused, now);
                Some(Strictness::Counting)
            }
            None if now.saturating_duration_since(self.since) >= WINDOW => {
                self.begin(refused, now);
                None
            }
            None if refused - self.before > FLOOD => {
                self.strict_until = Some(now + STRICT_FOR);
                Some(Strictness::Flooded)
            }
            None => None,
        }
    }

    fn begin(&mut self, refused: u64, now: Instant) {
        self.since = now;
        self.before = refused;
    }
}

/// Log lines a second that nothing suppresses, and as many more for each instance: all of them may change at once.
const LINES: usize = 1000;
const LINES_OF_AN_INSTANCE: usize = 50;

/// Keeps packets of others from filling the log.
#[derive(Debug)]
pub(super) struct LineLimit {
    since: Instant,
    lines: usize,
    suppressed: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Admitted {
    /// After so many that were not.
    Yes {
        suppressed: usize,
    },
    No,
}

impl LineLimit {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            lines: 0,
            suppressed: 0,
        }
    }

    pub(super) fn admit(&mut self, instances: usize, now: Instant) -> Admitted {
        if now.saturating_duration_since(self.since) >= WINDOW {
            self.since = now;
            self.lines = 0;
        }
        self.lines += 1;
        if self.lines > LINES + LINES_OF_AN_INSTANCE * instances {
            self.suppressed += 1;
            return Admitted::No;
        }
        Admitted::Yes {
            suppressed: std::mem::take(&mut self.suppressed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_bad_packets_within_a_second_are_dropped_for_ten() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs_f64(seconds);
        let mut guard = FloodGuard::new(start);
        assert_eq!(guard.look(900, at(0.5)), None);
        assert_eq!(guard.look(1001, at(0.6)), Some(Strictness::Flooded));
        assert_eq!(guard.look(1001, at(5.0)), None);
        assert_eq!(guard.look(1001, at(10.7)), Some(Strictness::Counting));
        assert_eq!(guard.look(1900, at(11.0)), None);
        assert_eq!(guard.look(2002, at(11.1)), Some(Strictness::Flooded));
    }

    #[test]
    fn as_many_over_a_longer_time_are_all_counted() {
        let start = Instant::now();
        let mut guard = FloodGuard::new(start);
        for second in 1..100 {
            let now = start + Duration::from_secs(second);
            assert_eq!(guard.look(second * 900, now), None);
        }
    }

    #[test]
    fn a_line_after_a_flood_says_how_many_were_left_out() {
        let start = Instant::now();
        let mut lines = LineLimit::new(start);
        let admitted = (0..1500).filter(|_| lines.admit(2, start) != Admitted::No);
        assert_eq!(admitted.count(), 1100);
        let later = start + WINDOW;
        assert_eq!(lines.admit(2, later), Admitted::Yes { suppressed: 400 });
        assert_eq!(lines.admit(2, later), Admitted::Yes { suppressed: 0 });
    }
}
