//! What interfaces and scripts mean to a virtual router: priority, FAULT, or waiting.
//!
//! Nothing is counted up and down here: each time something changed, the whole [`Assessment`] is
//! made anew from what is known, so it cannot drift away from the facts.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use super::script::Health;
use super::{InterfaceState, LinkState};
use crate::config::{TrackInterface, TrackScript, VrrpInstance, VrrpSyncGroup};
use crate::types::{AddressFamily, InterfaceName, TrackWeight};

/// Interfaces as last reported. One that was never reported is missing.
#[derive(Clone, Debug, Default)]
pub(super) struct Interfaces {
    states: HashMap<InterfaceName, InterfaceState>,
}

impl Interfaces {
    pub(super) fn new(states: &[InterfaceState]) -> Self {
        let states = states.iter().map(|s| (s.interface.clone(), s.clone()));
        Self {
            states: states.collect(),
        }
    }

    /// Takes the news and returns what was known before.
    pub(super) fn update(&mut self, state: InterfaceState) -> Option<InterfaceState> {
        self.states.insert(state.interface.clone(), state)
    }

    pub(super) fn link(&self, interface: &InterfaceName) -> LinkState {
        self.states
            .get(interface)
            .map_or(LinkState::Missing, |state| state.link)
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
    Script(String),
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
            Self::Script(script) => write!(f, "entering FAULT state due to script {script}"),
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

impl Assessment {
    /// `health` answers for a script; `None` for one that does not exist.
    pub(super) fn new(
        config: &VrrpInstance,
        group: Option<&VrrpSyncGroup>,
        interfaces: &Interfaces,
        health: impl Fn(&str) -> Option<Health>,
    ) -> Self {
        let mut assessment = Self {
            source: source(config, interfaces),
            ..Self::default()
        };
        assessment.own_interface(config, interfaces);
        let in_group = group.is_some();
        let (group_interfaces, group_scripts) = group.map_or((&[][..], &[][..]), |group| {
            (&group.track_interface[..], &group.track_script[..])
        });
        for tracked in config.track_interface.iter().chain(group_interfaces) {
            // keepalived: says that it ignores such an entry.
            if tracked.interface == config.interface && !config.dont_track_primary {
                continue;
            }
            assessment.interface(tracked, in_group, interfaces.link(&tracked.interface));
        }
        for tracked in config.track_script.iter().chain(group_scripts) {
            if let Some(health) = health(&tracked.script) {
                assessment.script(tracked, in_group, health);
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
    }

    fn interface(&mut self, tracked: &TrackInterface, in_group: bool, link: LinkState) {
        let is_good = (link == LinkState::Up) != tracked.reverse;
        if tracked.weight != TrackWeight::FAULT {
            self.weigh(tracked.weight, is_good, in_group);
        } else if !is_good {
            self.fault(Fault::InterfaceDown(tracked.interface.clone()));
        }
    }

    fn script(&mut self, tracked: &TrackScript, in_group: bool, health: Health) {
        let is_good = match health {
            Health::Unknown if tracked.weight == TrackWeight::FAULT => {
                self.is_pending = true;
                return;
            }
            Health::Unknown => return,
            Health::Good => !tracked.reverse,
            Health::Bad => tracked.reverse,
        };
        if tracked.weight != TrackWeight::FAULT {
            self.weigh(tracked.weight, is_good, in_group);
        } else if !is_good {
            self.fault(Fault::Script(tracked.script.clone()));
        }
    }

    /// keepalived: in a sync group weights are ignored, else its members would part.
    fn weigh(&mut self, weight: TrackWeight, is_good: bool, in_group: bool) {
        let weight = i32::from(weight.get());
        if !in_group && (weight > 0) == is_good {
            self.weight = self.weight.saturating_add(weight);
        }
    }

    fn fault(&mut self, fault: Fault) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }
}

/// The configured source of adverts, or the interface's own address.
fn source(config: &VrrpInstance, interfaces: &Interfaces) -> Option<IpAddr> {
    let family = config.family();
    let configured = if config.unicast_peer.is_empty() {
        config.mcast_src_ip.or(config.unicast_src_ip)
    } else {
        config.unicast_src_ip.or(config.mcast_src_ip)
    };
    configured
        .filter(|address| AddressFamily::of(*address) == family)
        .or_else(|| interfaces.own_address(&config.interface, family))
}
