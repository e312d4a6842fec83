//! Two and three routers on one virtual clock, with everything that goes wrong between them.
//!
//! Each seed is one run: a minute of faults (loss, delay, packets that come twice, partitions, links without carrier,
//! pauses, crashes, regular restarts, suspended machines, wall clocks that are set), then calm. The parent's part is
//! played too: a lease that ends takes the addresses away and ends the process.
//!
//! A machine that is suspended hears nothing meanwhile. Afterwards its monotonic clock has either gone on or stood still;
//! what stood still says that no lease has ended, and the node goes on as MASTER until it hears the other one. The wall
//! clock matters where packets are authenticated, which is every other run with all faults: by an authentication header,
//! whose numbers begin with the time of day, or by a trailer, which a node hears as long as its clock is off by less
//! than `time_window`.
//! `SIM_SEED=n` replays one run and prints what happened; `SIM_SEEDS=n` makes n runs.
//!
//! Checked after each step:
//! * Two masters that can hear each other are one within an advert interval and the longest delay.
//! * With pauses and crashes alone no node takes the addresses while another has them, however long a node was paused
//!   and whatever was in its sockets; two backups whose waits end within the time that an advert travels are the
//!   exception. (`nopreempt`, because a node that is paused while it is preempted holds them until its lease ends.)
//! * Who has the addresses is MASTER, and the other way round, unless the process is gone.
//!
//! And at the end: exactly one master within three adverts, skew and a second; the best one unless
//! `nopreempt`; and it stays.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::*;
use crate::config::{
    AntiReplay, AuthHmac, Authentication, Config, HmacKey, HmacMode, VrrpInstance,
};
use crate::types::{InterfaceName, Priority, VirtualAddress, Vrid, VrrpVersion};

const SEEDS: u64 = 256;
const ADVERT_INT: Duration = Duration::from_secs(1);
const MAX_DELAY_MILLIS: u64 = 20;
const FAULTS_FOR: Duration = Duration::from_secs(60);
/// Three adverts, the longest skew, a second.
const CONVERGENCE: Duration = Duration::from_secs(5);
const CALM_FOR: Duration = Duration::from_secs(15);
/// `auth_hmac` hears clocks that are off by at most this.
const TIME_WINDOW: Duration = Duration::from_secs(5);
/// What a right wall clock says when a run begins.
const EPOCH: Duration = Duration::from_secs(1_800_000_000);

#[test]
fn whatever_happens_one_master_is_left() {
    let number = |name| {
        std::env::var(name)
            .ok()
            .map(|value| value.parse().expect("a number"))
    };
    match number("SIM_SEED") {
        Some(seed) => run(seed, true),
        None => (0..number("SIM_SEEDS").unwrap_or(SEEDS)).for_each(|seed| run(seed, false)),
    }
}

fn run(seed: u64, prints: bool) {
    let mut world = World::new(seed, prints);
    world.run_faults();
    world.heal();
    // Clocks have been set right: numbers that were heard while they were ahead count for as long as that.
    let settles = world.clocks_settle_after();
    world.run_until(world.now + settles + CONVERGENCE);
    let master = world.check_converged();
    world.run_until(world.now + CALM_FOR);
    assert_eq!(
        world.check_converged(),
        master,
        "{world}: the master changed in calm"
    );
}

struct Node {
    address: Ipv4Addr,
    priority: u8,
    config: Config,
    /// `None`: the process is gone.
    routers: Option<VirtualRouters>,
    /// Where a process that is gone comes back.
    restart_at: Option<Instant>,
    paused_until: Option<Instant>,
    /// The whole machine stands still.
    suspended: Option<Suspended>,
    /// How far its monotonic clock is behind that of the world.
    lag: Duration,
    /// How far its wall clock is off.
    wall_off: Off,
    /// That and its lag when its process was last told the time of day.
    told: (Off, Duration),
    has_carrier: bool,
    /// What the kernel has, whatever the process thinks.
    addresses_since: Option<Instant>,
    /// By the clock of the machine.
    lease_until: Option<Instant>,
    master_since: Option<Instant>,
    /// What has arrived and was not read yet.
    socket: Vec<Vec<u8>>,
}

