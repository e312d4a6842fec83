//! The leases of this node's masters, as they are told to the parent.
//!
//! All leases of the same term are renewed together, with the end of the one that ends first, and no more often than a
//! sixteenth of the term: the parent is not woken by each advert of each of thousands of instances.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use ahash::RandomState;

use super::Report;
use crate::sys::clock;
use crate::types::RouterIdentity;

#[derive(Debug, Default)]
pub(super) struct Leases {
    /// By how long a lease of theirs lasts after an advert.
    terms: BTreeMap<Duration, Term>,
}

#[derive(Debug)]
struct Term {
    ends: HashMap<RouterIdentity, Instant, RandomState>,
    /// How many end at each moment: those of adverts that went out together are one.
    at: BTreeMap<Instant, usize>,
    /// What the parent was told last.
    told: Instant,
    tell_again_at: Instant,
}

impl Leases {
    /// Returns what has to be told at once.
    pub(super) fn renew(
        &mut self,
        router: &RouterIdentity,
        term: Duration,
        until: Instant,
        now: Instant,
    ) -> Option<Report> {
        if let Some(of_term) = self.terms.get_mut(&term)
            && let Some(end) = of_term.ends.get_mut(router)
        {
            let earlier = std::mem::replace(end, until);
            of_term.leave(earlier);
            of_term.enter(until);
            return None;
        }
        // Its interval may have changed: the parent puts it from the old term into the new one.
        self.forget(router);
        let of_term = self.terms.entry(term).or_insert_with(|| Term {
            ends: HashMap::default(),
            at: BTreeMap::new(),
            told: until,
            tell_again_at: now + pause(term),
        });
        of_term.ends.insert(router.clone(), until);
        of_term.enter(until);
        of_term.told = of_term.told.min(until);
        Some(Report::BeginLease {
            router: router.clone(),
            term,
            until: clock::to_monotonic(until),
        })
    }

    /// Returns what has to be told at once; nothing where there was no lease.
    pub(super) fn end(&mut self, router: &RouterIdentity) -> Option<Report> {
        self.forget(router).then(|| Report::EndLease {
            router: router.clone(),
        })
    }

    fn forget(&mut self, router: &RouterIdentity) -> bool {
        let mut had = false;
        self.terms.retain(|_, term| {
            if let Some(end) = term.ends.remove(router) {
                term.leave(end);
                had = true;
            }
            !term.ends.is_empty()
        });
        had
    }

    /// The renewals that are due.
    pub(super) fn due(&mut self, now: Instant) -> impl Iterator<Item = Report> + '_ {
        self.terms.iter_mut().filter_map(move |(&term, of_term)| {
            if now < of_term.tell_again_at {
                return None;
            }
            let (&first, _) = of_term.at.first_key_value()?;
            if first <= of_term.told {
                return None;
            }
            of_term.told = first;
            of_term.tell_again_at = now + pause(term);
            Some(Report::RenewLeases {
                term,
                until: clock::to_monotonic(first),
            })
        })
    }
}

impl Term {
    fn enter(&mut self, end: Instant) {
        *self.at.entry(end).or_default() += 1;
    }

    fn leave(&mut self, end: Instant) {
        if let Entry::Occupied(mut count) = self.at.entry(end) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// Between two renewals.
fn pause(term: Duration) -> Duration {
    term / 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{AddressFamily, InterfaceName, Transport, Vrid};

    const TERM: Duration = Duration::from_millis(2750);

    fn router(vrid: u8) -> RouterIdentity {
        RouterIdentity {
            interface: InterfaceName::new("eth0").expect("a name"),
            virtual_router_id: Vrid::new(vrid).expect("in range"),
            family: AddressFamily::Inet,
            transport: Transport::Multicast,
        }
    }

    fn renewed(leases: &mut Leases, now: Instant) -> usize {
        leases.due(now).count()
    }

    #[test]
    fn all_are_renewed_together_up_to_the_end_of_the_first() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut leases = Leases::default();
        for (vrid, sent) in [(1, 0), (2, 10)] {
            let begun = leases.renew(&router(vrid), TERM, at(sent) + TERM, at(sent));
            assert!(matches!(begun, Some(Report::BeginLease { .. })));
        }
        assert_eq!(
            leases.renew(&router(1), TERM, at(1000) + TERM, at(1000)),
            None
        );
        let due: Vec<_> = leases.due(at(1000)).collect();
        let [Report::RenewLeases { term: TERM, until }] = due[..] else {
            panic!("{due:?}");
        };
        let error = clock::from_monotonic(until).duration_since(at(10) + TERM);
        assert!(error < Duration::from_millis(5));
        // Too soon after the last renewal, then with nothing new.
        leases.renew(&router(2), TERM, at(1010) + TERM, at(1010));
        assert_eq!(renewed(&mut leases, at(1010)), 0);
        assert_eq!(renewed(&mut leases, at(1200)), 1);
        assert_eq!(renewed(&mut leases, at(1900)), 0);
    }

    #[test]
    fn one_that_has_ended_holds_up_nobody() {
        let start = Instant::now();
        let mut leases = Leases::default();
        leases.renew(&router(1), TERM, start + TERM, start);
        leases.renew(&router(2), TERM, start + TERM, start);
        assert!(leases.end(&router(1)).is_some());
        assert_eq!(leases.end(&router(1)), None);
        let later = start + Duration::from_secs(1);
        leases.renew(&router(2), TERM, later + TERM, later);
        assert_eq!(renewed(&mut leases, later), 1);
    }

    #[test]
    fn another_interval_begins_another_lease() {
        let start = Instant::now();
        let mut leases = Leases::default();
        leases.renew(&router(1), TERM, start + TERM, start);
        let shorter = TERM / 10;
        let begun = leases.renew(&router(1), shorter, start + shorter, start);
        assert!(matches!(begun, Some(Report::BeginLease { term, .. }) if term == shorter));
        assert_eq!(leases.terms.len(), 1);
    }
}
