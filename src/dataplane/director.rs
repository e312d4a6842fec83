//! The director: a packet and the time come in, a verdict goes out.
//!
//! ```text
//!              ┌ to a service ──> connection? ─ yes ─> real server   (destination rewritten)
//!  packet ─────┤                      └ no ──> SYN or UDP: schedule; other TCP: reset
//!              └ from elsewhere ─> connection? ─ yes ─> client       (source rewritten)
//!                                     └ no ──> the kernel's business: pass
//! ```
//!
//! A real server with weight 0 gets no new connections and keeps those it has. One that is deleted has none from
//! then on: the next packet of each connection is answered by a reset, and one that begins a connection,
//! as every UDP packet does, is scheduled anew (IPVS: expire_nodest_conn).
//!
//! One that refuses a connection is avoided for a moment, and the client's next SYN goes to another (`refusal`).
//!
//! Neither sockets nor neighbours nor routes are known here; a [`NextHop`] says where a packet is to go, the driver
//! gets it there.

mod refusal;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use ahash::RandomState;

use super::conn::{Connection, ConnectionId, ConnectionTable, Limits, State, Tick};
use super::flow::{self, Flow, IcmpError, LaterFragment, Segment};
use super::forward::nat::Side;
use super::forward::{icmp, nat, reset};
use super::fragments::{Fragments, Route};
use super::packet::Packet;
use super::servers::{Refused, Servers, Steering};
use super::tcp_state::{Sender, Signal, TcpState};
use super::verdict::{DropReason, NextHop, Verdict};
use crate::lvs::message::RealServerStatistics;
use crate::lvs::{Command, Table};

/// What happens to packets of real servers whose connection is not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OrphanPolicy {
    /// They are routed like any other traffic of the real server.
    Pass,
    /// Until then they are taken for connections that a predecessor has lost with its memory: the client gets a
    /// reset in the name of the service, and the packet itself goes to the kernel, so that the real server
    /// hears from the client that there is no such connection.
    ResetUntil(Instant),
}

/// What the director is made with.
#[derive(Clone, Debug)]
pub struct Settings {
    pub limits: Limits,
    /// Keys of the hash tables.
    pub hash: RandomState,
    pub orphans: OrphanPolicy,
}

/// ICMP errors of the director itself in one second, as net.ipv4.icmp_msgs_per_sec.
const ICMP_ERRORS_PER_SECOND: u32 = 1000;
/// Entries looked at in one call of [`Director::expire`].
const EXPIRY_SLICE: u32 = 2000;

pub struct Director {
    started: Instant,
    servers: Servers,
    connections: ConnectionTable,
    fragments: Fragments,
    orphans: OrphanPolicy,
    paths: Paths,
    icmp_errors: (Tick, u32),
    drops: [u64; DropReason::ALL.len()],
}

impl Director {
    pub fn new(settings: Settings, now: Instant) -> Self {
        let Settings {
            limits,
            hash,
            orphans,
        } = settings;
        Self {
            started: now,
            servers: Servers::new(hash.clone()),
            connections: ConnectionTable::new(limits, hash.clone()),
            fragments: Fragments::new(hash),
            orphans,
            paths: Paths::default(),
            icmp_errors: (Tick(0), 0),
            drops: [0; DropReason::ALL.len()],
        }
    }

    /// Decides about a packet and rewrites it where it is to be forwarded.
    pub fn handle(&mut self, packet: &mut Packet<'_>, now: Instant) -> Verdict {
        let tick = self.tick(now);
        let verdict = match flow::parse(packet.datagram()) {
            Err(_) => Verdict::Drop(DropReason::Malformed),
            Ok(Flow::Other) => Verdict::Pass,
            Ok(Flow::LaterFragment(fragment)) => self.later_fragment(packet, &fragment, tick),
            Ok(Flow::IcmpError(error)) => self.icmp_error(packet, &error, tick),
            Ok(Flow::Segment(segment)) => {
                if self
                    .servers
                    .is_service(segment.protocol, segment.destination)
                {
                    self.client_packet(packet, &segment, tick)
                } else {
                    self.real_server_packet(packet, &segment, now)
                }
            }
        };
        if let Verdict::Drop(reason) = verdict {
            self.drops[reason as usize] += 1;
        }
        verdict
    }

    /// Carries out one command; connections that it is not about are not touched.
    pub fn apply(&mut self, command: &Command) -> Result<(), Refused> {
        self.servers.apply(command)
    }

