//! Until when no peer takes over from this node's masters, as the VRRP child says.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::types::RouterIdentity;

/// Leases of the same term are renewed together.
#[derive(Debug, Default)]
pub(super) struct Leases {
    terms: BTreeMap<RouterIdentity, Duration>,
    ends: BTreeMap<Duration, End>,
}

#[derive(Debug)]
struct End {
    at: Instant,
    leases: usize,
}

impl Leases {
    /// A router may change its term; what others of that term were promised stays.
    pub(super) fn begin(&mut self, router: RouterIdentity, term: Duration, until: Instant) {
        self.end(&router);
        self.terms.insert(router, term);
        let end = self.ends.entry(term).or_insert(End {
            at: until,
            leases: 0,
        });
        end.at = end.at.min(until);
        end.leases += 1;
    }

    pub(super) fn renew(&mut self, term: Duration, until: Instant) {
        if let Some(end) = self.ends.get_mut(&term) {
            end.at = until;
        }
    }

    pub(super) fn end(&mut self, router: &RouterIdentity) {
        let Some(term) = self.terms.remove(router) else {
            return;
        };
        if let Some(end) = self.ends.get_mut(&term) {
            end.leases -= 1;
            if end.leases == 0 {
                self.ends.remove(&term);
            }
        }
    }

    pub(super) fn next_end(&self) -> Option<Instant> {
        self.ends.values().map(|end| end.at).min()
    }

    /// Takes those that have ended.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<RouterIdentity> {
        let has_ended = |term: &Duration| self.ends.get(term).is_some_and(|end| end.at <= now);
        let expired: Vec<_> = self
            .terms
            .iter()
            .filter(|(_, term)| has_ended(term))
            .map(|(router, _)| router.clone())
            .collect();
        for router in &expired {
            self.end(router);
        }
        expired
    }

    /// Takes all of them: which routers no peer has taken over from, and until when.
    pub(super) fn take(&mut self, now: Instant) -> Vec<(RouterIdentity, Instant)> {
        let Self { terms, ends } = std::mem::take(self);
        let end_of = |(router, term)| ends.get(&term).map(|end: &End| (router, end.at));
        let leases = terms.into_iter().filter_map(end_of);
        leases.filter(|(_, until)| *until > now).collect()
    }
}
