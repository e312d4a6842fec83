//! Interfaces and addresses: what the kernel says becomes [`Input`]s, what the routers want done is
//! done.
//!
//! Changes are not passed on one by one. After the monitor has been drained, what is true now is
//! compared with what the routers were told and with what is ours. So our own additions and
//! removals, repeated messages and lost ones need no bookkeeping, and an address that is ours but
//! not there is found whoever took it away.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use futures_util::future::join_all;
use tracing::info;

use super::linkbeat::Beats;
use crate::config::{Config, VrrpInstance};
use crate::netlink::{
    AddressAdded, AddressDeleted, Drained, Handle, Interfaces, Monitor, NetlinkError, ReceiveBuffer,
};
use crate::types::{InterfaceName, OwnedAddress, VirtualAddress};
use crate::vrrp::{Input, InterfaceState, LinkState};

#[derive(Debug)]
pub(super) struct Kernel {
    handle: Handle,
    monitor: Monitor,
    interfaces: Interfaces,
    /// Carriers that netlink is not asked about.
    beats: Beats,
    watched: Watched,
    /// What the routers were told last of each watched interface.
    told: BTreeMap<InterfaceName, InterfaceState>,
    /// Ours and on their interfaces, unless somebody has taken them away.
    owned: BTreeSet<OwnedAddress>,
    /// Of those, the ones whose disappearance has been told.
    told_removed: BTreeSet<OwnedAddress>,
}

/// The part of the configuration that concerns the kernel.
#[derive(Debug, Default)]
struct Watched {
    interfaces: BTreeSet<InterfaceName>,
    /// Never the source of an advert.
    virtual_addresses: BTreeSet<(InterfaceName, IpAddr)>,
    /// Configured sources of adverts whose presence matters.
    sources: BTreeSet<IpAddr>,
}

/// What a drain of the monitor has brought.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) inputs: Vec<Input<'static>>,
    /// There is more to read; nothing has been compared yet.
    pub(super) more: bool,
}

impl Kernel {
    /// Listens first and lists then, so that nothing falls between.
    pub(super) async fn open(config: &Config) -> Result<Self, NetlinkError> {
        let process = &config.global_defs.processes.vrrp;
        let monitor = Monitor::open(ReceiveBuffer {
            octets: process.netlink_monitor_rcv_bufs,
            force: process.netlink_monitor_rcv_bufs_force,
        })?;
        let handle = Handle::connect_with(ReceiveBuffer {
            octets: process.netlink_cmd_rcv_bufs,
            force: process.netlink_cmd_rcv_bufs_force,
        })?;
        handle.check_permission().await?;
        let mut kernel = Self {
            interfaces: list(&handle).await?,
            handle,
            monitor,
            beats: Beats::new(),
            watched: Watched::default(),
            told: BTreeMap::new(),
            owned: BTreeSet::new(),
            told_removed: BTreeSet::new(),
        };
        kernel.watch(config);
        Ok(kernel)
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(super) fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Interfaces of ours have come or gone, and what the monitor says of it has not been read yet.
    pub(super) async fn list_anew(&mut self) -> Result<(), NetlinkError> {
        self.interfaces = list(&self.handle).await?;
        Ok(())
    }

    /// These have been made anew: what should be on them is told once more, because the first time it may have come
    /// before they were there.
    pub(super) fn tell_again(&mut self, interfaces: &[InterfaceName]) {
        self.told_removed
            .retain(|address| !interfaces.contains(&address.interface));
    }

    pub(super) fn interfaces(&self) -> &Interfaces {
        &self.interfaces
    }

    /// From now on these say whether an interface has a carrier, not netlink.
    pub(super) fn set_beats(&mut self, beats: &Beats) {
        self.beats.clone_from(beats);
    }

    /// Watches the interfaces that `config` names and returns their states, which count as told.
    pub(super) fn watch(&mut self, config: &Config) -> Vec<InterfaceState> {
        self.watched = Watched::new(config);
        let states: Vec<_> = self.states();
        self.told = by_name(&states);
        states
    }

    fn states(&self) -> Vec<InterfaceState> {
        self.watched
            .interfaces
            .iter()
            .map(|name| {
                let beat = self.beats.get(name).copied();
                state(&self.interfaces, name, beat, &self.watched)
            })
            .collect()
    }

    /// Reads what has changed and compares. Where the kernel had to drop messages, everything is
    /// listed anew.
    pub(super) async fn changes(&mut self) -> Result<Changes, NetlinkError> {
        let mut changes = Vec::new();
        let drained = self.monitor.drain(&mut changes)?;
        match drained {
            Drained::Empty | Drained::More => {
                for change in changes {
                    self.interfaces.apply(change);
                }
            }
            Drained::Overrun => {
                info!("Netlink: messages were lost, listing all interfaces and addresses");
                self.interfaces = list(&self.handle).await?;
            }
        }
        Ok(match drained {
            // The queue is empty after a loss too: nobody calls again before the kernel has more to say.
            Drained::Empty | Drained::Overrun => Changes {
                inputs: self.compare(),
                more: false,
            },
            Drained::More => Changes {
                inputs: Vec::new(),
                more: true,
            },
        })
    }

    /// What the routers have not been told of the watched interfaces and of our addresses.
    pub(super) fn compare(&mut self) -> Vec<Input<'static>> {
        let states = self.states();
        let mut inputs: Vec<_> = states
            .iter()
            .filter(|state| self.told.get(&state.interface) != Some(*state))
            .map(|state| Input::Interface(state.clone()))
            .collect();
        self.told = by_name(&states);
        let removed = self.removed();
        let untold = removed.difference(&self.told_removed);
        inputs.extend(untold.cloned().map(Input::AddressRemoved));
        self.told_removed = removed;
        inputs
    }

