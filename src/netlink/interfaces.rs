//! The interfaces and addresses of this node, kept up to date with what the monitor says. Pure.

use std::collections::{BTreeMap, HashMap};

use super::message::{Address, Change, Link};
use crate::types::InterfaceName;

/// A picture of links and addresses. Applying a change twice, or one that the list it began
/// with had already seen, does no harm.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Interfaces {
    /// By interface index.
    links: BTreeMap<u32, Link>,
    indexes: HashMap<InterfaceName, u32>,
    /// By interface index, in the kernel's order.
    addresses: BTreeMap<u32, Vec<Address>>,
}

impl Interfaces {
    /// From what [`super::Handle::links`] and [`super::Handle::addresses`] list.
    pub fn new(links: Vec<Link>, addresses: Vec<Address>) -> Self {
        let mut by_index: BTreeMap<u32, Vec<Address>> = BTreeMap::new();
        for address in addresses {
            by_index.entry(address.index).or_default().push(address);
        }
        Self {
            indexes: links.iter().map(|it| (it.name.clone(), it.index)).collect(),
            links: links.into_iter().map(|it| (it.index, it)).collect(),
            addresses: by_index,
        }
    }

    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Link(link) => {
                self.forget_name(link.index);
                self.indexes.insert(link.name.clone(), link.index);
                self.links.insert(link.index, link);
            }
            Change::LinkGone { index } => {
                self.forget_name(index);
                self.links.remove(&index);
                self.addresses.remove(&index);
            }
            Change::Address(address) => {
                let of_link = self.addresses.entry(address.index).or_default();
                insert(of_link, address);
            }
            Change::AddressGone(address) => {
                if let Some(of_link) = self.addresses.get_mut(&address.index) {
                    of_link.retain(|it| !is_same(it, &address));
                }
            }
        }
    }

    /// Unless another interface has taken the name over already.
    fn forget_name(&mut self, index: u32) {
        if let Some(link) = self.links.get(&index)
            && self.indexes.get(&link.name) == Some(&index)
        {
            self.indexes.remove(&link.name);
        }
    }

    pub fn link(&self, name: &InterfaceName) -> Option<&Link> {
        self.links.get(self.indexes.get(name)?)
    }

    /// The addresses of all interfaces.
    pub fn all_addresses(&self) -> impl Iterator<Item = &Address> {
        self.addresses.values().flatten()
    }

    /// The addresses of that interface in the kernel's order, none if there is no such interface.
    pub fn addresses(&self, name: &InterfaceName) -> &[Address] {
        self.link(name)
            .and_then(|link| self.addresses.get(&link.index))
            .map_or(&[], Vec::as_slice)
    }
}

fn is_same(a: &Address, b: &Address) -> bool {
    a.address == b.address && a.prefix_len == b.prefix_len
}

/// Where the kernel puts it (`__inet_insert_ifa`): a secondary address last, a primary one behind
/// the primary ones of its own and of narrower scope. A message about an address that is known
/// changes it in its place.
fn insert(of_link: &mut Vec<Address>, address: Address) {
    if let Some(known) = of_link.iter_mut().find(|it| is_same(it, &address)) {
        *known = address;
        return;
    }
    let place = if address.is_secondary {
        of_link.len()
    } else {
        of_link
            .iter()
            .rposition(|it| !it.is_secondary && it.scope >= address.scope)
            .map_or(0, |last| last + 1)
    };
    of_link.insert(place, address);
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn link(index: u32, name: &str) -> Link {
        Link {
            index,
            name: InterfaceName::new(name).expect("a name"),
            is_up: true,
            is_running: true,
            is_noarp: false,
            mac: None,
        }
    }

    fn address(last: u8, is_secondary: bool) -> Address {
        Address {
            index: 2,
            address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)),
            prefix_len: 24,
            scope: 0,
            is_secondary,
            is_tentative: false,
            protocol: None,
        }
    }

    fn lasts(interfaces: &Interfaces) -> Vec<u8> {
        let name = InterfaceName::new("eth0").expect("a name");
        let last = |it: &Address| match it.address {
            IpAddr::V4(v4) => v4.octets()[3],
            IpAddr::V6(_) => 0,
        };
        interfaces.addresses(&name).iter().map(last).collect()
    }

    #[test]
    fn a_primary_address_goes_before_the_secondary_ones_and_behind_the_primary_ones() {
        let mut it = Interfaces::new(vec![link(2, "eth0")], vec![address(1, false)]);
        it.apply(Change::Address(address(2, true)));
        it.apply(Change::Address(address(3, false)));
        it.apply(Change::Address(address(4, true)));
        assert_eq!(lasts(&it), [1, 3, 2, 4]);
        let mut link_scope = address(5, false);
        link_scope.scope = 253;
        it.apply(Change::Address(link_scope));
        assert_eq!(lasts(&it), [5, 1, 3, 2, 4]);
    }

    #[test]
    fn a_change_that_is_told_twice_counts_once() {
        let mut it = Interfaces::new(vec![link(2, "eth0")], vec![address(1, false)]);
        it.apply(Change::Address(address(1, false)));
        assert_eq!(lasts(&it), [1]);
        it.apply(Change::AddressGone(address(1, false)));
        it.apply(Change::AddressGone(address(1, false)));
        assert!(lasts(&it).is_empty());
    }

    #[test]
    fn a_renamed_interface_keeps_its_addresses_under_the_new_name() {
        let mut it = Interfaces::new(vec![link(2, "tmp0")], vec![address(1, false)]);
        assert!(lasts(&it).is_empty());
        it.apply(Change::Link(link(2, "eth0")));
        assert_eq!(lasts(&it), [1]);
    }

    #[test]
    fn a_name_that_has_passed_to_another_interface_stays_with_it() {
        let mut it = Interfaces::new(vec![link(2, "eth0"), link(3, "tmp0")], Vec::new());
        it.apply(Change::Link(link(3, "eth0")));
        it.apply(Change::LinkGone { index: 2 });
        let name = InterfaceName::new("eth0").expect("a name");
        assert_eq!(it.link(&name).map(|link| link.index), Some(3));
    }

    #[test]
    fn an_interface_that_goes_takes_its_addresses_with_it() {
        let mut it = Interfaces::new(vec![link(2, "eth0")], vec![address(1, false)]);
        it.apply(Change::LinkGone { index: 2 });
        it.apply(Change::Link(link(2, "eth0")));
        assert!(lasts(&it).is_empty());
    }
}
