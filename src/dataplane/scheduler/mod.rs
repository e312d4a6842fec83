//! Choosing a real server for a new connection. One file a scheduler, with the kernel's semantics.
//!
//! A scheduler sees only servers in service. One with weight 0 gets no new connections; for a moment and without
//! `servers_changed` that may be one with another weight.

mod lc;
mod rr;
mod sh;
mod wlc;
mod wrr;

use std::net::Ipv4Addr;

use crate::types::Scheduler;

/// What a scheduler knows of a real server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Load {
    pub(super) weight: u32,
    pub(super) active: u32,
    pub(super) inactive: u32,
}

impl Load {
    /// The kernel's estimate of work: an active connection weighs as much as 256 inactive ones
    /// (net/ip_vs.h: ip_vs_dest_conn_overhead).
    fn overhead(self) -> u64 {
        u64::from(self.active) * 256 + u64::from(self.inactive)
    }
}

/// The scheduler of one service and where it stands.
#[derive(Clone, Debug)]
pub(super) enum Schedule {
    Rr(rr::RoundRobin),
    Wrr(wrr::WeightedRoundRobin),
    Lc,
    Wlc,
    Sh(sh::SourceHash),
}

impl Schedule {
    /// `None` for a scheduler that this plane does not carry out.
    pub(super) fn new(scheduler: Scheduler) -> Option<Self> {
        match scheduler {
            Scheduler::Rr => Some(Self::Rr(rr::RoundRobin::default())),
            Scheduler::Wrr => Some(Self::Wrr(wrr::WeightedRoundRobin::default())),
            Scheduler::Lc => Some(Self::Lc),
            Scheduler::Wlc => Some(Self::Wlc),
            Scheduler::Sh => Some(Self::Sh(sh::SourceHash::default())),
            Scheduler::Lblc
            | Scheduler::Lblcr
            | Scheduler::Dh
            | Scheduler::Sed
            | Scheduler::Nq
            | Scheduler::Fo
            | Scheduler::Ovf
            | Scheduler::Mh
            | Scheduler::Twos => None,
        }
    }

    /// Which of `count` servers gets a new connection of `client`; `None` when there is none to take it.
    pub(super) fn pick(
        &mut self,
        count: usize,
        load: impl Fn(usize) -> Load,
        client: Ipv4Addr,
    ) -> Option<usize> {
        match self {
            Self::Rr(state) => state.pick(count, load),
            Self::Wrr(state) => state.pick(count, load),
            Self::Lc => lc::pick(count, load),
            Self::Wlc => wlc::pick(count, load),
            Self::Sh(state) => state.pick(load, client),
        }
    }

    /// A server was added, removed or got another weight.
    pub(super) fn servers_changed(&mut self, count: usize, load: impl Fn(usize) -> Load) {
        match self {
            Self::Rr(state) => state.servers_changed(count),
            Self::Wrr(state) => state.servers_changed(count, load),
            Self::Lc | Self::Wlc => {}
            Self::Sh(state) => state.servers_changed(count, load),
        }
    }
}

#[cfg(test)]
mod tests;
