//! Any sequence of inputs keeps the promises that the driver and the parent rely on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::{TrackInterface, TrackScript, VrrpInstance, VrrpScript, VrrpSyncGroup};
use crate::types::{
    AdvertInterval, AdvertPriority, Priority, ScriptCommand, TrackWeight, VirtualAddress, Vrid,
    VrrpVersion,
};
use crate::wire::vrrp;

#[derive(Clone, Debug)]
enum Op {
    /// Timers are acted upon when they expire.
    Wait(u64),
    /// Nothing is acted upon, then everything at once.
    Stall(u64),
    Advert {
        instance: u8,
        priority: u8,
        host: u8,
    },
    Bytes(Vec<u8>),
    Interface {
        index: u8,
        link: LinkState,
        has_address: bool,
    },
    AddressRemoved {
        instance: u8,
    },
    ScriptExited {
        index: u8,
        outcome: ScriptOutcome,
    },
    Reload {
        variant: u8,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let link = prop_oneof![
        Just(LinkState::Up),
        Just(LinkState::Down),
        Just(LinkState::Missing)
    ];
    let outcome = prop_oneof![
        (0..3).prop_map(ScriptOutcome::Exited),
        Just(ScriptOutcome::Signaled(15)),
        Just(ScriptOutcome::NotStarted(2))
    ];
    let priority = prop_oneof![Just(0), Just(100), Just(255), any::<u8>()];
    prop_oneof![
        6 => (1..5000u64).prop_map(Op::Wait),
        1 => (1..20_000u64).prop_map(Op::Stall),
        6 => (0..4u8, priority, 1..20u8)
            .prop_map(|(instance, priority, host)| Op::Advert { instance, priority, host }),
        1 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Op::Bytes),
        2 => (0..3u8, link, any::<bool>())
            .prop_map(|(index, link, has_address)| Op::Interface { index, link, has_address }),
        1 => (0..4u8).prop_map(|instance| Op::AddressRemoved { instance }),
        4 => (0..2u8, outcome).prop_map(|(index, outcome)| Op::ScriptExited { index, outcome }),
        1 => (0..6u8).prop_map(|variant| Op::Reload { variant }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_sequence_of_inputs_breaks_a_promise(
        variant in 0..6u8,
        ops in prop::collection::vec(op(), 1..80),
    ) {
        let mut model = Model::new(variant);
        for op in ops {
            model.apply(op);
        }
        model.stop();
    }
}

/// What the driver, the kernel and the parent know from the actions alone.
struct Model {
    routers: VirtualRouters,
    now: Instant,
    /// Each with the instance that set it last: a reload may pass it on.
    addresses: BTreeMap<OwnedAddress, String>,
    leases: BTreeMap<String, Instant>,
    running: BTreeSet<String>,
    /// A reload may put instances of different states into one group.
    was_reloaded: bool,
}

impl Model {
    fn new(variant: u8) -> Self {
        let now = Instant::now();
        let (routers, actions) = VirtualRouters::new(&config(variant), &interfaces(), &[], now);
        let mut model = Self {
            routers,
            now,
            addresses: BTreeMap::new(),
            leases: BTreeMap::new(),
            running: BTreeSet::new(),
            was_reloaded: false,
        };
        model.carry_out(&actions);
        model
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Wait(millis) => self.wait(Duration::from_millis(millis)),
            Op::Stall(millis) => {
                self.now += Duration::from_millis(millis);
                self.handle(Input::Timeout);
            }
            Op::Advert {
                instance,
                priority,
                host,
            } => {
                let bytes = advert(instance, priority, host);
                let (interface, bytes) = (&interface(instance % 2), &bytes[..]);
                self.handle(Input::Packet { interface, bytes });
            }
            Op::Bytes(bytes) => {
                let (interface, bytes) = (&interface(0), &bytes[..]);
                self.handle(Input::Packet { interface, bytes });
            }
            Op::Interface {
                index,
                link,
                has_address,
            } => self.handle(Input::Interface(InterfaceState {
                link,
                ..interface_state(index, has_address)
            })),
            Op::AddressRemoved { instance } => {
                let taken = self
                    .addresses
                    .iter()
                    .find(|(_, name)| **name == name_of(instance))
                    .map(|(address, _)| address);
                if let Some(address) = taken.cloned() {
                    self.handle(Input::AddressRemoved(address));
                }
            }
            Op::ScriptExited { index, outcome } => {
                let script = script_name(index);
                if self.running.remove(&script) {
                    self.handle(Input::ScriptExited { script, outcome });
                }
            }
            Op::Reload { variant } => {
                self.was_reloaded = true;
                let interfaces: Vec<_> = (0..3).map(|i| interface_state(i, true)).collect();
                let actions = self.routers.reload(&config(variant), &interfaces, self.now);
                self.carry_out(&actions);
                let again = self.routers.reload(&config(variant), &interfaces, self.now);
                assert_eq!(again, Actions::new(), "an identical configuration");
            }
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        let is_timeout = input == Input::Timeout;
        let actions = self.routers.handle(input, self.now);
        self.carry_out(&actions);
        let is_due =
            |routers: &VirtualRouters, now| routers.next_timeout().is_some_and(|next| next <= now);
        if is_timeout && is_due(&self.routers, self.now) {
            // An owner that has just become BACKUP is due at once, but not for ever.
            let actions = self.routers.handle(Input::Timeout, self.now);
            self.carry_out(&actions);
            assert!(!is_due(&self.routers, self.now));
        }
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(next) = self.routers.next_timeout().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.handle(Input::Timeout);
        }
        self.now = until;
    }

    fn carry_out(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::SendAdvert { packets, .. } => assert!(!packets.is_empty()),
                Action::RenewLease {
                    instance, until, ..
                } => {
                    assert!(*until > self.now);
                    self.leases.insert(instance.to_string(), *until);
                }
                Action::EndLease { instance, .. } => {
                    assert!(!self.addresses.values().any(|name| name == instance));
                    self.leases.remove(instance);
                }
                Action::AddAddresses {
                    instance,
                    addresses,
                } => {
                    assert!(
                        self.leases.contains_key(instance),
                        "addresses under a lease only"
                    );
                    for (address, _) in addresses {
                        self.addresses.insert(address.clone(), instance.clone());
                    }
                }
                Action::RemoveAddresses {
                    instance,
                    addresses,
                } => {
                    for address in addresses {
                        if self.addresses.get(address).is_some_and(|it| it == instance) {
                            self.addresses.remove(address);
                        }
                    }
                }
                Action::SendGratuitousArp {
                    instance,
                    addresses,
                    repeat,
                } => {
                    assert!(*repeat > 0 && !addresses.is_empty());
                    assert!(self.addresses.values().any(|name| name == instance));
                }
                Action::RunScript { script, .. } => {
                    assert!(self.running.insert(script.clone()), "two runs of {script}");
                }
                Action::KillScript { script, .. } => assert!(self.running.contains(script)),
                Action::AddRouting { .. }
                | Action::RemoveRouting { .. }
                | Action::Notify(_)
                | Action::Announce(_) => {}
                Action::Log(event) => assert!(!event.to_string().is_empty()),
            }
        }
        self.check();
    }

    fn check(&self) {
        let believed: BTreeMap<_, _> = self
            .routers
            .owned_addresses()
            .map(|(name, address)| (address, name.to_owned()))
            .collect();
        assert_eq!(self.addresses, believed);
        let snapshot = self.routers.snapshot();
        let state = |name: &String| {
            let instance = snapshot.instances.iter().find(|i| i.name == *name);
            instance.map(|instance| instance.state)
        };
        let masters: Vec<_> = snapshot
            .instances
            .iter()
            .filter(|instance| instance.state == State::Master)
            .map(|instance| instance.name.clone())
            .collect();
        assert!(
            self.leases.keys().eq(&masters),
            "{:?} {masters:?}",
            self.leases
        );
        for group in snapshot.groups.iter().filter(|_| !self.was_reloaded) {
            let states: Vec<_> = group.members.iter().map(state).collect();
            let masters = states.iter().filter(|state| **state == Some(State::Master));
            let count = masters.count();
            assert!(count == 0 || count == states.len(), "{group:?} {states:?}");
            assert!(
                count == 0 || group.state == State::Master,
                "{group:?} {states:?}"
            );
        }
    }

    fn stop(&mut self) {
        let actions = self.routers.stop(self.now);
        self.carry_out(&actions);
        assert_eq!(self.addresses, BTreeMap::new());
        assert_eq!(self.leases, BTreeMap::new());
        assert_eq!(self.routers.next_timeout(), None);
        assert_eq!(
            self.routers.handle(Input::Timeout, self.now),
            Actions::new()
        );
    }
}