/// Milliseconds, ahead or behind.
type Off = i64;

struct Suspended {
    since: Instant,
    clock: Clock,
}

/// What the monotonic clock does while its machine is suspended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Clock {
    GoesOn,
    StandsStill,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Authenticated {
    No,
    Header,
    Trailer,
}

struct World {
    seed: u64,
    prints: bool,
    random: fastrand::Rng,
    epoch: Instant,
    now: Instant,
    nodes: Vec<Node>,
    in_flight: Vec<InFlight>,
    /// Pairs that do not hear each other.
    partitions: Vec<(usize, usize)>,
    /// Of a hundred packets.
    loss: u32,
    /// Of a hundred packets, how many come twice.
    duplication: u32,
    authenticated: Authenticated,
    /// When something last happened between two nodes that the protocol has to cope with.
    disturbed_at: Vec<Vec<Instant>>,
    preempt: bool,
    /// Pauses and crashes alone.
    is_reliable: bool,
}

struct InFlight {
    at: Instant,
    to: usize,
    bytes: Vec<u8>,
}

impl World {
    fn new(seed: u64, prints: bool) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let is_reliable = seed.is_multiple_of(2);
        let preempt = !is_reliable && random.bool();
        let authenticated = match seed % 8 {
            1 => Authenticated::Header,
            5 => Authenticated::Trailer,
            _ => Authenticated::No,
        };
        let now = Instant::now();
        let count = random.usize(2..=3);
        // At equal priorities the skew does not part the nodes, only the addresses do.
        let are_equal = !is_reliable && random.u8(0..4) == 0;
        let nodes: Vec<_> = (0..3u8)
            .take(count)
            .map(|index| {
                let priority = 50 + index * 60 + random.u8(0..=20);
                let priority = if are_equal { 100 } else { priority };
                Node::new(index + 1, priority, preempt, authenticated)
            })
            .collect();
        let mut world = Self {
            seed,
            prints,
            random,
            epoch: now,
            now,
            in_flight: Vec::new(),
            partitions: Vec::new(),
            loss: 0,
            duplication: 5,
            authenticated,
            disturbed_at: vec![vec![now; nodes.len()]; nodes.len()],
            preempt,
            is_reliable,
            nodes,
        };
        for node in 0..count {
            world.start(node);
        }
        world
    }

    /// Steps from event to event; nothing happens in between.
    fn run_until(&mut self, until: Instant) {
        for _ in 0..1_000_000 {
            let next = self.next_event();
            if next.is_none_or(|next| next > until) {
                self.now = until;
                return;
            }
            self.now = self.now.max(next.unwrap_or(until));
            self.step();
            self.check_invariants();
        }
        panic!("{self}: never comes to rest");
    }

    fn next_event(&self) -> Option<Instant> {
        let node_events = self.nodes.iter().flat_map(|node| {
            let of_world = |at: Option<Instant>| at.map(|at| at + node.lag);
            let timeout = match (&node.routers, node.paused_until) {
                (Some(routers), None) => of_world(routers.next_timeout()),
                (_, paused_until) => paused_until,
            };
            let lease_until = of_world(node.lease_until).filter(|_| node.suspended.is_none());
            [timeout, node.restart_at, lease_until]
        });
        let packets = self.in_flight.iter().map(|packet| Some(packet.at));
        node_events.chain(packets).flatten().min()
    }

    fn step(&mut self) {
        self.deliver();
        for node in 0..self.nodes.len() {
            let goes_on = |until: Instant| until <= self.now;
            if self.nodes[node].paused_until.is_some_and(goes_on) {
                self.go_on(node);
            }
            self.expire_lease(node);
            if self.nodes[node].restart_at.is_some_and(|at| at <= self.now) {
                self.start(node);
            }
            self.wake(node);
        }
    }

    fn deliver(&mut self) {
        let now = self.now;
        let (due, later) = std::mem::take(&mut self.in_flight)
            .into_iter()
            .partition(|packet| packet.at <= now);
        self.in_flight = later;
        let due: Vec<InFlight> = due;
        for packet in due {
            let node = &mut self.nodes[packet.to];
            if node.has_carrier && node.routers.is_some() && node.suspended.is_none() {
                node.socket.push(packet.bytes);
            }
        }
    }

    /// The driver's loop: everything that can be read, then the timers.
    fn wake(&mut self, node: usize) {
        if self.nodes[node].paused_until.is_some() {
            return;
        }
        self.tell_wall_clock(node);
        for bytes in std::mem::take(&mut self.nodes[node].socket) {
            let interface = &eth0();
            let bytes = &bytes;
            self.handle(node, Input::Packet { interface, bytes });
        }
        let now = self.time_of(node);
        let routers = self.nodes[node].routers.as_ref();
        if routers
            .and_then(VirtualRouters::next_timeout)
            .is_some_and(|at| at <= now)
        {
            self.handle(node, Input::Timeout);
        }
    }

    /// By the clock of its machine.
    fn time_of(&self, node: usize) -> Instant {
        self.now - self.nodes[node].lag
    }

    fn wall_clock(&self, node: usize) -> WallClock {
        let elapsed = EPOCH + self.now.duration_since(self.epoch);
        let off = self.nodes[node].wall_off;
        let by = Duration::from_millis(off.unsigned_abs());
        WallClock {
            at: self.time_of(node),
            unix: if off < 0 { elapsed - by } else { elapsed + by },
        }
    }

    fn tell_wall_clock(&mut self, node: usize) {
        let it = &mut self.nodes[node];
        let tells = (it.wall_off, it.lag);
        if self.authenticated != Authenticated::No && it.told != tells {
            it.told = tells;
            let clock = self.wall_clock(node);
            self.handle(node, Input::Clock(clock));
        }
    }

    fn handle(&mut self, node: usize, input: Input<'_>) {
        let now = self.time_of(node);
        if let Some(routers) = &mut self.nodes[node].routers {
            let actions = routers.handle(input, now);
            self.carry_out(node, actions);
        }
    }

    fn carry_out(&mut self, node: usize, actions: Actions) {
        for action in actions {
            match action {
                Action::SendAdvert { packets, .. } => {
                    for (_, bytes) in packets {
                        self.send(node, &bytes);
                    }
                }
                Action::RenewLease { until, .. } => self.nodes[node].lease_until = Some(until),
                Action::EndLease { .. } => self.nodes[node].lease_until = None,
                Action::AddAddresses { .. } => {
                    self.nodes[node].addresses_since.get_or_insert(self.now);
                }
                Action::RemoveAddresses { .. } => self.nodes[node].addresses_since = None,
                Action::Log(event) if !event.is_detail() => self.say(node, &event),
                Action::Log(_) | Action::SendGratuitousArp { .. } | Action::Announce(_) => {}
                Action::AddRouting { .. }
                | Action::RemoveRouting { .. }
                | Action::Notify(_)
                | Action::RunScript { .. }
                | Action::KillScript { .. } => {
                    panic!("{self}: nothing of that is configured")
                }
            }
        }
        let node = &mut self.nodes[node];
        let state = node.state();
        match (state, node.master_since) {
            (Some(State::Master), None) => node.master_since = Some(self.now),
            (Some(State::Master), Some(_)) => {}
            _ => node.master_since = None,
        }
    }

    fn send(&mut self, from: usize, bytes: &[u8]) {
        for to in 0..self.nodes.len() {
            if to == from {
                continue;
            }
            let is_parted = self.partitions.contains(&(from.min(to), from.max(to)));
            let is_lost = self.random.u32(0..100) < self.loss;
            let is_heard = self.hear_each_other(from, to);
            if is_parted || is_lost || !is_heard || !self.nodes[from].has_carrier {
                self.disturbed_at[from][to] = self.now;
                self.disturbed_at[to][from] = self.now;
            }
            if is_parted || is_lost || !self.nodes[from].has_carrier {
                continue;
            }
            let copies = 1 + usize::from(self.random.u32(0..100) < self.duplication);
            for _ in 0..copies {
                let delay = Duration::from_millis(self.random.u64(0..=MAX_DELAY_MILLIS));
                self.in_flight.push(InFlight {
                    at: self.now + delay,
                    to,
                    bytes: bytes.to_vec(),
                });
            }
        }
    }

    /// Their wall clocks let them.
    fn hear_each_other(&self, node: usize, other: usize) -> bool {
        let off = |node: usize| self.nodes[node].wall_off;
        let apart = Duration::from_millis(off(node).abs_diff(off(other)));
        self.authenticated != Authenticated::Trailer || apart < TIME_WINDOW
    }

    fn clocks_settle_after(&self) -> Duration {
        match self.authenticated {
            Authenticated::No | Authenticated::Header => Duration::ZERO,
            Authenticated::Trailer => TIME_WINDOW * 2,
        }
    }

    fn disturb(&mut self, node: usize) {
        for other in 0..self.nodes.len() {
            self.disturbed_at[node][other] = self.now;
            self.disturbed_at[other][node] = self.now;
        }
    }

    fn start(&mut self, node: usize) {
        let now = self.time_of(node);
        let wall = self.wall_clock(node);
        let since_boot = self.now.duration_since(self.epoch);
        let it = &mut self.nodes[node];
        it.told = (it.wall_off, it.lag);
        it.restart_at = None;
        it.socket.clear();
        let resume: Vec<_> = it
            .lease_until
            .filter(|until| *until > now)
            .map(|lease_until| Resume {
                router: identity::of(&it.config.vrrp_instances[0]),
                lease_until,
            })
            .into_iter()
            .collect();
        let link = it.interface();
        let tracked = TrackedNow::default();
        let clocks = Some(Clocks { wall, since_boot });
        let (routers, actions) =
            VirtualRouters::with_clocks(&it.config, &[link], &tracked, &resume, clocks, now);
        it.routers = Some(routers);
        self.say(node, &"starts");
        self.carry_out(node, actions);
        self.disturb(node);
    }

    /// The parent: kills first, then takes the addresses away, then starts a new child.
    fn expire_lease(&mut self, node: usize) {
        if self.nodes[node].suspended.is_some() {
            return;
        }
        let now = self.time_of(node);
        if self.nodes[node]
            .lease_until
            .is_some_and(|until| until <= now)
        {
            self.say(node, &"is fenced");
            self.crash(node, Duration::ZERO);
            self.nodes[node].lease_until = None;
            self.nodes[node].addresses_since = None;
        }
    }

    fn crash(&mut self, node: usize, downtime: Duration) {
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
}

