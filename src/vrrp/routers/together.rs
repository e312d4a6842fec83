//! Keeping instances in line with what is tracked, and sync groups together (keepalived: vrrp_sync.c).

use std::time::Instant;

use super::{Phase, VirtualRouters};
use crate::vrrp::instance::{Consequence, Instance, Trigger};
use crate::vrrp::notification::Notice;
use crate::vrrp::script::Script;
use crate::vrrp::sync_group::SyncGroup;
use crate::vrrp::tracking::Assessment;
use crate::vrrp::{Action, Actions, Event, State};

impl VirtualRouters {
    /// Does what one instance could not decide alone.
    pub(super) fn follow(
        &mut self,
        index: usize,
        consequence: Consequence,
        now: Instant,
        actions: &mut Actions,
    ) {
        if matches!(consequence, Consequence::None | Consequence::Refused) {
            return;
        }
        let group = self.group_of(index);
        match (consequence, group) {
            (Consequence::None | Consequence::Refused, _) | (Consequence::SteppedDown, None) => {}
            (Consequence::WantsMaster, None) => {
                if !self.announce_first(&[index], now, actions)
                    && let Some(instance) = self.instances.get_mut(index)
                {
                    instance.handle(Trigger::TakeOver, now, actions);
                }
            }
            (Consequence::WantsMaster, Some(group)) => {
                self.group_to_master(group, index, now, actions);
            }
            (Consequence::SteppedDown, Some(group)) => self.group_to_backup(group, now, actions),
            (Consequence::NeighboursMisled, group) => {
                if let Some(instance) = self.instances.get(index) {
                    instance.notify(Notice::MasterRxLowerPri, actions);
                }
                let members = group.and_then(|group| self.groups.get(group));
                let members = members.map_or_else(|| vec![index], |g| g.members().to_vec());
                for member in members {
                    if let Some(instance) = self.instances.get_mut(member) {
                        instance.correct_neighbours(now, actions);
                    }
                }
            }
        }
    }

    /// True where a master of lower priority has to yield first: all of them tell theirs, and ask again soon.
    fn announce_first(&mut self, members: &[usize], now: Instant, actions: &mut Actions) -> bool {
        let instances = &self.instances;
        let must_announce = |&member: &usize| {
            instances
                .get(member)
                .is_some_and(|instance: &Instance| instance.must_announce(now))
        };
        if !members.iter().any(must_announce) {
            return false;
        }
        for &member in members {
            if let Some(instance) = self.instances.get_mut(member) {
                instance.announce(now, actions);
            }
        }
        true
    }

    /// keepalived: only when all others want MASTER too; the first to ask just waits.
    fn group_to_master(&mut self, group: usize, first: usize, now: Instant, actions: &mut Actions) {
        let Some(members) = self.groups.get(group).map(|group| group.members().to_vec()) else {
            return;
        };
        let others: Vec<_> = members.iter().copied().filter(|&m| m != first).collect();
        let all_want = others
            .iter()
            .filter_map(|&member| self.instances.get(member))
            .all(Instance::wants_master);
        if !all_want {
            if let Some(instance) = self.instances.get_mut(first) {
                instance.wait_for_group(now);
            }
            return;
        }
        if self.announce_first(&members, now, actions) {
            return;
        }
        let Some(group) = self.groups.get_mut(group) else {
            return;
        };
        if let Some(instance) = self.instances.get_mut(first) {
            instance.handle(Trigger::TakeOver, now, actions);
        }
        group.log_syncing(State::Master, actions);
        for other in others {
            if let Some(instance) = self.instances.get_mut(other) {
                instance.handle(Trigger::TakeOver, now, actions);
            }
        }
        group.enter(State::Master, actions);
    }

    /// keepalived: one that yields pulls the others with it.
    fn group_to_backup(&mut self, group: usize, now: Instant, actions: &mut Actions) {
        let Some(group) = self.groups.get_mut(group) else {
            return;
        };
        group.log_syncing(State::Backup, actions);
        for &member in group.members() {
            if let Some(instance) = self.instances.get_mut(member) {
                instance.handle(Trigger::StepDown, now, actions);
            }
        }
        group.enter(State::Backup, actions);
    }

    /// Interfaces or scripts have changed.
    pub(super) fn reassess(&mut self, now: Instant, actions: &mut Actions) {
        self.assess(actions);
        if self.phase == Phase::Running {
            self.settle(false, now, actions);
        }
    }

    /// New instances start, and what the new configuration or the interfaces changed follows.
    pub(in crate::vrrp) fn reassess_at_reload(&mut self, now: Instant, actions: &mut Actions) {
        self.assess(actions);
        if self.phase == Phase::Running {
            self.settle(true, now, actions);
        }
        self.run_scripts(now, actions);
    }