    /// Ours that are not where they were put.
    fn removed(&self) -> BTreeSet<OwnedAddress> {
        let mut there: HashMap<&InterfaceName, HashSet<(IpAddr, u8)>> = HashMap::new();
        let mut removed = BTreeSet::new();
        for ours in &self.owned {
            let of_interface = there.entry(&ours.interface).or_insert_with(|| {
                let addresses = self.interfaces.addresses(&ours.interface).iter();
                addresses.map(|it| (it.address, it.prefix_len)).collect()
            });
            if !of_interface.contains(&(ours.address, ours.prefix_len)) {
                removed.insert(ours.clone());
            }
        }
        removed
    }

    /// Adds all at once; the results are in the order of `addresses`.
    pub(super) async fn add(
        &mut self,
        addresses: &[(OwnedAddress, VirtualAddress)],
    ) -> Vec<Result<AddressAdded, NetlinkError>> {
        let requests = addresses
            .iter()
            .map(|(address, options)| self.handle.add_address(address, options));
        let results = join_all(requests).await;
        for ((address, _), result) in addresses.iter().zip(&results) {
            if let Ok(added) = result {
                let is_new = self.owned.insert(address.clone());
                if is_new && *added == AddressAdded::WasThere {
                    // keepalived: what the file names goes with MASTER, whoever put it there.
                    let (ip, prefix_len) = (address.address, address.prefix_len);
                    let interface = &address.interface;
                    info!(
                        "Address {ip}/{prefix_len} was on {interface} already; it is taken away with MASTER"
                    );
                }
                self.told_removed.remove(address);
            }
        }
        results
    }

    /// Removes all at once; the results are in the order of `addresses`. Whatever they are, nobody here looks after the
    /// addresses any more: what could not be removed is for the parent.
    pub(super) async fn remove(
        &mut self,
        addresses: &[OwnedAddress],
    ) -> Vec<Result<AddressDeleted, NetlinkError>> {
        for address in addresses {
            self.owned.remove(address);
            self.told_removed.remove(address);
        }
        let requests = addresses
            .iter()
            .map(|address| self.handle.delete_address(address));
        join_all(requests).await
    }
}

async fn list(handle: &Handle) -> Result<Interfaces, NetlinkError> {
    let links = handle.links().await?;
    Ok(Interfaces::new(links, handle.addresses().await?))
}

fn by_name(states: &[InterfaceState]) -> BTreeMap<InterfaceName, InterfaceState> {
    states
        .iter()
        .map(|state| (state.interface.clone(), state.clone()))
        .collect()
}

/// Every address of an instance with the interface it belongs on.
fn virtual_addresses(instance: &VrrpInstance) -> impl Iterator<Item = OwnedAddress> + '_ {
    let all = instance
        .virtual_ipaddress
        .iter()
        .chain(&instance.virtual_ipaddress_excluded);
    all.map(|it| OwnedAddress {
        interface: it
            .dev
            .as_ref()
            .unwrap_or_else(|| instance.address_interface())
            .clone(),
        address: it.address,
        prefix_len: it.prefix_len,
        peer: it.peer.map(|peer| peer.address),
    })
}

impl Watched {
    fn new(config: &Config) -> Self {
        let mut watched = Self::default();
        for instance in &config.vrrp_instances {
            watched.interfaces.insert(instance.interface.clone());
            if instance.track_src_ip {
                watched.sources.extend(instance.configured_source());
            }
            for address in virtual_addresses(instance) {
                watched.interfaces.insert(address.interface.clone());
                // The addresses of an owner are the interface's own (RFC 5798 §1.6).
                if !instance.priority.is_owner() {
                    let address = (address.interface, address.address);
                    watched.virtual_addresses.insert(address);
                }
            }
        }
        let of_instances = config.vrrp_instances.iter().map(|it| &it.track_interface);
        let of_groups = config.vrrp_sync_groups.iter().map(|it| &it.track_interface);
        for tracked in of_instances.chain(of_groups).flatten() {
            watched.interfaces.insert(tracked.interface.clone());
        }
        watched
    }
}

