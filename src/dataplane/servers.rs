//! The services, their real servers, and what is counted for each.
//!
//! A real server that is deleted keeps its slot while connections point at it: packets of those are
//! told that it is gone. When the same server is added again before that, its connections go on, as IPVS takes a
//! destination back from its trash.

mod avoidance;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use ahash::RandomState;

use self::avoidance::load_unless_avoided;
use super::conn::Tick;
use super::scheduler::{Load, Schedule};
use crate::lvs::message::RealServerStatistics;
use crate::lvs::{Command, RealServer, Service, ServiceKey, Table};
use crate::types::{ForwardingMethod, Protocol, Scheduler, ServerAddress};

/// Slot of a real server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct ServerId(u32);

impl ServerId {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// Why a command was not carried out.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refused {
    #[error("service {0} does not exist")]
    UnknownService(ServiceKey),
    #[error("service {0} exists already")]
    ServiceExists(ServiceKey),
    #[error("service {0} has no real server {1}")]
    UnknownRealServer(ServiceKey, ServerAddress),
    #[error("service {0} has the real server {1} already")]
    RealServerExists(ServiceKey, ServerAddress),
    #[error("service {0}: the userspace plane carries IPv4 only")]
    Ipv6(ServiceKey),
    #[error("service {0}: the userspace plane carries TCP and UDP only")]
    Protocol(ServiceKey),
    #[error("service {0}: the userspace plane has no scheduler {1}")]
    Scheduler(ServiceKey, Scheduler),
    #[error("service {0}: the userspace plane has no persistence")]
    Persistence(ServiceKey),
    #[error("service {0}, real server {1}: the userspace plane does not forward by {2}")]
    Method(ServiceKey, ServerAddress, ForwardingMethod),
    #[error("service {0}, real server {1}: port 0 needs a service on port 0")]
    AnyPort(ServiceKey, ServerAddress),
}

/// Packets and bytes in both directions, and connections.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: u64,
    pub(super) packets_in: u64,
    pub(super) packets_out: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

/// A real server of one service, or what is left of it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) key: ServiceKey,
    pub(super) real_server: RealServer,
    pub(super) address: SocketAddrV4,
    pub(super) active: u32,
    pub(super) inactive: u32,
    pub(super) counters: Counters,
    /// Not deleted.
    pub(super) in_service: bool,
    /// It has refused a connection: until then others are scheduled.
    avoided_until: Tick,
}

impl Server {
    fn load(&self) -> Load {
        Load {
            weight: self.real_server.weight.get(),
            active: self.active,
            inactive: self.inactive,
        }
    }

    fn is_forgotten(&self) -> bool {
        !self.in_service && self.active == 0 && self.inactive == 0
    }
}

#[derive(Debug)]
struct VirtualService {
    service: Service,
    schedule: Schedule,
    servers: Vec<ServerId>,
}

/// Address and port of one protocol that packets are steered by; port 0 stands for all.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Endpoint {
    pub address: Ipv4Addr,
    pub protocol: Protocol,
    pub port: u16,
}

/// What must reach the director.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Steering {
    /// The services: to these addresses.
    pub services: BTreeSet<Endpoint>,
    /// The real servers of each service: from these addresses. Those that still have connections included.
    pub real_servers: BTreeMap<Endpoint, BTreeSet<Endpoint>>,
}

type ServiceId = (Protocol, Ipv4Addr, u16);

pub(super) struct Servers {
    services: HashMap<ServiceId, VirtualService, RandomState>,
    /// Services on port 0.
    any_port: usize,
    slots: Vec<Option<Server>>,
    free: Vec<ServerId>,
    /// Changes with everything that [`Steering`] says.
    generation: u64,
}

