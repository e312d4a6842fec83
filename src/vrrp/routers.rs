//! All virtual routers of this node: finds who is concerned, and keeps sync groups together.

use std::net::Ipv4Addr;
use std::time::Instant;

use super::instance::{Consequence, Instance, Trigger};
use super::notification::Notice;
use super::script::{Health, Script};
use super::snapshot::{GroupSnapshot, ScriptSnapshot, Snapshot};
use super::sync_group::SyncGroup;
use super::timers::Timer;
use super::tracking::{Assessment, Interfaces};
use super::{
    Action, Actions, Event, Input, InterfaceState, LinkState, Resume, ScriptOutcome, State, receive,
};
use crate::config::Config;
use crate::types::{InterfaceName, OwnedAddress};

/// Elections, tracking and sync groups of all instances. Pure: what is to be done comes back as
/// ordered [`Action`]s.
#[derive(Clone, Debug)]
pub struct VirtualRouters {
    pub(super) config: Config,
    pub(super) instances: Vec<Instance>,
    pub(super) groups: Vec<SyncGroup>,
    pub(super) scripts: Vec<Script>,
    pub(super) interfaces: Interfaces,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// `vrrp_startup_delay`: nobody takes part yet.
    Delayed {
        until: Instant,
    },
    Running,
    /// After [`VirtualRouters::stop`]; nothing happens any more.
    Stopped,
}

impl VirtualRouters {
    /// Starts everything that `config` describes. `interfaces` are those that exist now.
    ///
    /// An instance in `resume` whose lease has not ended goes on as MASTER; the members of a sync
    /// group only together. What an earlier incarnation left of the others is taken away.
    pub fn new(
        config: &Config,
        interfaces: &[InterfaceState],
        resume: &[Resume],
        now: Instant,
    ) -> (Self, Actions) {
        let instances = config.vrrp_instances.iter().cloned();
        let mut routers = Self {
            instances: instances.map(Instance::new).collect(),
            groups: Vec::new(),
            scripts: Vec::new(),
            interfaces: Interfaces::new(interfaces),
            phase: Phase::Running,
            config: config.clone(),
        };
        routers.groups = routers.make_groups(&[]);
        for script in &config.vrrp_scripts {
            routers.scripts.push(Script::new(script.clone(), now));
        }
        let mut actions = Actions::new();
        routers.start(resume, now, &mut actions);
        (routers, actions)
    }

