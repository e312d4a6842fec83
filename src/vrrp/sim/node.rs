//! One router of the simulation: its process, its machine and its interface.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::{Authenticated, TIME_WINDOW};
use crate::config::{
    AntiReplay, AuthHmac, Authentication, Config, HmacKey, HmacMode, VrrpInstance,
};
use crate::types::{InterfaceName, Priority, VirtualAddress, Vrid, VrrpVersion};
use crate::vrrp::{InterfaceState, LinkState, State, VirtualRouters};

pub(super) struct Node {
    pub(super) address: Ipv4Addr,
    pub(super) priority: u8,
    pub(super) config: Config,
    /// `None`: the process is gone.
    pub(super) routers: Option<VirtualRouters>,
    /// Where a process that is gone comes back.
    pub(super) restart_at: Option<Instant>,
    pub(super) paused_until: Option<Instant>,
    /// The whole machine stands still.
    pub(super) suspended: Option<Suspended>,
    /// How far its monotonic clock is behind that of the world.
    pub(super) lag: Duration,
    /// How far its wall clock is off.
    pub(super) wall_off: Off,
    /// That and its lag when its process was last told the time of day.
    pub(super) told: (Off, Duration),
    pub(super) has_carrier: bool,
    /// What the kernel has, whatever the process thinks.
    pub(super) addresses_since: Option<Instant>,
    /// By the clock of the machine.
    pub(super) lease_until: Option<Instant>,
    pub(super) master_since: Option<Instant>,
    /// What has arrived and was not read yet.
    pub(super) socket: Vec<Vec<u8>>,
}

/// Milliseconds, ahead or behind.
pub(super) type Off = i64;

pub(super) struct Suspended {
    pub(super) since: Instant,
    pub(super) clock: Clock,
}

/// What the monotonic clock does while its machine is suspended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Clock {
    GoesOn,
    StandsStill,
}

impl Node {
    pub(super) fn new(host: u8, priority: u8, preempt: bool, authenticated: Authenticated) -> Self {
        let vrid = Vrid::new(51).expect("in range");
        let mut instance = VrrpInstance::new("VI_1", eth0(), vrid);
        instance.priority = Priority::new(priority).expect("in range");
        instance.preempt = preempt;
        let address = Ipv4Addr::new(10, 0, 0, 100).into();
        instance.virtual_ipaddress = vec![VirtualAddress::new(address, 24)];
        match authenticated {
            Authenticated::No => {}
            Authenticated::Header => instance.authentication = Authentication::Ah(*b"secret\0\0"),
            Authenticated::Trailer => {
                instance.version = VrrpVersion::V3;
                instance.auth_hmac = Some(trailer());
            }
        }
        Self {
            address: Ipv4Addr::new(10, 0, 0, host),
            priority,
            config: Config {
                vrrp_instances: vec![instance],
                ..Config::default()
            },
            routers: None,
            restart_at: None,
            paused_until: None,
            suspended: None,
            lag: Duration::ZERO,
            wall_off: 0,
            told: (0, Duration::ZERO),
            has_carrier: true,
            addresses_since: None,
            lease_until: None,
            master_since: None,
            socket: Vec::new(),
        }
    }

    pub(super) fn state(&self) -> Option<State> {
        let routers = self.routers.as_ref()?;
        routers
            .snapshot()
            .instances
            .first()
            .map(|instance| instance.state)
    }

    pub(super) fn interface(&self) -> InterfaceState {
        InterfaceState {
            interface: eth0(),
            link: if self.has_carrier {
                LinkState::Up
            } else {
                LinkState::Down
            },
            primary_address: Some(self.address),
            link_local: None,
            sources: BTreeSet::new(),
        }
    }
}

fn trailer() -> AuthHmac {
    let key = HmacKey::new(vec![7; 32]).expect("long enough");
    AuthHmac {
        key: vec![(1, key)],
        active_key: 1,
        time_window: TIME_WINDOW,
        anti_replay: AntiReplay::Time,
        mode: HmacMode::Enforce,
    }
}

pub(super) fn eth0() -> InterfaceName {
    InterfaceName::new("eth0").expect("a name")
}