impl Servers {
    pub(super) fn new(hash: RandomState) -> Self {
        Self {
            services: HashMap::with_hasher(hash),
            any_port: 0,
            slots: Vec::new(),
            free: Vec::new(),
            generation: 0,
        }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn apply(&mut self, command: &Command) -> Result<(), Refused> {
        match *command {
            Command::AddService { key, service } => self.add_service(key, service),
            Command::EditService { key, service } => self.edit_service(key, service),
            Command::DeleteService { key } => self.delete_service(key),
            Command::AddRealServer { key, real_server } => self.add_real_server(key, real_server),
            Command::EditRealServer { key, real_server } => self.edit_real_server(key, real_server),
            Command::DeleteRealServer { key, address } => self.delete_real_server(key, address),
        }
    }

    /// Whether packets of `protocol` to `address` are for a service.
    pub(super) fn is_service(&self, protocol: Protocol, address: SocketAddrV4) -> bool {
        self.service_id(protocol, address).is_some()
    }

    /// Chooses a real server for a new connection of `client`, and its address.
    pub(super) fn schedule(
        &mut self,
        protocol: Protocol,
        virtual_address: SocketAddrV4,
        client: Ipv4Addr,
        now: Tick,
    ) -> Option<(ServerId, SocketAddrV4)> {
        let id = self.service_id(protocol, virtual_address)?;
        let VirtualService {
            schedule, servers, ..
        } = self.services.get_mut(&id)?;
        let willing = load_unless_avoided(&self.slots, servers, now);
        let picked = schedule
            .pick(servers.len(), willing, client)
            .or_else(|| schedule.pick(servers.len(), load_of(&self.slots, servers), client))?;
        let server = *servers.get(picked)?;
        let mut address = self.get(server)?.address;
        if address.port() == 0 {
            address.set_port(virtual_address.port());
        }
        Some((server, address))
    }

    pub(super) fn get(&self, id: ServerId) -> Option<&Server> {
        self.slots.get(id.index())?.as_ref()
    }

    pub(super) fn counters(&mut self, id: ServerId) -> Option<&mut Counters> {
        let server = self.slots.get_mut(id.index())?.as_mut()?;
        Some(&mut server.counters)
    }

    pub(super) fn connection_added(&mut self, id: ServerId, active: bool) {
        if let Some(Some(server)) = self.slots.get_mut(id.index()) {
            server.counters.connections += 1;
            *count(server, active) += 1;
        }
    }

    pub(super) fn connection_changed(&mut self, id: ServerId, was_active: bool, active: bool) {
        if was_active == active {
            return;
        }
        if let Some(Some(server)) = self.slots.get_mut(id.index()) {
            *count(server, was_active) -= 1;
            *count(server, active) += 1;
        }
    }

    pub(super) fn connection_removed(&mut self, id: ServerId, was_active: bool) {
        if let Some(Some(server)) = self.slots.get_mut(id.index()) {
            *count(server, was_active) -= 1;
        }
        self.forget_if_unused(id);
    }

    /// The address that clients of the real server at `address` know, where only one service has it.
    pub(super) fn virtual_address_of(
        &self,
        protocol: Protocol,
        address: SocketAddrV4,
    ) -> Option<SocketAddrV4> {
        let mut found = self.slots.iter().flatten().filter_map(|server| {
            let same = server.in_service
                && server.key.protocol == protocol
                && server.address.ip() == address.ip()
                && (server.address.port() == address.port() || server.address.port() == 0);
            let virtual_address = socket_address(server.key.address)?;
            let port = match virtual_address.port() {
                0 => address.port(),
                port => port,
            };
            same.then(|| SocketAddrV4::new(*virtual_address.ip(), port))
        });
        let first = found.next()?;
        found.all(|other| other == first).then_some(first)
    }

    pub(super) fn dump(&self) -> Table {
        let mut table = Table::default();
        for (id, virtual_service) in &self.services {
            let servers = virtual_service
                .servers
                .iter()
                .filter_map(|server| self.get(*server))
                .map(|server| (server.real_server.address, server.real_server))
                .collect();
            let key = service_key(*id);
            table
                .services
                .insert(key, (virtual_service.service, servers));
        }
        table
    }

    pub(super) fn statistics(&self) -> impl Iterator<Item = RealServerStatistics> {
        let in_service = |server: &&Server| server.in_service;
        self.slots
            .iter()
            .flatten()
            .filter(in_service)
            .map(|server| RealServerStatistics {
                key: server.key,
                address: server.real_server.address,
                active_connections: u64::from(server.active),
                inactive_connections: u64::from(server.inactive),
                connections: server.counters.connections,
                packets_in: server.counters.packets_in,
                packets_out: server.counters.packets_out,
                bytes_in: server.counters.bytes_in,
                bytes_out: server.counters.bytes_out,
            })
    }

    pub(super) fn steering(&self) -> Steering {
        let mut steering = Steering::default();
        for (protocol, address, port) in self.services.keys().copied() {
            steering.services.insert(Endpoint {
                address,
                protocol,
                port,
            });
        }
        for server in self.slots.iter().flatten() {
            let Some(virtual_address) = socket_address(server.key.address) else {
                continue;
            };
            let endpoint = |address: SocketAddrV4| Endpoint {
                address: *address.ip(),
                protocol: server.key.protocol,
                port: address.port(),
            };
            steering
                .real_servers
                .entry(endpoint(virtual_address))
                .or_default()
                .insert(endpoint(server.address));
        }
        steering
    }

    fn add_service(&mut self, key: ServiceKey, service: Service) -> Result<(), Refused> {
        let id = supported(key)?;
        let schedule = supported_schedule(key, service)?;
        if self.services.contains_key(&id) {
            return Err(Refused::ServiceExists(key));
        }
        let servers = Vec::new();
        self.any_port += usize::from(key.address.port == 0);
        self.generation += 1;
        self.services.insert(
            id,
            VirtualService {
                service,
                schedule,
                servers,
            },
        );
        Ok(())
    }

    fn edit_service(&mut self, key: ServiceKey, service: Service) -> Result<(), Refused> {
        let schedule = supported_schedule(key, service)?;
        let virtual_service = self.service_mut(key)?;
        if virtual_service.service.scheduler != service.scheduler {
            virtual_service.schedule = schedule;
        }
        virtual_service.service = service;
        self.servers_changed(key);
        Ok(())
    }

    fn delete_service(&mut self, key: ServiceKey) -> Result<(), Refused> {
        let removed = self.services.remove(&supported(key)?);
        let virtual_service = removed.ok_or(Refused::UnknownService(key))?;
        self.any_port -= usize::from(key.address.port == 0);
        self.generation += 1;
        for id in virtual_service.servers {
            self.take_out_of_service(id);
        }
        Ok(())
    }

    fn add_real_server(&mut self, key: ServiceKey, real_server: RealServer) -> Result<(), Refused> {
        let address = supported_real_server(key, real_server)?;
        self.service_mut(key)?;
        if self.find(key, real_server.address).is_some() {
            return Err(Refused::RealServerExists(key, real_server.address));
        }
        let id = self.slot_for(Server {
            key,
            real_server,
            address,
            active: 0,
            inactive: 0,
            counters: Counters::default(),
            in_service: true,
            avoided_until: Tick::default(),
        });
        self.service_mut(key)?.servers.push(id);
        self.generation += 1;
        self.servers_changed(key);
        Ok(())
    }

    fn edit_real_server(
        &mut self,
        key: ServiceKey,
        real_server: RealServer,
    ) -> Result<(), Refused> {
        supported_real_server(key, real_server)?;
        self.service_mut(key)?;
        let id = self.find(key, real_server.address);
        let id = id.ok_or(Refused::UnknownRealServer(key, real_server.address))?;
        if let Some(Some(server)) = self.slots.get_mut(id.index()) {
            server.real_server = real_server;
        }
        self.servers_changed(key);
        Ok(())
    }

    fn delete_real_server(
        &mut self,
        key: ServiceKey,
        address: ServerAddress,
    ) -> Result<(), Refused> {
        self.service_mut(key)?;
        let id = self.find(key, address);
        let id = id.ok_or(Refused::UnknownRealServer(key, address))?;
        self.service_mut(key)?.servers.retain(|other| *other != id);
        self.take_out_of_service(id);
        self.generation += 1;
        self.servers_changed(key);
        Ok(())
    }

    fn take_out_of_service(&mut self, id: ServerId) {
        if let Some(Some(server)) = self.slots.get_mut(id.index()) {
            server.in_service = false;
        }
        self.forget_if_unused(id);
    }

    fn forget_if_unused(&mut self, id: ServerId) {
        let Some(slot) = self.slots.get_mut(id.index()) else {
            return;
        };
        if slot.as_ref().is_some_and(Server::is_forgotten) {
            *slot = None;
            self.free.push(id);
            self.generation += 1;
        }
    }

    /// The slot of a deleted server that still has connections, or a free one, or a new one.
    fn slot_for(&mut self, server: Server) -> ServerId {
        let deleted = self.slots.iter_mut().enumerate().find_map(|(index, slot)| {
            let old = slot.as_mut()?;
            let same = old.key == server.key && old.address == server.address;
            same.then_some((index, old))
        });
        if let Some((index, old)) = deleted {
            old.real_server = server.real_server;
            old.in_service = true;
            old.avoided_until = server.avoided_until;
            return server_id(index);
        }
        if let Some(id) = self.free.pop() {
            self.slots[id.index()] = Some(server);
            return id;
        }
        self.slots.push(Some(server));
        server_id(self.slots.len() - 1)
    }

    fn find(&self, key: ServiceKey, address: ServerAddress) -> Option<ServerId> {
        let servers = &self.services.get(&supported(key).ok()?)?.servers;
        let is_it = |id: &&ServerId| {
            self.get(**id)
                .is_some_and(|server| server.real_server.address == address)
        };
        servers.iter().find(is_it).copied()
    }

    fn servers_changed(&mut self, key: ServiceKey) {
        let Ok(id) = supported(key) else { return };
        if let Some(VirtualService {
            schedule, servers, ..
        }) = self.services.get_mut(&id)
        {
            schedule.servers_changed(servers.len(), load_of(&self.slots, servers));
        }
    }

    fn service_mut(&mut self, key: ServiceKey) -> Result<&mut VirtualService, Refused> {
        self.services
            .get_mut(&supported(key)?)
            .ok_or(Refused::UnknownService(key))
    }

    fn service_id(&self, protocol: Protocol, address: SocketAddrV4) -> Option<ServiceId> {
        let exact = (protocol, *address.ip(), address.port());
        if self.services.contains_key(&exact) {
            return Some(exact);
        }
        let any = (protocol, *address.ip(), 0);
        (self.any_port > 0 && self.services.contains_key(&any)).then_some(any)
    }
}

fn load_of<'a>(
    slots: &'a [Option<Server>],
    servers: &'a [ServerId],
) -> impl Fn(usize) -> Load + 'a {
    |place| server_at(slots, servers, place).map_or_else(Load::default, Server::load)
}

