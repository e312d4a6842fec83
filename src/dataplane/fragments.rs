//! Where the fragments go that carry no ports: where the first one went.
//!
//! Bounded: the oldest datagram is forgotten for a new one. A later fragment that comes before the first is not
//! known.

use std::collections::{HashMap, VecDeque};
use std::net::Ipv4Addr;

use ahash::RandomState;

use super::conn::Tick;
use super::flow::FragmentKey;
use super::forward::nat::Side;
use super::verdict::NextHop;

/// Datagrams remembered at a time.
const CAPACITY: usize = 4096;
/// The kernel's reassembly gives up after as long (net.ipv4.ipfrag_time).
const SECONDS: u32 = 30;

/// What happened to the first fragment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Route {
    pub(super) side: Side,
    pub(super) address: Ipv4Addr,
    pub(super) next_hop: NextHop,
}

pub(super) struct Fragments {
    routes: HashMap<FragmentKey, (Route, Tick), RandomState>,
    order: VecDeque<(FragmentKey, Tick)>,
}

impl Fragments {
    pub(super) fn new(hash: RandomState) -> Self {
        Self {
            routes: HashMap::with_hasher(hash),
            order: VecDeque::new(),
        }
    }

    pub(super) fn remember(&mut self, key: FragmentKey, route: Route, now: Tick) {
        if self.order.len() >= CAPACITY
            && let Some((oldest, since)) = self.order.pop_front()
            // The identification may have been used again since.
            && self.routes.get(&oldest).is_some_and(|(_, latest)| *latest == since)
        {
            self.routes.remove(&oldest);
        }
        self.order.push_back((key, now));
        self.routes.insert(key, (route, now));
    }

    pub(super) fn find(&self, key: &FragmentKey, now: Tick) -> Option<Route> {
        let (route, since) = self.routes.get(key)?;
        (now.0.saturating_sub(since.0) <= SECONDS).then_some(*route)
    }
}
