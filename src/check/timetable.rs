//! When each checker wants to be looked at next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::CheckerId;

/// One time per checker, the earliest first. Tens of thousands of checkers cost a logarithm each.
#[derive(Debug, Default)]
pub(super) struct Timetable {
    by_time: BTreeSet<(Instant, CheckerId)>,
    time_of: BTreeMap<CheckerId, Instant>,
}

impl Timetable {
    /// Replaces the checker's earlier time.
    pub(super) fn set(&mut self, checker: CheckerId, at: Instant) {
        if let Some(earlier) = self.time_of.insert(checker, at) {
            self.by_time.remove(&(earlier, checker));
        }
        self.by_time.insert((at, checker));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out the earliest one, if its time has come.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<CheckerId> {
        let (at, checker) = self.by_time.first().copied()?;
        if at > now {
            return None;
        }
        self.by_time.pop_first();
        self.time_of.remove(&checker);
        Some(checker)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_checker_has_one_time_only() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut timetable = Timetable::default();
        timetable.set(CheckerId(1), now);
        timetable.set(CheckerId(1), later);
        timetable.set(CheckerId(2), now);
        assert_eq!(timetable.pop_due(now), Some(CheckerId(2)));
        assert_eq!(timetable.pop_due(now), None);
        assert_eq!(timetable.next(), Some(later));
    }
}
