//! Two nodes, two sync groups of two virtual routers on two interfaces, and everything that can part them.
//!
//! Each seed walks from state to state: lost packets in one direction on one segment, interfaces that go down,
//! reloads that change priorities, names, members and addresses, nodes that stand still or start anew. From each
//! state that it reaches, a copy of the world is healed and runs on: within three adverts and the skew of the
//! weaker node exactly one node is master of both members of each group, and stays it.
//! `SIM_SEED=n` replays one walk, `SIM_SEEDS=n` makes n of them.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::*;
use crate::config::{Config, VrrpInstance, VrrpSyncGroup};
use crate::types::{InterfaceName, Priority, VirtualAddress, Vrid};

const SEEDS: u64 = 64;
const STATES_OF_A_WALK: usize = 24;
const MAX_DELAY_MILLIS: u64 = 5;
/// Three adverts, the skew of priority 100, a hand-over and the packets' way.
const CONVERGENCE: Duration = Duration::from_millis(3000 + 610 + 20 + 5 * MAX_DELAY_MILLIS);
const CALM: Duration = Duration::from_secs(4);

#[test]
fn from_every_reached_state_one_node_becomes_master_of_each_whole_group() {
    let number = |name| {
        let value = std::env::var(name).ok();
        value.map(|value| value.parse().expect("a number"))
    };
    let seeds = match number("SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIM_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let mut world = World::new(seed);
        for _ in 0..STATES_OF_A_WALK {
            world.go_wrong();
            let pause = Duration::from_millis(world.random.u64(0..2500));
            world.run_until(world.now + pause);
            let mut healed = world.clone();
            healed.heal();
            healed.run_until(healed.now + CONVERGENCE);
            let masters = healed.masters();
            healed.run_until(healed.now + CALM);
            assert_eq!(
                healed.masters(),
                masters,
                "{}: changed in calm",
                healed.tell()
            );
        }
    }
}

#[derive(Clone)]
struct World {
    seed: u64,
    random: fastrand::Rng,
    epoch: Instant,
    now: Instant,
    nodes: [Node; 2],
    in_flight: Vec<InFlight>,
    /// From node, on interface: none of its packets arrives.
    deaf: [[bool; 2]; 2],
    told: Vec<String>,
}

#[derive(Clone)]
struct Node {
    index: u8,
    routers: VirtualRouters,
    /// Of each interface.
    up: [bool; 2],
    variant: u8,
    stands_still: bool,
    socket: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone)]
struct InFlight {
    at: Instant,
    to: usize,
    interface: usize,
    bytes: Vec<u8>,
}

impl World {
    fn new(seed: u64) -> Self {
        let now = Instant::now();
        let mut world = Self {
            seed,
            random: fastrand::Rng::with_seed(seed),
            epoch: now,
            now,
            nodes: [Node::new(0, now), Node::new(1, now)],
            in_flight: Vec::new(),
            deaf: [[false; 2]; 2],
            told: Vec::new(),
        };
        for node in 0..2 {
            world.restart(node);
        }
        world
    }

    fn go_wrong(&mut self) {
        let node = self.random.usize(0..2);
        let interface = self.random.usize(0..2);
        match self.random.u8(0..8) {
            0 | 1 => self.deaf[node][interface] ^= true,
            2 | 3 => {
                let up = !self.nodes[node].up[interface];
                self.set_link(node, interface, up);
            }
            4 | 5 => {
                let variant = self.random.u8(0..6);
                self.reload(node, variant);
            }
            6 => self.nodes[node].stands_still ^= true,
            _ => self.restart(node),
        }
        let node = &self.nodes[node];
        let told = format!(
            "{:.3} deaf {:?}, node {}: up {:?}, variant {}, still {}",
            self.now.duration_since(self.epoch).as_secs_f64(),
            self.deaf,
            node.index,
            node.up,
            node.variant,
            node.stands_still
        );
        self.told.push(told);
    }

    fn heal(&mut self) {
        self.deaf = [[false; 2]; 2];
        for node in 0..2 {
            self.nodes[node].stands_still = false;
            self.wake(node);
            for interface in 0..2 {
                if !self.nodes[node].up[interface] {
                    self.set_link(node, interface, true);
                }
            }
            if self.nodes[node].variant != 0 {
                self.reload(node, 0);
            }
        }
    }

    /// The node that is master of both members, for each group.
    fn masters(&self) -> [usize; 2] {
        [0, 1].map(|group| {
            let is_master = |node: &Node, member: usize| {
                let snapshot = node.routers.snapshot();
                snapshot.instances[2 * group + member].state == State::Master
            };
            let of: Vec<_> = [0, 1]
                .into_iter()
                .filter(|&node| (0..2).all(|member| is_master(&self.nodes[node], member)))
                .collect();
            let any = self
                .nodes
                .iter()
                .filter(|node| (0..2).any(|member| is_master(node, member)))
                .count();
            assert!(
                of.len() == 1 && any == 1,
                "{}: group {group} {:?}",
                self.tell(),
                self.nodes.each_ref().map(|node| {
                    let snapshot = node.routers.snapshot();
                    snapshot
                        .instances
                        .iter()
                        .map(|it| it.state)
                        .collect::<Vec<_>>()
                })
            );
            of[0]
        })
    }

    fn run_until(&mut self, until: Instant) {
        for _ in 0..1_000_000 {
            let timeouts = self
                .nodes
                .iter()
                .filter(|node| !node.stands_still)
                .filter_map(|node| node.routers.next_timeout());
            let packets = self.in_flight.iter().map(|packet| packet.at);
            match timeouts.chain(packets).min() {
                Some(next) if next <= until => self.now = self.now.max(next),
                _ => {
                    self.now = until;
                    return;
                }
            }
            self.deliver();
            for node in 0..2 {
                self.wake(node);
            }
        }
        panic!("{}: never comes to rest", self.tell());
    }

