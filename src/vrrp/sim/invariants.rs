//! What must hold after each step, and at the end.

use std::time::{Duration, Instant};

use super::node::Node;
use super::{ADVERT_INT, Authenticated, MAX_DELAY_MILLIS, World};
use crate::vrrp::State;

impl World {
    pub(super) fn check_invariants(&self) {
        for node in &self.nodes {
            if let Some(state) = node.state() {
                assert_eq!(
                    state == State::Master,
                    node.addresses_since.is_some(),
                    "{self}"
                );
                assert_eq!(state == State::Master, node.lease_until.is_some(), "{self}");
            }
        }
        if self.is_reliable {
            let since = || self.nodes.iter().filter_map(|node| node.addresses_since);
            let apart = since()
                .max()
                .zip(since().min())
                .map(|(last, first)| last - first);
            let bound = Duration::from_millis(MAX_DELAY_MILLIS);
            assert!(
                apart.is_none_or(|apart| apart <= bound),
                "{self}: held twice, {apart:?} apart"
            );
        }
        for (index, node) in self.nodes.iter().enumerate() {
            for (other, peer) in self.nodes.iter().enumerate().skip(index + 1) {
                self.check_pair(node, peer, self.disturbed_at[index][other]);
            }
        }
    }

    fn check_pair(&self, node: &Node, peer: &Node, disturbed_at: Instant) {
        let (Some(since), Some(peer_since)) = (node.master_since, peer.master_since) else {
            return;
        };
        if node.paused_until.is_some() || peer.paused_until.is_some() {
            return;
        }
        let settled_at = disturbed_at + self.clocks_settle_after();
        let both_since = since.max(peer_since).max(settled_at);
        // Where both have sent the same number, neither hears the other until the next one.
        let adverts = match self.authenticated {
            Authenticated::No | Authenticated::Trailer => 1,
            Authenticated::Header => 2,
        };
        let bound = ADVERT_INT * adverts + Duration::from_millis(MAX_DELAY_MILLIS);
        let time = self.now.saturating_duration_since(both_since);
        assert!(time <= bound, "{self}: two masters for {time:?}");
    }

    /// Returns the only master.
    pub(super) fn check_converged(&self) -> usize {
        let masters: Vec<_> = (0..self.nodes.len())
            .filter(|&node| self.nodes[node].state() == Some(State::Master))
            .collect();
        assert_eq!(masters.len(), 1, "{self}: masters {masters:?}");
        let holders = self
            .nodes
            .iter()
            .filter(|node| node.addresses_since.is_some())
            .count();
        assert_eq!(holders, 1, "{self}");
        let master = masters[0];
        if self.preempt {
            let best = self.nodes.iter().map(|node| node.priority).max();
            assert_eq!(
                Some(self.nodes[master].priority),
                best,
                "{self}: not the best"
            );
        }
        master
    }
}
