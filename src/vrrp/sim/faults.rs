//! What goes wrong with the routers, and how it is mended.

use std::time::Duration;

use super::node::{Clock, Suspended};
use super::{FAULTS_FOR, World};
use crate::vrrp::Input;

impl World {
    pub(super) fn run_faults(&mut self) {
        let end = self.now + FAULTS_FOR;
        while self.now < end {
            let pause = Duration::from_millis(self.random.u64(50..3000));
            self.run_until(self.now + pause);
            let node = self.random.usize(0..self.nodes.len());
            let choices = if self.is_reliable { 0..3 } else { 0..10 };
            match self.random.u8(choices) {
                0 => self.pause(node),
                1 if self.nodes[node].routers.is_none() => {}
                1 => {
                    let downtime = Duration::from_millis(self.random.u64(0..6000));
                    self.crash(node, downtime);
                }
                2 => self.restart(node),
                3 => self.loss = self.random.u32(0..60),
                4 => self.part(node),
                5 => self.partitions.clear(),
                6 => self.toggle_carrier(node),
                7 => self.suspend(node),
                8 => self.duplication = self.random.u32(0..60),
                _ => self.set_wall_clock(node),
            }
            self.check_invariants();
        }
    }

    pub(super) fn pause(&mut self, node: usize) {
        if self.nodes[node].routers.is_some() {
            let time = Duration::from_millis(self.random.u64(10..8000));
            self.say(node, &format!("is paused for {time:?}"));
            self.nodes[node].paused_until = Some(self.now + time);
            self.disturb(node);
        }
    }

    pub(super) fn go_on(&mut self, node: usize) {
        let now = self.now;
        let it = &mut self.nodes[node];
        it.paused_until = None;
        if let Some(suspended) = it.suspended.take()
            && suspended.clock == Clock::StandsStill
        {
            it.lag += now.duration_since(suspended.since);
        }
        self.disturb(node);
    }

    pub(super) fn suspend(&mut self, node: usize) {
        let is_there = self.nodes[node].routers.is_some();
        if !is_there || self.nodes[node].paused_until.is_some() {
            return;
        }
        let clock = if self.random.bool() {
            Clock::GoesOn
        } else {
            Clock::StandsStill
        };
        let time = Duration::from_millis(self.random.u64(10..60_000));
        self.say(
            node,
            &format!("is suspended for {time:?}, its clock {clock:?}"),
        );
        let since = self.now;
        self.nodes[node].paused_until = Some(since + time);
        self.nodes[node].suspended = Some(Suspended { since, clock });
        self.nodes[node].socket.clear();
        self.disturb(node);
    }

    pub(super) fn crash(&mut self, node: usize, downtime: Duration) {
        self.say(node, &format!("crashes for {downtime:?}"));
        let restart_at = self.now + downtime;
        let it = &mut self.nodes[node];
        it.routers = None;
        it.master_since = None;
        it.paused_until = None;
        it.suspended = None;
        it.socket.clear();
        it.restart_at = Some(it.restart_at.map_or(restart_at, |at| at.min(restart_at)));
        self.disturb(node);
    }

    pub(super) fn restart(&mut self, node: usize) {
        let now = self.time_of(node);
        if self.nodes[node].paused_until.is_some() {
            return;
        }
        if let Some(routers) = &mut self.nodes[node].routers {
            let actions = routers.stop(now);
            self.say(node, &"is stopped");
            self.carry_out(node, actions);
            let it = &self.nodes[node];
            assert!(
                it.addresses_since.is_none() && it.lease_until.is_none(),
                "{self}: left something"
            );
            let downtime = Duration::from_millis(self.random.u64(0..6000));
            self.crash(node, downtime);
        }
    }

    pub(super) fn toggle_carrier(&mut self, node: usize) {
        if self.nodes[node].paused_until.is_none() {
            self.nodes[node].has_carrier ^= true;
            self.disturb(node);
            let state = self.nodes[node].interface();
            self.handle(node, Input::Interface(state));
        }
    }

    pub(super) fn heal(&mut self) {
        self.loss = 0;
        self.partitions.clear();
        for node in 0..self.nodes.len() {
            self.go_on(node);
            let now = self.now;
            let it = &mut self.nodes[node];
            it.wall_off = 0;
            it.restart_at = it.restart_at.map(|_| now);
            if !it.has_carrier {
                it.has_carrier = true;
                let state = it.interface();
                self.handle(node, Input::Interface(state));
            }
        }
        self.step();
    }
}