    /// Acts upon something that happened.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) -> Actions {
        let mut actions = Actions::new();
        if self.phase == Phase::Stopped {
            return actions;
        }
        match input {
            Input::Packet { interface, bytes } => {
                self.packet(interface, bytes, now, &mut actions);
            }
            Input::Interface(state) => self.interface(state, now, &mut actions),
            Input::AddressRemoved(address) => {
                for instance in &mut self.instances {
                    instance.address_removed(&address, &mut actions);
                }
            }
            Input::ScriptExited { script, outcome } => {
                self.script_exited(&script, outcome, now, &mut actions);
            }
            Input::Timeout => self.timeout(now, &mut actions),
        }
        actions
    }

    /// Says goodbye: priority 0, addresses removed, stop notifications. Nothing happens afterwards.
    pub fn stop(&mut self, now: Instant) -> Actions {
        let mut actions = Actions::new();
        if self.phase == Phase::Stopped {
            return actions;
        }
        self.phase = Phase::Stopped;
        for instance in &mut self.instances {
            instance.stop(Notice::Stop, now, &mut actions);
        }
        for group in &self.groups {
            group.notify(Notice::Stop, &mut actions);
        }
        for script in &mut self.scripts {
            script.retire(now, &mut actions);
        }
        actions
    }

    /// When to call [`Self::handle`] with [`Input::Timeout`]; asked anew after each call.
    pub fn next_timeout(&self) -> Option<Instant> {
        let start = match self.phase {
            Phase::Stopped => return None,
            Phase::Delayed { until } => Some(until),
            Phase::Running => None,
        };
        let instances = self.instances.iter().filter_map(Instance::next_timeout);
        let scripts = self.scripts.iter().filter_map(Script::next_timeout);
        start.into_iter().chain(instances).chain(scripts).min()
    }

    pub fn snapshot(&self) -> Snapshot {
        let name = |member: &usize| self.instances.get(*member).map(|i| i.name().to_owned());
        Snapshot {
            instances: self.instances.iter().map(Instance::snapshot).collect(),
            groups: self
                .groups
                .iter()
                .map(|group| GroupSnapshot {
                    name: group.name().to_owned(),
                    state: group.state(),
                    members: group.members().iter().filter_map(name).collect(),
                })
                .collect(),
            scripts: self
                .scripts
                .iter()
                .map(|script| ScriptSnapshot {
                    name: script.name().to_owned(),
                    good: match script.health() {
                        Health::Unknown => None,
                        Health::Good => Some(true),
                        Health::Bad => Some(false),
                    },
                    running: script.is_running(),
                    last_status: script.last_status(),
                })
                .collect(),
        }
    }

    /// Addresses that are believed to be set, with the instance that set them.
    pub fn owned_addresses(&self) -> impl Iterator<Item = (&str, OwnedAddress)> {
        self.instances.iter().flat_map(|instance| {
            let addresses = instance.owned_addresses().into_iter();
            addresses.map(|address| (instance.name(), address))
        })
    }

    /// `earlier`: groups whose state goes on under the same name.
    pub(super) fn make_groups(&self, earlier: &[SyncGroup]) -> Vec<SyncGroup> {
        let index = |name: &String| self.instances.iter().position(|i| i.name() == name);
        self.config
            .vrrp_sync_groups
            .iter()
            .map(|config| {
                let members: Vec<_> = config.group.iter().filter_map(index).collect();
                let state = earlier
                    .iter()
                    .find(|group| group.name() == config.name)
                    .map_or_else(|| self.common_state(&members), SyncGroup::state);
                SyncGroup::new(config.clone(), members, state)
            })
            .collect()
    }

    /// The state that all members are in, else BACKUP, the one that needs no agreement.
    fn common_state(&self, members: &[usize]) -> State {
        let mut states = members
            .iter()
            .filter_map(|&member| self.instances.get(member))
            .map(Instance::state);
        match states.next() {
            Some(first) if states.all(|state| state == first) => first,
            Some(_) | None => State::Backup,
        }
    }

    fn group_of(&self, member: usize) -> Option<usize> {
        self.groups.iter().position(|group| group.contains(member))
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.phase == Phase::Stopped
    }

    fn is_used(&self, interface: &InterfaceName) -> bool {
        self.config.vrrp_instances.iter().any(|instance| {
            instance.interface == *interface
                || instance
                    .track_interface
                    .iter()
                    .any(|t| t.interface == *interface)
        }) || self.config.vrrp_sync_groups.iter().any(|group| {
            group
                .track_interface
                .iter()
                .any(|t| t.interface == *interface)
        })
    }
}

/// Starting.
impl VirtualRouters {
    fn start(&mut self, resume: &[Resume], now: Instant, actions: &mut Actions) {
        self.assess(actions);
        let resumed = self.resumable(resume, now);
        for (instance, lease) in self.instances.iter().zip(&resumed) {
            if lease.is_none() {
                // An owner's addresses may be the interface's own, and it sets them at once.
                if !instance.takes_over_at_once() {
                    instance.remove_leftovers(actions);
                }
                if resume.iter().any(|r| r.instance == instance.name()) {
                    actions.push(Action::EndLease {
                        instance: instance.name().to_owned(),
                    });
                }
            }
        }
        for (instance, lease) in self.instances.iter_mut().zip(&resumed) {
            if let Some(lease_until) = *lease {
                instance.handle(Trigger::Resume { lease_until }, now, actions);
            }
        }
        for group in &mut self.groups {
            let mut leases = group.members().iter().filter_map(|&m| resumed.get(m));
            if !group.members().is_empty() && leases.all(Option::is_some) {
                group.enter(State::Master, actions);
            }
        }
        let vrrp_startup_delay = self.config.global_defs.vrrp_startup_delay;
        if vrrp_startup_delay.is_zero() {
            self.begin(true, now, actions);
        } else {
            let until = now + vrrp_startup_delay;
            self.phase = Phase::Delayed { until };
            actions.push(Action::Log(Event::StartupDelayed { vrrp_startup_delay }));
        }
        self.run_scripts(now, actions);
    }

