//! What time it is on each machine: the monotonic clock, which a suspended machine may lose time on, and the wall clock,
//! which is set now and then.

use std::time::{Duration, Instant};

use super::{Authenticated, EPOCH, TIME_WINDOW, World};
use crate::vrrp::{Input, WallClock};

impl World {
    /// By the clock of its machine.
    pub(super) fn time_of(&self, node: usize) -> Instant {
        self.now - self.nodes[node].lag
    }

    pub(super) fn wall_clock(&self, node: usize) -> WallClock {
        let elapsed = EPOCH + self.now.duration_since(self.epoch);
        let off = self.nodes[node].wall_off;
        let by = Duration::from_millis(off.unsigned_abs());
        WallClock {
            at: self.time_of(node),
            unix: if off < 0 { elapsed - by } else { elapsed + by },
        }
    }

    pub(super) fn tell_wall_clock(&mut self, node: usize) {
        let it = &mut self.nodes[node];
        let tells = (it.wall_off, it.lag);
        if self.authenticated != Authenticated::No && it.told != tells {
            it.told = tells;
            let clock = self.wall_clock(node);
            self.handle(node, Input::Clock(clock));
        }
    }

    /// Their wall clocks let them.
    pub(super) fn hear_each_other(&self, node: usize, other: usize) -> bool {
        let off = |node: usize| self.nodes[node].wall_off;
        let apart = Duration::from_millis(off(node).abs_diff(off(other)));
        self.authenticated != Authenticated::Trailer || apart < TIME_WINDOW
    }

    pub(super) fn clocks_settle_after(&self) -> Duration {
        match self.authenticated {
            Authenticated::No | Authenticated::Header => Duration::ZERO,
            Authenticated::Trailer => TIME_WINDOW * 2,
        }
    }

    /// By little, by more than `time_window`, by much, or right again.
    pub(super) fn set_wall_clock(&mut self, node: usize) {
        let most = [0, 2_000, 20_000, 4_000_000][self.random.usize(0..4)];
        let off = self.random.i64(-most..=most);
        self.say(node, &format!("has its clock set: {off} ms off"));
        self.nodes[node].wall_off = off;
        self.disturb(node);
    }
}