fn server_at<'a>(
    slots: &'a [Option<Server>],
    servers: &[ServerId],
    place: usize,
) -> Option<&'a Server> {
    slots.get(servers.get(place)?.index())?.as_ref()
}

fn count(server: &mut Server, active: bool) -> &mut u32 {
    if active {
        &mut server.active
    } else {
        &mut server.inactive
    }
}

fn server_id(index: usize) -> ServerId {
    ServerId(u32::try_from(index).unwrap_or(u32::MAX))
}

fn service_key((protocol, address, port): ServiceId) -> ServiceKey {
    ServiceKey {
        address: ServerAddress::new(IpAddr::V4(address), port),
        protocol,
    }
}

fn socket_address(address: ServerAddress) -> Option<SocketAddrV4> {
    match address.address {
        IpAddr::V4(ip) => Some(SocketAddrV4::new(ip, address.port)),
        IpAddr::V6(_) => None,
    }
}

fn supported(key: ServiceKey) -> Result<ServiceId, Refused> {
    let address = socket_address(key.address).ok_or(Refused::Ipv6(key))?;
    match key.protocol {
        Protocol::Tcp | Protocol::Udp => Ok((key.protocol, *address.ip(), address.port())),
        Protocol::Sctp => Err(Refused::Protocol(key)),
    }
}

fn supported_schedule(key: ServiceKey, service: Service) -> Result<Schedule, Refused> {
    if service.persistence_timeout.is_some() {
        return Err(Refused::Persistence(key));
    }
    Schedule::new(service.scheduler).ok_or(Refused::Scheduler(key, service.scheduler))
}

fn supported_real_server(
    key: ServiceKey,
    real_server: RealServer,
) -> Result<SocketAddrV4, Refused> {
    let RealServer {
        address, method, ..
    } = real_server;
    let socket_address = socket_address(address).ok_or(Refused::Ipv6(key))?;
    if address.port == 0 && key.address.port != 0 {
        return Err(Refused::AnyPort(key, address));
    }
    match method {
        ForwardingMethod::Nat => Ok(socket_address),
        ForwardingMethod::DirectRoute | ForwardingMethod::Tunnel(_) | ForwardingMethod::FullNat => {
            Err(Refused::Method(key, address, method))
        }
    }
}
