//! All virtual routers of this node: finds who is concerned, and keeps sync groups together.

mod instances;
mod start;
mod together;

use std::net::IpAddr;
use std::time::Instant;

pub(super) use self::instances::Instances;
use super::instance::{Consequence, Instance};
use super::lateness::Lateness;
use super::notification::Notice;
use super::script::{Health, Script};
use super::snapshot::{Dump, GroupSnapshot, ScriptSnapshot, Snapshot};
use super::sync_group::SyncGroup;
use super::timers::Timer;
use super::trackers::{Changed, Trackers};
use super::tracking::Interfaces;
use super::{
    Action, Actions, Clocks, Event, Input, InterfaceState, LinkState, Resume, ScriptOutcome, State,
    TrackedNow, WallClock, receive,
};
use crate::config::Config;
use crate::types::{InterfaceName, OwnedAddress, RouterIdentity};

/// Elections, tracking and sync groups of all instances. Pure: what is to be done comes back as
/// ordered [`Action`]s.
#[derive(Clone, Debug)]
pub struct VirtualRouters {
    pub(super) config: Config,
    pub(super) instances: Instances,
    pub(super) groups: Vec<SyncGroup>,
    pub(super) scripts: Vec<Script>,
    pub(super) interfaces: Interfaces,
    pub(super) trackers: Trackers,
    clock: Option<WallClock>,
    phase: Phase,
    /// Packets that failed a check, of all instances that there ever were.
    refused: u64,
    lateness: Lateness,
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
        Self::with_tracked(config, interfaces, &TrackedNow::default(), resume, now)
    }

    /// The same, knowing what tracked files and processes say. What is not in `tracked` has said nothing yet, which
    /// neither changes a priority nor is a FAULT.
    pub fn with_tracked(
        config: &Config,
        interfaces: &[InterfaceState],
        tracked: &TrackedNow,
        resume: &[Resume],
        now: Instant,
    ) -> (Self, Actions) {
        Self::with_clocks(config, interfaces, tracked, resume, None, now)
    }

    /// The same for a program that signs its adverts, or counts from the machine's start.
    pub fn with_clocks(
        config: &Config,
        interfaces: &[InterfaceState],
        tracked: &TrackedNow,
        resume: &[Resume],
        clocks: Option<Clocks>,
        now: Instant,
    ) -> (Self, Actions) {
        let instances = config.vrrp_instances.iter().cloned();
        let mut routers = Self {
            instances: Instances::new(instances.map(Instance::new).collect()),
            groups: Vec::new(),
            scripts: Vec::new(),
            interfaces: Interfaces::new(interfaces, &config.interface_up_down_delays),
            trackers: Trackers::new(config, tracked),
            clock: clocks.map(|clocks| clocks.wall),
            phase: Phase::Running,
            refused: 0,
            lateness: Lateness::default(),
            config: config.clone(),
        };
        routers.tell_clock();
        routers.groups = routers.make_groups(&[]);
        for script in &config.vrrp_scripts {
            routers.scripts.push(Script::new(script.clone(), now));
        }
        let mut actions = Actions::new();
        for script in &routers.scripts {
            script.log_refusal(&mut actions);
        }
        let since_boot = clocks.map(|clocks| clocks.since_boot);
        routers.start(resume, since_boot, now, &mut actions);
        routers.instances.settle();
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
                for instance in self.instances.iter_mut() {
                    instance.address_removed(&address, &mut actions);
                }
            }
            Input::AdvertUnsent(router) => self.advert_unsent(&router, now, &mut actions),
            Input::RoutingRestored { instance } => {
                let mut instances = self.instances.iter_mut();
                if let Some(instance) = instances.find(|it| it.name() == instance) {
                    instance.routing_restored();
                }
            }
            Input::ScriptExited { script, outcome } => {
                self.script_exited(&script, outcome, now, &mut actions);
            }
            Input::FileRead { file, value } => {
                if self.trackers.file_read(file, value) == Changed::Yes {
                    self.reassess(now, &mut actions);
                }
            }
            Input::ProcessesCounted { process, count } => {
                let trackers = &mut self.trackers;
                if trackers.processes_counted(&process, count, now, &mut actions) == Changed::Yes {
                    self.reassess(now, &mut actions);
                }
            }
            Input::Clock(clock) => {
                self.clock = Some(clock);
                self.tell_clock();
            }
            Input::Timeout => self.timeout(now, &mut actions),
        }
        self.instances.settle();
        actions
    }

    /// Somebody wants to know when the wall clock has been set.
    pub fn needs_clock(&self) -> bool {
        self.instances.iter().any(Instance::needs_clock)
    }

    pub(super) fn tell_clock(&mut self) {
        for instance in self.instances.iter_mut() {
            instance.set_clock(self.clock);
        }
    }

    /// Says goodbye: priority 0, addresses removed, stop notifications. Nothing happens afterwards.
    pub fn stop(&mut self, now: Instant) -> Actions {
        let mut actions = Actions::new();
        if self.phase == Phase::Stopped {
            return actions;
        }
        self.phase = Phase::Stopped;
        for instance in self.instances.iter_mut() {
            instance.stop(Notice::Stop, now, &mut actions);
        }
        for group in &self.groups {
            group.notify(Notice::Stop, &mut actions);
        }
        for script in &mut self.scripts {
            script.retire(now, &mut actions);
        }
        self.instances.settle();
        actions
    }

    /// When to call [`Self::handle`] with [`Input::Timeout`]; asked anew after each call.
    pub fn next_timeout(&self) -> Option<Instant> {
        let start = match self.phase {
            Phase::Stopped => return None,
            Phase::Delayed { until } => Some(until),
            Phase::Running => None,
        };
        let instances = self.instances.next_timeout().into_iter();
        let scripts = self.scripts.iter().filter_map(Script::next_timeout);
        start
            .into_iter()
            .chain(instances)
            .chain(scripts)
            .chain(self.interfaces.next_timeout())
            .chain(self.trackers.next_timeout())
            .min()
    }

    /// What a dump shows.
    pub fn dump(&self) -> Dump {
        Dump {
            snapshot: self.snapshot(),
            configs: self.instances.iter().map(|i| i.config().clone()).collect(),
        }
    }

    /// The counters of all instances begin at zero again.
    pub fn clear_counters(&mut self) {
        self.instances.iter_mut().for_each(Instance::clear_counters);
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
            lateness: self.lateness,
        }
    }

    /// How many instances there are.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.instances.len()
    }

    /// How many packets with the VRID of an instance were no adverts for it.
    pub fn refused(&self) -> u64 {
        self.refused
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

/// What happens.
impl VirtualRouters {
    fn packet(
        &mut self,
        interface: &InterfaceName,
        bytes: &[u8],
        now: Instant,
        actions: &mut Actions,
    ) {
        let Some(addressee) = receive::addressee(bytes) else {
            return;
        };
        let (vrid, family) = (addressee.vrid, addressee.family);
        let found = self.instances.find(interface, vrid, family);
        let found = found.filter(|index| {
            let instance = self.instances.get(*index);
            instance.is_some_and(|instance| addressee.is(instance.config()))
        });
        if let Some(index) = found
            && let Some(instance) = self.instances.get_mut(index)
        {
            let consequence = instance.receive(bytes, now, actions);
            if consequence == Consequence::Refused {
                self.refused += 1;
            }
            self.follow(index, consequence, now, actions);
        } else if self.config.global_defs.vrrp.log_unknown_vrids {
            actions.push(Action::Log(Event::UnknownVrid {
                virtual_router_id: addressee.vrid,
                interface: interface.clone(),
                source: addressee.source,
            }));
        }
    }

    fn advert_unsent(&mut self, router: &RouterIdentity, now: Instant, actions: &mut Actions) {
        let is_it = |instance: &Instance| instance.identity() == router;
        if let Some(index) = self.instances.iter().position(is_it)
            && let Some(instance) = self.instances.get_mut(index)
        {
            instance.advert_unsent(now, actions);
        }
    }

    fn interface(&mut self, state: InterfaceState, now: Instant, actions: &mut Actions) {
        let interface = state.interface.clone();
        let addresses = addresses(&state);
        let is_used = self.is_used(&interface);
        let earlier = self.interfaces.update(state, now, actions);
        if is_used {
            let earlier_link = earlier.as_ref().map_or(LinkState::Missing, |e| e.link);
            let link = self.interfaces.link(&interface);
            if earlier_link != link {
                let interface = interface.clone();
                actions.push(Action::Log(Event::InterfaceReported { interface, link }));
            }
            let earlier = earlier.as_ref().map(self::addresses).unwrap_or_default();
            for (earlier, address) in earlier.into_iter().zip(addresses) {
                log_address_change(&interface, earlier, address, actions);
            }
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
        self.let_changes_count(now, actions);
        let due = self.instances.take_due(now);
        // An advert and its lease.
        actions.reserve(2 * due.len());
        for timer in Timer::ALL {
            for &index in &due {
                let may_expire = |it: &Instance| it.may_expire(timer, now);
                if self.instances.get(index).is_some_and(may_expire)
                    && let Some(instance) = self.instances.get_mut(index)
                {
                    if timer == Timer::Adver
                        && let Some(late) = instance.advert_is_late_by(now)
                    {
                        self.lateness.record(late);
                    }
                    let consequence = instance.timeout(timer, now, actions);
                    self.follow(index, consequence, now, actions);
                }
            }
        }
        self.instances.spread(&due);
        self.run_scripts(now, actions);
    }

    /// Changes of interfaces and processes that have lasted long enough.
    fn let_changes_count(&mut self, now: Instant, actions: &mut Actions) {
        let links = self.interfaces.timeout(now);
        let processes = self.trackers.timeout(now, actions);
        if links.is_empty() && processes == Changed::No {
            return;
        }
        for (interface, link) in links {
            if self.is_used(&interface) {
                actions.push(Action::Log(Event::InterfaceReported { interface, link }));
            }
        }
        self.reassess(now, actions);
    }

    fn run_scripts(&mut self, now: Instant, actions: &mut Actions) {
        for script in &mut self.scripts {
            script.timeout(now, actions);
        }
    }
}

/// The sources of adverts of either family.
fn addresses(state: &InterfaceState) -> [Option<IpAddr>; 2] {
    [
        state.primary_address.map(IpAddr::V4),
        state.link_local.map(IpAddr::V6),
    ]
}

fn log_address_change(
    interface: &InterfaceName,
    earlier: Option<IpAddr>,
    address: Option<IpAddr>,
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

#[cfg(test)]
mod tests;
