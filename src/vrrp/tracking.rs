//! What interfaces and scripts mean to a virtual router: priority, FAULT, or waiting.
//!
//! Nothing is counted up and down here: each time something changed, the whole [`Assessment`] is
//! made anew from what is known, so it cannot drift away from the facts.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::script::Health;
use super::trackers::{Trackers, TrackingEvent};
use super::{Action, Actions, Event, InterfaceState, LinkState};
use crate::config::{
    InterfaceDelays, TrackInterface, TrackObject, TrackScript, VrrpInstance, VrrpSyncGroup,
};
use crate::types::{AddressFamily, InterfaceName, TrackWeight};

/// Interfaces as last reported. One that was never reported is missing.
///
/// Where `interface_up_down_delays` says so, a change of state must last before it counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Interfaces {
    /// What counts.
    states: HashMap<InterfaceName, InterfaceState>,
    delays: Vec<InterfaceDelays>,
    /// Changes that do not count yet, and when they will.
    held: HashMap<InterfaceName, (LinkState, Instant)>,
    /// Their first time up is over: another one is delayed.
    have_been_up: HashSet<InterfaceName>,
}

impl Interfaces {
    pub(super) fn new(states: &[InterfaceState], delays: &[InterfaceDelays]) -> Self {
        let is_up = |state: &&InterfaceState| state.link == LinkState::Up;
        let up = states.iter().filter(is_up).map(|s| s.interface.clone());
        Self {
            states: states
                .iter()
                .map(|s| (s.interface.clone(), s.clone()))
                .collect(),
            delays: delays.to_vec(),
            held: HashMap::new(),
            have_been_up: up.collect(),
        }
    }

    /// Takes the news and returns what counted before.
    pub(super) fn update(
        &mut self,
        mut state: InterfaceState,
        now: Instant,
        actions: &mut Actions,
    ) -> Option<InterfaceState> {
        let interface = state.interface.clone();
        let counts = self.link(&interface);
        match self.delay(&interface, counts, state.link) {
            Some(delay) => {
                if let Entry::Vacant(held) = self.held.entry(interface) {
                    let event = TrackingEvent::InterfaceDelayed {
                        interface: held.key().clone(),
                        is_up: state.link == LinkState::Up,
                        delay,
                    };
                    log(event, actions);
                    held.insert((state.link, now + delay));
                }
                state.link = counts;
            }
            None => {
                if self.held.remove(&interface).is_some() {
                    log(
                        TrackingEvent::InterfaceDelayCancelled { interface },
                        actions,
                    );
                }
            }
        }
        if state.link == LinkState::Up {
            self.have_been_up.insert(state.interface.clone());
        }
        self.states.insert(state.interface.clone(), state)
    }

    /// How long this change must last; `None`: it counts at once, or it is none.
    fn delay(&self, interface: &InterfaceName, from: LinkState, to: LinkState) -> Option<Duration> {
        let delays = self.delays.iter().find(|it| it.interface == *interface)?;
        let delay = match (from, to) {
            (LinkState::Up, LinkState::Down) => delays.down_delay,
            // keepalived: the first time that it is up is not delayed.
            (LinkState::Down | LinkState::Missing, LinkState::Up)
                if self.have_been_up.contains(interface) =>
            {
                delays.up_delay
            }
            (LinkState::Up | LinkState::Down | LinkState::Missing, _) => return None,
        };
        (!delay.is_zero()).then_some(delay)
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.held.values().map(|(_, at)| *at).min()
    }

    /// The changes that count from now on.
    pub(super) fn timeout(&mut self, now: Instant) -> Vec<(InterfaceName, LinkState)> {
        let is_due = |(_, (_, at)): &(&InterfaceName, &(LinkState, Instant))| *at <= now;
        let due = self.held.iter().filter(is_due);
        let mut due: Vec<_> = due.map(|(name, (link, _))| (name.clone(), *link)).collect();
        due.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        for (interface, link) in &due {
            self.held.remove(interface);
            if let Some(state) = self.states.get_mut(interface) {
                state.link = *link;
            }
            if *link == LinkState::Up {
                self.have_been_up.insert(interface.clone());
            }
        }
        due
    }

    pub(super) fn link(&self, interface: &InterfaceName) -> LinkState {
        self.states
            .get(interface)
            .map_or(LinkState::Missing, |state| state.link)
    }