    pub(in crate::vrrp) fn assess(&mut self, actions: &mut Actions) {
        for index in 0..self.instances.len() {
            let group = self
                .group_of(index)
                .and_then(|group| self.groups.get(group));
            let health = |name: &str| {
                let script = self
                    .scripts
                    .iter()
                    .find(|s| s.name() == name && !s.is_retired());
                script.map(Script::health)
            };
            if let Some(instance) = self.instances.get(index) {
                let assessment = Assessment::new(
                    instance.config(),
                    group.map(SyncGroup::config),
                    &self.interfaces,
                    &self.trackers,
                    health,
                );
                if let Some(instance) = self.instances.get_mut(index) {
                    instance.assess(assessment, actions);
                }
            }
        }
    }

    /// Brings states in line with the assessments.
    pub(super) fn settle(&mut self, initial: bool, now: Instant, actions: &mut Actions) {
        for group in 0..self.groups.len() {
            self.settle_group(group, initial, now, actions);
        }
        for index in 0..self.instances.len() {
            if self.group_of(index).is_none() {
                if let Some(instance) = self.instances.get_mut(index) {
                    instance.set_group_faulty(false);
                }
                self.settle_instance(index, initial, now, actions);
            }
        }
    }

    fn settle_instance(
        &mut self,
        index: usize,
        initial: bool,
        now: Instant,
        actions: &mut Actions,
    ) {
        let Some(instance) = self.instances.get_mut(index) else {
            return;
        };
        if instance.state() == State::Init {
            if !instance.is_pending() {
                instance.handle(Trigger::Startup { initial }, now, actions);
            }
        } else if instance.is_faulty() {
            instance.handle(Trigger::Fault, now, actions);
        } else {
            instance.handle(Trigger::Recovery, now, actions);
        }
    }

    /// One member in FAULT is all members in FAULT (keepalived). Those with reasons of their own
    /// come first, then the group says that the others follow.
    fn settle_group(&mut self, group: usize, initial: bool, now: Instant, actions: &mut Actions) {
        let Some(members) = self.groups.get(group).map(|group| group.members().to_vec()) else {
            return;
        };
        let has_fault = |routers: &Self, member: usize| {
            routers
                .instances
                .get(member)
                .is_some_and(Instance::has_fault)
        };
        let is_group_faulty = members.iter().any(|&member| has_fault(self, member));
        for &member in &members {
            if let Some(instance) = self.instances.get_mut(member) {
                instance.set_group_faulty(is_group_faulty);
            }
        }
        let (first, others) = members
            .into_iter()
            .partition::<Vec<_>, _>(|&member| has_fault(self, member));
        for member in first {
            self.settle_instance(member, initial, now, actions);
        }
        self.settle_followers(group, &others, initial, now, actions);
    }

    fn settle_followers(
        &mut self,
        group: usize,
        others: &[usize],
        initial: bool,
        now: Instant,
        actions: &mut Actions,
    ) {
        let Some((group_state, all)) = self
            .groups
            .get(group)
            .map(|group| (group.state(), group.members()))
        else {
            return;
        };
        // Also where every member has a reason of its own and nobody has to follow.
        let is_faulty = all
            .iter()
            .filter_map(|&member| self.instances.get(member))
            .any(Instance::is_faulty);
        let target = if is_faulty {
            State::Fault
        } else {
            State::Backup
        };
        let moves = |instance: &Instance| match instance.state() {
            State::Init => false,
            State::Backup | State::Master => is_faulty,
            State::Fault => !is_faulty,
        };
        let somebody_follows = others
            .iter()
            .filter_map(|&member| self.instances.get(member))
            .any(moves);
        if somebody_follows && let Some(group) = self.groups.get(group) {
            group.log_syncing(target, actions);
        }
        for &member in others {
            self.log_faulted_at_start(group, member, initial && is_faulty, actions);
            self.settle_instance(member, initial, now, actions);
        }
        let Some(group) = self.groups.get_mut(group) else {
            return;
        };
        let mut states = group
            .members()
            .iter()
            .filter_map(|&m| self.instances.get(m));
        let all_there = states.all(|instance| instance.state() == target);
        if all_there && group_state != target {
            group.enter(target, actions);
        }
    }

    fn log_faulted_at_start(
        &self,
        group: usize,
        member: usize,
        applies: bool,
        actions: &mut Actions,
    ) {
        let (Some(group), Some(instance)) = (self.groups.get(group), self.instances.get(member))
        else {
            return;
        };
        if applies && instance.state() == State::Init && !instance.is_pending() {
            actions.push(Action::Log(Event::GroupFaulted {
                group: group.name().to_owned(),
                instance: instance.name().to_owned(),
            }));
        }
    }
}