    /// The end of the lease of each instance that may go on as MASTER.
    fn resumable(&self, resume: &[Resume], now: Instant) -> Vec<Option<Instant>> {
        let lease = |instance: &Instance| {
            resume
                .iter()
                .find(|resume| resume.instance == instance.name())
                .map(|resume| resume.lease_until)
                .filter(|until| *until > now && !instance.has_fault())
        };
        let mut leases: Vec<_> = self.instances.iter().map(lease).collect();
        for group in &self.groups {
            let all = group
                .members()
                .iter()
                .all(|&m| leases.get(m).is_some_and(Option::is_some));
            for &member in group.members() {
                if let Some(lease) = leases.get_mut(member).filter(|_| !all) {
                    *lease = None;
                }
            }
        }
        leases
    }

    /// Lets everybody take part. keepalived: groups are notified of their first state before the instances.
    fn begin(&mut self, initial: bool, now: Instant, actions: &mut Actions) {
        self.phase = Phase::Running;
        for group in &mut self.groups {
            let members = || {
                group
                    .members()
                    .iter()
                    .filter_map(|&m| self.instances.get(m))
            };
            let is_ready = members().all(|i| i.state() == State::Init && !i.is_pending());
            if is_ready && !members().any(Instance::has_fault) {
                group.enter(State::Backup, actions);
            }
        }
        self.settle(initial, now, actions);
    }
}

/// What happens.
impl VirtualRouters {
    fn packet(
        &mut self,
        interface: &InterfaceName,
        bytes: &[u8],
        now: Instant,
        actions: &mut Actions,
    ) {
        // keepalived: unknown virtual routers are silent.
        let Some(vrid) = receive::vrid(bytes) else {
            return;
        };
        let concerned = self.instances.iter_mut().enumerate().find(|(_, instance)| {
            let config = instance.config();
            config.virtual_router_id == vrid && config.interface == *interface
        });
        if let Some((index, instance)) = concerned {
            let consequence = instance.receive(bytes, now, actions);
            self.follow(index, consequence, now, actions);
        }
    }

    fn interface(&mut self, state: InterfaceState, now: Instant, actions: &mut Actions) {
        let (interface, link) = (state.interface.clone(), state.link);
        let address = state.primary_address;
        let is_used = self.is_used(&interface);
        let earlier = self.interfaces.update(state);
        if is_used {
            let earlier_link = earlier.as_ref().map_or(LinkState::Missing, |e| e.link);
            if earlier_link != link {
                let interface = interface.clone();
                actions.push(Action::Log(Event::InterfaceReported { interface, link }));
            }
            log_address_change(
                &interface,
                earlier.and_then(|e| e.primary_address),
                address,
                actions,
            );
        }
        self.reassess(now, actions);
    }

    fn script_exited(
        &mut self,
        name: &str,
        outcome: ScriptOutcome,
        now: Instant,
        actions: &mut Actions,
    ) {
        let Some(script) = self.scripts.iter_mut().find(|script| script.name() == name) else {
            return;
        };
        let health = script.health();
        script.exited(outcome, now, actions);
        let has_changed = script.health() != health;
        self.scripts.retain(|script| !script.is_gone());
        if has_changed {
            self.reassess(now, actions);
        }
        // A run that had to wait for this one may be due.
        self.run_scripts(now, actions);
    }