    /// Whether the interface has a configured source of adverts.
    fn has_source(&self, interface: &InterfaceName, address: IpAddr) -> bool {
        let state = self.states.get(interface);
        state.is_some_and(|state| state.sources.contains(&address))
    }

    /// Source of adverts of that family.
    fn own_address(&self, interface: &InterfaceName, family: AddressFamily) -> Option<IpAddr> {
        let state = self.states.get(interface)?;
        match family {
            AddressFamily::Inet => state.primary_address.map(IpAddr::V4),
            AddressFamily::Inet6 => state.link_local.map(IpAddr::V6),
        }
    }
}

/// A reason for FAULT.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    InterfaceDown(InterfaceName),
    /// No source for adverts.
    NoAddress(AddressFamily),
    /// `track_src_ip`
    SourceMissing,
    /// `unicast_fault_no_peer`.
    NoPeer,
    Script(String),
    File {
        file: String,
        status: i32,
    },
    Process(String),
}

/// keepalived's words, as they follow the instance's name.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InterfaceDown(interface) => {
                write!(f, "entering FAULT state (interface {interface} down)")
            }
            Self::NoAddress(family) => {
                let family = family.name();
                write!(
                    f,
                    "entering FAULT state (no {family} address for interface)"
                )
            }
            Self::SourceMissing => f.write_str("entering FAULT state (src address not configured)"),
            Self::NoPeer => f.write_str("entering FAULT state (no unicast peers)"),
            Self::Script(script) => write!(f, "entering FAULT state due to script {script}"),
            Self::File { file, status } => {
                write!(
                    f,
                    "entering FAULT state (tracked file {file} has status {status})"
                )
            }
            Self::Process(process) => {
                write!(
                    f,
                    "entering FAULT state (tracked process {process} quorum not achieved)"
                )
            }
        }
    }
}

/// All that tracking says about one virtual router.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Assessment {
    /// Sum of the weights that count at present.
    pub(super) weight: i32,
    pub(super) faults: Vec<Fault>,
    /// An unweighted script has not reported yet.
    pub(super) is_pending: bool,
    /// Source of adverts.
    pub(super) source: Option<IpAddr>,
}

/// The value from which on a tracked file is a FAULT, and the most that it can add (keepalived).
const FILE_FAULT: i64 = -254;
const FILE_MAX: i64 = 253;

impl Assessment {
    /// `health` answers for a script; `None` for one that does not exist.
    pub(super) fn new(
        config: &VrrpInstance,
        group: Option<&VrrpSyncGroup>,
        interfaces: &Interfaces,
        trackers: &Trackers,
        health: impl Fn(&str) -> Option<Health>,
    ) -> Self {
        let mut assessment = Self {
            source: source(config, interfaces),
            ..Self::default()
        };
        assessment.own_interface(config, interfaces);
        // keepalived: in a sync group weights are ignored, else its members would part.
        let do_weights_count = group.is_none_or(|group| group.sync_group_tracking_weight);
        let counts = |weight: TrackWeight| do_weights_count || weight == TrackWeight::FAULT;
        for tracked in with_group(&config.track_interface, group, |it| &it.track_interface)
            .filter(|it| counts(it.weight))
        {
            // keepalived: says that it ignores such an entry.
            if tracked.interface == config.interface && !config.dont_track_primary {
                continue;
            }
            assessment.interface(tracked, interfaces.link(&tracked.interface));
        }
        for tracked in with_group(&config.track_file, group, |it| &it.track_file)
            .filter(|it| counts(it.weight))
        {
            if let Some(value) = trackers.file(&tracked.name) {
                assessment.file(tracked, value);
            }
        }
        for tracked in with_group(&config.track_process, group, |it| &it.track_process)
            .filter(|it| counts(it.weight))
        {
            if let Some(has_quorum) = trackers.process(&tracked.name) {
                assessment.process(tracked, has_quorum);
            }
        }
        for tracked in with_group(&config.track_script, group, |it| &it.track_script)
            .filter(|it| counts(it.weight))
        {
            if let Some(health) = health(&tracked.script) {
                assessment.script(tracked, health);
            }
        }
        assessment
    }