/// What goes wrong.
impl World {
    fn run_faults(&mut self) {
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

    fn pause(&mut self, node: usize) {
        if self.nodes[node].routers.is_some() {
            let time = Duration::from_millis(self.random.u64(10..8000));
            self.say(node, &format!("is paused for {time:?}"));
            self.nodes[node].paused_until = Some(self.now + time);
            self.disturb(node);
        }
    }

    fn go_on(&mut self, node: usize) {
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

    fn suspend(&mut self, node: usize) {
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

    /// By little, by more than `time_window`, by much, or right again.
    fn set_wall_clock(&mut self, node: usize) {
        let most = [0, 2_000, 20_000, 4_000_000][self.random.usize(0..4)];
        let off = self.random.i64(-most..=most);
        self.say(node, &format!("has its clock set: {off} ms off"));
        self.nodes[node].wall_off = off;
        self.disturb(node);
    }

    fn restart(&mut self, node: usize) {
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

    fn part(&mut self, node: usize) {
        let other = self.random.usize(0..self.nodes.len());
        if other != node {
            self.partitions.push((node.min(other), node.max(other)));
        }
    }

    fn toggle_carrier(&mut self, node: usize) {
        if self.nodes[node].paused_until.is_none() {
            self.nodes[node].has_carrier ^= true;
            self.disturb(node);
            let state = self.nodes[node].interface();
            self.handle(node, Input::Interface(state));
        }
    }

    fn heal(&mut self) {
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

/// What must hold.
impl World {
    fn check_invariants(&self) {
        for node in &self.nodes {
            if let Some(state) = node.state() {
                assert_eq!(
                    state == State::Master,
                    node.addresses_since.is_some(),
                    "{self}"
                );
                assert_eq!(state == State::Master, node.lease_until.is_some(), "{self}");
            }
        }
        if self.is_reliable {
            let since = || self.nodes.iter().filter_map(|node| node.addresses_since);
            let apart = since()
                .max()
                .zip(since().min())
                .map(|(last, first)| last - first);
            let bound = Duration::from_millis(MAX_DELAY_MILLIS);
            assert!(
                apart.is_none_or(|apart| apart <= bound),
                "{self}: held twice, {apart:?} apart"
            );
        }
        for (index, node) in self.nodes.iter().enumerate() {
            for (other, peer) in self.nodes.iter().enumerate().skip(index + 1) {
                self.check_pair(node, peer, self.disturbed_at[index][other]);
            }
        }
    }

    fn check_pair(&self, node: &Node, peer: &Node, disturbed_at: Instant) {
        let (Some(since), Some(peer_since)) = (node.master_since, peer.master_since) else {
            return;
        };
        if node.paused_until.is_some() || peer.paused_until.is_some() {
            return;
        }
        let settled_at = disturbed_at + self.clocks_settle_after();
        let both_since = since.max(peer_since).max(settled_at);
        // Where both have sent the same number, neither hears the other until the next one.
        let adverts = match self.authenticated {
            Authenticated::No | Authenticated::Trailer => 1,
            Authenticated::Header => 2,
        };
        let bound = ADVERT_INT * adverts + Duration::from_millis(MAX_DELAY_MILLIS);
        let time = self.now.saturating_duration_since(both_since);
        assert!(time <= bound, "{self}: two masters for {time:?}");
    }

    /// Returns the only master.
    fn check_converged(&self) -> usize {
        let masters: Vec<_> = (0..self.nodes.len())
            .filter(|&node| self.nodes[node].state() == Some(State::Master))
            .collect();
        assert_eq!(masters.len(), 1, "{self}: masters {masters:?}");
        let holders = self
            .nodes
            .iter()
            .filter(|node| node.addresses_since.is_some())
            .count();
        assert_eq!(holders, 1, "{self}");
        let master = masters[0];
        if self.preempt {
            let best = self.nodes.iter().map(|node| node.priority).max();
            assert_eq!(
                Some(self.nodes[master].priority),
                best,
                "{self}: not the best"
            );
        }
        master
    }

    fn say(&self, node: usize, what: &dyn fmt::Display) {
        if self.prints {
            let time = self.now.duration_since(self.epoch).as_secs_f64();
            println!(
                "{time:.3} node {node} ({}): {what}",
                self.nodes[node].priority
            );
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.now.duration_since(self.epoch).as_secs_f64();
        write!(f, "SIM_SEED={} at {time:.3}", self.seed)
    }
}

impl Node {
    fn new(host: u8, priority: u8, preempt: bool, authenticated: Authenticated) -> Self {
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

    fn state(&self) -> Option<State> {
        let routers = self.routers.as_ref()?;
        routers
            .snapshot()
            .instances
            .first()
            .map(|instance| instance.state)
    }

    fn interface(&self) -> InterfaceState {
        InterfaceState {
            interface: eth0(),
            link: if self.has_carrier {
                LinkState::Up
            } else {
                LinkState::Down
            },
            primary_address: Some(self.address),
            link_local: None,
            sources: std::collections::BTreeSet::new(),
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

fn eth0() -> InterfaceName {
    InterfaceName::new("eth0").expect("a name")
}
