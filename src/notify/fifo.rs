//! Lines that wait until a FIFO takes them. Pure: the driver writes.

use std::collections::VecDeque;

/// More waiting lines than this, and the oldest are given up: a reader that is slow or gone must not let memory grow,
/// and the last state is the one that matters.
const MAX_WAITING: usize = 1024;

/// The lines of one FIFO, in order.
#[derive(Debug, Default)]
pub(super) struct Lines {
    waiting: VecDeque<String>,
    /// Given up since the FIFO last took one.
    lost: u64,
}

/// What became of the oldest lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Queued {
    Waits,
    /// The queue is full for the first time since the FIFO last took a line.
    FirstLost,
    Lost,
}

impl Lines {
    pub(super) fn push(&mut self, line: String) -> Queued {
        self.waiting.push_back(line);
        if self.waiting.len() <= MAX_WAITING {
            return Queued::Waits;
        }
        self.waiting.pop_front();
        self.lost += 1;
        if self.lost == 1 {
            Queued::FirstLost
        } else {
            Queued::Lost
        }
    }

    pub(super) fn first(&self) -> Option<&str> {
        self.waiting.front().map(String::as_str)
    }

    /// The FIFO has taken the first line. Returns how many had been given up until then.
    pub(super) fn taken(&mut self) -> u64 {
        self.waiting.pop_front();
        std::mem::take(&mut self.lost)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_leave_in_order() {
        let mut lines = Lines::default();
        for word in ["a", "b"] {
            assert_eq!(lines.push(word.to_owned()), Queued::Waits);
        }
        assert_eq!(lines.first(), Some("a"));
        assert_eq!(lines.taken(), 0);
        assert_eq!(lines.first(), Some("b"));
        assert_eq!(lines.taken(), 0);
        assert!(lines.is_empty());
    }

    #[test]
    fn a_reader_that_is_gone_costs_the_oldest_lines_and_never_the_last() {
        let mut lines = Lines::default();
        let outcomes: Vec<Queued> = (0..MAX_WAITING + 3)
            .map(|n| lines.push(n.to_string()))
            .collect();
        let first = outcomes.iter().filter(|it| **it == Queued::FirstLost);
        assert_eq!(first.count(), 1, "said once");
        assert_eq!(lines.first(), Some("3"));
        assert_eq!(lines.taken(), 3);
        while lines.first() != Some(&(MAX_WAITING + 2).to_string()) {
            assert!(lines.first().is_some(), "the last one is there");
            lines.taken();
        }
    }
}