    fn timeout(&mut self, now: Instant, actions: &mut Actions) {
        if let Phase::Delayed { until } = self.phase
            && until <= now
        {
            actions.push(Action::Log(Event::StartupDelayEnded));
            self.begin(true, now, actions);
        }
        for timer in Timer::ALL {
            for index in 0..self.instances.len() {
                if let Some(instance) = self.instances.get_mut(index) {
                    let consequence = instance.timeout(timer, now, actions);
                    self.follow(index, consequence, now, actions);
                }
            }
        }
        self.run_scripts(now, actions);
    }

    fn run_scripts(&mut self, now: Instant, actions: &mut Actions) {
        for script in &mut self.scripts {
            script.timeout(now, actions);
        }
    }
}

/// Keeping together.
impl VirtualRouters {
    /// Does what one instance could not decide alone.
    fn follow(
        &mut self,
        index: usize,
        consequence: Consequence,
        now: Instant,
        actions: &mut Actions,
    ) {
        let group = self.group_of(index);
        match (consequence, group) {
            (Consequence::None, _) | (Consequence::SteppedDown, None) => {}
            (Consequence::WantsMaster, None) => {
                self.trigger(&[index], Trigger::TakeOver, now, actions);
            }
            (Consequence::WantsMaster, Some(group)) => {
                self.group_to_master(group, index, now, actions);
            }
            (Consequence::SteppedDown, Some(group)) => self.group_to_backup(group, now, actions),
            (Consequence::NeighboursMisled, group) => {
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

    fn trigger(
        &mut self,
        members: &[usize],
        trigger: Trigger,
        now: Instant,
        actions: &mut Actions,
    ) {
        for &member in members {
            if let Some(instance) = self.instances.get_mut(member) {
                instance.handle(trigger, now, actions);
            }
        }
    }

    /// keepalived: only when all others want MASTER too; the first to ask just waits.
    fn group_to_master(&mut self, group: usize, first: usize, now: Instant, actions: &mut Actions) {
        let Some(group) = self.groups.get_mut(group) else {
            return;
        };
        let others: Vec<_> = group
            .members()
            .iter()
            .copied()
            .filter(|&m| m != first)
            .collect();
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
    fn reassess(&mut self, now: Instant, actions: &mut Actions) {
        self.assess(actions);
        if self.phase == Phase::Running {
            self.settle(false, now, actions);
        }
    }

    /// New instances start, and what the new configuration or the interfaces changed follows.
    pub(super) fn reassess_at_reload(&mut self, now: Instant, actions: &mut Actions) {
        self.assess(actions);
        if self.phase == Phase::Running {
            self.settle(true, now, actions);
        }
        self.run_scripts(now, actions);
    }

    pub(super) fn assess(&mut self, actions: &mut Actions) {
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
                    health,
                );
                if let Some(instance) = self.instances.get_mut(index) {
                    instance.assess(assessment, actions);
                }
            }
        }
    }

    /// Brings states in line with the assessments.
    fn settle(&mut self, initial: bool, now: Instant, actions: &mut Actions) {
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
        let Some(group_state) = self.groups.get(group).map(SyncGroup::state) else {
            return;
        };
        let members = || {
            others
                .iter()
                .filter_map(|&member| self.instances.get(member))
        };
        let is_faulty = members().any(Instance::is_faulty);
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
        if members().any(moves)
            && let Some(group) = self.groups.get(group)
        {
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

fn log_address_change(
    interface: &InterfaceName,
    earlier: Option<Ipv4Addr>,
    address: Option<Ipv4Addr>,
    actions: &mut Actions,
) {
    if earlier == address {
        return;
    }
    if let Some(address) = earlier {
        let interface = interface.clone();
        actions.push(Action::Log(Event::AddressDeassigned { interface, address }));
    }
    if let Some(address) = address {
        let interface = interface.clone();
        actions.push(Action::Log(Event::AddressAssigned { interface, address }));
    }
}
