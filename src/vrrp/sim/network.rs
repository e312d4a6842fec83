//! The network between the routers: it loses packets, delays them and brings them twice.

use std::time::{Duration, Instant};

use super::{MAX_DELAY_MILLIS, World};

pub(super) struct InFlight {
    pub(super) at: Instant,
    to: usize,
    bytes: Vec<u8>,
}

impl World {
    pub(super) fn deliver(&mut self) {
        let now = self.now;
        let (due, later) = std::mem::take(&mut self.in_flight)
            .into_iter()
            .partition(|packet| packet.at <= now);
        self.in_flight = later;
        let due: Vec<InFlight> = due;
        for packet in due {
            let node = &mut self.nodes[packet.to];
            if node.has_carrier && node.routers.is_some() && node.suspended.is_none() {
                node.socket.push(packet.bytes);
            }
        }
    }

    pub(super) fn send(&mut self, from: usize, bytes: &[u8]) {
        for to in 0..self.nodes.len() {
            if to == from {
                continue;
            }
            let is_parted = self.partitions.contains(&(from.min(to), from.max(to)));
            let is_lost = self.random.u32(0..100) < self.loss;
            let is_heard = self.hear_each_other(from, to);
            if is_parted || is_lost || !is_heard || !self.nodes[from].has_carrier {
                self.disturbed_at[from][to] = self.now;
                self.disturbed_at[to][from] = self.now;
            }
            if is_parted || is_lost || !self.nodes[from].has_carrier {
                continue;
            }
            let copies = 1 + usize::from(self.random.u32(0..100) < self.duplication);
            for _ in 0..copies {
                let delay = Duration::from_millis(self.random.u64(0..=MAX_DELAY_MILLIS));
                self.in_flight.push(InFlight {
                    at: self.now + delay,
                    to,
                    bytes: bytes.to_vec(),
                });
            }
        }
    }

    pub(super) fn disturb(&mut self, node: usize) {
        for other in 0..self.nodes.len() {
            self.disturbed_at[node][other] = self.now;
            self.disturbed_at[other][node] = self.now;
        }
    }

    pub(super) fn part(&mut self, node: usize) {
        let other = self.random.usize(0..self.nodes.len());
        if other != node {
            self.partitions.push((node.min(other), node.max(other)));
        }
    }
}
