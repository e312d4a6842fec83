//! The virtual addresses of one instance, and gratuitous ARP for them.

use std::net::IpAddr;

use super::{Action, Actions, Event};
use crate::config::VrrpInstance;
use crate::types::{AddressFamily, InterfaceName, OwnedAddress, VirtualAddress};

/// Both lists of an instance, `virtual_ipaddress` first.
pub(super) fn all(config: &VrrpInstance) -> Vec<(OwnedAddress, VirtualAddress)> {
    config
        .virtual_ipaddress
        .iter()
        .chain(&config.virtual_ipaddress_excluded)
        .map(|address| (owned(config, address), address.clone()))
        .collect()
}

/// Without their options.
pub(super) fn all_owned(config: &VrrpInstance) -> Vec<OwnedAddress> {
    config
        .virtual_ipaddress
        .iter()
        .chain(&config.virtual_ipaddress_excluded)
        .map(|address| owned(config, address))
        .collect()
}

/// Those that adverts carry.
pub(super) fn advertised(config: &VrrpInstance) -> Vec<IpAddr> {
    let family = config.family();
    config
        .virtual_ipaddress
        .iter()
        .map(|virtual_address| virtual_address.address)
        .filter(|address| AddressFamily::of(*address) == family)
        .collect()
}

pub(super) fn owned(config: &VrrpInstance, virtual_address: &VirtualAddress) -> OwnedAddress {
    let interface = virtual_address
        .dev
        .as_ref()
        .unwrap_or_else(|| config.address_interface());
    OwnedAddress {
        interface: interface.clone(),
        address: virtual_address.address,
        prefix_len: virtual_address.prefix_len,
        peer: virtual_address.peer.map(|peer| peer.address),
    }
}

/// `repeat` rounds of gratuitous ARP, or of unsolicited neighbour advertisements for those that are IPv6.
pub(super) fn send_gratuitous_arp<'a>(
    instance: &str,
    addresses: impl Iterator<Item = &'a OwnedAddress>,
    repeat: u32,
    actions: &mut Actions,
) {
    let addresses: Vec<(InterfaceName, IpAddr)> = addresses
        .map(|owned| (owned.interface.clone(), owned.address))
        .collect();
    if addresses.is_empty() || repeat == 0 {
        return;
    }
    for (interface, address) in &addresses {
        actions.push(Action::Log(Event::GratuitousArpQueued {
            instance: instance.to_owned(),
            interface: interface.clone(),
            address: *address,
        }));
    }
    actions.push(Action::SendGratuitousArp {
        instance: instance.to_owned(),
        addresses,
        repeat,
    });
}
