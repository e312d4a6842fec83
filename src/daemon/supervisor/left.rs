//! What could not be taken away: it stays ours, in the journal too, and is tried again until it is gone.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::Event;
use crate::types::{Owned, Tenure};

/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Left {
    objects: BTreeSet<Owned>,
    /// How many there have been since there were none.
    seen: usize,
    retry_at: Option<Instant>,
}

impl Left {
    /// What came of an attempt to take `asked` away; `failed` says why not. Returns what is worth a line: the first
    /// failure, and that nothing is left.
    pub(super) fn fenced(
        &mut self,
        asked: &[Owned],
        failed: &[(Owned, String)],
        now: Instant,
    ) -> Option<Event> {
        let had = !self.objects.is_empty();
        let is_new = |it: &&(Owned, String)| !self.objects.contains(&it.0);
        let mut new = failed.iter().filter(is_new).map(|(_, error)| error);
        let first = new.next().cloned();
        let others = new.count();
        for owned in asked {
            self.objects.remove(owned);
        }
        self.objects.extend(failed.iter().map(|(it, _)| it.clone()));
        if let Some(error) = first {
            self.seen += others + 1;
            self.retry_at = Some(now + PAUSE);
            return Some(Event::NotTakenAway { error, others });
        }
        if self.objects.is_empty() {
            let objects = std::mem::take(self).seen;
            return had.then_some(Event::TakenAwayAtLast { objects });
        }
        self.retry_at = Some(now + PAUSE);
        None
    }

    /// A child has it again, or has taken it away.
    pub(super) fn forget(&mut self, owned: &Owned) {
        if self.objects.remove(owned) && self.objects.is_empty() {
            *self = Self::default();
        }
    }

    /// A child that starts takes over what the node has as long as the program runs.
    pub(super) fn inherited(&mut self) {
        self.objects.retain(|it| it.tenure == Tenure::Master);
        if self.objects.is_empty() {
            *self = Self::default();
        }
    }

    pub(super) fn next_retry(&self) -> Option<Instant> {
        self.retry_at
    }

    /// What is to be tried again now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Owned> {
        if self.retry_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.retry_at = Some(now + PAUSE);
        self.objects.iter().cloned().collect()
    }
}