    fn deliver(&mut self) {
        let now = self.now;
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.in_flight)
            .into_iter()
            .partition(|packet| packet.at <= now);
        self.in_flight = later;
        for packet in due {
            let node = &mut self.nodes[packet.to];
            if node.up[packet.interface] {
                node.socket.push((packet.interface, packet.bytes));
            }
        }
    }

    /// Input before timers.
    fn wake(&mut self, node: usize) {
        if self.nodes[node].stands_still {
            return;
        }
        for (interface, bytes) in std::mem::take(&mut self.nodes[node].socket) {
            let name = name(interface);
            let packet = Input::Packet {
                interface: &name,
                bytes: &bytes,
            };
            self.handle(node, packet);
        }
        let next = self.nodes[node].routers.next_timeout();
        if next.is_some_and(|next| next <= self.now) {
            self.handle(node, Input::Timeout);
        }
    }

    fn handle(&mut self, node: usize, input: Input<'_>) {
        let actions = self.nodes[node].routers.handle(input, self.now);
        self.carry_out(node, actions);
    }

    fn set_link(&mut self, node: usize, interface: usize, up: bool) {
        self.nodes[node].up[interface] = up;
        let state = self.nodes[node].interface(interface);
        // One that stands still is told when it goes on, and looks at all of them then.
        if !self.nodes[node].stands_still {
            self.handle(node, Input::Interface(state));
        }
    }

    fn reload(&mut self, node: usize, variant: u8) {
        let it = &mut self.nodes[node];
        it.variant = variant;
        let interfaces = it.interfaces();
        let actions = it
            .routers
            .reload(&config(it.index, variant), &interfaces, self.now);
        self.carry_out(node, actions);
    }

    fn restart(&mut self, node: usize) {
        let it = &mut self.nodes[node];
        it.socket.clear();
        let goodbye = it.routers.stop(self.now);
        self.carry_out(node, goodbye);
        let it = &mut self.nodes[node];
        let (routers, actions) = VirtualRouters::new(
            &config(it.index, it.variant),
            &it.interfaces(),
            &[],
            self.now,
        );
        it.routers = routers;
        self.carry_out(node, actions);
    }

    fn carry_out(&mut self, node: usize, actions: Actions) {
        for action in actions {
            let Action::SendAdvert {
                router, packets, ..
            } = action
            else {
                continue;
            };
            let interface = usize::from(router.interface == name(1));
            if self.deaf[node][interface] || !self.nodes[node].up[interface] {
                continue;
            }
            for (_, bytes) in packets.iter() {
                let delay = Duration::from_millis(self.random.u64(0..=MAX_DELAY_MILLIS));
                self.in_flight.push(InFlight {
                    at: self.now + delay,
                    to: 1 - node,
                    interface,
                    bytes: bytes.clone(),
                });
            }
        }
    }

    fn tell(&self) -> String {
        format!("SIM_SEED={}\n{}", self.seed, self.told.join("\n"))
    }
}

impl Node {
    fn new(index: u8, now: Instant) -> Self {
        let up = [true; 2];
        let interfaces = [0, 1].map(|interface| state(index, interface, true));
        let (routers, _) = VirtualRouters::new(&config(index, 0), &interfaces, &[], now);
        Self {
            index,
            routers,
            up,
            variant: 0,
            stands_still: false,
            socket: Vec::new(),
        }
    }

    fn interface(&self, interface: usize) -> InterfaceState {
        state(self.index, interface, self.up[interface])
    }

    fn interfaces(&self) -> [InterfaceState; 2] {
        [self.interface(0), self.interface(1)]
    }
}

fn state(node: u8, interface: usize, is_up: bool) -> InterfaceState {
    let network = u8::try_from(interface).expect("two of them");
    InterfaceState {
        interface: name(interface),
        link: if is_up {
            LinkState::Up
        } else {
            LinkState::Down
        },
        primary_address: Some(Ipv4Addr::new(10, network, 0, node + 1)),
        link_local: None,
        sources: std::collections::BTreeSet::new(),
    }
}

/// Node 0 is the better one of group 1, node 1 that of group 2. Variant 0 is what both end with.
fn config(node: u8, variant: u8) -> Config {
    let mut config = Config::default();
    for group in 0..2_u8 {
        let mut members = Vec::new();
        for member in 0..2_u8 {
            let index = 2 * group + member;
            let vrid = Vrid::new(index + 1).expect("in range");
            let name_of = if variant == 1 { 3 - index } else { index };
            let mut instance =
                VrrpInstance::new(&format!("VI_{name_of}"), name(member.into()), vrid);
            let is_better = (node == group) != (variant == 2);
            let priority = if is_better { 150 } else { 100 };
            instance.priority = Priority::new(priority).expect("in range");
            let address = |last| VirtualAddress::new(Ipv4Addr::new(10, member, 0, last).into(), 24);
            instance.virtual_ipaddress = vec![address(100 + index)];
            if variant == 3 {
                instance.virtual_ipaddress.push(address(200 + index));
            }
            members.push(instance.name.clone());
            // The last one vanishes.
            if variant != 4 || index != 3 {
                config.vrrp_instances.push(instance);
            }
        }
        // Each for itself.
        if variant != 5 {
            config.vrrp_sync_groups.push(VrrpSyncGroup {
                name: format!("G{group}"),
                group: members,
                ..VrrpSyncGroup::default()
            });
        }
    }
    config
}

fn name(interface: usize) -> InterfaceName {
    InterfaceName::new(["eth0", "eth1"][interface]).expect("a name")
}