/// Four instances on two interfaces; what else there is depends on `variant`.
fn config(variant: u8) -> Config {
    let mut config = Config::default();
    for index in 0..4 {
        // The names are in alphabetical order, as the leases are.
        let mut instance = VrrpInstance::new(&name_of(index), interface(index % 2), vrid(index));
        let count = if variant.is_multiple_of(2) { 1 } else { 3 };
        instance.virtual_ipaddress = (0..count)
            .map(|n| VirtualAddress::new(Ipv4Addr::new(10, 0, index, 100 + n).into(), 24))
            .collect();
        instance.priority = Priority::new(100 + variant).expect("in range");
        config.vrrp_instances.push(instance);
    }
    let [first, second, third, fourth] = &mut config.vrrp_instances[..] else {
        unreachable!("four were made");
    };
    first
        .track_script
        .push(track_script(0, if variant == 1 { -30 } else { 0 }));
    second.preempt_delay = Duration::from_secs(u64::from(variant));
    third.preempt = variant != 2;
    third.track_interface.push(TrackInterface {
        interface: interface(2),
        weight: TrackWeight::FAULT,
        reverse: false,
    });
    fourth.track_script.push(track_script(1, 20));
    fourth.garp.garp_master_refresh = Duration::from_secs(u64::from(variant));
    if variant == 3 {
        fourth.priority = Priority::OWNER;
        fourth.state = crate::config::InitialState::Master;
    }
    for index in 0..if variant == 5 { 1 } else { 2 } {
        config.vrrp_scripts.push(script(index, variant));
    }
    if variant != 4 {
        config.vrrp_sync_groups.push(VrrpSyncGroup {
            name: "G1".to_owned(),
            group: vec![name_of(0), name_of(1)],
            ..VrrpSyncGroup::default()
        });
    } else {
        config.vrrp_instances.truncate(3);
    }
    config
}