    /// Forgets connections whose time is over, a slice at a time. Whether there is more to do.
    pub fn expire(&mut self, now: Instant) -> bool {
        let tick = self.tick(now);
        let servers = &mut self.servers;
        self.connections.expire(tick, EXPIRY_SLICE, |connection| {
            servers.connection_removed(connection.server, connection.state.is_active());
        })
    }

    /// When [`Director::expire`] is to be called next.
    pub fn next_timeout(&self) -> Option<Instant> {
        let Tick(seconds) = self.connections.next_sweep()?;
        self.started
            .checked_add(Duration::from_secs(seconds.into()))
    }

    /// What is programmed.
    pub fn dump(&self) -> Table {
        self.servers.dump()
    }

    /// Counters of all real servers in service.
    pub fn statistics(&self) -> Vec<RealServerStatistics> {
        self.servers.statistics().collect()
    }

    /// Connections of all states.
    pub fn connections(&self) -> u32 {
        self.connections.len()
    }

    /// What has to reach the director, and a number that changes with it.
    pub fn steering(&self) -> Steering {
        self.servers.steering()
    }

    pub fn steering_generation(&self) -> u64 {
        self.servers.generation()
    }

    /// Packets dropped since the start, by reason.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL.into_iter().zip(self.drops)
    }

    /// The longest datagrams that a real server's path and an interface take.
    pub fn set_paths(&mut self, paths: Paths) {
        self.paths = paths;
    }

    fn tick(&self, now: Instant) -> Tick {
        let seconds = now.saturating_duration_since(self.started).as_secs();
        Tick(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    fn client_packet(&mut self, packet: &mut Packet<'_>, segment: &Segment, now: Tick) -> Verdict {
        let opens = segment.tcp.is_none_or(|fields| fields.opens());
        let known =
            self.connections
                .find_inbound(segment.protocol, segment.source, segment.destination);
        if let Some(id) = known {
            let connection = *self.connections.get(id);
            let gone = !self.is_in_service(&connection);
            let reused = match connection.state {
                State::Tcp(state) => opens && state.yields_to_syn(),
                State::Udp => false,
            };
            if !gone && !reused {
                return self.send_on(packet, segment, id, now);
            }
            self.forget(id);
        }
        if opens {
            return self.open(packet, segment, now);
        }
        answer_with_reset(segment)
    }

    /// A packet that begins a connection.
    fn open(&mut self, packet: &mut Packet<'_>, segment: &Segment, now: Tick) -> Verdict {
        let picked = self.servers.schedule(
            segment.protocol,
            segment.destination,
            *segment.source.ip(),
            now,
        );
        let Some((server, real_address)) = picked else {
            return self.refuse(packet, segment, now);
        };
        // The same client may use the same port towards another service of the same real server: on
        // the real server's side both would be one.
        let other = self
            .connections
            .find_outbound(segment.protocol, segment.source, real_address);
        if let Some(other) = other {
            match self.connections.get(other).state {
                State::Tcp(state) if !state.yields_to_syn() => {
                    return Verdict::Drop(DropReason::TupleInUse);
                }
                State::Tcp(_) | State::Udp => self.forget(other),
            }
        }
        let state = match segment.tcp {
            Some(_) => State::Tcp(TcpState::SynRecv),
            None => State::Udp,
        };
        let connection = Connection {
            protocol: segment.protocol,
            state,
            client: segment.source,
            virtual_address: segment.destination,
            real_address,
            server,
            client_mac: packet.source_mac(),
            client_interface: packet.interface(),
        };
        let Ok(inserted) = self.connections.insert(connection, now) else {
            return Verdict::Drop(DropReason::TableFull);
        };
        self.servers.connection_added(server, state.is_active());
        if let Some(evicted) = inserted.evicted {
            self.servers
                .connection_removed(evicted.server, evicted.state.is_active());
        }
        self.send_on(packet, segment, inserted.id, now)
    }

    fn send_on(
        &mut self,
        packet: &mut Packet<'_>,
        segment: &Segment,
        id: ConnectionId,
        now: Tick,
    ) -> Verdict {
        let connection = *self.connections.get(id);
        let mtu = self.paths.towards(*connection.real_address.ip());
        if let Some(verdict) = self.cannot_go_on(packet, segment, &connection, mtu, now) {
            return verdict;
        }
        let next_hop = NextHop::RealServer(*connection.real_address.ip());
        let verdict = self.translate(
            packet,
            segment,
            Side::Destination,
            connection.real_address,
            next_hop,
            now,
        );
        if connection.client_mac != packet.source_mac()
            || connection.client_interface != packet.interface()
        {
            self.connections
                .learn_client(id, packet.source_mac(), packet.interface());
        }
        self.advance(id, &connection, segment, Sender::Client, now);
        verdict
    }

    fn real_server_packet(
        &mut self,
        packet: &mut Packet<'_>,
        segment: &Segment,
        instant: Instant,
    ) -> Verdict {
        let now = self.tick(instant);
        let found =
            self.connections
                .find_outbound(segment.protocol, segment.destination, segment.source);
        let Some(id) = found else {
            return self.orphan(segment, instant);
        };
        let connection = *self.connections.get(id);
        if !self.is_in_service(&connection) {
            self.forget(id);
            let handshake = connection.state == State::Tcp(TcpState::SynRecv);
            let reset = reset::client_reset(segment, connection.virtual_address);
            return match reset.filter(|_| !handshake) {
                Some(reset) => Verdict::PassAndReset(reset),
                // The client repeats its SYN and gets another server.
                None => Verdict::Drop(DropReason::RealServerDeleted),
            };
        }
        if let Some(verdict) = self.refused_by_reset(id, &connection, segment, now) {
            return verdict;
        }
        let mtu = self.paths.by_interface(connection.client_interface);
        if let Some(verdict) = self.cannot_go_on(packet, segment, &connection, mtu, now) {
            return verdict;
        }
        let next_hop = NextHop::Client {
            mac: connection.client_mac,
            interface: connection.client_interface,
        };
        let verdict = self.translate(
            packet,
            segment,
            Side::Source,
            connection.virtual_address,
            next_hop,
            now,
        );
        self.advance(id, &connection, segment, Sender::RealServer, now);
        verdict
    }

    /// A packet from elsewhere without a connection.
    fn orphan(&self, segment: &Segment, now: Instant) -> Verdict {
        let OrphanPolicy::ResetUntil(until) = self.orphans else {
            return Verdict::Pass;
        };
        if now >= until {
            return Verdict::Pass;
        }
        self.servers
            .virtual_address_of(segment.protocol, segment.source)
            .and_then(|virtual_address| reset::client_reset(segment, virtual_address))
            .map_or(Verdict::Pass, Verdict::PassAndReset)
    }

    /// An ICMP error about a packet of a connection follows it; the tuple it quotes says which.
    fn icmp_error(&mut self, packet: &mut Packet<'_>, error: &IcmpError, now: Tick) -> Verdict {
        let IcmpError {
            protocol,
            embedded_source,
            embedded_destination,
            ..
        } = *error;
        if error.destination != *embedded_source.ip() {
            return Verdict::Pass;
        }
        let from_client_side = self.servers.is_service(protocol, embedded_source);
        let found = if from_client_side {
            self.connections
                .find_inbound(protocol, embedded_destination, embedded_source)
        } else {
            self.connections
                .find_outbound(protocol, embedded_source, embedded_destination)
        };
        let Some(id) = found else {
            return Verdict::Pass;
        };
        if error.ttl <= 1 {
            return Verdict::Drop(DropReason::TimeToLive);
        }
        if packet.partial_checksum().is_some() {
            return Verdict::Drop(DropReason::ForeignChecksum);
        }
        let connection = *self.connections.get(id);
        if from_client_side {
            icmp::rewrite(packet, error, Side::Destination, connection.real_address);
            Verdict::Forward(NextHop::RealServer(*connection.real_address.ip()))
        } else if let Some(verdict) = self.refused_by_icmp(id, &connection, error, now) {
            verdict
        } else {
            icmp::rewrite(packet, error, Side::Source, connection.virtual_address);
            Verdict::Forward(NextHop::Client {
                mac: connection.client_mac,
                interface: connection.client_interface,
            })
        }
    }

    fn later_fragment(
        &mut self,
        packet: &mut Packet<'_>,
        fragment: &LaterFragment,
        now: Tick,
    ) -> Verdict {
        let Some(route) = self.fragments.find(&fragment.key, now) else {
            return Verdict::Pass;
        };
        if fragment.ttl <= 1 {
            return Verdict::Drop(DropReason::TimeToLive);
        }
        let mtu = match route.next_hop {
            NextHop::RealServer(address) => self.paths.towards(address),
            NextHop::Client { interface, .. } => self.paths.by_interface(interface),
        };
        if mtu.is_some_and(|mtu| fragment.length > usize::from(mtu)) {
            return Verdict::Drop(DropReason::TooLong);
        }
        nat::rewrite_fragment(packet, fragment, route.side, route.address);
        Verdict::Forward(route.next_hop)
    }

    fn translate(
        &mut self,
        packet: &mut Packet<'_>,
        segment: &Segment,
        side: Side,
        new: SocketAddrV4,
        next_hop: NextHop,
        now: Tick,
    ) -> Verdict {
        if nat::rewrite(packet, segment, side, new).is_err() {
            return Verdict::Drop(DropReason::ForeignChecksum);
        }
        if let Some(key) = segment.fragment {
            let route = Route {
                side,
                address: *new.ip(),
                next_hop,
            };
            self.fragments.remember(key, route, now);
        }
        Verdict::Forward(next_hop)
    }

    /// Time to live and length, before anything is changed.
    fn cannot_go_on(
        &mut self,
        packet: &Packet<'_>,
        segment: &Segment,
        connection: &Connection,
        mtu: Option<u16>,
        now: Tick,
    ) -> Option<Verdict> {
        let virtual_address = *connection.virtual_address.ip();
        if segment.ttl <= 1 {
            let error = icmp::Error::TimeExceeded;
            return Some(self.answer_with_error(packet, segment, error, virtual_address, now));
        }
        let mtu = mtu?;
        let longest = match packet.gso_size() {
            Some(payload) => segment.headers + usize::from(payload),
            None => segment.length,
        };
        if longest <= usize::from(mtu) {
            return None;
        }
        if !segment.dont_fragment {
            return Some(Verdict::Drop(DropReason::TooLong));
        }
        let error = icmp::Error::FragmentationNeeded(mtu);
        Some(self.answer_with_error(packet, segment, error, virtual_address, now))
    }

    /// No real server takes the connection.
    fn refuse(&mut self, packet: &Packet<'_>, segment: &Segment, now: Tick) -> Verdict {
        if segment.tcp.is_some() {
            return answer_with_reset(segment);
        }
        let error = icmp::Error::PortUnreachable;
        self.answer_with_error(packet, segment, error, *segment.destination.ip(), now)
    }

    fn answer_with_error(
        &mut self,
        packet: &Packet<'_>,
        segment: &Segment,
        error: icmp::Error,
        source: Ipv4Addr,
        now: Tick,
    ) -> Verdict {
        let (second, sent) = self.icmp_errors;
        let sent = if second == now { sent } else { 0 };
        if sent >= ICMP_ERRORS_PER_SECOND {
            return Verdict::Drop(DropReason::RateLimit);
        }
        self.icmp_errors = (now, sent + 1);
        Verdict::Reply(icmp::answer(
            error,
            source,
            *segment.source.ip(),
            packet.datagram(),
        ))
    }

    /// State, time and counters after a packet of a connection.
    fn advance(
        &mut self,
        id: ConnectionId,
        connection: &Connection,
        segment: &Segment,
        sender: Sender,
        now: Tick,
    ) {
        let state = match (connection.state, segment.tcp) {
            (State::Tcp(state), Some(fields)) => {
                State::Tcp(state.after(sender, Signal::from(fields)))
            }
            (state @ (State::Tcp(_) | State::Udp), _) => state,
        };
        self.connections.touch(id, state, now);
        self.servers.connection_changed(
            connection.server,
            connection.state.is_active(),
            state.is_active(),
        );
        let Some(counters) = self.servers.counters(connection.server) else {
            return;
        };
        match sender {
            Sender::Client => {
                counters.packets_in += 1;
                counters.bytes_in += segment.length as u64;
            }
            Sender::RealServer => {
                counters.packets_out += 1;
                counters.bytes_out += segment.length as u64;
            }
        }
    }

    fn is_in_service(&self, connection: &Connection) -> bool {
        self.servers
            .get(connection.server)
            .is_some_and(|server| server.in_service)
    }

    fn forget(&mut self, id: ConnectionId) {
        let connection = self.connections.remove(id);
        self.servers
            .connection_removed(connection.server, connection.state.is_active());
    }
}

fn answer_with_reset(segment: &Segment) -> Verdict {
    match reset::answer(segment) {
        Some(reset) => Verdict::Reply(reset),
        None => Verdict::Drop(DropReason::NoConnection),
    }
}

/// The longest datagrams, in bytes, that the next hops take.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Paths {
    /// By real server.
    pub real_servers: HashMap<Ipv4Addr, u16, RandomState>,
    /// By interface index, towards the clients.
    pub interfaces: HashMap<u32, u16, RandomState>,
}

impl Paths {
    fn towards(&self, address: Ipv4Addr) -> Option<u16> {
        self.real_servers.get(&address).copied()
    }

    fn by_interface(&self, index: u32) -> Option<u16> {
        self.interfaces.get(&index).copied()
    }
}

#[cfg(test)]
mod tests;