    fn own_interface(&mut self, config: &VrrpInstance, interfaces: &Interfaces) {
        let is_down = match interfaces.link(&config.interface) {
            LinkState::Up => false,
            LinkState::Down => !config.dont_track_primary,
            LinkState::Missing => true,
        };
        if is_down {
            self.fault(Fault::InterfaceDown(config.interface.clone()));
        }
        if self.source.is_none() {
            self.fault(Fault::NoAddress(config.family()));
        }
        if config.track_src_ip
            && let Some(address) = configured_source(config)
            && !interfaces.has_source(&config.interface, address)
        {
            self.fault(Fault::SourceMissing);
        }
        if config.unicast_fault_no_peer && config.unicast_peer.is_empty() {
            self.fault(Fault::NoPeer);
        }
    }

    fn interface(&mut self, tracked: &TrackInterface, link: LinkState) {
        let is_up = link == LinkState::Up;
        if self.weigh(tracked.weight, tracked.reverse, is_up) == Good::No {
            self.fault(Fault::InterfaceDown(tracked.interface.clone()));
        }
    }

    fn script(&mut self, tracked: &TrackScript, health: Health) {
        let is_good = match health {
            Health::Unknown if tracked.weight == TrackWeight::FAULT => {
                self.is_pending = true;
                return;
            }
            Health::Unknown => return,
            Health::Good => true,
            Health::Bad => false,
        };
        if self.weigh(tracked.weight, tracked.reverse, is_good) == Good::No {
            self.fault(Fault::Script(tracked.script.clone()));
        }
    }

    fn process(&mut self, tracked: &TrackObject, has_quorum: bool) {
        if self.weigh(tracked.weight, tracked.reverse, has_quorum) == Good::No {
            self.fault(Fault::Process(tracked.name.clone()));
        }
    }

    /// A file's number is multiplied with the weight; with weight 0 any number but 0 is a FAULT.
    fn file(&mut self, tracked: &TrackObject, value: i32) {
        let status = if tracked.weight == TrackWeight::FAULT {
            if (value != 0) == tracked.reverse {
                return;
            }
            FILE_FAULT
        } else {
            let sign = if tracked.reverse { -1 } else { 1 };
            let status = i64::from(value) * i64::from(tracked.weight.get()) * sign;
            status.clamp(FILE_FAULT, FILE_MAX)
        };
        if status == FILE_FAULT {
            let file = tracked.name.clone();
            return self.fault(Fault::File {
                file,
                status: value,
            });
        }
        let weight = i32::try_from(status).unwrap_or_default();
        self.weight = self.weight.saturating_add(weight);
    }

    /// keepalived: a positive weight counts while the object is good, a negative one while it is bad, and `reverse`
    /// turns its sign round. Without a weight the object, or with `reverse` its absence, keeps the instance from
    /// FAULT.
    fn weigh(&mut self, weight: TrackWeight, reverse: bool, is_good: bool) -> Good {
        if weight == TrackWeight::FAULT {
            return if is_good == reverse {
                Good::No
            } else {
                Good::Yes
            };
        }
        let weight = i32::from(weight.get());
        if (weight > 0) == is_good {
            let weight = if reverse { -weight } else { weight };
            self.weight = self.weight.saturating_add(weight);
        }
        Good::Yes
    }

    fn fault(&mut self, fault: Fault) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }
}

/// The configured source of adverts, or the interface's own address.
fn source(config: &VrrpInstance, interfaces: &Interfaces) -> Option<IpAddr> {
    configured_source(config).or_else(|| interfaces.own_address(&config.interface, config.family()))
}

fn configured_source(config: &VrrpInstance) -> Option<IpAddr> {
    config
        .configured_source()
        .filter(|address| AddressFamily::of(*address) == config.family())
}

/// Whether a tracked object lets the instance take part.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
enum Good {
    Yes,
    No,
}

/// The instance's own entries and those of its sync group.
fn with_group<'a, T>(
    own: &'a [T],
    group: Option<&'a VrrpSyncGroup>,
    of_group: impl Fn(&'a VrrpSyncGroup) -> &'a [T],
) -> impl Iterator<Item = &'a T> {
    own.iter().chain(group.map_or(&[][..], of_group))
}

fn log(event: TrackingEvent, actions: &mut Actions) {
    actions.push(Action::Log(Event::Tracking(event)));
}
