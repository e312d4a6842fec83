//! What the data plane knows of the host: links, own addresses, neighbours, and the way to each real server.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoPortKind, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use tracing::{debug, warn};

use super::rtnetlink::{Announced, Announcements, KernelRoute, Requests};
use crate::dataplane::director::Paths;
use crate::dataplane::packet::MacAddress;

/// After routes have changed, how long to wait for more of it before asking for all ways again.
const SETTLE: Duration = Duration::from_millis(50);
/// A neighbour that is not resolved is asked for again.
const RETRY: Duration = Duration::from_secs(1);

/// A network interface.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Link {
    name: String,
    mac: MacAddress,
    mtu: u32,
    /// Up, like Ethernet, and not part of a bridge or a bond.
    usable: bool,
}

/// Where frames to a real server leave, and to whom.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Hop {
    pub(super) interface: u32,
    pub(super) source: MacAddress,
    pub(super) destination: MacAddress,
}

pub(super) struct Topology {
    requests: Requests,
    announcements: Announcements,
    /// The TAP: nothing is steered from it, and no real server is behind it.
    tap: u32,
    links: BTreeMap<u32, Link>,
    addresses: BTreeSet<(Ipv4Addr, u32)>,
    neighbours: HashMap<(u32, Ipv4Addr), MacAddress>,
    /// Entries that somebody has set by hand; not to be managed.
    fixed: BTreeSet<(u32, Ipv4Addr)>,
    /// Ways to the real servers; `None` where there is none.
    ways: BTreeMap<Ipv4Addr, Option<KernelRoute>>,
    hops: HashMap<Ipv4Addr, Hop>,
    /// Neighbours that the kernel was asked to resolve.
    managed: BTreeSet<(u32, Ipv4Addr)>,
    routes_due: Option<Instant>,
    retry_due: Option<Instant>,
    /// Something that steering depends on has changed.
    changed: bool,
}

impl Topology {
    /// Asks for everything and listens to changes from then on.
    pub(super) fn open() -> io::Result<Self> {
        // Listen first: what changes in between is heard then.
        let announcements = Announcements::open()?;
        let mut topology = Self {
            requests: Requests::open()?,
            announcements,
            tap: 0,
            links: BTreeMap::new(),
            addresses: BTreeSet::new(),
            neighbours: HashMap::new(),
            fixed: BTreeSet::new(),
            ways: BTreeMap::new(),
            hops: HashMap::new(),
            managed: BTreeSet::new(),
            routes_due: None,
            retry_due: None,
            changed: true,
        };
        topology.read_all()?;
        Ok(topology)
    }

    pub(super) fn announcements(&self) -> &Announcements {
        &self.announcements
    }

    /// Sets up the TAP `name`, and returns its index and address.
    pub(super) fn set_up_tap(&mut self, name: &str, queue: u32) -> io::Result<(u32, MacAddress)> {
        self.read_links()?;
        let found = self.links.iter().find(|(_, link)| link.name == name);
        let (index, mac) = found
            .map(|(index, link)| (*index, link.mac))
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        self.tap = index;
        self.requests.set_up_tap(index, queue)?;
        Ok((index, mac))
    }

    /// Reads what was announced.
    pub(super) fn on_announcements(&mut self, now: Instant) -> io::Result<()> {
        // Bounded: a flood of announcements must not keep packets waiting.
        for _ in 0..64 {
            match self.announcements.read()? {
                Announced::Messages(messages) => {
                    for message in messages {
                        self.learn(message, now);
                    }
                }
                Announced::Lost => {
                    self.read_all()?;
                    self.routes_due = Some(now);
                }
                Announced::Nothing => break,
            }
        }
        Ok(())
    }

    /// Sets which real servers there are; the ways to new ones are looked up at once.
    pub(super) fn set_real_servers(&mut self, wanted: &BTreeSet<Ipv4Addr>, now: Instant) {
        self.ways.retain(|address, _| wanted.contains(address));
        for address in wanted {
            if !self.ways.contains_key(address) {
                let way = self.look_up(*address);
                self.ways.insert(*address, way);
            }
        }
        self.ask_neighbours(now);
        self.rebuild_hops();
    }

    /// What is due by time.
    pub(super) fn on_timeout(&mut self, now: Instant) {
        if self.routes_due.is_some_and(|due| due <= now) {
            self.routes_due = None;
            let addresses: Vec<Ipv4Addr> = self.ways.keys().copied().collect();
            for address in addresses {
                let way = self.look_up(address);
                // The length that the path takes may be another.
                self.changed |= self.ways.insert(address, way) != Some(way);
            }
            self.ask_neighbours(now);
            self.rebuild_hops();
        }
        if self.retry_due.is_some_and(|due| due <= now) {
            self.ask_neighbours(now);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.routes_due.into_iter().chain(self.retry_due).min()
    }

    /// Whether steering has to be looked at again since the last call.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    pub(super) fn hop(&self, real_server: Ipv4Addr) -> Option<Hop> {
        self.hops.get(&real_server).copied()
    }