fn script(index: u8, variant: u8) -> VrrpScript {
    VrrpScript {
        name: script_name(index),
        script: ScriptCommand {
            argv: vec![format!("/usr/bin/script{}", variant / 3)],
            user: None,
            ..ScriptCommand::default()
        },
        refused: None,
        interval: Duration::from_secs(1 + u64::from(variant % 2)),
        timeout: Duration::from_secs(2),
        weight: TrackWeight::FAULT,
        reverse: false,
        rise: 2,
        fall: 3,
        init_fail: variant == 2,
    }
}

fn track_script(index: u8, weight: i16) -> TrackScript {
    TrackScript {
        script: script_name(index),
        weight: TrackWeight::new(weight).expect("in range"),
        reverse: false,
    }
}

fn advert(instance: u8, priority: u8, host: u8) -> Vec<u8> {
    let addresses = [IpAddr::from([10, 0, instance, 100])];
    let advert = vrrp::Advert {
        version: VrrpVersion::V2,
        vrid: vrid(instance),
        priority: AdvertPriority::from_wire(priority),
        advert_int: AdvertInterval::DEFAULT,
        authentication: vrrp::Authentication::None,
        checksum: vrrp::Checksum::PseudoHeader,
        addresses: &addresses,
    };
    let source = IpAddr::from([10, 9, 0, host]);
    advert.emit_packet(1, source, vrrp::MULTICAST_GROUP.into())
}

fn interfaces() -> Vec<InterfaceState> {
    (0..3).map(|index| interface_state(index, true)).collect()
}

fn interface_state(index: u8, has_address: bool) -> InterfaceState {
    InterfaceState {
        interface: interface(index),
        link: LinkState::Up,
        primary_address: has_address.then_some(Ipv4Addr::new(10, 9, 0, 10)),
        link_local: None,
        sources: BTreeSet::new(),
    }
}

fn interface(index: u8) -> InterfaceName {
    InterfaceName::new(&format!("eth{index}")).expect("a name")
}

fn vrid(index: u8) -> Vrid {
    Vrid::new(index + 1).expect("in range")
}

fn name_of(index: u8) -> String {
    format!("VI_{}", index + 1)
}

fn script_name(index: u8) -> String {
    format!("chk{index}")
}

#[test]
fn hundreds_that_become_master_together_send_in_small_bursts_and_never_late() {
    let interval = Duration::from_millis(100);
    let mut config = Config::default();
    for number in 0..600_u16 {
        let [_, vrid] = (number / 3 + 1).to_be_bytes();
        let vrid = Vrid::new(vrid).expect("in range");
        let interface = interface(u8::try_from(number % 3).expect("small"));
        let mut instance = VrrpInstance::new(&format!("VI_{number}"), interface, vrid);
        instance.version = VrrpVersion::V3;
        instance.advert_int = AdvertInterval::from_centis(10).expect("in range");
        let address = Ipv4Addr::from(0x0a40_0000 + u32::from(number)).into();
        instance.virtual_ipaddress = vec![VirtualAddress::new(address, 32)];
        config.vrrp_instances.push(instance);
    }
    let start = Instant::now();
    let (mut routers, _) = VirtualRouters::new(&config, &interfaces(), &[], start);
    let mut sent: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
    let mut bursts = Vec::new();
    let mut now = start;
    while now < start + Duration::from_secs(3) {
        now = routers.next_timeout().expect("masters").max(now);
        // Each wake-up is a little late, and one is by half a second.
        let is_held_up = bursts.len() == 100;
        now += Duration::from_micros(if is_held_up { 500_000 } else { 300 });
        let mut burst = 0;
        for action in routers.handle(Input::Timeout, now) {
            if let Action::SendAdvert { instance, .. } = action {
                sent.entry(instance.to_string()).or_default().push(now);
                burst += 1;
            }
        }
        if burst > 0 {
            bursts.push(burst);
        }
    }
    assert_eq!(bursts.iter().filter(|size| **size > AT_MOST).count(), 2);
    for (instance, times) in &sent {
        assert!(times.len() > 20, "{instance}");
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        let late = gaps.filter(|gap| *gap > interval + Duration::from_millis(1));
        assert!(late.count() <= 1, "{instance}");
    }

    const AT_MOST: usize = 128;
}
