//! The connection table: an arena, a keyed hash over the client's side, and a timing wheel.
//!
//! One hash node a connection is enough for both directions: the hash covers the protocol and the client's address
//! and port only, the comparison adds the virtual address inbound and the real server's outbound (IPVS does the
//! same). The peer chooses the tuple, so the hash is keyed.
//!
//! Every entry is on exactly one list. What a single packet of anybody can make, a handshake that is not complete and
//! a UDP association, is in a queue of its kind, the one that has been silent for longest first. A queue has a limit of
//! its own, at which the first one makes room: a flood shortens the time that such entries are kept, it neither
//! refuses new ones nor takes the place of established connections. Those are in the wheel's slots in which
//! they are looked at again: a packet only writes a later deadline, the entry is moved when its slot comes up.

use std::net::SocketAddrV4;

use ahash::RandomState;

use super::packet::MacAddress;
use super::servers::ServerId;
use super::tcp_state::{TcpState, UDP_TIMEOUT};
use crate::types::Protocol;

/// Whole seconds since the director began.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Tick(pub(super) u32);

impl Tick {
    pub(super) fn after(self, timeout: std::time::Duration) -> Self {
        // One more: the tick of now has begun already.
        let seconds = u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
        Self(self.0.saturating_add(seconds).saturating_add(1))
    }
}

/// How many connections the table holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// All of them; memory is taken as they come, 80 bytes each.
    pub connections: u32,
    /// Those whose handshake is not complete.
    pub embryonic: u32,
    /// UDP associations.
    pub udp: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1 << 20,
            embryonic: 1 << 18,
            udp: 1 << 19,
        }
    }
}

/// State of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Tcp(TcpState),
    Udp,
}

impl State {
    pub(super) fn is_active(self) -> bool {
        match self {
            Self::Tcp(state) => state.is_active(),
            Self::Udp => false,
        }
    }

    fn timeout(self) -> std::time::Duration {
        match self {
            Self::Tcp(state) => state.timeout(),
            Self::Udp => UDP_TIMEOUT,
        }
    }

    fn queue(self) -> Option<Queue> {
        match self {
            Self::Tcp(TcpState::SynRecv) => Some(Queue::Embryonic),
            Self::Udp => Some(Queue::Udp),
            Self::Tcp(
                TcpState::Established
                | TcpState::FinWait
                | TcpState::CloseWait
                | TcpState::TimeWait
                | TcpState::Close,
            ) => None,
        }
    }
}

/// Entries that one packet is enough for. All of a queue have the same timeout, so that they expire in its order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Queue {
    Embryonic,
    Udp,
}

impl Queue {
    const ALL: [Self; 2] = [Self::Embryonic, Self::Udp];

    /// Number of its list, after those of the wheel.
    fn list(self) -> u16 {
        match self {
            Self::Embryonic => WHEEL_SLOTS,
            Self::Udp => WHEEL_SLOTS + 1,
        }
    }
}

/// A flow that the director has assigned to a real server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Connection {
    pub(super) protocol: Protocol,
    pub(super) state: State,
    pub(super) client: SocketAddrV4,
    /// What the client talks to.
    pub(super) virtual_address: SocketAddrV4,
    /// Where its packets go.
    pub(super) real_address: SocketAddrV4,
    pub(super) server: ServerId,
    /// Where the client's last packet came from; answers go back there.
    pub(super) client_mac: MacAddress,
    pub(super) client_interface: u32,
}

/// Place of a connection in the arena. 0 ends a list.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct ConnectionId(u32);

impl ConnectionId {
    const NONE: Self = Self(0);