    /// The address of an interface.
    pub(super) fn mac(&self, interface: u32) -> Option<MacAddress> {
        self.links.get(&interface).map(|link| link.mac)
    }

    /// The address is here, but only where no packets are steered from: on a real server of a director that uses direct
    /// routing it lies on the loopback interface, and its packets are this host's own.
    pub(super) fn is_local_only(&self, address: Ipv4Addr) -> bool {
        let mut interfaces = self
            .addresses
            .range((address, 0)..=(address, u32::MAX))
            .peekable();
        interfaces.peek().is_some()
            && interfaces.all(|(_, index)| !self.links.get(index).is_some_and(|link| link.usable))
    }

    /// Interfaces that packets are steered from, by index.
    pub(super) fn steerable(&self) -> BTreeMap<u32, String> {
        self.links
            .iter()
            .filter(|(index, link)| link.usable && **index != self.tap)
            .map(|(index, link)| (*index, link.name.clone()))
            .collect()
    }

    /// The longest datagrams for the director.
    pub(super) fn paths(&self) -> Paths {
        let length = |mtu: u32| u16::try_from(mtu).unwrap_or(u16::MAX);
        let link_mtu = |index: u32| self.links.get(&index).map(|link| link.mtu);
        let real_servers = self.ways.iter().filter_map(|(address, way)| {
            let way = (*way)?;
            let mtu = link_mtu(way.interface)?;
            Some((
                *address,
                length(way.mtu.map_or(mtu, |route| route.min(mtu))),
            ))
        });
        Paths {
            real_servers: real_servers.collect(),
            interfaces: self
                .links
                .iter()
                .map(|(index, link)| (*index, length(link.mtu)))
                .collect(),
        }
    }

    /// Takes back what the kernel was asked to keep.
    pub(super) fn release(&mut self) {
        for (interface, address) in std::mem::take(&mut self.managed) {
            if let Err(error) = self.requests.release(interface, address) {
                debug!("neighbour {address} on interface {interface}: {error}");
            }
        }
    }

    fn read_all(&mut self) -> io::Result<()> {
        self.read_links()?;
        self.addresses.clear();
        self.neighbours.clear();
        let now = Instant::now();
        for message in self.requests.addresses()? {
            self.learn(message, now);
        }
        for message in self.requests.neighbours()? {
            self.learn(message, now);
        }
        Ok(())
    }

    fn read_links(&mut self) -> io::Result<()> {
        let now = Instant::now();
        self.links.clear();
        for message in self.requests.links()? {
            self.learn(message, now);
        }
        Ok(())
    }

    fn learn(&mut self, message: RouteNetlinkMessage, now: Instant) {
        match message {
            RouteNetlinkMessage::NewLink(link) => self.learn_link(&link, now),
            RouteNetlinkMessage::DelLink(link) => {
                self.changed |= self.links.remove(&link.header.index).is_some();
                self.routes_due.get_or_insert(now + SETTLE);
            }
            RouteNetlinkMessage::NewAddress(address) => {
                if let Some(key) = own_address(&address) {
                    self.changed |= self.addresses.insert(key);
                }
            }
            RouteNetlinkMessage::DelAddress(address) => {
                if let Some(key) = own_address(&address) {
                    self.changed |= self.addresses.remove(&key);
                }
            }
            RouteNetlinkMessage::NewNeighbour(neighbour) => self.learn_neighbour(&neighbour),
            RouteNetlinkMessage::DelNeighbour(neighbour) => {
                if let Some(key) = neighbour_key(&neighbour) {
                    self.neighbours.remove(&key);
                    self.fixed.remove(&key);
                    if self.managed.remove(&key) {
                        self.retry_due.get_or_insert(now + RETRY);
                    }
                    self.rebuild_hops_by(key);
                }
            }
            RouteNetlinkMessage::NewRoute(_) | RouteNetlinkMessage::DelRoute(_) => {
                self.routes_due.get_or_insert(now + SETTLE);
            }
            _ => {}
        }
    }

    fn learn_link(&mut self, message: &LinkMessage, now: Instant) {
        let Some(link) = parse_link(message) else {
            return;
        };
        let index = message.header.index;
        if self.links.get(&index) != Some(&link) {
            self.links.insert(index, link);
            self.changed = true;
            self.routes_due.get_or_insert(now + SETTLE);
        }
    }

