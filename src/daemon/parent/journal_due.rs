//! When the journal is written: once for a burst of changes, and again when it could not be written.

use std::time::{Duration, Instant};

/// A burst is waited for no longer than this.
const LONGEST_WAIT: Duration = Duration::from_millis(5);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct JournalDue {
    /// Since when it does not say what is owned.
    stale_since: Option<Instant>,
    /// The last attempt has failed.
    retry_at: Option<Instant>,
}

impl JournalDue {
    pub(super) fn changed(&mut self, now: Instant) {
        self.stale_since.get_or_insert(now);
    }

    /// Whether to write it now; `has_more`: more changes may be waiting to be heard.
    pub(super) fn is_due(&self, has_more: bool, now: Instant) -> bool {
        let Some(since) = self.stale_since else {
            return false;
        };
        match self.retry_at {
            Some(at) => at <= now,
            None => !has_more || since + LONGEST_WAIT <= now,
        }
    }

    pub(super) fn next_retry(&self) -> Option<Instant> {
        self.retry_at
    }

    /// It says what is owned. True if earlier attempts had failed.
    pub(super) fn written(&mut self) -> bool {
        self.stale_since = None;
        self.retry_at.take().is_some()
    }

    /// It could not be written. True if that is the first time.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        self.retry_at.replace(now + PAUSE).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_written_once_and_a_stream_of_changes_every_five_milliseconds() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut due = JournalDue::default();
        assert!(!due.is_due(false, at(0)), "nothing has changed");
        due.changed(at(0));
        due.changed(at(4));
        assert!(!due.is_due(true, at(4)));
        assert!(due.is_due(false, at(4)), "nobody has more to say");
        assert!(due.is_due(true, at(5)), "they have had their time");
        assert!(!due.written());
        assert!(!due.is_due(true, at(100)));
    }

    #[test]
    fn what_could_not_be_written_is_written_later_said_once_and_not_tried_with_every_change() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut due = JournalDue::default();
        due.changed(at(0));
        assert!(due.failed(at(0)));
        due.changed(at(10));
        assert!(!due.is_due(false, at(999)));
        assert_eq!(due.next_retry(), Some(at(1000)));
        assert!(due.is_due(true, at(1000)));
        assert!(!due.failed(at(1000)), "said already");
        assert!(due.is_due(false, at(2000)));
        assert!(due.written(), "worth a line");
        assert_eq!(due.next_retry(), None);
        assert!(!due.is_due(false, at(3000)));
    }
}