    fn is_none(self) -> bool {
        self == Self::NONE
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// A connection was taken up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Inserted {
    pub(super) id: ConnectionId,
    /// The handshake or UDP association that had to make room.
    pub(super) evicted: Option<Connection>,
}

/// No place for another connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TableFull;

/// Slots of one second.
const WHEEL_SLOTS: u16 = 4096;
/// Those of the wheel and one of each queue.
const LISTS: usize = WHEEL_SLOTS as usize + Queue::ALL.len();

#[derive(Clone, Copy, Default)]
struct List {
    head: ConnectionId,
    tail: ConnectionId,
    length: u32,
}

struct Entry {
    connection: Connection,
    deadline: Tick,
    hash_next: ConnectionId,
    list: u16,
    previous: ConnectionId,
    next: ConnectionId,
}

pub(super) struct ConnectionTable {
    /// The first is never used, so that 0 can end a list.
    arena: Vec<Entry>,
    free: ConnectionId,
    count: u32,
    limits: Limits,
    buckets: Vec<ConnectionId>,
    hash: RandomState,
    lists: Vec<List>,
    /// The slot looked at last.
    swept: Tick,
}

impl ConnectionTable {
    pub(super) fn new(limits: Limits, hash: RandomState) -> Self {
        let buckets = limits.connections.max(1024).next_power_of_two();
        let mut arena = Vec::with_capacity(limits.connections as usize + 1);
        arena.push(Entry::unused());
        Self {
            arena,
            free: ConnectionId::NONE,
            count: 0,
            limits,
            buckets: vec![ConnectionId::NONE; buckets as usize],
            hash,
            lists: vec![List::default(); LISTS],
            swept: Tick(0),
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.count
    }

    /// When [`ConnectionTable::expire`] has something to look at next; `None` while the table is empty.
    pub(super) fn next_sweep(&self) -> Option<Tick> {
        (self.count > 0).then_some(Tick(self.swept.0 + 1))
    }

    pub(super) fn get(&self, id: ConnectionId) -> &Connection {
        &self.arena[id.index()].connection
    }

    /// The connection of a packet from `client` to `virtual_address`.
    pub(super) fn find_inbound(
        &self,
        protocol: Protocol,
        client: SocketAddrV4,
        virtual_address: SocketAddrV4,
    ) -> Option<ConnectionId> {
        self.find(protocol, client, |c| c.virtual_address == virtual_address)
    }

    /// The connection of a packet from `real_address` to `client`.
    pub(super) fn find_outbound(
        &self,
        protocol: Protocol,
        client: SocketAddrV4,
        real_address: SocketAddrV4,
    ) -> Option<ConnectionId> {
        self.find(protocol, client, |c| c.real_address == real_address)
    }

    /// Takes up a connection.
    pub(super) fn insert(
        &mut self,
        connection: Connection,
        now: Tick,
    ) -> Result<Inserted, TableFull> {
        if self.count == 0 {
            // Nothing is on the wheel: no need to turn it through the time when there was nothing.
            self.swept = now;
        }
        let queue = connection.state.queue();
        let evicted = self.victim(queue).map(|oldest| self.remove(oldest));
        if self.is_full() || queue.is_some_and(|queue| self.is_crowded(queue)) {
            return Err(TableFull);
        }
        let id = self.allocate(connection, now.after(connection.state.timeout()));
        let bucket = self.bucket(connection.protocol, connection.client);
        self.arena[id.index()].hash_next = self.buckets[bucket];
        self.buckets[bucket] = id;
        self.count += 1;
        self.link(id);
        Ok(Inserted { id, evicted })
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Connection {
        self.unlink(id);
        let connection = self.arena[id.index()].connection;
        self.unhash(id, connection);
        self.count -= 1;
        self.arena[id.index()].next = self.free;
        self.free = id;
        connection
    }

    /// A packet has come: the connection's time begins anew, in a state that may be another.
    pub(super) fn touch(&mut self, id: ConnectionId, state: State, now: Tick) {
        let entry = &mut self.arena[id.index()];
        let before = entry.deadline;
        let was = std::mem::replace(&mut entry.connection.state, state);
        entry.deadline = now.after(state.timeout());
        // On the wheel later deadlines wait until the slot comes up; a queue is in the order of deadlines.
        let moves = match state.queue() {
            Some(_) => entry.deadline != before,
            None => entry.deadline < before,
        };
        if moves || was.queue() != state.queue() {
            self.unlink(id);
            self.link(id);
        }
    }

    /// The client's packets come from elsewhere now.
    pub(super) fn learn_client(&mut self, id: ConnectionId, mac: MacAddress, interface: u32) {
        let connection = &mut self.arena[id.index()].connection;
        connection.client_mac = mac;
        connection.client_interface = interface;
    }

    /// Looks at no more than `budget` entries that may have expired and hands those that have to `expired`.
    /// Whether there is more to look at.
    pub(super) fn expire(
        &mut self,
        now: Tick,
        budget: u32,
        mut expired: impl FnMut(Connection),
    ) -> bool {
        let mut left = budget;
        for queue in Queue::ALL {
            while let Some(oldest) = self.oldest(queue)
                && self.arena[oldest.index()].deadline <= now
            {
                if left == 0 {
                    return true;
                }
                left -= 1;
                expired(self.remove(oldest));
            }
        }
        while self.swept < now {
            let slot = slot(Tick(self.swept.0 + 1));
            loop {
                let id = self.lists[usize::from(slot)].head;
                if id.is_none() {
                    break;
                }
                if left == 0 {
                    return true;
                }
                left -= 1;
                if self.arena[id.index()].deadline <= now {
                    expired(self.remove(id));
                } else {
                    self.unlink(id);
                    self.link_at(id, Tick(self.swept.0 + 2));
                }
            }
            self.swept.0 += 1;
        }
        false
    }

    /// Who makes room for a new entry of `queue`, if somebody has to. Only a handshake, which may become a
    /// connection, takes the place of another kind.
    fn victim(&self, queue: Option<Queue>) -> Option<ConnectionId> {
        match queue {
            Some(queue) if self.is_crowded(queue) => self.oldest(queue),
            _ if !self.is_full() => None,
            Some(Queue::Udp) => self.oldest(Queue::Udp),
            Some(Queue::Embryonic) | None => self
                .oldest(Queue::Embryonic)
                .or_else(|| self.oldest(Queue::Udp)),
        }
    }

    fn oldest(&self, queue: Queue) -> Option<ConnectionId> {
        let head = self.lists[usize::from(queue.list())].head;
        (!head.is_none()).then_some(head)
    }

    fn is_crowded(&self, queue: Queue) -> bool {
        let limit = match queue {
            Queue::Embryonic => self.limits.embryonic,
            Queue::Udp => self.limits.udp,
        };
        self.lists[usize::from(queue.list())].length >= limit
    }

    fn is_full(&self) -> bool {
        self.count >= self.limits.connections
    }

    fn find(
        &self,
        protocol: Protocol,
        client: SocketAddrV4,
        matches: impl Fn(&Connection) -> bool,
    ) -> Option<ConnectionId> {
        let mut id = self.buckets[self.bucket(protocol, client)];
        while !id.is_none() {
            let entry = &self.arena[id.index()];
            let connection = &entry.connection;
            if connection.client == client && connection.protocol == protocol && matches(connection)
            {
                return Some(id);
            }
            id = entry.hash_next;
        }
        None
    }

    fn bucket(&self, protocol: Protocol, client: SocketAddrV4) -> usize {
        let key = (u64::from(client.ip().to_bits()) << 32)
            | (u64::from(client.port()) << 8)
            | u64::from(protocol.number());
        let mask = self.buckets.len() - 1;
        usize::try_from(self.hash.hash_one(key) & mask as u64).unwrap_or(0)
    }

    fn allocate(&mut self, connection: Connection, deadline: Tick) -> ConnectionId {
        let entry = Entry {
            connection,
            deadline,
            ..Entry::unused()
        };
        if self.free.is_none() {
            let id = ConnectionId(u32::try_from(self.arena.len()).unwrap_or(u32::MAX));
            self.arena.push(entry);
            id
        } else {
            let id = self.free;
            let place = &mut self.arena[id.index()];
            self.free = place.next;
            *place = entry;
            id
        }
    }

    fn unhash(&mut self, id: ConnectionId, connection: Connection) {
        let bucket = self.bucket(connection.protocol, connection.client);
        let next = self.arena[id.index()].hash_next;
        if self.buckets[bucket] == id {
            self.buckets[bucket] = next;
            return;
        }
        let mut before = self.buckets[bucket];
        while !before.is_none() {
            let entry = &mut self.arena[before.index()];
            if entry.hash_next == id {
                entry.hash_next = next;
                return;
            }
            before = entry.hash_next;
        }
    }

    fn link(&mut self, id: ConnectionId) {
        self.link_at(id, Tick(self.swept.0 + 1));
    }

    /// Puts the entry on its list; on the wheel in no slot before `earliest` or more than a turn later.
    fn link_at(&mut self, id: ConnectionId, earliest: Tick) {
        let entry = &self.arena[id.index()];
        let list = if let Some(queue) = entry.connection.state.queue() {
            queue.list()
        } else {
            let latest = Tick(self.swept.0 + u32::from(WHEEL_SLOTS) - 1);
            slot(entry.deadline.clamp(earliest, latest))
        };
        let ends = &mut self.lists[usize::from(list)];
        ends.length += 1;
        let tail = std::mem::replace(&mut ends.tail, id);
        if tail.is_none() {
            ends.head = id;
        } else {
            self.arena[tail.index()].next = id;
        }
        let entry = &mut self.arena[id.index()];
        entry.list = list;
        entry.previous = tail;
        entry.next = ConnectionId::NONE;
    }

    fn unlink(&mut self, id: ConnectionId) {
        let Entry {
            list,
            previous,
            next,
            ..
        } = self.arena[id.index()];
        let ends = &mut self.lists[usize::from(list)];
        ends.length -= 1;
        if previous.is_none() {
            ends.head = next;
        }
        if next.is_none() {
            ends.tail = previous;
        }
        if !previous.is_none() {
            self.arena[previous.index()].next = next;
        }
        if !next.is_none() {
            self.arena[next.index()].previous = previous;
        }
    }
}

impl Entry {
    fn unused() -> Self {
        let nowhere = SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, 0);
        Self {
            connection: Connection {
                protocol: Protocol::Tcp,
                state: State::Udp,
                client: nowhere,
                virtual_address: nowhere,
                real_address: nowhere,
                server: ServerId::default(),
                client_mac: MacAddress::default(),
                client_interface: 0,
            },
            deadline: Tick(0),
            hash_next: ConnectionId::NONE,
            list: 0,
            previous: ConnectionId::NONE,
            next: ConnectionId::NONE,
        }
    }
}

fn slot(tick: Tick) -> u16 {
    u16::try_from(tick.0 % u32::from(WHEEL_SLOTS)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