fn state(
    interfaces: &Interfaces,
    name: &InterfaceName,
    beat: Option<bool>,
    watched: &Watched,
) -> InterfaceState {
    let link = match interfaces.link(name) {
        None if name.is_any() => LinkState::Up,
        Some(link) if link.is_up && beat.unwrap_or(link.is_running) => LinkState::Up,
        Some(_) => LinkState::Down,
        None => LinkState::Missing,
    };
    // The kernel lists primary addresses first; behind a virtual one, the interface's own may be
    // secondary.
    let is_virtual = |ip: IpAddr| watched.virtual_addresses.contains(&(name.clone(), ip));
    let own = || {
        let addresses = interfaces.addresses(name).iter();
        addresses.filter(|it| !is_virtual(it.address))
    };
    let primary_address = own().find_map(|it| match it.address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    });
    // After a link has come up, its address is tentative for a second (RFC 4862 §5.4); the kernel tells when it is not.
    let link_local = own().find_map(|it| match it.address {
        IpAddr::V6(address) if address.is_unicast_link_local() && !it.is_tentative => Some(address),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    });
    let there: Vec<_> = if name.is_any() {
        interfaces.all_addresses().collect()
    } else {
        interfaces.addresses(name).iter().collect()
    };
    let sources = there
        .into_iter()
        .filter(|it| !it.is_tentative && watched.sources.contains(&it.address))
        .map(|it| it.address)
        .collect();
    InterfaceState {
        interface: name.clone(),
        link,
        primary_address,
        link_local,
        sources,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::netlink::{Address, Link};

    fn name(name: &str) -> InterfaceName {
        InterfaceName::new(name).expect("a name")
    }

    fn link(is_up: bool, is_running: bool) -> Link {
        Link {
            index: 2,
            name: name("eth0"),
            is_up,
            is_running,
            is_noarp: false,
            mac: None,
        }
    }

    fn address(last: u8, is_secondary: bool) -> Address {
        Address {
            index: 2,
            address: IpAddr::from([10, 0, 0, last]),
            prefix_len: 24,
            scope: 0,
            is_secondary,
            is_tentative: false,
            protocol: None,
        }
    }

    fn link_local(last: u16, is_tentative: bool) -> Address {
        Address {
            address: IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, last]),
            prefix_len: 64,
            scope: 253,
            is_tentative,
            ..address(0, false)
        }
    }

    #[test]
    fn an_interface_is_up_with_carrier_only() {
        let state_of = |link: Vec<Link>| {
            let interfaces = Interfaces::new(link, Vec::new());
            state(&interfaces, &name("eth0"), None, &Watched::default()).link
        };
        assert_eq!(state_of(vec![link(true, true)]), LinkState::Up);
        assert_eq!(state_of(vec![link(true, false)]), LinkState::Down);
        assert_eq!(state_of(vec![link(false, true)]), LinkState::Down);
        assert_eq!(state_of(Vec::new()), LinkState::Missing);
    }

    #[test]
    fn the_source_of_adverts_is_the_first_address_that_is_not_virtual() {
        let addresses = vec![address(100, false), address(3, true)];
        let interfaces = Interfaces::new(vec![link(true, true)], addresses);
        let watched = Watched {
            virtual_addresses: BTreeSet::from([(name("eth0"), IpAddr::from([10, 0, 0, 100]))]),
            ..Watched::default()
        };
        let state = state(&interfaces, &name("eth0"), None, &watched);
        assert_eq!(state.primary_address, Some(Ipv4Addr::new(10, 0, 0, 3)));
        assert_eq!(state.link_local, None);
    }

    #[test]
    fn the_source_of_ipv6_adverts_is_the_first_link_local_address_that_is_neither_virtual_nor_tentative()
     {
        let addresses = vec![
            link_local(100, false),
            link_local(3, true),
            link_local(4, false),
        ];
        let interfaces = Interfaces::new(vec![link(true, true)], addresses);
        let watched = Watched {
            virtual_addresses: BTreeSet::from([(name("eth0"), link_local(100, false).address)]),
            ..Watched::default()
        };
        let state = state(&interfaces, &name("eth0"), None, &watched);
        assert_eq!(
            state.link_local.map(IpAddr::V6),
            Some(link_local(4, false).address)
        );
    }
}