    fn learn_neighbour(&mut self, message: &NeighbourMessage) {
        let Some(key) = neighbour_key(message) else {
            return;
        };
        let by_hand = matches!(
            message.header.state,
            NeighbourState::Permanent | NeighbourState::Noarp
        );
        if by_hand {
            self.fixed.insert(key);
        } else {
            self.fixed.remove(&key);
        }
        let mac = message
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                NeighbourAttribute::LinkLayerAddress(bytes) => {
                    MacAddress::try_from(bytes.as_slice()).ok()
                }
                _ => None,
            });
        let before = match mac.filter(|_| is_valid(message.header.state)) {
            Some(mac) => self.neighbours.insert(key, mac),
            None => self.neighbours.remove(&key),
        };
        if before != self.neighbours.get(&key).copied() {
            self.rebuild_hops_by(key);
        }
    }

    fn look_up(&mut self, address: Ipv4Addr) -> Option<KernelRoute> {
        // Said once, not at every change of some route.
        let said = self.ways.get(&address) == Some(&None);
        match self.requests.route(address) {
            Ok(way) => {
                if way.is_none() && !said {
                    warn!("Real server {address} is this host itself or not reachable by unicast");
                }
                way
            }
            Err(error) => {
                if !said {
                    warn!("No route to real server {address}: {error}");
                }
                None
            }
        }
    }

    /// Has the kernel resolve every next hop that is not known.
    fn ask_neighbours(&mut self, now: Instant) {
        let wanted: BTreeSet<_> = self
            .ways
            .values()
            .flatten()
            .map(|way| (way.interface, way.next_hop))
            .collect();
        let given_up: Vec<_> = self.managed.difference(&wanted).copied().collect();
        for key in given_up {
            self.managed.remove(&key);
            if let Err(error) = self.requests.release(key.0, key.1) {
                debug!("neighbour {} on interface {}: {error}", key.1, key.0);
            }
        }
        self.retry_due = None;
        for key in wanted {
            let known = self.neighbours.contains_key(&key);
            if self.fixed.contains(&key) || (known && self.managed.contains(&key)) {
                continue;
            }
            match self.requests.resolve(key.0, key.1) {
                Ok(()) => {
                    self.managed.insert(key);
                }
                Err(error) => debug!("neighbour {} on interface {}: {error}", key.1, key.0),
            }
            if !known {
                self.retry_due = Some(now + RETRY);
            }
        }
    }

    fn rebuild_hops_by(&mut self, (interface, next_hop): (u32, Ipv4Addr)) {
        let concerned = |way: &KernelRoute| way.interface == interface && way.next_hop == next_hop;
        if self.ways.values().flatten().any(concerned) {
            self.rebuild_hops();
        }
    }

    fn rebuild_hops(&mut self) {
        let hops = self.ways.iter().filter_map(|(address, way)| {
            let way = (*way)?;
            let destination = *self.neighbours.get(&(way.interface, way.next_hop))?;
            let hop = Hop {
                interface: way.interface,
                source: self.links.get(&way.interface)?.mac,
                destination,
            };
            Some((*address, hop))
        });
        self.hops = hops.collect();
    }
}

fn parse_link(message: &LinkMessage) -> Option<Link> {
    let mut name = None;
    let mut mac = MacAddress::default();
    let mut mtu = 1500;
    let mut port = None;
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(text) => name = Some(text.clone()),
            LinkAttribute::Address(bytes) => {
                mac = MacAddress::try_from(bytes.as_slice()).unwrap_or_default();
            }
            LinkAttribute::Mtu(bytes) => mtu = *bytes,
            LinkAttribute::LinkInfo(infos) => {
                port = infos.iter().find_map(|info| match info {
                    LinkInfo::PortKind(kind) => Some(kind.clone()),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    // Frames of a part come in by the whole as well; a VRF only routes.
    let part = matches!(
        port,
        Some(InfoPortKind::Bond | InfoPortKind::Bridge | InfoPortKind::Team)
    );
    let header = &message.header;
    Some(Link {
        name: name?,
        mac,
        mtu,
        usable: header.link_layer_type == LinkLayerType::Ether
            && header.flags.contains(LinkFlags::Up)
            && !header.flags.contains(LinkFlags::Loopback)
            && !part,
    })
}

fn own_address(message: &AddressMessage) -> Option<(Ipv4Addr, u32)> {
    let address = |attribute: &AddressAttribute| match attribute {
        AddressAttribute::Local(IpAddr::V4(address)) => Some(*address),
        _ => None,
    };
    let local = message.attributes.iter().find_map(address)?;
    Some((local, message.header.index))
}

fn neighbour_key(message: &NeighbourMessage) -> Option<(u32, Ipv4Addr)> {
    let address = |attribute: &NeighbourAttribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => Some(*address),
        _ => None,
    };
    let address = message.attributes.iter().find_map(address)?;
    Some((message.header.ifindex, address))
}

/// NUD_VALID of the kernel (net/neighbour.h).
fn is_valid(state: NeighbourState) -> bool {
    matches!(
        state,
        NeighbourState::Permanent
            | NeighbourState::Noarp
            | NeighbourState::Reachable
            | NeighbourState::Probe
            | NeighbourState::Stale
            | NeighbourState::Delay
    )
}
